"""Git, asked about the real repository only: no ``GIT_*`` variable and no replaced object."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from workbench.errors import Infrastructure

TIMEOUT_SECONDS = 30


def run(folder: Path, *arguments: str) -> bytes:
    """Run git in a folder and return its output, byte for byte.

    Raises
    ------
    OSError, subprocess.TimeoutExpired
        If git cannot be run.
    subprocess.CalledProcessError
        If git says no; ``stderr`` has its words, in English.
    """
    clean = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    return subprocess.run(
        ["git", "--no-replace-objects", *arguments],
        cwd=folder,
        env={**clean, "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=TIMEOUT_SECONDS,
        check=True,
    ).stdout


def ask(folder: Path, *arguments: str) -> str | None:
    """Output of a git command as text with its own line ends, or None if git says no.

    Raises
    ------
    Infrastructure
        If git was killed or did not end: that is no answer, and without a merge base a trial
        would be raced against upstream.
    """
    try:
        return run(folder, *arguments).decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    except subprocess.CalledProcessError as error:
        if error.returncode < 0:
            raise Infrastructure(f"git {arguments[0]} was killed: {error}") from error
        return None
    except subprocess.TimeoutExpired as error:
        raise Infrastructure(
            f"git {arguments[0]} did not answer within {TIMEOUT_SECONDS} s"
        ) from error


def commit_of(folder: Path, name: str) -> str | None:
    """Full hash of the commit that a branch, tag or abbreviation names, or None."""
    found = ask(folder, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    return found.strip() if found else None


def file_at(folder: Path, commit: str, name: str) -> str | None:
    """Text of a file below ``folder`` at a commit, or None; the repository may begin above."""
    return ask(folder, "cat-file", "blob", f"{commit}:./{name}")
