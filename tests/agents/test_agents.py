"""Agents as programs: what they say when they cannot go on."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.errors import Usage
from workbench.research import agent


def call(name, *arguments, **told):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("WORKBENCH_")}
    return subprocess.run(
        [sys.executable, "-m", f"workbench.agents.{name}", *arguments],
        env={**clean, **told},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def told(project):
    return {
        "WORKBENCH_ROOT": str(project),
        "WORKBENCH_TARGET": "pq_l2",
        "WORKBENCH_FOCUS": "performance",
        "WORKBENCH_ITERATION": "1",
    }


@pytest.mark.parametrize("name", ["tune", "scripted"])
def test_without_a_loop_they_say_who_calls_them(name):
    done = call(name)
    assert done.returncode == 64
    assert "workbench loop TARGET --agent ... calls me" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_kernel_without_marks_is_said(project, told):
    path = project / "targets" / "pq_l2" / "kernels.py"
    path.write_text(path.read_text().replace("  # tune:", "  # was:"))
    done = call("tune", **told)
    assert done.returncode == 64
    assert "marks no constant: NAME = 16  # tune: 8, 16, 32" in done.stderr


def test_scripts_that_are_over_are_no_fault(told, tmp_path):
    assert call("scripted", str(tmp_path), **told).returncode == 69
    assert call("scripted", **told).returncode == 64


def test_a_patch_that_does_not_apply_is_said_in_gits_words(told, tmp_path):
    (tmp_path / "1.patch").write_text("--- a/nothing\n+++ b/nothing\n@@ -1 +1 @@\n-a\n+b\n")
    done = call("scripted", str(tmp_path), **told)
    assert done.returncode == 5
    assert "1.patch does not apply: error: " in done.stderr


def test_commands_are_read():
    assert agent.command("tune") == [sys.executable, "-m", "workbench.agents.tune"]
    assert agent.command("scripted 'my folder'")[2:] == [
        "workbench.agents.scripted",
        str(Path("my folder").absolute()),  # seen from here, not from the worktree
    ]
    assert agent.command('shell x < "$WORKBENCH_PROMPT"') == [
        *("/bin/sh", "-c"),
        'x < "$WORKBENCH_PROMPT"',
    ]
    assert agent.command("mine --flag 'a b'") == ["mine", "--flag", "a b"]
    for words in ("", "shell", "mine 'open"):
        with pytest.raises(Usage):
            agent.command(words)
