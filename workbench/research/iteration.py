"""One idea: a clean tree, a prompt, an agent, and what came of it."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from workbench import files, git, ledger
from workbench.agents.asked import NOTHING_LEFT
from workbench.errors import Infrastructure, WorkbenchError
from workbench.research import agent, claimed, claims, prompt, researcher, worktree
from workbench.research.accounting import account, brought, finished
from workbench.research.workplace import State, Workplace, read, save

HEARTBEAT_S = 300.0
Say = Callable[[str], None]


def ignore(line: str) -> None:
    """Say nothing."""


class NothingLeft(Exception):
    """The agent has nothing more to try."""


def settled(work: Workplace, how: str, say: Say = ignore) -> State:
    """Where a loop is: an idea whose row came before the stop is accounted for, the tree is clean.

    Where everything that was kept is part of the person's commit by now, that is where it goes on.

    Raises
    ------
    Infrastructure
        If the note of it cannot be read, or git fails.
    """
    state = read(work)
    if git.commit_of(work.root, state.head or "none") is None:
        # Its note is gone, but not what it kept.
        tip = git.commit_of(work.root, f"refs/heads/{work.branch}")
        state = State(head=tip or worktree.head(work.root))
    state = finished(work, state)
    if state.rows >= 0 and any(brought(work, state)):
        state, line = account(work, state, how)
        say(line)
    if git.ask(work.root, "merge-base", "--is-ancestor", state.head, "HEAD") is not None:
        state = dataclasses.replace(state, head=worktree.head(work.root))
    state = dataclasses.replace(state, rows=-1)
    work.reset(state)
    save(work, state)
    return state


def run(work: Workplace, parts: list[str], state: State, seconds: float) -> tuple[State, str]:
    """Have one idea tried.

    Returns
    -------
    State, str
        What is now, and a line for people.

    Raises
    ------
    NothingLeft
        If the agent says that it has no idea left.
    """
    work.reset(state)
    if work.scout:
        return scouted(work, parts, state, seconds)
    worktree.lend(work.root, work.place, work.name)
    files.write_whole(work.home / "lent.tsv", work.lent.read_bytes())
    rows = ledger.read_table(work.lent)
    state = dataclasses.replace(state, rows=len(rows))
    save(work, state)
    asked = work.home / "prompt.md"
    text = prompt.text(work.target, work.focus, rows, work.host_class, next_action(work))
    asked.write_text(text, encoding="utf-8")
    with beating(work):
        code = agent.call(parts, work.place, asked, told(work, asked, state), seconds)
    if code == NOTHING_LEFT and not brought(work, state)[0]:
        save(work, dataclasses.replace(state, rows=-1))
        raise NothingLeft
    return account(work, state, f"exit {code}")


def scouted(work: Workplace, parts: list[str], state: State, seconds: float) -> tuple[State, str]:
    """Have the agent read and write notes; anything else it does is undone."""
    rows = ledger.read_table(work.ledger)
    asked, notes = work.home / "prompt.md", work.home / "notes.md"
    asked.write_text(
        prompt.for_scout(work.target, work.focus, rows, work.host_class, notes), "utf-8"
    )
    size = len(_bytes(notes))
    more = {"WORKBENCH_NOTES": str(notes)}
    code = agent.call(parts, work.place, asked, told(work, asked, state) | more, seconds)
    written = len(_bytes(notes)) - size
    missed = 0 if written > 0 else state.misses + 1
    number = state.iterations + 1
    state = dataclasses.replace(state, iterations=number, misses=missed)
    save(work, state)
    return state, f"{number}: the scout (exit {code}) wrote {max(written, 0)} bytes into {notes}"


def told(work: Workplace, asked: Path, state: State) -> dict[str, str]:
    """What an agent finds in its environment."""
    return {
        "WORKBENCH_PROMPT": str(asked),
        "WORKBENCH_TARGET": work.name,
        "WORKBENCH_FOCUS": work.focus,
        "WORKBENCH_ITERATION": str(state.iterations + 1),
        "WORKBENCH_BRANCH": os.environ.get("WORKBENCH_BRANCH") or _branch(work.root),
    }


@contextlib.contextmanager
def beating(work: Workplace) -> Iterator[None]:
    """Renew the claim, if one is wanted, while the agent works."""
    if not claimed.wanted(work.root):
        yield
        return
    done = threading.Event()

    def beat() -> None:
        while not done.wait(HEARTBEAT_S):
            with contextlib.suppress(WorkbenchError):  # `report` says it if it stays so
                claims.refresh(work.root)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def next_action(work: Workplace) -> str:
    """What the claim says comes next, on one line; nothing if it cannot be had now."""
    if claimed.wanted(work.root):
        with contextlib.suppress(WorkbenchError):
            held = claims.mine(work.root)
            return " ".join(held.claim.next_action.split()) if held.claim else ""
    return ""


def _branch(root: Path) -> str:
    try:
        return researcher.branch_of(root)
    except Infrastructure:
        return ""


def _bytes(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""
