"""The truth, in the plainest code and in Lance's own order of float32 additions.

The order was found by asking pylance 14.0.2 and is pinned by the snapshot: a table entry is
eight partial sums (dimension ``d`` goes to partial sum ``d % 8`` by a fused multiply-add) that
are folded in halves, and a row adds its table entries one sub-vector after another. With it
this file returns the bits that Lance returned.
"""

import numpy as np
from numba import njit


@njit
def setup(codebook, codes):
    """Nothing to prepare: the state is the fixture."""
    return codebook, codes


@njit
def distance_table(state, query, table):
    """Squared distance of each part of the query to each centroid of that part."""
    codebook = state[0]
    sub_vectors, centroids, width = codebook.shape
    partial = np.empty(8, np.float32)
    for j in range(sub_vectors):
        for c in range(centroids):
            partial[:] = 0.0
            for d in range(width):
                difference = np.float64(query[j * width + d] - codebook[j, c, d])
                # float64 holds the square exactly, so one rounding to float32 is the fused one
                partial[d % 8] = np.float32(difference * difference + partial[d % 8])
            for half in (4, 2, 1):
                for lane in range(half):
                    partial[lane] += partial[lane + half]
            table[j, c] = partial[0]


@njit
def distances(state, table, out):
    """Distance of every row: the sum of one table entry per sub-vector, in order."""
    codes = state[1]
    rows, sub_vectors = codes.shape
    for i in range(rows):
        total = np.float32(0.0)
        for j in range(sub_vectors):
            total += table[j, codes[i, j]]
        out[i] = total


def answer(fixture, requests):
    """Return the true outputs of all requests.

    Parameters
    ----------
    fixture : mapping
        ``codebook`` f32[m, k, width] and ``codes`` u8[n, m].
    requests : mapping
        ``query`` f32[requests, m * width].

    Returns
    -------
    dict
        ``out`` f32[requests, n].
    """
    codebook, codes = fixture["codebook"], fixture["codes"]
    state = setup(codebook, codes)
    table = np.empty(codebook.shape[:2], np.float32)
    out = np.empty((len(requests["query"]), len(codes)), np.float32)
    for i, query in enumerate(requests["query"]):
        distance_table(state, query, table)
        distances(state, table, out[i])
    return {"out": out}
