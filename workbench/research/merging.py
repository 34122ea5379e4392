"""One slice merged, or evicted with the evidence."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from workbench import git, locks
from workbench.deliver.judged import takes_part
from workbench.errors import Infrastructure, Refused
from workbench.judge import Progress, ignore_progress
from workbench.record import TrialRecord
from workbench.research import admission, guard, guarding, rejudging, slices, trunk, verify
from workbench.research.mergetree import Evicted, alone, clean, have, home, rebase, tree
from workbench.research.slice import Slice, after_merge, first, undermined
from workbench.research.slices import Queued
from workbench.research.trunk import Trunk


@dataclass(frozen=True)
class Ended:
    """What came of a merge.

    Attributes
    ----------
    outcome : str
        ``merged``, ``evicted`` or ``nothing``.
    sentence : str
        What happened, or why nothing did.
    branch, commit : str
        Which slice; what the default branch is now, if it was merged.
    records : tuple of str
        Trials that were run for it; each has a row in its ledger, and a keep that was not merged
        a second that revokes it.
    marked : tuple of str
        Branches whose slices have to be validated again.
    notes : tuple of str
        What a person should know besides: warnings, evidence, the end of a red verification.
    """

    outcome: str
    sentence: str
    branch: str = ""
    commit: str = ""
    records: tuple[str, ...] = ()
    marked: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass
class Merge:
    """One slice on its way: the tree it is tried in, and what was found so far."""

    root: Path
    here: Queued
    one: Slice
    main: Trunk
    place: Path
    progress: Progress
    trials: list[TrialRecord] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    moved: bool = False

    @property
    def records(self) -> tuple[str, ...]:
        """Names of the trials so far."""
        return tuple(done.id for done in self.trials)

    def judge(self, name: str, rival: str, description: str) -> TrialRecord:
        """Judge a kernel of the tree against a commit's."""
        done = rejudging.run(self.root, self.place, name, rival, description, self.progress)
        self.trials.append(done)
        if done.reason == "infra":
            raise Infrastructure(f"{name} was not judged: {done.sentence}")
        return done


def run(root: Path, progress: Progress = ignore_progress) -> Ended:
    """Merge exactly one slice, the oldest that nothing blocks.

    It is rebased in a temporary worktree, judged against the default branch as it is now, held
    against the guard, and verified. Then the default branch moves, if it is where it was.

    Parameters
    ----------
    root : Path
        The project.
    progress : callable
        ``progress(phase, done, total)``.

    Raises
    ------
    Refused
        If the default branch or the slice changed meanwhile, or a checkout of it has changes.
    Infrastructure
        If git, the remote or a measurement failed. The slice stays as it is.
    """
    with alone(root):
        queue = slices.everything(root)
        one, why = first(slices.by_branch(queue))
        if one is None:
            return Ended("nothing", why)
        here = next(each for each in queue if each.slice is one)
        main = trunk.find(root)
        trunk.require_movable(root, main)
        with tree(root, main.tip) as place:
            merge = Merge(root, here, one, main, place, progress)
            try:
                with _remembered(merge):
                    return _attempt(merge)
            except Evicted as error:
                return _evict(merge, error)


@contextlib.contextmanager
def _remembered(merge: Merge) -> Iterator[None]:
    """Have the ledgers know what was judged for a merge that comes to nothing."""
    try:
        yield
    except BaseException as error:
        if not merge.moved:
            why = f"{rejudging.describe(merge.one)} was not merged: {str(error) or 'interrupted'}"
            rejudging.remember(merge.root, merge.trials, why, lost=isinstance(error, Evicted))
        raise


def _attempt(merge: Merge) -> Ended:
    root, one, main = merge.root, merge.one, merge.main
    have(main, one)
    merge.progress(f"{one.branch}: rebase", 0, 1)
    commit = rebase(merge.place, one.commit, main)
    if commit == main.tip:
        # Killed between the two last steps, or the same change came another way.
        sentence = f"{one.branch} is part of {main.name} already"
        return _merged(merge, commit, sentence, one.files)
    files = trunk.changed(merge.place, main.tip, commit)
    kernels = slices.kernels(merge.place, main, files)
    why = admission.refusal(one.lane, one.surface, files, kernels)
    if why:
        raise Evicted(why)
    judged = {one.surface} if one.lane != "maintainability" else set()
    for name in sorted(judged | set(kernels)):
        rejudge(merge, name, commit)
    if one.evidence:
        merge.notes.append(f"structural evidence: {one.evidence}")
    if any(takes_part(name) for name in files):
        merge.notes.append("it changes the judge: figures of before and after do not compare")
    verified(merge, commit)
    if not slices.unchanged(root, merge.here):
        raise Refused(f"{one.branch} has changed in the queue meanwhile: nothing was merged")
    with locks.uninterrupted():  # whoever ends it later knows whether it is merged
        trunk.move(root, main, commit)
        merge.moved = True
        rejudging.remember(root, merge.trials)
    sentence = f"{one.branch} was merged: {main.name} is {commit[:12]}"
    return _merged(merge, commit, sentence, files)


def _merged(merge: Merge, commit: str, sentence: str, files: Sequence[str]) -> Ended:
    marked = settle(merge.root, merge.here, merge.one, files)
    return Ended(
        "merged", sentence, merge.one.branch, commit, merge.records, marked, tuple(merge.notes)
    )


def _evict(merge: Merge, error: Evicted) -> Ended:
    evidence = rejudging.evidence(error.done) if error.done else {}
    if not slices.change(merge.root, merge.here, merge.one.now("evicted", str(error), **evidence)):
        raise Refused(
            f"{merge.one.branch} has changed in the queue meanwhile: it is not evicted"
        ) from error
    sentence = f"{merge.one.branch} was evicted: {error}"
    notes = (*merge.notes, *error.notes)
    return Ended("evicted", sentence, merge.one.branch, "", merge.records, (), notes)


def rejudge(merge: Merge, name: str, commit: str) -> None:
    """Judge a kernel against the default branch's and hold it against the guard.

    Raises
    ------
    Evicted
        With the verdict, or with what is broken.
    """
    one, tip = merge.one, merge.main.tip
    kernel = f"targets/{name}/kernels.py"
    if not (merge.place / kernel).is_file():
        raise Evicted(f"it removes {kernel}: no lane judges that, a person decides it")
    file = f"targets/{name}/{guard.FILE}"
    text = git.file_at(merge.place, tip, file)  # the limits of before the slice
    baselines = {} if text is None else guard.parse(text, file)
    done = merge.judge(name, tip, rejudging.describe(one))
    if not rejudging.passes(one.lane, done):
        raise Evicted(f"{name} against {merge.main.name} {tip[:12]}: {done.sentence}", done)
    merge.notes.append(f"{name}: {done.sentence}")

    def again() -> TrialRecord:
        return guarding.timed(merge.judge(name, commit, f"guard of {rejudging.describe(one)}"))

    finding, done = guard.check(done, baselines, again)
    if finding.status == "broken":
        raise Evicted(f"the guard of {name} is broken: {'; '.join(finding.lines)}", done)
    merge.notes += [f"warning: {name}: {line}" for line in finding.lines]


def verified(merge: Merge, commit: str) -> None:
    """Run what the default branch asks to be run, in a clean tree.

    Raises
    ------
    Evicted
        If it is red.
    Infrastructure
        If the default branch is red as well: that is not the slice's fault.
    """
    place, main = merge.place, merge.main
    wanted = verify.plan(git.file_at(place, main.tip, "pyproject.toml") or "")
    log = home(merge.root) / "verify.log"

    def say(line: str) -> None:
        merge.progress(line, 0, 0)

    clean(place, commit)
    failed = verify.red(verify.run(place, wanted, log, say))
    if failed is None:
        return
    clean(place, main.tip)
    same = verify.Plan((failed.command,), wanted.timeout_s)
    before = verify.red(verify.run(place, same, log.with_name("verify-before.log"), say))
    if before is not None:
        raise Infrastructure(
            f"{main.name} itself is red, so nothing can be merged: {before.sentence}"
        )
    raise Evicted(f"verify is red: {failed.sentence}", notes=(*failed.tail, f"all of it: {log}"))


def settle(root: Path, here: Queued, merged: Slice, files: Sequence[str]) -> tuple[str, ...]:
    """Mark every open slice that stood on what was merged, then take the merged one out.

    Those that wait for it wait no more. In this order, so that what is killed between is seen to
    be merged, and done with, next time.
    """
    marked = []
    for other in slices.everything(root):
        if other.branch == merged.branch or other.slice is None or not other.slice.is_open:
            continue
        new = after_merge(other.slice, merged, files)
        # One that was changed in this moment was added again by its author, after the merge.
        done = new is other.slice or slices.change(root, other, new)
        if done and undermined(other.slice, merged, files):
            marked.append(other.branch)
    slices.remove(root, here)
    return tuple(marked)
