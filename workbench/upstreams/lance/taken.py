"""Evidence of rows taken by their ids."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.upstreams.lance.distribution import Files, pylance

SEED = 20_260_110
ROWS = 3_000
IDS = 400


def record_take() -> Files:
    """Ask Lance for rows of four columns by three kinds of ids, two lists of each.

    The dataset has three fragments. A file for each column holds it as Lance reads it back
    (nulls as zeros), one for each column and kind the ids and the rows ``dataset.take`` gave.
    """
    lance = pylance()
    import pyarrow as pa

    rng = np.random.default_rng([SEED, 1])
    rows = ROWS
    null = rng.random((2, rows)) < 0.2
    sizes = rng.integers(0, 49, rows)
    sizes[rng.random(rows) < 0.1] = 0
    texts = [rng.integers(97, 123, size, np.uint8).tobytes().decode() for size in sizes.tolist()]
    vectors = pa.array(rng.standard_normal(rows * 32, np.float32))
    table = pa.table(
        {
            "4B": pa.array(rng.integers(-(2**31), 2**31, rows, np.int32), mask=null[0]),
            "8B": pa.array(rng.integers(-(2**63), 2**63 - 1, rows, np.int64)),
            "128B": pa.FixedSizeListArray.from_arrays(vectors, 32),
            "string": pa.array(
                [None if missing else text for missing, text in zip(null[1], texts, strict=True)]
            ),
        }
    )
    runs = rng.integers(0, rows - 20, (2, IDS // 20, 1)) + np.arange(20)
    lists = {
        # with ids asked for twice, and the first and the last row
        "random": np.concatenate(
            [rng.integers(0, rows, (2, IDS - 3)), [[0, rows - 1, 0]] * 2], axis=1
        ),
        "sorted": np.sort([rng.choice(rows, IDS, replace=False) for _ in range(2)], axis=1),
        "clustered": runs.reshape(2, IDS),
    }
    files: Files = {}
    with tempfile.TemporaryDirectory(prefix="workbench-lance-") as folder:
        dataset = lance.write_dataset(
            table, str(Path(folder) / "rows.lance"), max_rows_per_file=1_024
        )
        stored = dataset.to_table()
        for name in table.column_names:
            column = stored[name].combine_chunks()
            files[name] = {f"fixture_{k}": array for k, array in _column(column).items()}
        for kind, ids in lists.items():
            taken = [dataset.take(asked.tolist()) for asked in ids]
            for name in table.column_names:
                parts = [_column(found[name].combine_chunks()) for found in taken]
                files[f"{name}-{kind}"] = {
                    "request_ids": ids.astype(np.uint64),
                    **_outputs(parts, files[name]),
                }
    return files


def _column(column: Any) -> dict[str, NDArray[Any]]:
    """Arrays of a column as the target's fixture has them; what is null is zero or empty."""
    import pyarrow as pa

    valid = column.is_valid().to_numpy(zero_copy_only=False)
    words = np.zeros(-(-len(column) // 64) if column.null_count else 0, np.uint64)
    if column.null_count:
        packed = np.packbits(valid, bitorder="little")
        words.view(np.uint8)[: len(packed)] = packed
    if pa.types.is_string(column.type):
        texts = [(text or "").encode() for text in column.to_pylist()]
        offsets = np.zeros(len(texts) + 1, np.int32)
        np.cumsum([len(text) for text in texts], out=offsets[1:])
        data = np.frombuffer(b"".join(texts), np.uint8)
        return {"data": data, "offsets": offsets, "validity": words}
    if pa.types.is_fixed_size_list(column.type):
        values = column.flatten().to_numpy().reshape(len(column), -1)
    else:
        values = column.fill_null(0).to_numpy()
    return {"values": values, "validity": words}


def _outputs(
    parts: Sequence[dict[str, NDArray[Any]]], fixture: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    """Rows as the target's outputs: each filled to where its counter says."""
    words = -(-IDS // 64) if len(fixture["fixture_validity"]) else 0
    full = np.zeros(-(-IDS // 64), np.uint64)
    packed = np.packbits(np.ones(IDS, bool), bitorder="little")
    full.view(np.uint8)[: len(packed)] = packed
    # a column without a null among the rows taken says nothing about validity
    valid = [part["validity"] if len(part["validity"]) else full[:words] for part in parts]
    strings = "data" in parts[0]
    out = np.stack([np.zeros(0, np.int32) if strings else p["values"].ravel() for p in parts])
    offsets = np.stack([p["offsets"] if strings else np.zeros(0, np.int32) for p in parts])
    data = np.zeros((len(parts), 0), np.uint8)
    if strings:
        longest = int(np.diff(fixture["fixture_offsets"]).max())
        data = np.zeros((len(parts), IDS * longest), np.uint8)
        for row, part in zip(data, parts, strict=True):
            row[: len(part["data"])] = part["data"]
    ones = np.ones(len(parts), np.int64)
    return {
        "output_out": out,
        "output_data": data,
        "output_offsets": offsets,
        "output_valid": np.stack(valid),
        "output_taken": ones * out.shape[1],
        "output_bytes": offsets[:, -1].astype(np.int64) if strings else 0 * ones,
        "output_marks": ones * offsets.shape[1],
        "output_words": ones * words,
        "output_status": 0 * ones,
    }
