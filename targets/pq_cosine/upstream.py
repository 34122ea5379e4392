"""Lance's product-quantised cosine distance, as plain numba loops: the starting line.

Lance scales the query to length 1, once, and goes on with L2: for each probed partition it fills a
table with the distance to every centroid of every sub-vector, then walks the sub-vectors in order
and adds one table entry to each row's running sum. Codes lie transposed, one row of codes per
sub-vector.
"""

import numpy as np
from numba import njit


@njit
def setup(codebook, codes):
    """Lay the codes out sub-vector by sub-vector, as Lance stores them."""
    return codebook, np.ascontiguousarray(codes.T)


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
    sub_vectors, centroids, width = codebook.shape
    for j in range(sub_vectors):
        for c in range(centroids):
            total = np.float32(0.0)
            for d in range(width):
                difference = unit[j * width + d] - codebook[j, c, d]
                total += difference * difference
            table[j, c] = total


@njit
def distances(state, table, out):
    """Distance of every row: the sum of one table entry per sub-vector, in order."""
    codes = state[1]
    sub_vectors, rows = codes.shape
    out[:] = 0.0
    for j in range(sub_vectors):
        for i in range(rows):
            out[i] += table[j, codes[j, i]]
