"""Lance's algorithm, as upstream.py has it: the kernel before the first trial."""

import numpy as np
from numba import njit


@njit
def setup(codebook, codes):
    """Lay the codes out sub-vector by sub-vector, as Lance stores them."""
    return codebook, np.ascontiguousarray(codes.T)


@njit
def distance_table(state, query, table):
    """1 minus the dot product of each part of the query and each centroid of that part."""
    codebook = state[0]
    sub_vectors, centroids, width = codebook.shape
    for j in range(sub_vectors):
        for c in range(centroids):
            total = np.float32(0.0)
            for d in range(width):
                total += query[j * width + d] * codebook[j, c, d]
            table[j, c] = np.float32(1.0) - total


@njit
def distances(state, table, out):
    """Distance of every row: the sum of one table entry per sub-vector, in order, less the ones."""
    codes = state[1]
    sub_vectors, rows = codes.shape
    out[:] = 0.0
    for j in range(sub_vectors):
        for i in range(rows):
            out[i] += table[j, codes[j, i]]
    ones = np.float32(sub_vectors - 1)
    for i in range(rows):
        out[i] -= ones
