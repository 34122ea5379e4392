"""The queue: slices as git refs that change by compare-and-swap.

``refs/queue/<branch>`` points to a commit whose message is the slice. A remote that takes branches
only gets ``refs/heads/queue/<branch>``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench import git, setting, targets
from workbench.errors import Infrastructure, Refused, Usage
from workbench.nearest import nearest
from workbench.research import admission, claims, refs, researcher, trunk, worktree
from workbench.research.claim import utc_now
from workbench.research.slice import (
    PREFIXES,
    Slice,
    branch_of_ref,
    from_message,
    in_a_circle,
    order,
)
from workbench.research.trunk import Trunk


@dataclass(frozen=True)
class Queued:
    """A slice as it was found.

    Attributes
    ----------
    ref, commit : str
        Where, and what has to be there still when it is changed.
    slice : Slice or None
        None where somebody edited it by hand.
    problem : str
        What is wrong with it then.
    """

    ref: str
    commit: str
    slice: Slice | None
    problem: str = ""

    @property
    def branch(self) -> str:
        """Whose place in the queue it is, readable or not."""
        return branch_of_ref(self.ref)


def everything(root: Path) -> list[Queued]:
    """All slices, oldest first; unreadable ones last."""
    read, unread = {}, []
    for ref, (commit, message) in sorted(refs.store(root).read(*PREFIXES).items()):
        try:
            found = from_message(ref, message)
            read[found.branch] = Queued(ref, commit, found)
        except Infrastructure as error:
            unread.append(Queued(ref, commit, None, str(error)))
    ordered = order(each.slice for each in read.values() if each.slice)
    return [*(read[one.branch] for one in ordered), *unread]


def by_branch(queue: Sequence[Queued]) -> dict[str, Slice | None]:
    """The queue as the decisions want it."""
    return {each.branch: each.slice for each in queue}


def add(
    root: Path,
    *,
    depends_on: Sequence[str] = (),
    evidence: str = "",
    lane: str = "",
    surface: str = "",
) -> Slice:
    """Call the branch that is checked out ready.

    A slice that was marked for revalidation keeps its turn; an evicted one goes to the end.

    Raises
    ------
    Usage
        For a lane, surface, dependency or evidence that cannot be.
    Refused
        For changes that are not committed or not pushed, another's slice, a target that cannot be
        judged yet, or files that the lane may not touch.
    Infrastructure
        If the remote does not answer.
    """
    me, branch = researcher.owner(root), worktree.branch(root)
    main = trunk.find(root)
    if branch == main.name:
        raise Usage(f"{branch} is the default branch: a slice is another (git switch -c NAME)")
    lane, surface = _lane_and_surface(root, branch, lane, surface)
    worktree.require_clean(root)
    commit = worktree.head(root)
    _require_pushed(main, branch, commit)
    queue = everything(root)
    there = by_branch(queue)
    _require_dependencies(branch, depends_on, there)
    files = _files(root, main, branch, commit, [there[name] for name in depends_on])
    names, touched = targets.names(root), kernels(root, main, files)
    admission.require(lane, surface, files, evidence, names=names, kernels=touched)
    if lane != "maintainability":
        setting.require_answers(targets.load(surface, root))
    before = next((each for each in queue if each.branch == branch), None)
    old = before.slice if before else None
    if before is not None and old is None:
        raise Refused(before.problem)
    if old is not None and old.owner != me:
        raise Refused(f"{branch} was added by {old.owner}: workbench queue drop --force {branch}")
    new = Slice(
        branch=branch,
        commit=commit,
        lane=lane,
        surface=surface,
        owner=me,
        submitted=old.submitted if old is not None and old.is_open else utc_now(),
        files=files,
        depends_on=tuple(dict.fromkeys(depends_on)),
        evidence=evidence.strip(),
    )
    if not _put(root, new, before):
        raise Refused(f"{branch} has changed in the queue meanwhile: see workbench queue list")
    return new


def change(root: Path, here: Queued, new: Slice) -> bool:
    """Replace a slice if it is what it was."""
    return _put(root, new, here)


def drop(root: Path, branch: str = "", *, force: bool = False) -> str:
    """Take a slice out of the queue; with ``force`` another's, or one that cannot be read.

    Raises
    ------
    Refused
        If it is somebody else's.
    """
    branch = branch or worktree.branch(root)
    queue = everything(root)
    here = next((each for each in queue if each.branch == branch), None)
    if here is None:
        near = nearest(branch, by_branch(queue)) if queue else "it is empty"
        raise Usage(f"{branch} is not in the queue; {near}")
    if not force:
        if here.slice is None:
            raise Refused(here.problem)
        if here.slice.owner != researcher.owner(root):
            raise Refused(f"{branch} is {here.slice.owner}'s: ask them, or say --force")
    if not remove(root, here):
        raise Refused(f"{branch} has changed in the queue meanwhile: see workbench queue list")
    return branch


def remove(root: Path, here: Queued) -> bool:
    """Delete a slice's ref if it is what it was."""
    return refs.store(root).swap(here.ref, here.commit, None)


def unchanged(root: Path, here: Queued) -> bool:
    """Whether nobody touched a slice since it was read."""
    return refs.store(root).tips(here.ref).get(here.ref) == here.commit


def kernels(root: Path, main: Trunk, files: Sequence[str]) -> tuple[str, ...]:
    """Targets of the default branch whose kernel is among some files."""
    found = []
    for name in files:
        parts = name.split("/")
        is_kernel = len(parts) == 3 and (parts[0], parts[2]) == ("targets", "kernels.py")
        if is_kernel and git.file_at(root, main.tip, name) is not None:
            found.append(parts[1])
    return tuple(found)


def _lane_and_surface(root: Path, branch: str, lane: str, surface: str) -> tuple[str, str]:
    """From the branch's claim, else as said."""
    mine = None
    with contextlib.suppress(Refused):  # it has none
        mine = claims.mine(root).claim
    if mine is not None:
        if lane not in ("", mine.lane) or surface not in ("", mine.surface):
            raise Usage(f"{branch} holds the claim {mine.name}: leave out --lane and --surface")
        return mine.lane, mine.surface
    if not lane or not surface:
        raise Usage(f"{branch} has no claim that says what it is: give --lane and --surface")
    claims.check(lane, surface)
    return lane, surface


def _require_pushed(main: Trunk, branch: str, commit: str) -> None:
    store, ref = main.store, f"refs/heads/{branch}"
    if store.remote and store.tips(ref).get(ref) != commit:
        raise Refused(
            f"{store.remote} does not have {branch} at {commit[:12]}: "
            f"git push {store.remote} {branch}"
        )


def _require_dependencies(
    branch: str, depends_on: Sequence[str], there: Mapping[str, Slice | None]
) -> None:
    for name in depends_on:
        if name not in there:
            near = nearest(name, there) if there else "it is empty"
            raise Usage(
                f"{name} is not in the queue ({near}): add it first; what is merged already is no "
                "dependency"
            )
    if in_a_circle(branch, depends_on, there):
        raise Usage(f"{branch} would wait for itself: {' and '.join(depends_on)} depend on it")


def _files(
    root: Path, main: Trunk, branch: str, commit: str, needed: Sequence[Slice | None]
) -> tuple[str, ...]:
    """What a slice changes by itself: what it stands on is judged for itself."""
    base = git.ask(root, "merge-base", main.tip, commit)
    if base is None:
        raise Usage(f"{branch} and {main.name} have no commit in common")
    below = [n.commit for n in needed if n and trunk.contains(root, commit, n.commit)]
    if below:
        files = trunk.touched(root, commit, [main.tip, *below])
    else:
        files = trunk.changed(root, base.strip(), commit)
    if not files:
        raise Usage(f"{branch} changes nothing of {' and '.join((main.name, *_names(needed)))}")
    return files


def _names(needed: Sequence[Slice | None]) -> list[str]:
    return [each.branch for each in needed if each]


def _put(root: Path, new: Slice, before: Queued | None) -> bool:
    """Create or replace; on a remote that takes branches only, as a branch."""
    store = refs.store(root)
    commit = store.commit(new.to_message(), new.owner)
    if before is not None:
        return store.swap(before.ref, before.commit, commit)
    return store.create(PREFIXES, new.branch, commit)
