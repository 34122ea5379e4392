"""Everything clever, once more in the simplest possible code. Oracles of the tests only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def pq_l2(codebook: NDArray[Any], codes: NDArray[Any], query: NDArray[Any]) -> NDArray[np.float64]:
    """Decode every row, subtract the query, sum the squares."""
    sub_vectors, _, width = codebook.shape
    rows = codebook.astype(np.float64)[np.arange(sub_vectors), codes]
    gap = rows - query.astype(np.float64).reshape(sub_vectors, width)
    distances: NDArray[np.float64] = (gap * gap).sum(axis=(1, 2))
    return distances


def nearest_codes(codebook: NDArray[Any], vectors: NDArray[Any]) -> NDArray[np.uint8]:
    """Compare every part of every vector with every centroid."""
    sub_vectors, _, width = codebook.shape
    parts = vectors.reshape(len(vectors), sub_vectors, 1, width).astype(np.float64)
    distances = ((parts - codebook[None]) ** 2).sum(axis=3)
    return distances.argmin(axis=2).astype(np.uint8)
