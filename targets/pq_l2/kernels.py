"""Add eight sub-vectors in one pass over the rows, so that ``out`` stays in a register."""

import numpy as np
from numba import njit


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
    distances_portable(state[1], table, out)


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
