"""Evidence of rows that a filter keeps."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.upstreams.lance.distribution import Files, pylance
from workbench.upstreams.lance.filters import COLUMNS, FILTERS, INFINITY, NAN, bits_of, plan, sql

SEED = 20_260_110
ROWS = 2_000


def record_predicate() -> Files:
    """Ask Lance which rows it keeps of three tables by up to 22 filters.

    A file for each table holds its columns (floats by their bits, nulls as zeros) and validity,
    one for each table and filter the plan, its constants and the rows that Lance kept.
    """
    lance = pylance()
    import pyarrow as pa

    rng = np.random.default_rng(SEED)
    files: Files = {}
    plans = {name: plan(made) for name, made in FILTERS.items()}
    for table, (values, null) in _tables(rng).items():
        columns = {
            name: pa.array(column, mask=null[c]) for c, (name, column) in enumerate(values.items())
        }
        words = np.zeros((len(COLUMNS), 8 * -(-ROWS // 64)), np.uint8)
        packed = np.packbits(~null, axis=1, bitorder="little")
        words[:, : packed.shape[1]] = packed
        read = {
            name: np.where(null[c], 0, column).astype(column.dtype)
            for c, (name, column) in enumerate(values.items())
        }
        files[table] = {
            "fixture_rows": np.array([ROWS]),
            "request_validity": words.view(np.uint64)[None],
            **{f"request_{name}": bits_of(column)[None] for name, column in read.items()},
        }
        with tempfile.TemporaryDirectory(prefix="workbench-lance-") as folder:
            dataset = lance.write_dataset(pa.table(columns), str(Path(folder) / "rows.lance"))
            for name, made in FILTERS.items():
                if table != "extremes" and name.endswith(("_inside", "_outside")):
                    continue  # every operator of every type once, where it matters
                found = dataset.scanner(columns=[], filter=sql(made), with_row_id=True).to_table()
                nodes, constants = plans[name]
                files[f"{table}-{name}"] = {
                    "fixture_nodes": nodes,
                    "request_constants": constants[None],
                    "output_rows": found["_rowid"].to_numpy()[None],
                    "output_count": np.array([found.num_rows]),
                }
    return files


def _tables(
    rng: np.random.Generator,
) -> dict[str, tuple[dict[str, NDArray[Any]], NDArray[np.bool_]]]:
    """Columns and where they are null: random rows, sorted rows, extremes; few and many nulls."""
    rows = ROWS
    small = {
        "i32": rng.integers(-50, 100, rows, np.int32),
        "i64": rng.integers(-1_000, 1_000, rows, np.int64) << rng.integers(0, 40, rows),
        "u8": rng.integers(0, 12, rows, np.uint8),
        "f32": rng.standard_normal(rows, np.float32),
        "f64": np.round(rng.standard_normal(rows) * 4) / 4,
    }
    extremes = {name: rng.choice(_extremes(column.dtype), rows) for name, column in small.items()}
    few, half = (rng.random((len(COLUMNS), rows)) < share for share in (0.03, 0.5))
    return {
        "random": (small, few),
        # Stable, because 0.0 and -0.0 are equal: else NumPy orders them as the CPU's sort does.
        "clustered": ({name: np.sort(c, kind="stable") for name, c in small.items()}, half),
        "extremes": (extremes, few),
    }


def _extremes(dtype: np.dtype[Any]) -> NDArray[Any]:
    """Values where comparisons go wrong first; among floats two zeros and four kinds of NaN."""
    if dtype.kind != "f":
        info = np.iinfo(dtype)
        return np.array([info.min, info.min + 1, 0, 1, 7, info.max - 1, info.max], dtype)
    numbers = np.array([0.0, -0.0, 0.5, 1.0, -1.5, INFINITY, -INFINITY, NAN], dtype)
    bits = bits_of(numbers)
    more = [bits[-1] + 1, bits[-1] | np.iinfo(bits.dtype).min, np.iinfo(bits.dtype).min + 1]
    return np.concatenate([bits, more]).astype(bits.dtype).view(dtype)
