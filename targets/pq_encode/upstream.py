"""How Lance encodes rows with a product quantiser, as numba loops: the starting line.

Each part of a row is compared with the 256 centroids of that part, one after another: eight
partial sums by fused multiply-add, folded in halves. The nearest so far is remembered in two
scalars; of equal distances the first stays. Rust's loop over eight lanes becomes vector
instructions, so vectors are written here too.
"""

import numpy as np
from numba import njit

from workbench import simd


@njit
def setup(codebook):
    """Keep the centroids as they are stored: part by part, one after another."""
    return (np.ascontiguousarray(codebook),)


@njit
def encode(state, rows, gaps, codes, distances):
    """Nearest centroid of each part of each row, and its squared distance."""
    codebook = state[0]
    parts, centroids, width = codebook.shape
    for i in range(len(rows)):
        for j in range(parts):
            nearest, least = 0, np.float32(np.inf)
            for c in range(centroids):
                gap = squared_distance(rows, (i * parts + j) * width, codebook, j, c)
                if gap < least:
                    nearest, least = c, gap
            codes[i, j], distances[i, j] = nearest, least


@njit
def squared_distance(rows, at, codebook, j, c):
    """From the part of ``rows`` that begins at element ``at`` to centroid ``c`` of part ``j``."""
    _, centroids, width = codebook.shape
    start = (j * centroids + c) * width
    whole = width // 8 * 8
    sums = simd.splat(simd.f32x8, 0)
    for d in range(0, whole, 8):
        gap = simd.load(simd.f32x8, rows, at + d) - simd.load(simd.f32x8, codebook, start + d)
        sums = simd.fma(gap, gap, sums)
    if whole < width:
        part = simd.load_first(simd.f32x8, rows, at + whole, width - whole)
        gap = part - simd.load_first(simd.f32x8, codebook, start + whole, width - whole)
        sums = simd.fma(gap, gap, sums)
    return simd.reduce_add(sums)
