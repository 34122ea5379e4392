"""An agent: any command that reads a prompt and brings one trial."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from workbench import files
from workbench.errors import Refused, Usage

# Those that ship, by the first word of --agent; anything else is a program of the user's.
SHIPPED = {"tune": "workbench.agents.tune", "scripted": "workbench.agents.scripted"}
KILLED = -signal.SIGKILL
PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


def command(words: str) -> list[str]:
    """What to run for ``--agent WORDS``.

    ``tune`` and ``scripted FOLDER`` are the workbench's own; ``shell LINE`` goes through sh, where
    ``$WORKBENCH_PROMPT`` names the prompt's file; anything else is a program and its arguments.

    Raises
    ------
    Usage
        If there is nothing, or a quote has no end.
    """
    first, _, rest = words.strip().partition(" ")
    if first == "shell" and rest.strip():
        return ["/bin/sh", "-c", rest]
    try:
        parts = shlex.split(words)
    except ValueError as error:
        raise Usage(f"--agent {words!r} cannot be read ({error})") from error
    if not parts or parts == ["shell"]:
        raise Usage("--agent needs a command: tune, scripted FOLDER, shell LINE, or any program")
    if parts[0] in SHIPPED:
        folders = [str(Path(word).absolute()) for word in parts[1:]]
        return [sys.executable, "-m", SHIPPED[parts[0]], *folders]
    if "/" in parts[0]:
        parts[0] = str(Path(parts[0]).absolute())  # seen from here, not from the worktree
    return parts


def environment(place: Path, told: Mapping[str, str]) -> dict[str, str]:
    """What an agent sees: the worktree as the project, and the worktree's own package in it."""
    paths = [os.environ.get("PYTHONPATH", "")]
    if (place / "workbench" / "__init__.py").is_file():
        paths.insert(0, str(place))
    # `workbench` by its name, whichever environment it is installed in.
    programs = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    return {
        **{k: v for k, v in os.environ.items() if not k.startswith("GIT_")},
        **told,
        "WORKBENCH_ROOT": str(place),
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "PATH": os.pathsep.join(programs),
    }


def call(
    parts: list[str], place: Path, prompt: Path, told: Mapping[str, str], seconds: float
) -> int:
    """Run an agent with the prompt on its stdin, and end all that it started.

    What it says goes to ``agent.log`` beside the prompt, in place of what the last idea said.

    Returns
    -------
    int
        Its exit code; -9 when it took too long.

    Raises
    ------
    Refused
        If there is no such program.
    """
    note = prompt.with_name("agent.json")
    with (
        _adopting(f"WORKBENCH_PROMPT={told['WORKBENCH_PROMPT']}"),
        prompt.open("rb") as asked,
        prompt.with_name("agent.log").open("wb") as said,
    ):
        try:
            agent = subprocess.Popen(
                parts,
                cwd=place,
                env=environment(place, told),
                stdin=asked,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        except OSError as error:
            raise Refused(f"the agent {parts[0]!r} cannot be run: {error.strerror}") from error
        try:
            files.write_whole(note, json.dumps([agent.pid, _begun(agent.pid)]).encode())
            return agent.wait(seconds)
        except subprocess.TimeoutExpired:
            return KILLED
        finally:
            _kill(agent.pid)
            agent.wait()
            note.unlink(missing_ok=True)


def end_leftover(home: Path) -> None:
    """Kill the agent of a loop that was killed itself, if it still runs."""
    note = home / "agent.json"
    with contextlib.suppress(OSError, ValueError):
        pid, begun = json.loads(note.read_bytes())
        if begun and _begun(int(pid)) == begun:
            _kill(int(pid))
    note.unlink(missing_ok=True)


def _kill(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


@contextlib.contextmanager
def _adopting(mark: str) -> Iterator[None]:
    """Have orphans among our descendants become our children, and kill those of the agent.

    They are told by their environment: what the heartbeat runs meanwhile, and daemons that git
    or ssh leave behind, are not the agent's.
    """
    prctl = ctypes.CDLL(None).prctl
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        _end(mark)
        prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def _end(mark: str) -> None:
    while strays := list(_strays(mark)):
        for pid in strays:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _strays(mark: str) -> Iterator[int]:
    """Children of ours with a mark in their environment that we can read, and so end."""
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = (place / "stat").read_text().rpartition(")")[2].split()[1]
            if int(parent) == os.getpid() and mark.encode() in (
                (place / "environ").read_bytes().split(b"\0")
            ):
                yield int(place.name)


def _begun(pid: int) -> str:
    """When a process began, in the kernel's ticks: a pid alone may be another's by now."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
