"""Verification runs what pyproject.toml names, in the tree it is given, and says how it ended."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from workbench import cli
from workbench.errors import Infrastructure
from workbench.research import verify

PLAN = '[tool.workbench]\nverify = [["python", "-c", "print(1)"], ["python", "-c", "exit(3)"]]\n'


def python(text, timeout_s=60.0):
    return verify.Plan((("python", "-c", text),), timeout_s)


def test_pytest_is_what_is_run_where_nothing_is_named():
    assert verify.plan("[tool.workbench]\n").commands == (("python", "-m", "pytest"),)
    assert verify.plan("").commands == (("python", "-m", "pytest"),)
    assert verify.plan(PLAN, quick=True).commands == verify.QUICK
    assert len(verify.plan(PLAN).commands) == 2


@pytest.mark.parametrize(
    "said",
    [
        'verify = "pytest"',
        'verify = ["python", "-m", "pytest"]',
        "verify = []",
        "verify = [[]]",
        "verify = [[1]]",
        "verify_timeout_s = 0",
        'verify_timeout_s = "long"',
        "verify_timeout_s = nan",
        "verify = [[",
    ],
)
def test_what_is_no_list_of_argument_lists_is_said(said):
    with pytest.raises(Infrastructure, match=r"verify|TOML"):
        verify.plan(f"[tool.workbench]\n{said}\n")


def test_it_stops_at_the_first_red_command_and_keeps_the_end_of_its_words(tmp_path):
    long = "for i in range(99): print('line', i)\nraise SystemExit(2)"
    plan = verify.Plan((("python", "-c", "pass"), ("python", "-c", long), ("python", "-c", "pass")))
    log = tmp_path / "logs" / "log"
    green, failed = verify.run(tmp_path, plan, log)
    assert (green.passed, green.tail) == (True, ())
    assert failed.code == 2
    assert failed.tail == tuple(f"line {i}" for i in range(99 - verify.TAIL, 99))
    assert "failed (exit 2)" in failed.sentence
    assert failed.sentence.endswith("line 98")
    assert verify.red([green, failed]) is failed
    assert log.read_text().startswith("line 0\n")


def test_code_is_imported_from_the_tree(tmp_path):
    (tmp_path / "numpy.py").write_text("HERE = True\n")
    (done,) = verify.run(tmp_path, python("import numpy; assert numpy.HERE"), tmp_path / "log")
    assert done.passed, done.tail


def test_it_runs_this_python_without_a_shell_and_without_git_variables(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_DIR", "elsewhere")
    monkeypatch.setenv("WORKBENCH_ROOT", "elsewhere")
    text = (
        "import os, sys; assert not {'GIT_DIR', 'WORKBENCH_ROOT'} & set(os.environ); "
        f"assert sys.executable == {sys.executable!r}; assert sys.argv[1:] == ['$HOME; ls']"
    )
    plan = verify.Plan((("python", "-c", text, "$HOME; ls"),))
    (done,) = verify.run(tmp_path, plan, tmp_path / "log")
    assert done.passed, done.tail


def test_what_takes_too_long_is_killed_with_all_it_started(tmp_path):
    child = "import time, pathlib; time.sleep(3); pathlib.Path('survived').touch()"
    text = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {child!r}])\n"
    text += "print('started', flush=True); time.sleep(60)"
    (done,) = verify.run(tmp_path, python(text, 1.5), tmp_path / "log")
    assert done.code is None
    assert "was killed: too long" in done.sentence
    time.sleep(3)
    assert not (tmp_path / "survived").exists()


def test_a_command_that_is_not_there_is_infrastructure(tmp_path):
    with pytest.raises(Infrastructure, match="verify cannot run no-such-command"):
        verify.run(tmp_path, verify.Plan((("no-such-command",),)), tmp_path / "log")


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    (tmp_path / "pyproject.toml").write_text(PLAN)
    monkeypatch.setenv("WORKBENCH_ROOT", str(tmp_path))

    def call(*words):
        code = cli.run(words)
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def test_the_command_is_red_with_exit_1_and_green_with_0(run, tmp_path):
    code, out, _ = run("verify")
    assert code == 1
    assert "python -c exit(3) failed (exit 3)" in out
    code, out, _ = run("verify", "--json")
    assert [each["code"] for each in json.loads(out)] == [0, 3]
    Path(tmp_path, "pyproject.toml").write_text(PLAN.replace("exit(3)", "exit(0)"))
    assert run("verify")[0] == 0


def test_ctrl_c_leaves_no_process(tmp_path):
    Path(tmp_path, "pyproject.toml").write_text(
        '[tool.workbench]\nverify = [["python", "-c", "import time, pathlib; '
        "pathlib.Path('begun').touch(); time.sleep(5); pathlib.Path('survived').touch()\"]]\n"
    )
    script = (
        "import pathlib, signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from workbench.research import verify\nhere = pathlib.Path('.')\n"
        "verify.run(here, verify.plan((here / 'pyproject.toml').read_text()), here / 'log')"
    )
    running = subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path, stderr=-3)
    deadline = time.monotonic() + 30
    while not (tmp_path / "begun").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    running.send_signal(2)
    running.wait(30)
    time.sleep(5.2)
    assert not (tmp_path / "survived").exists()
