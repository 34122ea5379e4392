"""Who works here: a name, a branch, a clone."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path

from workbench import git
from workbench.errors import Infrastructure
from workbench.research import worktree
from workbench.research.claim import Claim

CLONE = "workbench-clone"


@dataclass(frozen=True)
class Me:
    """Who works here, on which branch, in which clone."""

    owner: str
    branch: str
    clone: str

    def holds(self, claim: Claim | None) -> bool:
        """Whether a claim is one's own."""
        return self.is_called(claim) and claim is not None and claim.clone in ("", self.clone)

    def is_called(self, claim: Claim | None) -> bool:
        """Whether a claim has this name and branch; it may be another clone's."""
        return claim is not None and (claim.owner, claim.branch) == (self.owner, self.branch)


def me(root: Path) -> Me:
    """Who works here.

    Raises
    ------
    Infrastructure
        If git does not know, or on a detached head.
    """
    return Me(owner(root), branch_of(root), clone_of(root))


def owner(root: Path) -> str:
    """Who works here: ``WORKBENCH_RESEARCHER``, for agents that share a login, else as git knows.

    Raises
    ------
    Infrastructure
        If nobody does.
    """
    if os.environ.get("WORKBENCH_RESEARCHER"):
        return os.environ["WORKBENCH_RESEARCHER"]
    name = (git.ask(root, "config", "user.name") or "").strip()
    mail = (git.ask(root, "config", "user.email") or "").strip()
    if not name and not mail:
        raise Infrastructure("git does not know who you are: git config user.name NAME")
    return f"{name} <{mail}>" if mail else name


def branch_of(root: Path) -> str:
    """The branch that is checked out, or ``WORKBENCH_BRANCH``: in a loop's worktree, its owner's.

    Raises
    ------
    Infrastructure
        On a detached head.
    """
    return os.environ.get("WORKBENCH_BRANCH") or worktree.branch(root)


def clone_of(root: Path) -> str:
    """A name that this clone and its worktrees have for themselves, made when first asked for.

    Raises
    ------
    Infrastructure
        If it cannot be written.
    """
    said = git.ask(root, "rev-parse", "--git-common-dir")
    if said is None:
        raise Infrastructure(f"{root} is no git repository: claims are git refs")
    path = root / said.removesuffix("\n") / CLONE
    try:
        if not path.exists():
            _write_once(path, secrets.token_hex(8))
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise Infrastructure(f"{path}: {error}") from error


def _write_once(path: Path, text: str) -> None:
    """Make a file that is whole as soon as it is there; the first of many writers wins."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, encoding="ascii") as draft:
        draft.write(text)
        draft.flush()
        os.fchmod(draft.fileno(), 0o644)  # several people may share a clone
        os.fsync(draft.fileno())
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(draft.name)
