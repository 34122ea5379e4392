"""Hold a table row in sixteen registers and look sixteen codes up by permutes."""

import numpy as np
from numba import njit

from workbench import simd
from workbench.simd import HAS_WORD_PERMUTE


@njit
def setup(codebook, codes):
    """Transpose both: centroids side by side, codes sub-vector by sub-vector."""
    return transposed(codebook), np.ascontiguousarray(codes.T)


@njit
def transposed(codebook):
    """Codebook as f32[m, width, k]: neighbours in memory are centroids, not dimensions."""
    sub_vectors, centroids, width = codebook.shape
    turned = np.empty((sub_vectors, width, centroids), np.float32)
    for j in range(sub_vectors):
        for d in range(width):
            for c in range(centroids):
                turned[j, d, c] = codebook[j, c, d]
    return turned


@njit
def distance_table(state, query, table):
    """Squared distance of each part of the query to each centroid, all centroids side by side."""
    codebook = state[0]
    sub_vectors, width, centroids = codebook.shape
    for j in range(sub_vectors):
        row = table[j]
        row[:] = 0.0
        for d in range(width):
            part = query[j * width + d]
            for c in range(centroids):
                difference = part - codebook[j, d, c]
                row[c] += difference * difference


@njit
def distances(state, table, out):
    """Distance of every row: the sum of one table entry per sub-vector, in order."""
    if HAS_WORD_PERMUTE:
        distances_permuting(state[1], table, out)
    else:
        distances_portable(state[1], table, out)


@njit
def four_registers(table, at):
    """64 floats of a table row."""
    return (
        simd.load(simd.f32x16, table, at),
        simd.load(simd.f32x16, table, at + 16),
        simd.load(simd.f32x16, table, at + 32),
        simd.load(simd.f32x16, table, at + 48),
    )


@njit
def distances_permuting(codes, table, out):
    """Sixteen rows at a time: eight two-register permutes and seven selections."""
    sub_vectors, rows = codes.shape
    out[:] = 0.0
    whole = rows // 16 * 16
    for j in range(sub_vectors):
        low = four_registers(table, j * 256) + four_registers(table, j * 256 + 64)
        high = four_registers(table, j * 256 + 128) + four_registers(table, j * 256 + 192)
        row = low + high
        for i in range(0, whole, 16):
            index = simd.convert(simd.u32x16, simd.load(simd.u8x16, codes, j * rows + i))
            total = simd.load(simd.f32x16, out, i) + simd.lookup(row, index)
            simd.store(out, i, total)
        for i in range(whole, rows):
            out[i] += table[j, codes[j, i]]


@njit
def distances_portable(codes, table, out):
    """Eight sub-vectors a pass, so that ``out`` is read and written an eighth as often."""
    sub_vectors, rows = codes.shape
    out[:] = 0.0
    whole = sub_vectors // 8 * 8
    for j in range(0, whole, 8):
        for i in range(rows):
            total = out[i]
            total += table[j, codes[j, i]]
            total += table[j + 1, codes[j + 1, i]]
            total += table[j + 2, codes[j + 2, i]]
            total += table[j + 3, codes[j + 3, i]]
            total += table[j + 4, codes[j + 4, i]]
            total += table[j + 5, codes[j + 5, i]]
            total += table[j + 6, codes[j + 6, i]]
            total += table[j + 7, codes[j + 7, i]]
            out[i] = total
    for j in range(whole, sub_vectors):
        for i in range(rows):
            out[i] += table[j, codes[j, i]]
