"""The tree in which a slice is tried: one at a time, on no branch, rebased."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from workbench import git
from workbench.errors import Infrastructure
from workbench.record import TrialRecord
from workbench.research import trunk, worktree
from workbench.research.slice import Slice
from workbench.research.trunk import Trunk
from workbench.research.worktree import head, must

# Settings of a person that would change more than the tree, ask something, or run something.
_SETTINGS = (
    *("rebase.updateRefs=false", "rebase.autoStash=false", "rebase.autoSquash=false"),
    "commit.gpgSign=false",
)
_PLAIN = (*trunk.NO_HOOKS, *(word for setting in _SETTINGS for word in ("-c", setting)))


class Evicted(Exception):
    """A slice lost; ``done`` is the trial it lost in, ``notes`` is for people."""

    def __init__(
        self, sentence: str, done: TrialRecord | None = None, notes: Sequence[str] = ()
    ) -> None:
        super().__init__(sentence)
        self.done, self.notes = done, tuple(notes)


@contextlib.contextmanager
def alone(root: Path) -> Iterator[None]:
    """Only one merge at a time works in a clone; others have the compare-and-swap."""
    path = root / ".workbench" / "locks" / "queue.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path, timeout=0):
            yield
    except Timeout as error:
        raise Infrastructure("another workbench queue merge is running in this clone") from error


@contextlib.contextmanager
def tree(root: Path, commit: str) -> Iterator[Path]:
    """A worktree at a commit, on no branch; removed whatever happens, if not now then next time."""
    place = home(root) / "tree"
    worktree.remove(root, place)
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        must(root, *_PLAIN, "worktree", "add", "--quiet", "--detach", str(place), commit)
        yield place
    finally:
        worktree.remove(root, place)


def home(root: Path) -> Path:
    """Where the queue works."""
    return root / ".workbench" / "queue"


def clean(place: Path, commit: str) -> None:
    """Make a tree exactly a commit, without what git ignores."""
    must(place, *_PLAIN, "checkout", "--quiet", "--force", "--detach", commit)
    must(place, "clean", "--quiet", "-ffdx")


def have(main: Trunk, one: Slice) -> None:
    """Have the commit of a slice here.

    Raises
    ------
    Evicted
        If its branch is gone, or does not lead to it any more.
    """
    store, ref = main.store, f"refs/heads/{one.branch}"
    known = git.commit_of(store.folder, one.commit) is not None
    if known and trunk.contains(store.folder, main.tip, one.commit):
        return  # merged elsewhere, whatever became of its branch
    tip = store.tips(ref).get(ref)
    if tip is None:
        raise Evicted(f"its branch is gone from {store.remote or 'this repository'}")
    trunk.fetch(store, ref, tip)
    if git.commit_of(store.folder, one.commit) is None or not trunk.contains(
        store.folder, tip, one.commit
    ):
        raise Evicted(f"its branch was rewritten: {one.commit[:12]} is not on it; add it again")


def rebase(place: Path, commit: str, main: Trunk) -> str:
    """Put a slice's commits on top of the default branch; those that are there already go.

    Raises
    ------
    Evicted
        In git's words, where both changed the same lines.
    Infrastructure
        If git fails otherwise.
    """
    must(place, *_PLAIN, "checkout", "--quiet", "--force", "--detach", commit)
    try:
        git.run(place, *_PLAIN, "rebase", "--quiet", main.tip)
    except subprocess.CalledProcessError as error:
        conflicts = must(place, "diff", "--name-only", "--diff-filter=U").splitlines()
        said = (error.stdout + error.stderr).decode(errors="replace").splitlines()
        if not conflicts:
            raise Infrastructure(f"git rebase: {_last(said)}") from error
        words = [line for line in said if line.startswith("CONFLICT")]
        raise Evicted(
            f"it conflicts with {main.name} {main.tip[:12]} in {', '.join(conflicts)}: "
            f"{'; '.join(words)}; rebase it, then workbench queue add"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise Infrastructure(f"git rebase did not end within {git.TIMEOUT_SECONDS} s") from error
    return head(place)


def _last(lines: Sequence[str]) -> str:
    return next((line.strip() for line in reversed(lines) if line.strip()), "no word")
