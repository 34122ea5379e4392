"""Ledgers, read."""

from __future__ import annotations

from pathlib import Path

from workbench.errors import Infrastructure
from workbench.ledger.focus import ROWS, focus_of
from workbench.ledger.lines import parse, whole_size
from workbench.row import AnyRow, Row


def read(path: Path) -> list[Row]:
    """Read a performance ledger, oldest row first; a ledger that does not exist is empty.

    Raises
    ------
    Infrastructure
        Naming the file, the line, what is wrong and what to do. A torn last line is skipped.
    """
    if focus_of(path) != "performance":
        raise Infrastructure(f"{path.name} holds no performance rows: use ledger.read_any")
    return [Row.from_fields(fields) for fields in read_table(path)]


def read_any(path: Path) -> list[AnyRow]:
    """Read a ledger of any focus, oldest row first, checked like `read`."""
    return [ROWS[focus_of(path)].from_fields(fields) for fields in read_table(path)]


def read_table(path: Path) -> list[dict[str, str]]:
    """Read a ledger of any focus as text, checked like `read`."""
    focus = focus_of(path)
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise Infrastructure(f"{path} cannot be read: {error.strerror}") from error
    lines = raw[: whole_size(raw, path, focus)].split(b"\n")[:-1]
    rows = []
    for number, line in enumerate(lines[1:], 2):
        try:
            rows.append(parse(focus, line))
        except ValueError as error:
            raise Infrastructure(
                f"{path} line {number}: {error}; rows are never edited: restore that line, or "
                "move the file away and a new ledger begins"
            ) from error
    return rows
