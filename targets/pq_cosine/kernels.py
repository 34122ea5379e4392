"""Table over centroids; eight sub-vectors a pass over the rows."""

import numpy as np
from numba import njit


@njit
def setup(codebook, codes):
    """Transpose the codebook to [m, width, k] and the codes to [m, n]."""
    return np.ascontiguousarray(codebook.transpose(0, 2, 1)), np.ascontiguousarray(codes.T)


@njit
def normalise(query, unit):
    """Scale the query to length 1; False if it has no direction (zero, or not a number)."""
    total = np.float32(0.0)
    for d in range(len(query)):
        total += query[d] * query[d]
    length = np.sqrt(total)
    if not length > 0.0:
        return False
    found = True
    for d in range(len(query)):
        unit[d] = query[d] / length
        found &= np.isfinite(unit[d])
    return found


@njit
def distance_table(state, unit, table):
    """Squared distance of each part of the unit query to each centroid of that part."""
    codebook = state[0]
    sub_vectors, width, centroids = codebook.shape
    for j in range(sub_vectors):
        for c in range(centroids):
            table[j, c] = 0.0
        for d in range(width):
            part = unit[j * width + d]
            for c in range(centroids):
                difference = part - codebook[j, d, c]
                table[j, c] += difference * difference


@njit
def distances(state, table, out):
    """Distance of every row: the sum of one table entry per sub-vector, in order."""
    codes = state[1]
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
