"""Table over centroids; eight sub-vectors a pass over rows that begin at 1."""

import numpy as np
from numba import njit


@njit
def setup(codebook, codes):
    """Transpose the codebook to [m, width, k] and the codes to [m, n]."""
    return np.ascontiguousarray(codebook.transpose(0, 2, 1)), np.ascontiguousarray(codes.T)


@njit
def distance_table(state, query, table):
    """Minus the dot product of each part of the query and each centroid of that part."""
    codebook = state[0]
    sub_vectors, width, centroids = codebook.shape
    for j in range(sub_vectors):
        for c in range(centroids):
            table[j, c] = 0.0
        for d in range(width):
            part = query[j * width + d]
            for c in range(centroids):
                table[j, c] -= part * codebook[j, d, c]


@njit
def distances(state, table, out):
    """Distance of every row: 1 and its table entries, so that no ones are to be taken away."""
    codes = state[1]
    sub_vectors, rows = codes.shape
    out[:] = 1.0
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
