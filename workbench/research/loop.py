"""One idea after another by any agent, each judged, only keeps committed."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from workbench import git, ledger, overview, targets
from workbench.errors import Infrastructure, Refused, Usage
from workbench.research import agent, claimed, iteration, worktree
from workbench.research.workplace import State, Workplace, save

PLATEAU = 8
AGENT_S = 1800.0
# An agent that brings no trial so often in a row has a fault of its own.
MISSES = 3
Watch = Callable[[str], contextlib.AbstractContextManager[None]]


@dataclass(frozen=True)
class Plan:
    """A loop as asked.

    Attributes
    ----------
    target, focus : str
        Whose kernel, and which ledger.
    agent : str
        A command, as `agent.command` reads it.
    max_iterations, max_hours : int or None, float
        When to stop.
    plateau : int
        Stop after so many trials without a keep.
    agent_s : float
        Longest run of the agent.
    scout : bool
        Read only: notes are wanted, not kernels.
    restart : bool
        Begin anew from the present commit.
    """

    target: str
    agent: str
    focus: str = "performance"
    max_iterations: int | None = None
    max_hours: float = math.inf
    plateau: int = PLATEAU
    agent_s: float = AGENT_S
    scout: bool = False
    restart: bool = False


@dataclass(frozen=True)
class Ended:
    """Why a loop stopped, and what it leaves.

    Attributes
    ----------
    reason : str
        ``plateau, iterations, hours, interrupted``, ``agent`` (it has nothing left) or ``fault``
        (it brings no trial).
    sentence : str
        For people, with the evidence.
    iterations, kept : int
        In all, over every run of this loop.
    branch : str
        Where keeps are.
    """

    reason: str
    sentence: str
    iterations: int
    kept: int
    branch: str


def run(
    plan: Plan,
    root: Path,
    say: iteration.Say = iteration.ignore,
    watch: Watch = lambda phrase: contextlib.nullcontext(),
) -> Ended:
    """Run until something says stop; the tree is clean then, and the same command goes on.

    Parameters
    ----------
    plan, root : Plan, Path
        What, where.
    say : callable
        Takes a line for people after each idea.
    watch : callable
        Makes a context for the time that an agent works, from a phrase that says so.

    Raises
    ------
    Refused
        For a dirty tree, a claim that is not held, a target without a baseline on this machine.
    Infrastructure
        If git, the ledger or the disk fails.
    """
    parts = agent.command(plan.agent)
    if math.isnan(plan.max_hours):
        raise Usage("--max-hours is no number")
    worktree.require_clean(root)
    name = f"{plan.target}-{'scout' if plan.scout else plan.focus}"
    with alone(worktree.folder(root, name).parent):
        if not plan.scout:
            claimed.require(root, plan.target)
        work = prepare(plan, root, name)
        if plan.restart:
            begin_anew(work, say)
        # A new run has its own patience.
        state = iteration.settled(work, "the loop was killed", say)
        state = dataclasses.replace(state, since_keep=0, misses=0)
        require_same_judge(work)
        if state.iterations:
            say(f"going on after {state.iterations} iterations, {state.kept} kept")
        begin, first = time.monotonic(), state.iterations
        try:
            while True:
                seconds = time.monotonic() - begin
                ended = stop(plan, state, state.iterations - first, seconds)
                if ended is not None:
                    break
                left = min(plan.agent_s, 3600 * plan.max_hours - seconds)
                with watch(f"idea {state.iterations + 1}: the agent works"):
                    state, line = iteration.run(work, parts, state, left)
                say(line)
        except iteration.NothingLeft:
            ended = "agent", "the agent has nothing more to try"
        except KeyboardInterrupt:
            ended = "interrupted", "interrupted; the same command goes on"
        finally:
            state = iteration.settled(work, "the loop was stopped", say)
    reason, sentence = ended
    if reason == "plateau":
        sentence += f": {evidence(ledger.read_table(work.ledger), plan.plateau)}"
    elif reason == "fault":
        sentence += f": {work.home / 'agent.log'} has its last words"
    return Ended(reason, sentence, state.iterations, state.kept, work.branch)


def prepare(plan: Plan, root: Path, name: str) -> Workplace:
    """The loop's worktree, with a baseline to beat."""
    target = targets.load(plan.target, root)
    if plan.focus not in target.focuses:
        raise Usage(
            f"{target.name} has no focus {plan.focus!r}; it has: {', '.join(target.focuses)}"
        )
    host_class = overview.host_class(target)
    path = ledger.path(target.folder, plan.focus)
    rows = ledger.read_table(path)
    measured = any(row.get("host_class", host_class) == host_class for row in rows)
    if not measured and not plan.scout:
        raise Refused(
            f"{plan.target} has no baseline on this machine: "
            f"`workbench init {plan.target}{ledger.option(plan.focus)}` first"
        )
    place = worktree.add(root, name)
    return Workplace(
        root, place, f"{worktree.BRANCH}/{name}", plan.target, plan.focus, host_class, plan.scout
    )


def begin_anew(work: Workplace, say: iteration.Say) -> None:
    """Forget what a loop did, from the present commit on; say where its branch was."""
    former = git.commit_of(work.root, f"refs/heads/{work.branch}")
    iteration.settled(work, "the loop was killed", say)
    save(work, State(head=worktree.head(work.root)))
    say(f"{work.branch} begins anew; it was at {former}")


def require_same_judge(work: Workplace) -> None:
    """Refuse a loop whose branch has another judge than the person's commit.

    Raises
    ------
    Refused
        With both ways out.
    """
    if not work.scout and overview.host_class(work.target) != work.host_class:
        raise Refused(
            f"{work.branch} has keeps that are not merged, and an older judge than HEAD: "
            f"git merge {work.branch}, or begin anew with --restart"
        )


def stop(plan: Plan, state: State, done: int, seconds: float) -> tuple[str, str] | None:
    """Why to stop now, if at all: the reason, and a sentence."""
    if state.misses >= MISSES:
        return "fault", f"the agent brought no single trial {MISSES} times in a row"
    if state.since_keep >= plan.plateau:
        return "plateau", f"no keep in the last {state.since_keep} trials"
    if plan.max_iterations is not None and done >= plan.max_iterations:
        return "iterations", f"{done} iterations done"
    if seconds >= 3600 * plan.max_hours:
        return "hours", f"{plan.max_hours:g} hours are over"
    return None


def evidence(rows: Sequence[Mapping[str, str]], last: int) -> str:
    """What came of the last trials: how many of which reason, and the best ratio."""
    recent = rows[-last:]
    counts = Counter(row["reason"] if "reason" in row else row["status"] for row in recent)
    said = ", ".join(f"{count} {reason}" for reason, count in counts.most_common())
    ratios = [float(row["ratio"]) for row in recent if row.get("ratio", "n/a") != "n/a"]
    return said + (f"; the best ratio was {min(ratios):.4f}" if ratios else "")


@contextlib.contextmanager
def alone(home: Path) -> Iterator[None]:
    """One loop a target and focus; an agent that a killed one left behind is ended."""
    home.mkdir(parents=True, exist_ok=True)
    lock = FileLock(home / "lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise Infrastructure(f"this loop runs already ({home}): wait for it, or stop it") from error
    try:
        agent.end_leftover(home)
        yield
    finally:
        lock.release()
