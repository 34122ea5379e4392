"""The default branch: which it is, what a commit changes of it, and how it moves."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench import git
from workbench.errors import Infrastructure, Refused
from workbench.research import refs, settings
from workbench.research.refs import NamespaceRefused, Store
from workbench.research.worktree import must

NAMES = ("main", "master")
# A person's hooks are not for what others merge.
NO_HOOKS = ("-c", "core.hooksPath=/dev/null")


@dataclass(frozen=True)
class Trunk:
    """The default branch, where it is kept, and the commit it was at when we looked."""

    store: Store
    name: str
    tip: str

    @property
    def ref(self) -> str:
        """Its full name."""
        return f"refs/heads/{self.name}"


def find(root: Path) -> Trunk:
    """The default branch of the remote, or of this repository where there is none; fetched.

    ``[tool.workbench] default_branch`` names it; else it is what the remote calls HEAD; else
    main or master.

    Raises
    ------
    Infrastructure
        If it cannot be told, or the remote does not answer.
    """
    store = refs.store(root)
    if must(root, "rev-parse", "--show-prefix").strip():
        raise Infrastructure(f"{root} is not the top of its repository: the queue needs that")
    named = settings.of(root).get("default_branch") or (_head_of(store) if store.remote else "")
    for name in [named] if named else NAMES:
        ref = f"refs/heads/{name}"
        tip = store.tips(ref).get(ref)
        if tip is not None:
            fetch(store, ref, tip)
            return Trunk(store, name, tip)
    raise Infrastructure(
        f"{store.remote or root} has no branch {named or ' or '.join(NAMES)}: name the default "
        "branch with default_branch in [tool.workbench]"
    )


def _head_of(store: Store) -> str:
    """What a remote calls HEAD, if it says."""
    try:
        said = refs.remotely(store.folder, "ls-remote", "--symref", store.remote, "HEAD")
    except subprocess.SubprocessError:  # who asks for its branches next is told
        return ""
    for line in said.decode(errors="replace").splitlines():
        if line.startswith("ref: refs/heads/"):
            return line.split("\t")[0].removeprefix("ref: refs/heads/")
    return ""


def fetch(store: Store, ref: str, commit: str) -> None:
    """Have a commit of the remote here; nothing else of this repository changes.

    Raises
    ------
    Infrastructure
        If the remote does not give it.
    """
    if store.remote and git.commit_of(store.folder, commit) is None:
        store.fetch([ref])


def contains(folder: Path, tip: str, commit: str) -> bool:
    """Whether a commit is part of another's history."""
    return git.ask(folder, "merge-base", "--is-ancestor", commit, tip) is not None


def changed(folder: Path, before: str, after: str) -> tuple[str, ...]:
    """Files that differ between two commits, both names of what was renamed.

    Raises
    ------
    Refused
        If a name is not UTF-8.
    """
    said = _text(folder, "diff", "--name-only", "--no-renames", "-z", before, after)
    return tuple(sorted(name for name in said.split("\0") if name))


def touched(folder: Path, commit: str, known: Sequence[str]) -> tuple[str, ...]:
    """Files that the commits of a history change, but for those of other histories.

    Raises
    ------
    Refused
        If a name is not UTF-8.
    """
    form = ("log", "--format=", "--name-only", "--no-renames", "-z")
    said = _text(folder, *form, commit, "--not", *known)
    return tuple(sorted({name.strip("\n") for name in said.split("\0")} - {""}))


def _text(folder: Path, *arguments: str) -> str:
    """What git says, names separated by NUL; no message could hold one that is not UTF-8."""
    try:
        said = git.run(folder, *arguments)
        return said.decode("utf-8")
    except UnicodeDecodeError as error:
        begin = said.rfind(b"\0", 0, error.start) + 1
        name = said[begin:].split(b"\0")[0].strip(b"\n").decode("utf-8", "backslashreplace")
        raise Refused(
            f"the name of {name} is not UTF-8: give that file another (git mv)"
        ) from error
    except (OSError, subprocess.SubprocessError) as error:
        raise Infrastructure(f"git {arguments[0]} failed: {error}") from error


def require_movable(root: Path, trunk: Trunk) -> None:
    """Refuse a checkout of the default branch whose changes a merge would meet.

    Raises
    ------
    Refused
        Naming the place.
    """
    place = None if trunk.store.remote else _checkout_of(root, trunk)
    if place is not None and must(place, "status", "--porcelain", "--untracked-files=no"):
        raise Refused(
            f"{trunk.name} is checked out in {place} and has changes there: commit or stash them"
        )


def move(root: Path, trunk: Trunk, commit: str) -> None:
    """Set the default branch to a commit that continues it, if it still is where it was.

    Raises
    ------
    Refused
        If it moved meanwhile.
    Infrastructure
        If the remote forbids it.
    """
    place = None if trunk.store.remote else _checkout_of(root, trunk)
    try:
        if place is not None:
            moved = _move_checkout(place, trunk, commit)
        else:
            moved = trunk.store.swap(trunk.ref, trunk.tip, commit)
    except NamespaceRefused as error:
        said = " ".join(str(error).split())
        raise Infrastructure(
            f"{trunk.store.remote} does not let you move {trunk.name}: {said}"
        ) from error
    if not moved:
        raise Refused(
            f"{trunk.name} has moved meanwhile: nothing was merged, and the slice stays; again: "
            "workbench queue merge"
        )


def _move_checkout(place: Path, trunk: Trunk, commit: str) -> bool:
    if git.commit_of(place, trunk.ref) != trunk.tip:
        return False
    try:
        git.run(place, *NO_HOOKS, "merge", "--ff-only", "--quiet", commit)
    except subprocess.CalledProcessError as error:
        if git.commit_of(place, trunk.ref) != trunk.tip:
            return False
        said = " ".join(error.stderr.decode(errors="replace").split())
        raise Infrastructure(f"{trunk.name} in {place} cannot be moved: {said}") from error
    except subprocess.TimeoutExpired as error:
        raise Infrastructure(
            f"{trunk.name} in {place} was not moved within {git.TIMEOUT_SECONDS} s"
        ) from error
    return True


def _checkout_of(root: Path, trunk: Trunk) -> Path | None:
    """Where the default branch is checked out, if anywhere."""
    place = None
    for line in must(root, "worktree", "list", "--porcelain").splitlines():
        if line.startswith("worktree "):
            place = Path(line.removeprefix("worktree "))
        elif line == f"branch {trunk.ref}":
            return place
    return None
