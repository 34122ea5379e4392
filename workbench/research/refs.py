"""Refs that change by compare-and-swap, on a remote or in this repository."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench import git
from workbench.errors import Infrastructure
from workbench.research import settings
from workbench.research.words import point, refusal

# A remote that restarts is away for about a second.
TRIES, PAUSE_S = 6, 0.5
REMOTE_S = 60
# Variables that say which repository is meant; all others are how a person gets to a remote.
_ELSEWHERE = (
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR"),
    *("GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE", "GIT_PREFIX"),
)
_QUIETLY = ("--quiet", "--no-tags", "--no-write-fetch-head", "--refmap=")
# What a server says that will not have refs of this kind, or not change them in this way.
_FORBIDDEN = (
    *("hook declined", "deny updating a hidden ref", "prohibited", "funny refname"),
    "non-fast-forward",
)
# What it says when somebody else was quicker.
_LOST = (
    *("stale info", "fetch first", "remote ref updated since checkout"),
    *("reference already exists", "failed to update ref", "cannot lock ref", "incorrect old value"),
)
_BLOCKED = re.compile(r"'([^']+)' exists; cannot create")
# How a commit without files begins, by kind of hash.
_EMPTY = (
    "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n",
    "tree 6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321\n",
)


class NamespaceRefused(Infrastructure):
    """The remote will not have such a ref, or forbids to change it in this way."""


@dataclass(frozen=True)
class Store:
    """Where refs are: a remote's name, or empty for this repository."""

    folder: Path
    remote: str

    def tips(self, *patterns: str) -> dict[str, str]:
        """Commits by ref, of the refs that match.

        Raises
        ------
        Infrastructure
            If the remote does not answer.
        """
        if self.remote:
            said = self._patiently("ls-remote", "--refs", self.remote, *patterns)
        else:
            form = "--format=%(objectname)%09%(refname)"
            said = _words(
                self.folder, "for-each-ref", form, *(p.removesuffix("*") for p in patterns)
            )
        pairs = (line.split("\t") for line in said.splitlines())
        return {ref: commit for commit, ref in pairs}

    def read(self, *prefixes: str) -> dict[str, tuple[str, str]]:
        """Commit and message of each ref under some prefixes; empty for what is no commit.

        Branches with files in them lack: they are a person's, whatever their name.

        Raises
        ------
        Infrastructure
            If the remote does not answer.
        """
        tips, texts = {}, {}
        for _ in range(TRIES):
            found = self.tips(*(f"{prefix}*" for prefix in prefixes))
            tips = {ref: commit for ref, commit in found.items() if ref.startswith(prefixes)}
            texts = self._texts(tips)
            if len(texts) == len(tips):  # else one has changed in between
                break
        return {ref: (tips[ref], message) for ref, message in _ours(texts).items()}

    def messages(self, tips: Mapping[str, str]) -> dict[str, str]:
        """Messages of commits by ref, fetched if need be.

        What is no commit, is gone or has changed meanwhile lacks, and so do a person's branches.

        Raises
        ------
        Infrastructure
            If the remote does not answer.
        """
        texts = self._texts(tips)
        return _ours({ref: text for ref, text in texts.items() if text})

    def _texts(self, tips: Mapping[str, str]) -> dict[str, str]:
        """Whole commits by ref."""
        found = {ref: self._text(commit) for ref, commit in tips.items()}
        missing = [ref for ref, text in found.items() if text is None]
        if missing and self.remote:
            self.fetch(missing)
            found |= {ref: self._text(tips[ref]) for ref in missing}
        return {ref: text for ref, text in found.items() if text is not None}

    def _text(self, commit: str) -> str | None:
        """A whole commit; empty if it is something else, None if it is not here."""
        kind = git.ask(self.folder, "cat-file", "-t", commit)
        if kind is None:
            return None
        if kind.strip() != "commit":
            return ""
        return _bytes(self.folder, "cat-file", "commit", commit).decode("utf-8", "replace")

    def fetch(self, wanted: Sequence[str]) -> None:
        """Have what refs of the remote point to; those that have gone meanwhile are left out.

        Raises
        ------
        Infrastructure
            If the remote does not give them.
        """
        said = ""
        for attempt in range(TRIES):
            _pause(attempt)
            try:
                remotely(self.folder, "fetch", *_QUIETLY, self.remote, *wanted)
            except subprocess.CalledProcessError as error:
                said = point(error.stderr.decode(errors="replace"))
            except subprocess.TimeoutExpired:
                said = f"no answer within {REMOTE_S} s"
            else:
                return
            there = self.tips(*wanted)  # one that has gone fails the whole fetch
            wanted = [ref for ref in wanted if ref in there]
            if not wanted:
                return
        raise Infrastructure(f"{self.remote} does not give {', '.join(wanted)}: {said}")

    def commit(self, message: str, who: str, parent: str = "") -> str:
        """Make a commit of nothing but a message."""
        tree = _words(self.folder, "hash-object", "-t", "tree", "-w", "--stdin").strip()
        name = ("-c", f"user.name={who}", "-c", "user.email=claim@localhost")
        after = ("-p", parent) if parent else ()
        made = _words(self.folder, *name, "commit-tree", tree, *after, "-m", message).strip()
        if not made:  # an empty name would delete a ref
            raise Infrastructure("git commit-tree said nothing")
        return made

    def swap(self, ref: str, old: str | None, new: str | None) -> bool:
        """Set a ref if it still is what it was; None is a ref that is not there.

        On a remote whose refs only go forward (``receive.denyNonFastForwards``) a commit without
        files becomes a child of the one that was there.

        Returns
        -------
        bool
            Whether it is ours now. Never a guess: if the connection broke, the ref is read again.

        Raises
        ------
        NamespaceRefused
            If the remote will not have such refs, or forbids to change or delete this one.
        Infrastructure
            If it does not answer, or another ref is in the way.
        """
        if not self.remote:
            return self._swap_here(ref, old, new)
        try:
            return self._swap_there(ref, old, new)
        except NamespaceRefused:
            child = self._child(old, new) if old and new else None
            if child is None:
                raise
            return self._swap_there(ref, old, child)

    def _swap_there(self, ref: str, old: str | None, new: str | None) -> bool:
        lease = f"--force-with-lease={ref}:{old or ''}"
        said = ""
        for attempt in range(TRIES):
            _pause(attempt)
            try:
                remotely(self.folder, "push", "--quiet", lease, self.remote, f"{new or ''}:{ref}")
            except subprocess.CalledProcessError as error:
                said = error.stderr.decode(errors="replace")
            except subprocess.TimeoutExpired:
                said = f"no answer within {REMOTE_S} s"
            else:
                return True
            if any(words in said for words in _FORBIDDEN):
                raise NamespaceRefused(f"{self.remote} refuses {ref}: {refusal(said)}")
            now = self.tips(ref).get(ref)  # what came of it, whatever was said
            if now == new:
                return True
            self._require_free(ref, said)
            if now != old or any(words in said for words in _LOST):
                return False
        raise Infrastructure(f"{self.remote} did not take {ref}: {refusal(said)}")

    def _child(self, old: str, new: str) -> str | None:
        """A commit without files once more, as the child of another; None if it is one already."""
        text = self._text(new) or ""
        is_child = git.ask(self.folder, "merge-base", "--is-ancestor", old, new) is not None
        if is_child or not text.startswith(_EMPTY):
            return None
        author = next(line for line in text.splitlines() if line.startswith("author "))
        who = author.removeprefix("author ").rpartition(" <")[0]
        return self.commit(_message(text), who, old)

    def _require_free(self, ref: str, said: str) -> None:
        """Say which ref is in another's way: no ref can be below another."""
        blocked = _BLOCKED.search(said)
        if blocked:
            delete = f"push {self.remote} --delete" if self.remote else "update-ref -d"
            raise Infrastructure(
                f"{blocked[1]} is in the way of {ref}, no ref can be below another: take another "
                f"name, or, if nobody needs that one, git {delete} {blocked[1]}"
            )

    def push(self, what: str) -> None:
        """Push something that nobody else changes.

        Raises
        ------
        Infrastructure
            In git's words.
        """
        try:
            remotely(self.folder, "push", "--quiet", self.remote, what)
        except subprocess.CalledProcessError as error:
            said = refusal(error.stderr.decode(errors="replace"))
            raise Infrastructure(f"git push {self.remote}: {said}") from error
        except subprocess.TimeoutExpired as error:
            raise Infrastructure(
                f"git push {self.remote}: no answer within {REMOTE_S} s"
            ) from error

    def create(self, prefixes: Sequence[str], name: str, commit: str) -> bool:
        """Make a ref that is not there under the first prefix that the remote takes.

        Raises
        ------
        Infrastructure
            If it takes none of them.
        """
        refused = ""
        for prefix in prefixes:
            ref = f"{prefix}{name}"
            try:
                made = self.swap(ref, None, commit)
            except NamespaceRefused as error:
                refused = str(error)
                continue
            if not made:
                self._require_ours(ref)
            return made
        where = " nor ".join(prefixes)
        raise Infrastructure(f"{self.remote} takes refs neither under {where}: {refused}")

    def _require_ours(self, ref: str) -> None:
        """Say so where a person's branch has the name."""
        now = self.tips(ref).get(ref) if ref.startswith("refs/heads/") else None
        texts = self._texts({ref: now}) if now else {}
        if texts and not _ours(texts):
            raise Infrastructure(f"{ref} is a branch with files in it: rename it, or take another")

    def _swap_here(self, ref: str, old: str | None, new: str | None) -> bool:
        nothing = "0" * 40
        arguments = ["-d", ref, old or nothing] if new is None else [ref, new, old or nothing]
        try:
            git.run(self.folder, "update-ref", *arguments)
        except subprocess.CalledProcessError as error:
            said = error.stderr.decode(errors="replace")
            self._require_free(ref, said)
            if "cannot lock ref" in said:
                return self.tips(ref).get(ref) == new
            raise Infrastructure(f"git update-ref: {point(said)}") from error
        return True

    def _patiently(self, *arguments: str) -> str:
        said = ""
        for attempt in range(TRIES):
            _pause(attempt)
            try:
                return os.fsdecode(remotely(self.folder, *arguments))
            except subprocess.CalledProcessError as error:
                said = point(error.stderr.decode(errors="replace"))
            except subprocess.TimeoutExpired:
                said = f"no answer within {REMOTE_S} s"
                break  # not one that restarts
        raise Infrastructure(
            f"the remote {self.remote} does not answer: {said}. See git remote -v, or set "
            "claims_remote in [tool.workbench]"
        )


def store(root: Path) -> Store:
    """The configured remote (``claims_remote``), else origin, else the only one, else none.

    Raises
    ------
    Infrastructure
        If this is no git repository, or the configured remote is not there.
    """
    listed = git.ask(root, "remote")
    if listed is None:
        raise Infrastructure(f"{root} is no git repository: claims are git refs")
    remotes = listed.split()
    named = settings.of(root).get("claims_remote")
    if named is not None:
        if named and named not in remotes:
            there = ", ".join(remotes) or "none"
            raise Infrastructure(f"claims_remote is {named!r}, and the remotes are: {there}")
        return Store(root, named)
    if "origin" in remotes:
        return Store(root, "origin")
    return Store(root, remotes[0] if len(remotes) == 1 else "")


def remotely(folder: Path, *arguments: str) -> bytes:
    """Run git where it talks to a remote: as the person has set it up, but never asking them.

    Raises
    ------
    subprocess.CalledProcessError, subprocess.TimeoutExpired
        If it says no, or nothing.
    """
    kept = {name: value for name, value in os.environ.items() if name not in _ELSEWHERE}
    return subprocess.run(
        ["git", "--no-replace-objects", *arguments],
        cwd=folder,
        env={"GIT_TERMINAL_PROMPT": "0", **kept, "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=REMOTE_S,
        check=True,
    ).stdout


def _bytes(folder: Path, *arguments: str) -> bytes:
    try:
        return git.run(folder, *arguments)
    except subprocess.CalledProcessError as error:
        said = point(error.stderr.decode(errors="replace"))
        raise Infrastructure(f"git {arguments[0]}: {said}") from error
    except subprocess.TimeoutExpired as error:
        raise Infrastructure(f"git {arguments[0]} did not answer") from error


def _words(folder: Path, *arguments: str) -> str:
    return os.fsdecode(_bytes(folder, *arguments))


def _ours(texts: Mapping[str, str]) -> dict[str, str]:
    """Messages by ref, without branches that have files in them."""
    return {
        ref: _message(text)
        for ref, text in texts.items()
        if text.startswith(_EMPTY) or not ref.startswith("refs/heads/")
    }


def _message(text: str) -> str:
    return text.partition("\n\n")[2]


def _pause(attempt: int) -> None:
    """Wait before another try, each time longer."""
    time.sleep(PAUSE_S * attempt)
