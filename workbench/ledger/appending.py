"""Rows, added so that neither a crash nor a full disk nor another host can spoil a ledger."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import time
from collections.abc import Mapping
from pathlib import Path

from filelock import FileLock, Timeout

from workbench.errors import Infrastructure
from workbench.files import sync
from workbench.ledger.focus import focus_of
from workbench.ledger.lines import header, line_of, whole_size
from workbench.row import AnyRow

LOCK_SECONDS = 60.0
# How long a last line must stay torn before it counts as a dead writer's: a row that crosses a page
# is seen in part while it is written, and 2 ms were too few on a machine with a load of 10.
SETTLE_SECONDS = 1.0


def check_appendable(path: Path) -> None:
    """Refuse a ledger that cannot take a row, before anything slow is done for that row.

    Root may write anywhere, so a file or folder without any write bit counts as read-only.

    Raises
    ------
    Infrastructure
        If the file or its folder is read-only, or is not what it should be.
    """
    focus_of(path)
    folder = path.parent
    if not folder.is_dir():
        raise Infrastructure(f"{folder} is no folder: a ledger lives in its target's folder")
    if path.exists() and not path.is_file():
        raise Infrastructure(f"{path} is not a file: move it away, and a new ledger begins")
    for place in (folder, path):
        if place.exists() and not _writable(place):
            raise Infrastructure(
                f"{place} is read-only, so no row could be written: `chmod u+w {place}`"
            )


def append(path: Path, row: AnyRow | Mapping[str, object]) -> None:
    """Add one row, durably.

    A new ledger gets its header. A torn last line, left by a crash, is first moved to
    ``<file>.torn``.

    Parameters
    ----------
    path : Path
        A ledger, as `path` names it.
    row : Row, ScoreRow or mapping
        Of the kind that `ROWS` names for the ledger's focus, or a value for each of its columns.

    Raises
    ------
    Infrastructure
        If the ledger is read-only, locked for `LOCK_SECONDS`, not a ledger, or the row is not
        one; nothing is written then.
    """
    focus = focus_of(path)
    line = line_of(focus, row)
    check_appendable(path)
    try:
        with FileLock(f"{path}.lock", timeout=LOCK_SECONDS):
            if not path.exists():
                _begin(path, focus)
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
            try:
                if _repair(file, path, focus) == 0:
                    line = header(focus) + line
                _write_synced(file, line)
            finally:
                os.close(file)
    except Timeout as error:
        raise Infrastructure(
            f"{path} has been locked for {LOCK_SECONDS:.0f} s: another process is writing it"
        ) from error
    except (OSError, NotImplementedError) as error:  # the second: a file system without locks
        why = getattr(error, "strerror", None) or error
        raise Infrastructure(f"{path} cannot be written: {why}") from error


def _repair(file: int, path: Path, focus: str) -> int:
    """Move a torn last line to ``<file>.torn``; return the size of what is left."""
    raw = _read(file)
    size = whole_size(raw, path, focus)
    while size < len(raw):
        # A host that does not share our lock may be in the middle of this very row.
        time.sleep(SETTLE_SECONDS)
        if (now := _read(file)) != raw:
            raw, size = now, whole_size(now, path, focus)
            continue
        torn = os.open(f"{path}.torn", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            _write_synced(torn, raw[size:] + b"\n")
        finally:
            if os.fstat(torn).st_size == 0:  # no room for it: it stays where it is
                Path(f"{path}.torn").unlink()
            os.close(torn)
        sync(path.parent)
        if os.fstat(file).st_size == len(raw):
            os.ftruncate(file, size)
            os.fsync(file)
        raw = _read(file)
        size = whole_size(raw, path, focus)
    return size


def _read(file: int) -> bytes:
    """Everything there is, from the beginning."""
    raw = b""
    while piece := os.pread(file, 1 << 20, len(raw)):
        raw += piece
    return raw


def _begin(path: Path, focus: str) -> None:
    """Make a ledger that has its header, in one step.

    Two hosts that share a folder but not its locks both find no ledger; a header written with
    the first row would then be there twice.
    """
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}.partial")
    try:
        draft.write_bytes(header(focus))
        sync(draft)
        # The other host was first, or there are no hard links here and the row brings its header.
        with contextlib.suppress(OSError):
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    sync(path.parent)


def _write_synced(file: int, data: bytes) -> None:
    """Append with one write and sync; what a full disk cut short is taken back."""
    written = 0
    try:
        written = os.write(file, data)
        if written != len(data):
            raise OSError(0, f"only {written} of {len(data)} bytes were taken; is the disk full?")
        os.fsync(file)
    except OSError:
        # Only our own bytes, and only while they are the last: a host that does not share our
        # lock may have appended before us or after us.
        end = os.lseek(file, 0, os.SEEK_CUR)
        if written and end == os.fstat(file).st_size:
            os.ftruncate(file, end - written)
        raise


def _writable(place: Path) -> bool:
    bits = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH
    return bool(place.stat().st_mode & bits) and os.access(place, os.W_OK)
