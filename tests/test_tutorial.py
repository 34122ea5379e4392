"""docs/tutorial.md does what it says: its commands and edits are run, its verdicts must come."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]
PAGE = (CHECKOUT / "docs" / "tutorial.md").read_text()
BLOCK = re.compile(r"^```(sh|python|diff|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What a reader does before there is a project; README's first command installs the same way.
INSTALL = (
    "git clone REPOSITORY workbench",
    "cd workbench",
    "python3 -m venv .venv && .venv/bin/pip install -e .",
)
WORKBENCH = ".venv/bin/workbench "
KERNELS = "targets/pq_encode/kernels.py"
# In which ways a kernel that is no better may lose: which one is up to the machine. One that is
# better may lose so on a loud one, so it is tried again.
LOSES = ("inconclusive", "slower", "worst-combo", "trade-off", "unconfirmed")
TRIES = 4


def verdict(text: str) -> str:
    """First words of an output, ``keep (faster)``; all ways to lose are one."""
    words = text.split(":")[0]
    return "discard (no better)" if words in {f"discard ({way})" for way in LOSES} else words


def edited(source: str, kind: str, block: str) -> str:
    """The kernel after the page's edit: all functions anew, or some lines exchanged."""
    if kind == "python":
        return source[: source.index("@njit\n")] + block
    lines = block.splitlines(keepends=True)
    old, new = ("".join(line[1:] for line in lines if line[0] == sign) for sign in "-+")
    assert {line[0] for line in lines} == {"-", "+"}
    assert source.count(old) == 1
    return source.replace(old, new)


def run(command: str, root: Path, environment: Mapping[str, str]) -> str:
    """Output of one line of the page; a kernel that is not kept is no failure of the page."""
    assert command.startswith((WORKBENCH, "git "))
    words = shlex.split(command)
    if command.startswith(WORKBENCH):
        words = [sys.executable, "-m", "workbench", *words[1:]]
    done = subprocess.run(
        words, cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode in ((0, 1, 2) if "trial" in words else (0,)), done.stderr
    return done.stdout


@pytest.fixture
def reader(project: Path) -> Mapping[str, str]:
    """The environment of somebody whom git knows, in a fresh project."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    for role in ("AUTHOR", "COMMITTER"):
        clean |= {f"GIT_{role}_NAME": "reader", f"GIT_{role}_EMAIL": "reader@localhost"}
    return {**clean, "PYTHONPATH": str(CHECKOUT), "WORKBENCH_ROOT": str(project)}


def test_a_reader_who_follows_the_page_sees_its_verdicts(
    project: Path, reader: Mapping[str, str]
) -> None:
    kernels = project / "targets" / "pq_encode" / "kernels.py"
    steps = BLOCK.findall(PAGE)
    assert steps.pop(0) == ("sh", "\n".join(INSTALL) + "\n")
    seen = []
    for kind, block in steps:
        if kind in ("python", "diff"):
            kernels.write_text(edited(kernels.read_text(), kind, block))
        elif kind == "sh":
            for command in block.splitlines():
                found = run(command, project, reader)
        elif " trial " in command:
            for _ in range(TRIES):
                if verdict(found) == verdict(block) or verdict(found) != "discard (no better)":
                    break
                found = run(command, project, reader)
            assert verdict(found) == verdict(block), found
            seen.append(verdict(found))
        else:
            # the ledger's words; when and how much is this run's own
            assert block.split()[:4] == found.split()[:4]
    no_better = "discard (no better)"
    assert seen == [no_better, "keep (faster)", "discard (incorrect)", no_better]
    # what was kept is committed, and the rest was taken back
    assert run("git status --porcelain", project, reader) == ""
    assert run("git diff --name-only main", project, reader) == f"{kernels.relative_to(project)}\n"
