"""Transpose the codebook, so that the distance table vectorises over centroids."""

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
    codes = state[1]
    sub_vectors, rows = codes.shape
    out[:] = 0.0
    for j in range(sub_vectors):
        for i in range(rows):
            out[i] += table[j, codes[j, i]]
