"""How Lance encodes rows with a product quantiser, as numba loops: the starting line.

Each part of a row is compared with the centroids of that part, one after another; the nearest so
far is remembered in two scalars, and of equal distances the first stays. Parts of 8 and of 16
dimensions, which is what indices have, stay in registers: eight partial sums by fused
multiply-add, folded in halves. Rust's loops over lanes become vector instructions there, so
vectors are written here too.
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
    parts, _, width = codebook.shape
    for i in range(len(rows)):
        for j in range(parts):
            part = rows[i, j * width : (j + 1) * width]
            if width == 8:
                found = nearest_of_8(part, codebook[j])
            elif width == 16:
                found = nearest_of_16(part, codebook[j])
            else:
                found = nearest(part, codebook[j])
            codes[i, j], distances[i, j] = found


@njit
def nearest_of_8(part, centroids):
    """Nearest of centroids of eight dimensions, and its squared distance."""
    here = simd.load(simd.f32x8, part, 0)
    code, least = 0, np.float32(np.inf)
    for c in range(len(centroids)):
        gap = here - simd.load(simd.f32x8, centroids, 8 * c)
        distance = simd.reduce_add(gap * gap)
        if distance < least:
            code, least = c, distance
    return code, least


@njit
def nearest_of_16(part, centroids):
    """Nearest of centroids of sixteen dimensions, and its squared distance."""
    low, high = simd.load(simd.f32x8, part, 0), simd.load(simd.f32x8, part, 8)
    code, least = 0, np.float32(np.inf)
    for c in range(len(centroids)):
        low_gap = low - simd.load(simd.f32x8, centroids, 16 * c)
        high_gap = high - simd.load(simd.f32x8, centroids, 16 * c + 8)
        distance = simd.reduce_add(simd.fma(high_gap, high_gap, low_gap * low_gap))
        if distance < least:
            code, least = c, distance
    return code, least


@njit
def nearest(part, centroids):
    """Nearest of centroids of any other size, and its squared distance."""
    width = len(part)
    whole = width // 16 * 16
    code, least = 0, np.float32(np.inf)
    for c in range(len(centroids)):
        sums = simd.splat(simd.f32x16, 0)
        for d in range(0, whole, 16):
            gap = simd.load(simd.f32x16, part, d)
            gap = gap - simd.load(simd.f32x16, centroids, c * width + d)
            sums = sums + gap * gap
        distance = simd.reduce_add(sums)
        for d in range(whole, width):
            distance += (part[d] - centroids[c, d]) ** 2
        if distance < least:
            code, least = c, distance
    return code, least
