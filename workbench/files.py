"""Whole files and lines, written so that a crash or a full disk leaves what was there before."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import tempfile
from pathlib import Path

from workbench.errors import Infrastructure

# What `write_whole` names its draft: a killed writer leaves one.
DRAFT = re.compile(r"\.(.+)\.[a-z0-9_]{8}")


def write_whole(path: Path, data: bytes) -> None:
    """Replace a file in one step, its bytes on disk first.

    Raises
    ------
    Infrastructure
        If the disk is full or the folder cannot be written; the old content stays.
    """
    draft = None
    try:
        file, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        draft = Path(name)
        with os.fdopen(file, "wb") as new:
            new.write(data)
            new.flush()
            os.fsync(file)
        draft.chmod(0o644)
        draft.replace(path)
    except BaseException as error:
        if draft is not None:
            draft.unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        raise Infrastructure(f"{path} cannot be written: {error.strerror or error}") from error


def sync(path: Path) -> None:
    """Flush a file or a folder to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def append_line(path: Path, line: bytes) -> None:
    """Add one line to a file, synced; what a crash left of the last one goes.

    Raises
    ------
    Infrastructure
        If the disk is full or the file cannot be written; its lines stay as they were.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            # The file itself is the lock: without it 16 writers at once lost rows to each other.
            fcntl.flock(file, fcntl.LOCK_EX)
            size = os.fstat(file).st_size
            while size and os.pread(file, 1, size - 1) != b"\n":
                size -= 1
            os.ftruncate(file, size)
            try:
                if os.pwrite(file, line + b"\n", size) <= len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
                os.fsync(file)
            except OSError:
                os.ftruncate(file, size)
                raise
        finally:
            os.close(file)
    except OSError as error:
        raise Infrastructure(f"{path} cannot be written: {error.strerror or error}") from error


def whole_lines(path: Path) -> list[bytes]:
    """Return the lines of a file with their newlines; a torn last one is skipped.

    Raises
    ------
    Infrastructure
        If the file is there and cannot be read.
    """
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise Infrastructure(f"{path} cannot be read: {error.strerror or error}") from error
    return [line + b"\n" for line in lines]
