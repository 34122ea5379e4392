"""A kernel judged in the queue's tree, remembered where every trial is.

The tree is lent what git ignores; what the trial found goes home by the ledger's own `append`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from workbench import files, ledger, locks, outcome, record, trial
from workbench.errors import Refused
from workbench.judge import Progress, ignore_progress
from workbench.policy import custody
from workbench.record import TrialRecord
from workbench.research import worktree
from workbench.research.slice import Slice
from workbench.setting import Options

FOCUS = "performance"
# What a kernel may be found that need not be faster: correct, and not slower.
HARMLESS = ("faster", "simpler", "inconclusive", "unconfirmed")


def passes(lane: str, done: TrialRecord) -> bool:
    """Whether a verdict lets a slice of a lane through."""
    if lane == "performance":
        return done.status == "keep"
    return done.status in ("keep", "discard") and done.reason in HARMLESS


def run(
    root: Path,
    place: Path,
    name: str,
    rival: str,
    description: str,
    progress: Progress = ignore_progress,
) -> TrialRecord:
    """Judge the kernel of a tree against the one of a commit; the record goes home, no row yet.

    Parameters
    ----------
    root, place : Path
        Where ledgers and records are; the tree.
    name : str
        The target.
    rival : str
        A commit.
    description : str
        For the ledger.
    progress : callable
        As of `trial.run`.

    Raises
    ------
    Refused
        If this judge is not the tree's, or the project lacks the target.
    Infrastructure
        If another trial of the target is running, or what a trial needs lacks.
    """
    require_judge(place)
    here = root / "targets" / name
    if not here.is_dir():
        raise Refused(f"{root} has no target {name}, so no ledger for it: switch to a newer branch")
    worktree.lend(root, place, name)
    options = Options(description=description, focus=FOCUS, incumbent=rival)
    done = trial.run(name, options, root=place, progress=progress)
    worktree.collect(root, place)
    files.sync(record.folder(root, ""))
    return done


def remember(
    root: Path, trials: Sequence[TrialRecord], failed: str = "", *, lost: bool = False
) -> None:
    """Put the trials of a merge into their ledgers, all at its end: a kill before leaves no keep.

    What was kept for a merge that came to nothing is revoked at once, so that no kernel has to
    beat it. Where the slice stays in the queue, what its author had kept before remains kept.

    Parameters
    ----------
    root : Path
        Where ledgers are.
    trials : sequence of TrialRecord
        Of the merge.
    failed : str
        Why it came to nothing, for the ledger; empty if it did not.
    lost : bool
        Whether the slice was evicted.
    """
    with locks.uninterrupted():
        for done in trials:
            path = ledger.path(root / "targets" / done.target, FOCUS)
            before = any(
                row.status in ("keep", "baseline")
                and row.kernel_sha256 == done.kernel_sha256
                and not row.revoked
                for row in ledger.history(ledger.read(path))
            )
            ledger.append(path, outcome.row_of(done))
            if failed and done.status == "keep" and (lost or not before):
                ledger.append(path, _revocation(done, failed))


def _revocation(done: TrialRecord, why: str) -> ledger.AnyRow:
    return ledger.revocation(
        done.kernel_sha256,
        "suspect",
        why,
        commit=done.commit,
        host_class=done.host_class,
        ratio=done.ratio,
        ci_low=done.ci_low,
        ci_high=done.ci_high,
    )


def require_judge(place: Path) -> None:
    """Refuse to judge a tree with another judge than the one committed in it.

    A project without the package in it is judged by the installed one.

    Raises
    ------
    Refused
        Naming the first files that differ.
    """
    package = place / "workbench"
    if not (package / "__init__.py").is_file():
        return
    mine, its = dict(_judge_modules(custody.PACKAGE)), dict(_judge_modules(package))
    differing = sorted(name for name in {*mine, *its} if mine.get(name) != its.get(name))
    if differing:
        raise Refused(
            f"the judge that runs here is not the default branch's (workbench/{differing[0]}, "
            f"{len(differing)} files): run the queue in a clean checkout of the default branch"
        )


def _judge_modules(package: Path) -> Iterator[tuple[str, str]]:
    for module in (*custody.JUDGE_MODULES, "__init__"):
        for path in (package / f"{module}.py", *(package / module).rglob("*.py")):
            if path.is_file():
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
                yield path.relative_to(package).as_posix(), digest


def evidence(done: TrialRecord) -> dict[str, str | float | None]:
    """What a slice remembers of the trial that evicted it."""
    names = ("ratio", "ci_low", "ci_high")
    return {"record": done.id, **{name: getattr(done, name) for name in names}}


def describe(one: Slice) -> str:
    """What the ledger says of a trial for the queue."""
    return f"queue: {one.branch}"
