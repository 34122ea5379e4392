"""The truth, in the plainest code and in Lance's own order of float32 additions.

The order was found by asking pylance 14.0.2 and is pinned by the snapshot: a table entry is 1
minus a dot product of eight partial sums (dimension ``d`` goes to partial sum ``d % 8`` by a
fused multiply-add) that are folded in halves; a row adds its table entries one sub-vector after
another and takes the ones away again, all but the first. With it this file returns the bits
that Lance returned.
"""

import numpy as np
from numba import njit


@njit
def setup(codebook, codes):
    """Nothing to prepare: the state is the fixture."""
    return codebook, codes


@njit
def distance_table(state, query, table):
    """1 minus the dot product of each part of the query and each centroid of that part."""
    codebook = state[0]
    sub_vectors, centroids, width = codebook.shape
    partial = np.empty(8, np.float32)
    for j in range(sub_vectors):
        for c in range(centroids):
            partial[:] = 0.0
            for d in range(width):
                product = np.float64(query[j * width + d]) * np.float64(codebook[j, c, d])
                # float64 holds the product exactly, so one rounding to float32 is the fused one
                partial[d % 8] = np.float32(product + partial[d % 8])
            for half in (4, 2, 1):
                for lane in range(half):
                    partial[lane] += partial[lane + half]
            table[j, c] = np.float32(1.0) - partial[0]


@njit
def distances(state, table, out):
    """Distance of every row: 1 minus its dot product with the query."""
    codes = state[1]
    rows, sub_vectors = codes.shape
    ones = np.float32(sub_vectors - 1)
    for i in range(rows):
        total = np.float32(0.0)
        for j in range(sub_vectors):
            total += table[j, codes[i, j]]
        out[i] = total - ones


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
