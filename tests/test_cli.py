"""Every bad input is one clear line on stderr and a documented exit code."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from workbench import cli, ledger


@pytest.fixture
def run(project, capsys, monkeypatch):
    monkeypatch.chdir(project)

    def call(*words):
        code = cli.run(words)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def one_line(err):
    return err.startswith("workbench: ") and err.count("\n") == 1 and "Traceback" not in err


def test_unknown_target_suggests_near_names(run):
    code, out, err = run("trial", "pq_12")
    assert (code, out) == (64, "")
    assert "did you mean pq_l2?" in err
    assert one_line(err)


@pytest.mark.parametrize(
    "words",
    [
        ["trial"],
        ["trial", "pq_l2", "--mode", "fast"],
        ["trial", "pq_l2", "--no-such-option"],
        ["trial", "pq_l2", "--seed", "-1"],
        ["trial", "pq_l2", "--seed", "x"],
        ["trial", "pq_l2", "--focus", "quality"],
        ["trial", "pq_l2", "--incumbent", "no-such-commit"],
        ["no-such-command"],
        ["best", "pq_l2"],
        ["lesson", "pq_l2", "  "],
        ["new-target", "Not A Name"],
        ["new-target", "pq_l2"],
        ["new-target", "other", "--like", "nothing"],
        ["snapshot", "record", "lance", "nothing"],
        ["drift", "nothing"],
    ],
)
def test_wrong_usage_is_exit_64_in_one_line(run, words):
    code, out, err = run(*words)
    assert code == 64
    assert out == ""
    assert one_line(err)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"not a header\n", "line 1"),
        (bytes(range(256)) * 20, "line 1"),
        ("\t".join(ledger.COLUMNS["performance"]).encode() + b"\na\tb\n", "line 2"),
    ],
    ids=["wrong header", "binary", "short row"],
)
def test_a_broken_ledger_is_refused_by_line_and_untouched(run, project, content, word):
    path = project / "targets" / "pq_l2" / "results.tsv"
    path.write_bytes(content)
    for words in (["trial", "pq_l2"], ["history", "pq_l2"], ["best", "pq_l2"], ["targets"]):
        code, _, err = run(*words)
        assert code == 5
        assert word in err
        assert one_line(err)
    assert path.read_bytes() == content


def test_a_read_only_ledger_is_refused_before_anything_is_measured(run, project):
    path = project / "targets" / "pq_l2" / "results.tsv"
    path.write_text("\t".join(ledger.COLUMNS["performance"]) + "\n")
    path.chmod(0o444)
    begin = time.monotonic()
    code, _, err = run("trial", "pq_l2")
    assert (code, "read-only" in err, one_line(err)) == (5, True, True)
    assert time.monotonic() - begin < 3


def test_a_changed_judge_is_exit_4(run, project):
    path = project / "targets" / "pq_l2" / "reference.py"
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")
    code, out, err = run("trial", "pq_l2", "--json")
    assert (code, out) == (4, "")
    assert "reference.py" in err
    assert one_line(err)


def test_a_broken_toml_and_a_missing_file_are_named(run, project):
    folder = project / "targets" / "pq_l2"
    (folder / "peers.py").rename(folder / "peers.bak")
    assert "peers.py" in run("trial", "pq_l2")[2]
    (folder / "peers.bak").rename(folder / "peers.py")
    (folder / "target.toml").write_text("title = ")
    code, _, err = run("trial", "pq_l2")
    assert code == 5
    assert "target.toml" in err


def test_targets_lists_what_is_there(run):
    code, out, _ = run("targets", "--json")
    assert code == 0
    rows = json.loads(out)
    assert [r["target"] for r in rows] == ["pq_l2"]
    assert rows[0]["ratio"] is None
    assert "not measured here" in run("targets")[1]


def test_lessons_are_appended(run, project):
    assert run("lesson", "pq_l2", "gathers\nare slow")[0] == 0
    assert run("lesson", "pq_l2", "permutes are fast")[0] == 0
    lines = (project / "targets" / "pq_l2" / "lessons.md").read_text().splitlines()
    assert [line.split(": ")[1] for line in lines] == ["gathers are slow", "permutes are fast"]


def test_a_new_target_is_a_candidate_that_trial_refuses(run, project):
    assert run("new-target", "pq_other", "--like", "pq_l2")[0] == 0
    assert [r["status"] for r in json.loads(run("targets", "--json")[1])] == ["landed", "candidate"]
    code, _, err = run("trial", "pq_other")
    assert code == 4
    assert "call_site" in err
    assert "cost_fraction" in err
    assert "access_pattern" in err


def test_policy_refusal_is_json_on_stdout_and_nothing_else(run, project):
    path = project / "targets" / "pq_l2" / "kernels.py"
    path.write_text("import os\n" + path.read_text())
    code, out, err = run("trial", "pq_l2", "--json")
    document = json.loads(out)
    assert code == document["exit_code"] == 4
    assert document["reason"] == "policy"
    assert err == ""
    assert json.loads(run("history", "pq_l2", "--json")[1])[0]["reason"] == "policy"


@pytest.mark.parametrize("seconds", [0.3, 1.5, 6.0])
def test_ctrl_c_is_exit_130_and_leaves_nothing(project, seconds):
    command = [sys.executable, "-c", "from workbench.cli import main; main()", "trial", "pq_l2"]
    process = subprocess.Popen(
        command, cwd=project, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=20)
    if process.returncode != 1:  # a fast machine may have had its verdict
        assert process.returncode == 130
        assert one_line(err)
        assert not (project / "targets" / "pq_l2" / "results.tsv").exists()
        left = [p for p in (project / "reports" / "trials").iterdir() if p.name != ".gitkeep"]
        assert left == []


def test_help_has_examples_and_exit_codes(run):
    assert "Exit codes" in run("--help")[1]
    for command in ("trial", "init", "best", "history", "lesson", "targets", "new-target"):
        assert "Example" in run(command, "--help")[1]
