"""What a loop tells an agent, and the one trial that an agent brings."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from workbench import targets
from workbench.errors import Usage
from workbench.targets import Target

# sysexits' "unavailable": an agent says so that it has no idea left.
NOTHING_LEFT = 69


@dataclass(frozen=True)
class Asked:
    """One call of an agent.

    Attributes
    ----------
    target : Target
        In the loop's worktree.
    focus : str
        Which ledger.
    iteration : int
        The loop's count, from 1 on.
    """

    target: Target
    focus: str
    iteration: int


def read() -> Asked:
    """Read the environment that `workbench loop` sets.

    Raises
    ------
    Usage
        If this is no call by a loop.
    """
    try:
        name, focus = os.environ["WORKBENCH_TARGET"], os.environ["WORKBENCH_FOCUS"]
        root, iteration = Path(os.environ["WORKBENCH_ROOT"]), os.environ["WORKBENCH_ITERATION"]
    except KeyError as error:
        raise Usage(
            f"{error.args[0]} is not set: workbench loop TARGET --agent ... calls me"
        ) from error
    return Asked(targets.load(name, root), focus, int(iteration))


def trial(asked: Asked, description: str) -> int:
    """Have what lies in kernels.py judged, by the command that a person would use."""
    command = [sys.executable, "-m", "workbench", "trial", asked.target.name]
    command += ["--focus", asked.focus, "--description", description]
    return subprocess.run(command, cwd=asked.target.root, check=False).returncode
