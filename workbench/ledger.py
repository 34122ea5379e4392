"""Append-only ledgers, one tab-separated file a focus: `append`, `read`, `best`, `history`.

A row is written once, with one system call, under a lock, and synced before `append` returns.
Rows are never changed: a ``revoke`` row cancels the kernel it names. A last line without its
newline is what a crash leaves; readers skip it and the next append moves it aside. Anything
else that is wrong in a ledger is refused by file and line.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import math
import os
import re
import secrets
import stat
import time
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from filelock import FileLock, Timeout

from workbench.errors import Infrastructure

MISSING = "n/a"
LOCK_SECONDS = 60.0
SLACK = 1.05  # see `best`
# How long a last line must stay torn before it counts as a dead writer's: a row that crosses a page
# is seen in part while it is written, and 2 ms were too few on a machine with a load of 10.
SETTLE_SECONDS = 1.0

_QUALITY = (
    *("commit", "quality", "benchguard", "quality_mean_gap_db", "quality_min_gap_db", "score"),
    *("status", "description"),
)
COLUMNS: dict[str, tuple[str, ...]] = {
    "performance": (
        *("commit", "timestamp", "status", "reason", "ratio", "ci_low", "ci_high"),
        *("ratio_vs_upstream", "worst_ratio", "worst_combo", "geomean_ns", "peak_rss_mb"),
        *("allocations", "seconds", "host_class", "kernel_sha256", "description"),
    ),
    "quality": _QUALITY,
    "unimplemented": _QUALITY,
    "mixed": _QUALITY,
}
FILES = {
    focus: "results.tsv" if focus == "performance" else f"results.{focus}.tsv" for focus in COLUMNS
}
STATUSES = ("baseline", "keep", "discard", "crash", "revoke")
REASONS = (
    *("baseline", "faster", "simpler", "inconclusive", "slower", "worst-combo", "trade-off"),
    *(
        "unconfirmed",
        "call-site",
        "incorrect",
        "suspect",
        "allocates",
        "over-memory",
        "over-budget",
        "policy",
    ),
    "infra",
)

_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", re.ASCII | re.IGNORECASE)
_NUMBERS_OF_QUALITY = frozenset(("quality_mean_gap_db", "quality_min_gap_db", "score"))


@dataclass(frozen=True)
class Row:
    """One line of a performance ledger; None is written as ``n/a``, never as 0.

    Attributes
    ----------
    commit : str
        Short commit of the checkout, with ``+`` when the kernel differs from it.
    timestamp : str
        When the verdict fell, ISO 8601.
    status, reason : str
        One of `STATUSES`, one of `REASONS`.
    ratio, ci_low, ci_high : float or None
        Candidate time / incumbent time with its interval; below 1 is faster.
    ratio_vs_upstream : float or None
        Candidate time / upstream time, from the same run.
    worst_ratio : float or None
        Ratio of the combo where the candidate does worst against the incumbent.
    worst_combo : str or None
        That combo, ``shape/distribution``.
    geomean_ns : float or None
        Nanoseconds per unit, geometric mean over combos.
    peak_rss_mb : float or None
        Peak resident memory of the candidate's process.
    allocations : float or None
        Per hot call.
    seconds : float or None
        Of the whole trial.
    host_class : str
        Figures of different host classes are never compared.
    kernel_sha256 : str
        Of the kernel judged; of the kernel cancelled, in a ``revoke`` row.
    description : str
        The hypothesis, in one line.
    """

    commit: str
    timestamp: str
    status: str
    reason: str
    ratio: float | None
    ci_low: float | None
    ci_high: float | None
    ratio_vs_upstream: float | None
    worst_ratio: float | None
    worst_combo: str | None
    geomean_ns: float | None
    peak_rss_mb: float | None
    allocations: float | None
    seconds: float | None
    host_class: str
    kernel_sha256: str
    description: str

    @classmethod
    def from_fields(cls, fields: Mapping[str, str]) -> Self:
        """Parse the text of one line, column by column.

        Raises
        ------
        ValueError
            Naming the column and the value that cannot be read.
        """
        _check("performance", fields)
        values: dict[str, Any] = dict(fields)
        for column in _FLOATS:
            values[column] = None if fields[column] == MISSING else float(fields[column])
        if fields["worst_combo"] == MISSING:
            values["worst_combo"] = None
        return cls(**values)

    def to_fields(self) -> dict[str, str]:
        """Spell every column as text that `from_fields` reads back as the same row.

        Tabs, newlines and control characters in a text become spaces.

        Raises
        ------
        ValueError
            Naming a column that holds no number (NaN, infinity), or an unknown status or reason.
        """
        fields = {name: _spell(value) for name, value in dataclasses.asdict(self).items()}
        _check("performance", fields)
        return fields


@dataclass(frozen=True)
class Entry(Row):
    """A row as history sees it: ``revoked`` when a later row cancels its kernel."""

    revoked: bool = False


_FLOATS = tuple(f.name for f in dataclasses.fields(Row) if f.type == "float | None")


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


def append(path: Path, row: Row | Mapping[str, object]) -> None:
    """Add one row, durably.

    A new ledger gets its header. A torn last line, left by a crash, is first moved to
    ``<file>.torn``.

    Parameters
    ----------
    path : Path
        A ledger, as `path` names it.
    row : Row or mapping
        A `Row` for the performance focus, else a value for every column of `COLUMNS`.

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
        raise Infrastructure(f"{path.name} holds no performance rows: use ledger.read_table")
    return [Row.from_fields(fields) for fields in read_table(path)]


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


def best(rows: Iterable[Row], host_class: str) -> Row | None:
    """Return the row a trial of a host class has to beat; None if there is none.

    That is the newest kept row or baseline that no later row revokes. A kept row more than 5 %
    slower than the best before it does not count: it was raced against something else, for
    instance upstream. The slack is there because ``ratio_vs_upstream`` of different runs differs
    by 1-2 %. A baseline always counts: measuring one is a person's explicit act.
    """
    found: Entry | None = None
    for entry in history(rows):
        if entry.host_class != host_class or entry.revoked:
            continue
        if entry.status == "baseline" or (entry.status == "keep" and not _slower(entry, found)):
            found = entry
    if found is None:
        return None
    return Row(**{f.name: getattr(found, f.name) for f in dataclasses.fields(Row)})


def revocation(
    kernel_sha256: str,
    reason: str,
    description: str,
    *,
    commit: str,
    host_class: str,
    ratio: float | None,
    ci_low: float | None,
    ci_high: float | None,
) -> Row:
    """A row that takes a kernel's keep back; ``ratio`` is what took it."""
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
    unknown = dict.fromkeys(f.name for f in dataclasses.fields(Row))
    return Row(**{**unknown, **known})  # type: ignore[arg-type]  # the mixed values of a row


def confirmations(rows: Iterable[Row], host_class: str) -> int:
    """How many keeps a host class has tried to confirm since its newest baseline."""
    count = 0
    for row in rows:
        if row.host_class != host_class:
            continue
        if row.status == "baseline":
            count = 0
        count += row.status == "keep" or row.reason == "unconfirmed"
    return count


def _slower(entry: Row, before: Row | None) -> bool:
    """Whether a row is clearly slower than another, as far as both were raced with upstream."""
    if before is None or before.ratio_vs_upstream is None or entry.ratio_vs_upstream is None:
        return False
    return entry.ratio_vs_upstream > SLACK * before.ratio_vs_upstream


def history(rows: Iterable[Row]) -> list[Entry]:
    """Return every row, oldest first, marked when a later ``revoke`` cancels its kernel.

    A revocation holds for a kernel on every host class; a kernel judged again after it counts.
    """
    every = list(rows)
    cancelled: set[str] = set()
    entries: list[Entry] = []
    for row in reversed(every):
        revoked = row.status != "revoke" and row.kernel_sha256 in cancelled
        if row.status == "revoke":
            cancelled.add(row.kernel_sha256)
        values = {f.name: getattr(row, f.name) for f in dataclasses.fields(Row)}
        entries.append(Entry(**values, revoked=revoked))
    return entries[::-1]


def _focus(path: Path) -> str:
    for focus, name in FILES.items():
        if path.name == name:
            return focus
    raise Infrastructure(f"{path.name} is no ledger; there are {', '.join(FILES.values())}")


def _header(focus: str) -> bytes:
    return "\t".join(COLUMNS[focus]).encode() + b"\n"


def spell_text(text: str) -> str:
    r"""Spell a text so that it stays on one line of any file: what would not becomes a space.

    Examples
    --------
    >>> spell_text("two\nlines")
    'two lines'
    """
    # Cc and Cs: control characters and lone surrogates; Zl and Zp: line ends of Unicode.
    kept = (" " if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") else c for c in text)
    return "".join(kept).strip()


def _spell(value: object) -> str:
    """Spell a value as one field."""
    if value is None:
        return MISSING
    if isinstance(value, bool | int):
        return str(int(value))
    if isinstance(value, float):
        return repr(float(value))  # float() because a numpy float has another repr
    return spell_text(str(value))


def _check(focus: str, fields: Mapping[str, str]) -> None:
    """Raise ValueError for a field that is not what its column holds."""
    numbers: Sequence[str] | frozenset[str] = _FLOATS
    if focus != "performance":
        numbers = _NUMBERS_OF_QUALITY
    for column, text in fields.items():
        if column in numbers and text != MISSING:
            if not _NUMBER.fullmatch(text) or not math.isfinite(float(text)):
                raise ValueError(f"{column} is {text[:40]!r}, not a finite number or {MISSING}")
        elif column == "status" and text not in STATUSES:
            raise ValueError(f"status is {text[:40]!r}; there are {', '.join(STATUSES)}")
        elif column == "reason" and text not in REASONS:
            raise ValueError(f"reason is {text[:40]!r}; there are {', '.join(REASONS)}")
        elif column == "timestamp":
            try:
                datetime.datetime.fromisoformat(text)
            except ValueError:
                raise ValueError(f"timestamp is {text[:40]!r}, not ISO 8601") from None


def _line(focus: str, row: Row | Mapping[str, object]) -> bytes:
    """Spell a row as the bytes of its line."""
    columns = COLUMNS[focus]
    try:
        if isinstance(row, Row):
            fields = row.to_fields()
        else:
            fields = {name: _spell(value) for name, value in row.items()}
            _check(focus, fields)
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
        if text != _spell(text):
            raise ValueError(f"{column} is {text[:40]!r}, with characters no row is written with")
    _check(focus, fields)
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
