"""Evidence about encoding: which code a product quantiser gives each part of a row."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.upstreams.lance.distribution import Files
from workbench.upstreams.lance.ivf_pq import PQ_SHAPES, build_ivf_pq, sparse, uniform

SEED = 20_260_103
ROWS = 128
# Components are multiples of 1/16 in [-4, 4]: every square and every sum of them, up to 768, is a
# float32, so no order of additions, no fused operation and no CPU can change a distance.
STEP, LARGEST = 16, 4

Draw = Callable[[np.random.Generator, int, int], NDArray[np.float64]]


def record_pq_encode() -> Files:
    """Ask Lance for the evidence of target ``pq_encode``.

    For each shape one file with the codebook, for each shape and distribution one with rows, the
    codes that an IVF_PQ index with one partition around the origin stores for them, and the
    distance of each row to what its own codes stand for, by a search of that index.
    """
    files: Files = {}
    for shape in PQ_SHAPES:
        dim, parts, centroids = shape
        name = "x".join(map(str, shape))
        rng = np.random.default_rng([SEED, *shape])
        drawn = _on_grid(rng.standard_normal((parts, centroids, dim // parts)))
        # centroids that are twice there show which of equals is taken
        drawn[:, 1::8] = drawn[:, ::8]
        files[name] = {"fixture_codebook": drawn.astype(np.float16)}
        for distribution, draw in _ROWS.items():
            rows = _on_grid(draw(rng, ROWS, dim))
            files[f"{name}-{distribution}"] = _ask(
                rows.astype(np.float32), drawn.astype(np.float32)
            )
    return files


def _ask(rows: NDArray[np.float32], codebook: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
    """Index the rows, read their codes, and ask how far each is from its code."""
    with tempfile.TemporaryDirectory(prefix="workbench-lance-") as folder:
        index = build_ivf_pq(Path(folder), rows, codebook)
        (partition,) = index.partitions
        codes = np.empty_like(partition.codes)
        codes[partition.row_ids] = partition.codes
        totals = np.empty(len(rows), np.float32)
        for i, row in enumerate(rows):
            row_ids, distances = index.nearest(row, k=len(rows), nprobes=1)
            totals[i] = distances[row_ids == i][0]
    return {
        "request_rows": rows[None].astype(np.float16),
        "output_codes": codes[None],
        "output_totals": totals[None],
    }


def _on_grid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    grid: NDArray[np.float64] = np.clip(np.rint(values * STEP) / STEP, -LARGEST, LARGEST)
    return grid


def _gaussian(rng: np.random.Generator, rows: int, dim: int) -> NDArray[np.float64]:
    return rng.standard_normal((rows, dim))


_ROWS: Mapping[str, Draw] = {"gaussian": _gaussian, "uniform": uniform, "sparse": sparse}
