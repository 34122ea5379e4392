"""The bytes of a ledger: its header, its rows, and the part that is whole."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from workbench.errors import Infrastructure
from workbench.ledger.focus import COLUMNS, FILES, ROWS
from workbench.row import AnyRow, check, spell


def header(focus: str) -> bytes:
    """The first line, which names the columns."""
    return "\t".join(COLUMNS[focus]).encode() + b"\n"


def line_of(focus: str, row: AnyRow | Mapping[str, object]) -> bytes:
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


def parse(focus: str, line: bytes) -> dict[str, str]:
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


def whole_size(raw: bytes, path: Path, focus: str) -> int:
    """Length of the part that ends in a newline, once its header is found to be right."""
    first = header(focus)
    size = raw.rfind(b"\n") + 1
    if raw[: len(first)] != first[: len(raw)]:
        shown = raw.split(b"\n", 1)[0][:60].decode("utf-8", "backslashreplace")
        raise Infrastructure(
            f"{path} line 1: {shown!r} is not the header of {FILES[focus]}, which is "
            f"{' '.join(COLUMNS[focus])}: move the file away and a new ledger begins"
        )
    return size
