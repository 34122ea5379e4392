"""The tab key: the real command asked as a shell asks it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from workbench import ledger, targets

ROOT = Path(__file__).resolve().parents[1]
WORKBENCH = [sys.executable, "-c", "import sys; from workbench.cli import main; main()"]


def offered(line, cwd=ROOT):
    """What bash would be offered at the end of a line."""
    words = line.split(" ")
    asked = {
        "_WORKBENCH_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    clean = {k: v for k, v in os.environ.items() if k != "WORKBENCH_ROOT"}
    done = subprocess.run(
        WORKBENCH, env={**clean, **asked}, cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_targets_and_focuses_complete():
    assert offered("workbench trial pq_") == [n for n in targets.names() if n.startswith("pq_")]
    assert offered("workbench trial pq_l2 --focus ") == list(ledger.COLUMNS)


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("workbench scor", ["scoreboard"]),
        ("workbench site ", ["build"]),
        ("workbench claim open --lane pa", ["parity"]),
        ("workbench trial pq_l2 --mode b", ["baseline"]),
        ("workbench recommend --rc-mode c", ["cqp", "cbr"]),
    ],
)
def test_words_complete(line, answer):
    assert sorted(offered(line)) == sorted(answer)


def test_the_shell_s_line_can_be_shown_and_installed(tmp_path):
    home = {**os.environ, "HOME": str(tmp_path)}
    # typer asks which shell it was called from: bash here
    call = f"'{sys.executable}' -c 'from workbench.cli import main; main()'"
    shown = subprocess.run(
        ["bash", "-c", f"{call} --show-completion; true"],
        env=home,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "_WORKBENCH_COMPLETE=complete_bash" in shown.stdout, shown.stderr
    subprocess.run(
        ["bash", "-c", f"{call} --install-completion; true"],
        env=home,
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    installed = (tmp_path / ".bash_completions" / "workbench.sh").read_text()
    assert "_WORKBENCH_COMPLETE=complete_bash" in installed
    assert "workbench.sh" in (tmp_path / ".bashrc").read_text()
