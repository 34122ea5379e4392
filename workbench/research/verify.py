"""Full verification: the commands that must pass in a tree before it is merged.

``[tool.workbench]`` in pyproject.toml names them: ``verify = [["python", "-m", "pytest"]]``, a list
of argument lists; no shell reads them. ``verify_quick`` are those of ``--quick``.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import Infrastructure
from workbench.research import settings

FULL = (("python", "-m", "pytest"),)
QUICK = (("python", "-m", "ruff", "check", "."), ("python", "-m", "mypy"))
# The whole of this project's tests takes half an hour on two busy cores.
TIMEOUT_S = 7200.0
TAIL, TAIL_BYTES = 40, 100_000
Command = tuple[str, ...]


@dataclass(frozen=True)
class Ran:
    """One command of a verification, as it ended.

    Attributes
    ----------
    command : tuple of str
        As pyproject.toml names it.
    code : int or None
        Its exit code; None when it took too long and was killed.
    seconds : float
        Wall time.
    tail : tuple of str
        The last lines of what it said, if it failed.
    """

    command: Command
    code: int | None
    seconds: float
    tail: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether it said yes."""
        return self.code == 0

    @property
    def sentence(self) -> str:
        """What happened, in one line."""
        end = "passed" if self.passed else f"failed (exit {self.code})"
        if self.code is None:
            end = "was killed: too long"
        last = f": {self.tail[-1].strip()}" if self.tail else ""
        return f"{' '.join(self.command)} {end} after {self.seconds:.0f} s{last}"


@dataclass(frozen=True)
class Plan:
    """What is to be run, and for how long at most."""

    commands: tuple[Command, ...]
    timeout_s: float = TIMEOUT_S


def plan(pyproject: str, *, quick: bool = False) -> Plan:
    """The verification that a pyproject.toml asks for.

    Raises
    ------
    Infrastructure
        If it names no lists of words.
    """
    table = settings.parse(pyproject)
    key = "verify_quick" if quick else "verify"
    commands = table.get(key, QUICK if quick else FULL)
    well_formed = isinstance(commands, list | tuple) and all(
        isinstance(command, list | tuple) and command and all(isinstance(w, str) for w in command)
        for command in commands
    )
    if not well_formed or not commands:
        raise Infrastructure(
            f"[tool.workbench] {key} is {commands!r}: a list of argument lists is wanted, such as "
            '[["python", "-m", "pytest"]]'
        )
    timeout_s = table.get("verify_timeout_s", TIMEOUT_S)
    if not isinstance(timeout_s, int | float) or not timeout_s > 0:
        raise Infrastructure(f"[tool.workbench] verify_timeout_s is {timeout_s!r}, no seconds")
    return Plan(tuple(tuple(command) for command in commands), float(timeout_s))


def run(
    tree: Path, wanted: Plan, log: Path, say: Callable[[str], None] = lambda line: None
) -> list[Ran]:
    """Run commands in a tree, until one fails; all they say goes to ``log``.

    Code is imported from the tree, whatever is installed.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_bytes(b"")
    done: list[Ran] = []
    for command in wanted.commands:
        say(f"verify: {' '.join(command)}")
        done.append(_call(tree, command, wanted.timeout_s, log))
        if not done[-1].passed:
            break
    return done


def _call(tree: Path, command: Command, timeout_s: float, log: Path) -> Ran:
    """Run one command in a process group of its own, and end all of it."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "WORKBENCH_"))}
    path = os.pathsep.join(filter(None, (str(tree), kept.get("PYTHONPATH", ""))))
    words = [sys.executable if command[0] == "python" else command[0], *command[1:]]
    begin, code = time.monotonic(), None
    with log.open("ab") as said:
        start = said.tell()
        try:
            process = subprocess.Popen(
                words,
                cwd=tree,
                env={**kept, "PYTHONPATH": path},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        except OSError as error:
            raise Infrastructure(f"verify cannot run {command[0]}: {error.strerror}") from error
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            pass
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    tail = () if code == 0 else _tail(log, start)
    return Ran(command, code, time.monotonic() - begin, tail)


def _tail(log: Path, start: int) -> tuple[str, ...]:
    with log.open("rb") as said:
        said.seek(max(start, log.stat().st_size - TAIL_BYTES))
        lines = said.read().decode(errors="replace").splitlines()
    return tuple(line for line in lines if line.strip())[-TAIL:]


def red(done: Sequence[Ran]) -> Ran | None:
    """The command that failed, if one did."""
    return next((each for each in done if not each.passed), None)
