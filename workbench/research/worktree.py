"""A second checkout for the loop, so that a person can go on working in the first.

It is a git worktree on a branch of its own. `lend` gives it what git ignores and a trial needs.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from pathlib import Path

from workbench import calibration, files, git, ledger
from workbench.errors import Infrastructure, Refused
from workbench.research.words import point

BRANCH = "loop"
LENT = (*ledger.FILES.values(), "lessons.md", calibration.FILE)
TRIALS = Path("reports") / "trials"


def add(root: Path, name: str) -> Path:
    """Make the worktree of a loop, or find it; its branch begins at the present commit.

    Raises
    ------
    Infrastructure
        In git's words.
    """
    place = folder(root, name)
    restore(root, place)
    branch = f"{BRANCH}/{name}"
    known = git.commit_of(root, f"refs/heads/{branch}") is not None
    if git.ask(place, "symbolic-ref", "--quiet", "HEAD") is None:
        must(place, "checkout", "--quiet", *([branch] if known else ["-b", branch]))
    return place


def restore(root: Path, place: Path) -> None:
    """Make a worktree anew, on no branch, where it is not linked to its repository.

    Without its link git would take the person's checkout around it for the worktree, and the
    next reset would be there.
    """
    home = gitdir(root, place)
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if home and (place / ".git").read_text(encoding="utf-8").strip() == f"gitdir: {home}":
            return
    remove(root, place)
    place.parent.mkdir(parents=True, exist_ok=True)
    must(root, "worktree", "add", "--quiet", "--detach", str(place))


def remove(root: Path, place: Path) -> None:
    """Take a worktree away, and what git knows of it.

    Not by ``git worktree prune``, which also forgets a person's worktrees on a disk that is not
    mounted now.
    """
    if place.is_dir():
        shutil.rmtree(place)
    home = gitdir(root, place)
    if home is not None:
        shutil.rmtree(home)


def gitdir(root: Path, place: Path) -> Path | None:
    """Where the repository keeps what it knows of a worktree, if it knows it."""
    common = Path(must(root, "rev-parse", "--path-format=absolute", "--git-common-dir").strip())
    for note in common.glob("worktrees/*/gitdir"):
        if Path(note.read_text(encoding="utf-8").strip()) == place.resolve() / ".git":
            return note.parent
    return None


def folder(root: Path, name: str) -> Path:
    """Where it is."""
    return root / ".workbench" / "loops" / name / "tree"


def branch(place: Path) -> str:
    """The branch that is checked out.

    Raises
    ------
    Infrastructure
        On a detached head.
    """
    found = git.ask(place, "symbolic-ref", "--quiet", "--short", "HEAD")
    if not found:
        raise Infrastructure("no branch is checked out here (a detached head): git switch -c NAME")
    return found.strip()


def head(place: Path) -> str:
    """The commit that is checked out."""
    found = git.commit_of(place, "HEAD")
    if found is None:
        raise Infrastructure(f"{place} has no commit")
    return found


def dirt(place: Path) -> list[str]:
    """Files that differ from the commit, or are new; ignored ones do not count."""
    said = must(place, "status", "--porcelain", "--untracked-files=all")
    return [line[3:] for line in said.splitlines()]


def require_clean(place: Path) -> None:
    """Refuse a tree with changes in it: the loop resets what it finds.

    Raises
    ------
    Refused
        Naming the first files.
    """
    found = dirt(place)
    if found:
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        raise Refused(f"{place} has changes: {', '.join(found[:3])}{more}: commit or stash them")


def reset(root: Path, place: Path, branch: str, commit: str) -> None:
    """Make a tree what it was, whatever an agent did to it, its branch or its history.

    What git ignores goes as well, but for compiled Python. Cleaning comes first because a checkout
    needs room on the disk, and last for what an agent had committed.
    """
    restore(root, place)
    home = gitdir(root, place)
    if home is not None:  # an agent that was killed in the middle of a git command left its lock
        for lock in (*home.glob("*.lock"), *home.parents[1].glob(f"refs/heads/{branch}.lock")):
            lock.unlink(missing_ok=True)
    clean = ("clean", "--quiet", "-ffdx", "--exclude=__pycache__")
    must(place, *clean)
    must(place, "checkout", "--quiet", "--force", "-B", branch, commit)
    must(place, *clean)


def commit_file(place: Path, name: str, text: str, message: str) -> str:
    """Write one file and commit it alone, if it differs; no hook or signature of a person's."""
    (place / name).write_text(text, encoding="utf-8")
    must(place, "add", "--", name)
    if must(place, "status", "--porcelain", "--", name):
        plain = ("-c", "commit.gpgSign=false", "-c", "core.hooksPath=/dev/null")
        must(place, *_name(place), *plain, "commit", "--quiet", "-m", message, "--", name)
    return head(place)


def _name(place: Path) -> tuple[str, ...]:
    """Who commits where git does not know: on a bare machine a keep is not lost for that."""
    if git.ask(place, "var", "GIT_COMMITTER_IDENT") is not None:
        return ()
    return ("-c", "user.name=workbench loop", "-c", "user.email=loop@localhost")


def must(place: Path, *arguments: str) -> str:
    """Run git; what it refuses is an error in its own words.

    Raises
    ------
    Infrastructure
        With them.
    """
    command = next(word for word in arguments if word[0] != "-" and "=" not in word)
    try:
        return git.run(place, *arguments).decode("utf-8")
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace")
        raise Infrastructure(f"git {command}: {point(said)}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Infrastructure(f"git {command} could not be run: {error}") from error


def lend(root: Path, place: Path, name: str) -> None:
    """Give a tree what git ignores and a trial of a target needs.

    Ledgers are copies: whatever happens to them in the tree, the original gets new rows only by
    its own `append`. Records, and compiled kernels, are links.
    """
    for folder in (root, place):
        (folder / TRIALS).mkdir(parents=True, exist_ok=True)
    for record in (root / TRIALS).glob(f"[!.]*-{name}-*"):
        _link(record, place / TRIALS / record.name)
    for shared in (".workbench/builds", ".workbench/locks"):
        (root / shared).mkdir(parents=True, exist_ok=True)
        (place / shared).parent.mkdir(exist_ok=True)
        _link(root / shared, place / shared)
    for file in LENT:
        original, copy = root / "targets" / name / file, place / "targets" / name / file
        copy.unlink(missing_ok=True)
        if file in ledger.FILES.values() and original.exists():
            # Without a torn last line: the tree's own append would repair it, and so differ.
            copy.write_bytes(b"".join(files.whole_lines(original)))
        elif original.exists():
            shutil.copyfile(original, copy)


def collect(root: Path, place: Path) -> None:
    """Bring records of trials in a tree home, where the ledger's readers look for them."""
    if (place / TRIALS).resolve() != place.resolve() / TRIALS:
        return  # an agent made it a link: what is there is not of this tree
    for folder in (place / TRIALS).glob("[!.]*"):
        if folder.is_symlink() or not folder.is_dir():
            continue
        if (root / TRIALS / folder.name).exists():
            shutil.rmtree(folder)  # an agent's copy of what was lent
        else:
            folder.rename(root / TRIALS / folder.name)


def _link(original: Path, link: Path) -> None:
    if not link.is_symlink() and not link.exists():
        link.symlink_to(original)
