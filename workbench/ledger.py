"""Append-only ledgers, one tab-separated file a focus: `append`, `read`, `best`, `history`.

A row is written once, with one system call, under a lock, and synced before `append` returns.
Rows are never changed: a ``revoke`` row cancels the kernel it names. A last line without its
newline is what a crash leaves; readers skip it and the next append moves it aside. Anything
else that is wrong in a ledger is refused by file and line.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import secrets
import stat
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar, overload

from filelock import FileLock, Timeout

from workbench.errors import Infrastructure
from workbench.row import (
    MISSING,
    REASONS,
    STATUSES,
    AnyRow,
    Entry,
    Row,
    ScoreEntry,
    ScoreRow,
    check,
    kinds,
    spell,
    spell_text,
)

__all__ = [
    "COLUMNS",
    "FILES",
    "MISSING",
    "REASONS",
    "ROWS",
    "STATUSES",
    "AnyRow",
    "Entry",
    "Row",
    "ScoreEntry",
    "ScoreRow",
    "append",
    "best",
    "check_appendable",
    "confirmations",
    "history",
    "option",
    "path",
    "read",
    "read_any",
    "read_table",
    "revocation",
    "spell_text",
]

OneKind = TypeVar("OneKind", bound=AnyRow)
LOCK_SECONDS = 60.0
SLACK = 1.05  # see `best`
# How long a last line must stay torn before it counts as a dead writer's: a row that crosses a page
# is seen in part while it is written, and 2 ms were too few on a machine with a load of 10.
SETTLE_SECONDS = 1.0

# What each focus remembers of a trial.
ROWS: dict[str, type[Row] | type[ScoreRow]] = {
    "performance": Row,
    "quality": ScoreRow,
    "unimplemented": ScoreRow,
    "mixed": ScoreRow,
}
COLUMNS = {focus: tuple(kinds(row)) for focus, row in ROWS.items()}
FILES = {
    focus: "results.tsv" if focus == "performance" else f"results.{focus}.tsv" for focus in COLUMNS
}


def path(folder: Path, focus: str) -> Path:
    """Where a target keeps the ledger of a focus.

    Examples
    --------
    >>> path(Path("targets/pq_l2"), "quality").name
    'results.quality.tsv'
    """
    if focus not in FILES:
        raise Infrastructure(f"no ledger for focus {focus!r}; there are {', '.join(FILES)}")
    return folder / FILES[focus]


def option(focus: str) -> str:
    """How a command line names a focus, for advice; nothing for the one that is meant anyhow.

    Examples
    --------
    >>> option("quality")
    ' --focus quality'
    """
    return "" if focus == "performance" else f" --focus {focus}"


def check_appendable(path: Path) -> None:
    """Refuse a ledger that cannot take a row, before anything slow is done for that row.

    Root may write anywhere, so a file or folder without any write bit counts as read-only.

    Raises
    ------
    Infrastructure
        If the file or its folder is read-only, or is not what it should be.
    """
    _focus(path)
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
    focus = _focus(path)
    line = _line(focus, row)
    check_appendable(path)
    try:
        with FileLock(f"{path}.lock", timeout=LOCK_SECONDS):
            if not path.exists():
                _begin(path, focus)
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
            try:
                if _repair(file, path, focus) == 0:
                    line = _header(focus) + line
                _write_whole(file, line)
            finally:
                os.close(file)
    except Timeout as error:
        raise Infrastructure(
            f"{path} has been locked for {LOCK_SECONDS:.0f} s: another process is writing it"
        ) from error
    except (OSError, NotImplementedError) as error:  # the second: a file system without locks
        why = getattr(error, "strerror", None) or error
        raise Infrastructure(f"{path} cannot be written: {why}") from error


def read(path: Path) -> list[Row]:
    """Read a performance ledger, oldest row first; a ledger that does not exist is empty.

    Raises
    ------
    Infrastructure
        Naming the file, the line, what is wrong and what to do. A torn last line is skipped.
    """
    if _focus(path) != "performance":
        raise Infrastructure(f"{path.name} holds no performance rows: use ledger.read_any")
    return [Row.from_fields(fields) for fields in read_table(path)]


def read_any(path: Path) -> list[AnyRow]:
    """Read a ledger of any focus, oldest row first, checked like `read`."""
    return [ROWS[_focus(path)].from_fields(fields) for fields in read_table(path)]


def read_table(path: Path) -> list[dict[str, str]]:
    """Read a ledger of any focus as text, checked like `read`."""
    focus = _focus(path)
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise Infrastructure(f"{path} cannot be read: {error.strerror}") from error
    lines = raw[: _complete(raw, path, focus)].split(b"\n")[:-1]
    rows = []
    for number, line in enumerate(lines[1:], 2):
        try:
            rows.append(_parse(focus, line))
        except ValueError as error:
            raise Infrastructure(
                f"{path} line {number}: {error}; rows are never edited: restore that line, or "
                "move the file away and a new ledger begins"
            ) from error
    return rows


def best(rows: Iterable[OneKind], host_class: str) -> OneKind | None:
    """Return the row a trial of a host class has to beat; None if there is none.

    That is the newest kept row or baseline that no later row revokes. A kept row more than 5 %
    slower than the best before it does not count: it was raced against something else, for
    instance upstream. The slack is there because ``ratio_vs_upstream`` of different runs differs
    by 1-2 %. A baseline always counts: measuring one is a person's explicit act.
    """
    every = list(rows)
    found: OneKind | None = None
    for row, entry in zip(every, history(every), strict=True):
        if entry.host_class != host_class or entry.revoked:
            continue
        if row.status == "baseline" or (row.status == "keep" and not _slower(row, found)):
            found = row
    return found


def revocation(
    kernel_sha256: str,
    reason: str,
    description: str,
    *,
    commit: str,
    host_class: str,
    ratio: float | None = None,
    ci_low: float | None = None,
    ci_high: float | None = None,
    focus: str = "performance",
) -> AnyRow:
    """A row that takes a kernel's keep back; ``ratio`` is what took it, where a time did."""
    known = {
        "commit": commit,
        "timestamp": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "status": "revoke",
        "reason": reason,
        "ratio": ratio,
        "ci_low": ci_low,
        "ci_high": ci_high,
        "host_class": host_class,
        "kernel_sha256": kernel_sha256,
        "description": description,
    }
    row = ROWS[focus]
    unknown = {name: None if "None" in kind else MISSING for name, kind in kinds(row).items()}
    values = {name: known.get(name, value) for name, value in unknown.items()}
    return row(**values)  # type: ignore[arg-type]  # the mixed values of a row


def confirmations(rows: Iterable[AnyRow], host_class: str) -> int:
    """How many keeps a host class has tried to confirm since its newest baseline."""
    count = 0
    for row in rows:
        if row.host_class != host_class:
            continue
        if row.status == "baseline":
            count = 0
        count += row.status == "keep" or row.reason == "unconfirmed"
    return count


def _slower(entry: AnyRow, before: AnyRow | None) -> bool:
    """Whether a row is clearly slower than another, as far as both were raced with upstream."""
    if not isinstance(entry, Row) or not isinstance(before, Row):
        return False
    if before.ratio_vs_upstream is None or entry.ratio_vs_upstream is None:
        return False
    return entry.ratio_vs_upstream > SLACK * before.ratio_vs_upstream


@overload
def history(rows: Iterable[Row]) -> list[Entry]: ...
@overload
def history(rows: Iterable[ScoreRow]) -> list[ScoreEntry]: ...
@overload
def history(rows: Iterable[AnyRow]) -> Sequence[Entry | ScoreEntry]: ...
def history(rows: Iterable[AnyRow]) -> Sequence[Entry | ScoreEntry]:
    """Return every row, oldest first, marked when a later ``revoke`` cancels its kernel.

    A revocation holds for a kernel on every host class; a kernel judged again after it counts.
    """
    every = list(rows)
    cancelled: set[str] = set()
    entries: list[Entry | ScoreEntry] = []
    for row in reversed(every):
        revoked = row.status != "revoke" and row.kernel_sha256 in cancelled
        if row.status == "revoke":
            cancelled.add(row.kernel_sha256)
        values = {name: getattr(row, name) for name in kinds(type(row))}
        entry = Entry if isinstance(row, Row) else ScoreEntry
        entries.append(entry(**{**values, "revoked": revoked}))
    return entries[::-1]


def _focus(path: Path) -> str:
    for focus, name in FILES.items():
        if path.name == name:
            return focus
    raise Infrastructure(f"{path.name} is no ledger; there are {', '.join(FILES.values())}")


def _header(focus: str) -> bytes:
    return "\t".join(COLUMNS[focus]).encode() + b"\n"


def _line(focus: str, row: AnyRow | Mapping[str, object]) -> bytes:
    """Spell a row as the bytes of its line."""
    columns = COLUMNS[focus]
    try:
        if isinstance(row, Mapping):
            fields = {name: spell(value) for name, value in row.items()}
            check(ROWS[focus], fields)
        else:
            fields = row.to_fields()
        if fields.keys() != set(columns):
            odd = ", ".join(sorted(fields.keys() ^ set(columns)))
            raise ValueError(f"columns differ from {FILES[focus]} in {odd}")
    except ValueError as error:
        raise Infrastructure(f"this row cannot go into {FILES[focus]}: {error}") from error
    return "\t".join(fields[column] for column in columns).encode("utf-8") + b"\n"


def _parse(focus: str, line: bytes) -> dict[str, str]:
    """Split and check one line; ValueError says what is wrong."""
    try:
        values = line.decode("utf-8").split("\t")
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {line[error.start]:#04x} is not UTF-8") from error
    columns = COLUMNS[focus]
    if len(values) != len(columns):
        raise ValueError(f"{len(values)} fields, where {FILES[focus]} has {len(columns)}")
    fields = dict(zip(columns, values, strict=True))
    for column, text in fields.items():
        if text != spell(text):
            raise ValueError(f"{column} is {text[:40]!r}, with characters no row is written with")
    check(ROWS[focus], fields)
    return fields


def _complete(raw: bytes, path: Path, focus: str) -> int:
    """Length of the part that ends in a newline, once its header is found to be right."""
    header = _header(focus)
    size = raw.rfind(b"\n") + 1
    if raw[: len(header)] != header[: len(raw)]:
        shown = raw.split(b"\n", 1)[0][:60].decode("utf-8", "backslashreplace")
        raise Infrastructure(
            f"{path} line 1: {shown!r} is not the header of {FILES[focus]}, which is "
            f"{' '.join(COLUMNS[focus])}: move the file away and a new ledger begins"
        )
    return size


def _repair(file: int, path: Path, focus: str) -> int:
    """Move a torn last line to ``<file>.torn``; return the size of what is left."""
    raw = _read(file)
    size = _complete(raw, path, focus)
    while size < len(raw):
        # A host that does not share our lock may be in the middle of this very row.
        time.sleep(SETTLE_SECONDS)
        if (now := _read(file)) != raw:
            raw, size = now, _complete(now, path, focus)
            continue
        torn = os.open(f"{path}.torn", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            _write_whole(torn, raw[size:] + b"\n")
        finally:
            if os.fstat(torn).st_size == 0:  # no room for it: it stays where it is
                Path(f"{path}.torn").unlink()
            os.close(torn)
        _sync(path.parent)
        if os.fstat(file).st_size == len(raw):
            os.ftruncate(file, size)
            os.fsync(file)
        raw = _read(file)
        size = _complete(raw, path, focus)
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
        draft.write_bytes(_header(focus))
        _sync(draft)
        # The other host was first, or there are no hard links here and the row brings its header.
        with contextlib.suppress(OSError):
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    _sync(path.parent)


def _write_whole(file: int, data: bytes) -> None:
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


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _writable(place: Path) -> bool:
    bits = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH
    return bool(place.stat().st_mode & bits) and os.access(place, os.W_OK)
