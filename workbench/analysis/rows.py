"""Cells of an encoder sweep from JSONL and Parquet, old names mapped, bad rows named."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workbench.analysis.axes import ENCODER
from workbench.errors import Infrastructure, Usage

VERSION = 3
# Versions 1 and 2 of the published schema to ours, which is version 3.
OLD_NAMES = {
    "src": "source",
    "actual_kbps": "bitrate_kbps",
    "vmaf": "vmaf_score",
    "enc_ms": "encode_time_ms",
    "recipe": "knob_combo",
}
REQUIRED = ("source", "codec", "rc_mode", "bitrate_kbps", "vmaf_score", "encode_time_ms")
# What is a number, and the least that it can be: a bitrate is above zero.
LEAST = {"bitrate_kbps": math.ulp(0.0), "vmaf_score": -math.inf, "encode_time_ms": 0.0}
NUMBERS = tuple(LEAST)
NAMES = (*REQUIRED, ENCODER.recipe)
# What a row without them gets; a recipe of this name, or of none, is the default.
BARE = "bare"
NOT_BOOL = "not true or false"
# Which measurement of a cell: 0, or 1 for the second.
DUPLICATE = "duplicate"
# Of VMAF's kind, without its reward for enhancement.
VMAF_NEG = "vmaf_neg"
# Rows are read and checked so many bytes at a time.
BLOCK_BYTES = 16 << 20


def read(path: Path) -> pd.DataFrame:
    """Cells of a ``.jsonl`` or ``.parquet`` file, columns in `ENCODER`'s names; others stay.

    Raises
    ------
    Infrastructure
        Naming the file, the line or row, and what is wrong with it: a field that is missing, a
        bitrate that is not finite and positive, a score that is not finite, a time that is not
        finite or negative.
    """
    try:
        is_empty = path.stat().st_size == 0
        table = None if is_empty else (_parquet if path.suffix == ".parquet" else _jsonl)(path)
    except OSError as error:
        raise Infrastructure(f"{path} cannot be read: {error.strerror or error}") from error
    if table is None or table.empty:
        raise Infrastructure(f"{path} has no rows")
    _check_schema(path, table)
    return complete(table)


def _check_schema(path: Path, table: pd.DataFrame) -> None:
    """Refuse rows of a later version, and a cell that is there twice."""
    if "schema_version" in table.columns:
        later = (pd.to_numeric(table["schema_version"], errors="coerce") > VERSION).to_numpy()
        if later.any():
            version = table["schema_version"].iloc[int(later.argmax())]
            raise Infrastructure(
                f"{path} row {int(later.argmax()) + 1}: schema_version {version}; this program "
                f"reads up to {VERSION}: update it"
            )
    if "cell_id" in table.columns:
        again = table["cell_id"].duplicated().to_numpy()
        if again.any():
            row = int(again.argmax())
            raise Infrastructure(
                f"{path} row {row + 1}: cell {table['cell_id'].iloc[row]} is there already"
            )


def _parquet(path: Path) -> pd.DataFrame:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        # text as numbers and a dictionary from the start: of 10 million rows, most of the time
        text = [field.name for field in parquet.read_schema(path) if _is_text(field.type)]
        table = parquet.read_table(path, memory_map=True, read_dictionary=text)
    except pa.ArrowInvalid as error:
        raise Infrastructure(f"{path} is no Parquet file: {_first_line(error)}") from error
    frame = _frame(table)
    at = _first_bad(frame)
    if at is not None:
        row, why = at
        raise Infrastructure(f"{path} row {row + 1}: {why}")
    return frame


def _jsonl(path: Path) -> pd.DataFrame:
    import pyarrow as pa
    from pyarrow import json as arrow_json

    # Explicit, so that a clip named like a date stays text, and whole numbers do not decide.
    schema = pa.schema(
        [
            (old, pa.float64() if name in NUMBERS else pa.string())
            for old, name in [*OLD_NAMES.items(), *((name, name) for name in NAMES)]
        ]
    )
    try:
        table = arrow_json.read_json(
            path,
            arrow_json.ReadOptions(block_size=BLOCK_BYTES),
            arrow_json.ParseOptions(explicit_schema=schema),
        )
    except pa.ArrowInvalid as error:
        raise Infrastructure(f"{path} {_line_that_fails(path, _first_line(error))}") from error
    frame = _frame(table)
    at = _first_bad(frame)
    if at is not None:
        row, why = at
        raise Infrastructure(f"{path} {_line_that_fails(path, f'row {row + 1}: {why}')}")
    return frame


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _frame(table: Any) -> pd.DataFrame:
    """Columns under their new names, text as categories."""
    import pyarrow as pa
    from pyarrow import compute

    columns: dict[str, Any] = {}
    for name in sorted(table.column_names, key=OLD_NAMES.__contains__):
        column, new = table[name], OLD_NAMES.get(name, name)
        if column.null_count == len(column) and new in NAMES and len(column):
            continue  # from the schema, not from the file
        if new in columns:  # old rows and new ones in one file
            text = [
                c.cast(pa.string()) if new not in NUMBERS else c for c in (columns[new], column)
            ]
            column = compute.coalesce(*text)
        columns[new] = column.dictionary_encode() if _is_text(column.type) else column
    frame: pd.DataFrame = pa.table(columns).to_pandas(self_destruct=True, split_blocks=True)
    return frame


def complete(frame: pd.DataFrame) -> pd.DataFrame:
    """Fill in what old versions do not say: recipe, settings, and which row is the default."""
    for name, value in ((ENCODER.recipe, BARE), ("preset", ""), ("quality", np.nan)):
        if name not in frame.columns:
            frame[name] = value
    recipe = frame[ENCODER.recipe]
    if recipe.isna().any():
        frame[ENCODER.recipe] = recipe.astype(object).fillna(BARE).astype("category")
    is_bare = frame[ENCODER.recipe].isin([BARE, ""])
    if ENCODER.bare in frame.columns:
        given = frame[ENCODER.bare]
        is_bare = given.where(given.notna(), is_bare)
    frame[ENCODER.bare] = is_bare.astype(bool)
    return frame


def _first_bad(frame: pd.DataFrame) -> tuple[int, str] | None:
    """First row that is no cell, and why."""
    missing = [name for name in REQUIRED if name not in frame.columns]
    if missing and len(frame):
        return 0, f"no {', '.join(missing)}"
    found = []
    for name in REQUIRED:
        if name in NUMBERS:
            values = pd.to_numeric(frame[name], errors="coerce").to_numpy(np.float64)
            bad = ~np.isfinite(values) | (values < LEAST[name])
        else:
            bad = frame[name].isna().to_numpy()
        if bad.any():
            row = int(bad.argmax())
            found.append((row, f"{name} is {values[row]}" if name in NUMBERS else f"no {name}"))
    if ENCODER.bare in frame.columns and isinstance(frame[ENCODER.bare].dtype, pd.CategoricalDtype):
        row = int(frame[ENCODER.bare].notna().argmax())
        found.append((row, f"{ENCODER.bare} is {frame[ENCODER.bare].iloc[row]!r}, {NOT_BOOL}"))
    return min(found, default=None)


def _line_that_fails(path: Path, fallback: str) -> str:
    """Look line by line for what the fast reader only says is somewhere."""
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                why = wrong_with(line)
                if why:
                    return f"line {number}: {why}"
    return fallback


def wrong_with(line: bytes) -> str:
    """Say why a line is no cell; empty for one that is."""
    try:
        row = json.loads(line)
    except ValueError as error:
        return f"no JSON ({error})"
    if not isinstance(row, dict):
        return f"a {type(row).__name__}, not an object"
    old = {OLD_NAMES[name]: value for name, value in row.items() if name in OLD_NAMES}
    row = old | {name: value for name, value in row.items() if value is not None}
    return "; ".join(_faults(row))


def _faults(row: dict[str, Any]) -> Iterable[str]:
    for name in REQUIRED:
        value = row.get(name)
        if value is None:
            yield f"no {name}"
        elif name in NUMBERS:
            if isinstance(value, bool) or not isinstance(value, int | float):
                yield f"{name} is {value!r}, not a number"
            elif not math.isfinite(value) or value < LEAST[name]:
                yield f"{name} is {value!r}"
        elif not isinstance(value, str):
            yield f"{name} is {value!r}, not text"
    if isinstance(row.get(ENCODER.bare), str):
        yield f"{ENCODER.bare} is {row[ENCODER.bare]!r}, {NOT_BOOL}"


def _first_line(error: object) -> str:
    return str(error).splitlines()[0] if str(error) else "unreadable"


def find(path: Path) -> Path:
    """The file of rows that a path means: itself, or a sweep's folder's."""
    if not path.is_dir():
        return path
    for name in ("cells.parquet", "cells.jsonl"):
        if (path / name).is_file():
            return path / name
    raise Usage(f"{path} has no cells.jsonl and no cells.parquet: name a sweep's folder or a file")


def distinct(frame: pd.DataFrame) -> pd.DataFrame:
    """Cells without their second measurements, which `noise.floor` is for."""
    if DUPLICATE not in frame.columns:
        return frame
    return frame[~(frame[DUPLICATE] > 0)]


def second_quality(frame: pd.DataFrame) -> str | None:
    """The column of VMAF NEG, where a sweep has it."""
    return VMAF_NEG if VMAF_NEG in frame.columns else None
