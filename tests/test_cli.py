"""Every bad input is one clear line on stderr and a documented exit code."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from workbench import cli, judge, ledger, overview, record, targets, trial
from workbench.errors import Infrastructure, Usage


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
    assert "did you mean pq_l2 or " in err
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


def test_a_read_only_ledger_is_refused_before_anything_is_measured(run, project, monkeypatch):
    path = project / "targets" / "pq_l2" / "results.tsv"
    path.write_text("\t".join(ledger.COLUMNS["performance"]) + "\n")
    path.chmod(0o444)
    monkeypatch.setattr(judge, "bench", lambda *_: pytest.fail("the timing core was taken"))
    code, _, err = run("trial", "pq_l2")
    assert (code, "read-only" in err, one_line(err)) == (5, True, True)


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
    assert [r["target"] for r in rows] == targets.names()
    assert {r["ratio"] for r in rows} == {None}  # nothing was tried in this project
    assert {"pq_l2", "fsst"} <= set(run("targets")[1].split())


def test_no_arguments_show_the_help(run):
    code, out, err = run()
    assert (code, err) == (64, "")
    assert "Usage: workbench" in out


def described(project, text):
    """Give the target's ledger one row with a description."""
    fields = dict.fromkeys(ledger.COLUMNS["performance"])
    fields |= {"timestamp": "2026-01-01T00:00:00+00:00", "status": "keep", "reason": "faster"}
    fields |= {"commit": "none", "host_class": "x", "kernel_sha256": "x", "description": text}
    ledger.append(project / "targets" / "pq_l2" / "results.tsv", ledger.Row(**fields))


def test_markup_in_a_text_is_text(run, project, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    described(project, "[/b] :warning: [red]")
    code, out, _ = run("history", "pq_l2")
    assert (code, "[/b] :warning: [red]" in out) == (0, True)


REFUSED = """
import sys
from workbench import cli
from workbench.research import claimed

class Record:
    exit_code = 3
    def to_json(self):
        return "x" * 100_000

claimed.run = lambda *_, **__: Record()
cli.main(["trial", "pq_l2", "--json"])
"""


@pytest.mark.parametrize("output", ["| head -c 0", "> /dev/full", ">&-"])
def test_the_exit_code_stays_when_nobody_takes_the_output(project, output):
    command = f'"{sys.executable}" -c "$SCRIPT" {output}; exit ${{PIPESTATUS[0]}}'
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=project,
        env={**os.environ, "SCRIPT": REFUSED},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (3, "", "")


def test_a_listing_that_nobody_reads_is_no_failure(project):
    script = "from workbench.cli import main; main(['targets'])"
    command = f'"{sys.executable}" -c "{script}" | head -c 0; exit ${{PIPESTATUS[0]}}'
    done = subprocess.run(["bash", "-c", command], cwd=project, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_init_can_measure_again(run, monkeypatch):
    asked = []

    def stop(target, options, **_):
        asked.append(options)
        raise Usage("enough")

    monkeypatch.setattr(trial, "run", stop)
    run("init", "pq_l2")
    run("init", "pq_l2", "--rebaseline")
    assert [(o.mode, o.rebaseline) for o in asked] == [("baseline", False), ("baseline", True)]


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (PermissionError(13, "Permission denied", "/a/file"), 5, "/a/file: Permission denied"),
        (OSError(28, "No space left on device"), 5, "No space left on device"),
        (OSError("odd"), 5, "odd"),
        (KeyboardInterrupt(), 130, "interrupted: no process is left here"),
        (Infrastructure("a kernel says \x1b[2K\x07 \udc80"), 5, r"says \x1b[2K\x07 \udc80"),
        (ValueError("\x1b]0;title\x07"), 5, r"internal error: ValueError: \x1b]0;title\x07"),
    ],
)
def test_whatever_is_raised_is_one_true_line(run, monkeypatch, error, code, said):
    def fail(*_):
        raise error

    monkeypatch.setattr(overview, "targets", fail)
    found, out, err = run("targets")
    assert (found, out) == (code, "")
    assert said in err
    assert one_line(err)


def test_lessons_hold_no_control_characters(run, project):
    assert run("lesson", "pq_l2", "a\x1b[2Kb\udc80c\x85d\u2028e")[0] == 0
    text = (project / "targets" / "pq_l2" / "lessons.md").read_bytes().decode()
    assert text.split(": ", 1)[1] == "a [2Kb c d e\n"


def test_lessons_are_appended(run, project):
    assert run("lesson", "pq_l2", "gathers\nare slow")[0] == 0
    assert run("lesson", "pq_l2", "permutes are fast")[0] == 0
    lines = (project / "targets" / "pq_l2" / "lessons.md").read_text().splitlines()
    assert [line.split(": ")[1] for line in lines] == ["gathers are slow", "permutes are fast"]


def test_a_new_target_is_a_candidate_that_trial_refuses(run, project):
    assert run("new-target", "pq_other", "--like", "pq_l2")[0] == 0
    rows = json.loads(run("targets", "--json")[1])
    assert [r["status"] for r in rows if r["target"] == "pq_other"] == ["candidate"]
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
def test_ctrl_c_is_exit_130_and_leaves_nothing_or_a_whole_trial(project, seconds):
    code = "from workbench.cli import main; print('begun', flush=True); main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "trial", "pq_l2"],
        **{"cwd": project, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE},
        **{"text": True, "start_new_session": True},
    )
    assert process.stdout.readline() == "begun\n"
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    if process.returncode != 1:  # a fast machine may have had its verdict
        assert process.returncode == 130
        assert one_line(err)
        # A verdict that was being written is written to its end: a row and its record, or neither.
        left = (project / "reports" / "trials").glob("[!.]*")
        records = [record.read(folder / "trial.json").kernel_sha256 for folder in left]
        rows = ledger.read(project / "targets" / "pq_l2" / "results.tsv")
        assert [row.kernel_sha256 for row in rows] == records


def test_help_has_examples_and_exit_codes(run):
    assert "Exit codes" in run("--help")[1]
    for command in ("trial", "init", "best", "history", "lesson", "targets", "new-target"):
        assert "Example" in run(command, "--help")[1]
