"""The truth, in the plainest code: all distances, and the least of them.

Eight partial sums (dimension ``d`` goes to partial sum ``d % 8`` by a fused multiply-add) that are
folded in halves: the order that `targets/pq_l2` found Lance to use for its distance table.
"""

import numpy as np
from numba import njit

# A near tie is told from a wrong code by the ranks behind the first.
RANKS = 4


@njit
def setup(codebook):
    """Nothing to prepare: the state is the fixture."""
    return (codebook,)


@njit
def encode(state, rows, gaps, codes, distances):
    """Nearest centroid of each part of each row, and its squared distance."""
    for i in range(len(rows)):
        for j in range(len(state[0])):
            found = part_distances(state[0], rows[i], j)
            codes[i, j] = np.argmin(found)
            distances[i, j] = found[codes[i, j]]


@njit
def part_distances(codebook, row, j):
    """Squared distance of part ``j`` of a row to each of its centroids."""
    _, centroids, width = codebook.shape
    found = np.empty(centroids, np.float32)
    partial = np.empty(8, np.float32)
    for c in range(centroids):
        partial[:] = 0.0
        for d in range(width):
            gap = np.float64(row[j * width + d] - codebook[j, c, d])
            # float64 holds the square exactly, so one rounding to float32 is the fused one
            partial[d % 8] = np.float32(gap * gap + partial[d % 8])
        for half in (4, 2, 1):
            for lane in range(half):
                partial[lane] += partial[lane + half]
        found[c] = partial[0]
    return found


@njit
def rank(codebook, rows, codes, distances):
    """The nearest `RANKS` centroids of each part of each row, the first of equals before."""
    for i in range(len(rows)):
        for j in range(len(codebook)):
            found = part_distances(codebook, rows[i], j)
            for r in range(codes.shape[2]):
                codes[i, j, r] = np.argmin(found)
                distances[i, j, r] = found[codes[i, j, r]]
                found[codes[i, j, r]] = np.inf


def answer(fixture, requests):
    """Return the true outputs of all requests.

    Parameters
    ----------
    fixture : mapping
        ``codebook`` f32[parts, centroids, width].
    requests : mapping
        ``rows`` f32[requests, n, parts * width].

    Returns
    -------
    dict
        ``codes`` u8 and ``distances`` f32, both [requests, n, parts, RANKS]: the nearest
        centroids, so that a tie is told from a wrong code.
    """
    codebook, rows = fixture["codebook"], requests["rows"]
    shape = (*rows.shape[:2], len(codebook), RANKS)
    codes, distances = np.empty(shape, np.uint8), np.empty(shape, np.float32)
    for i in range(len(rows)):
        rank(codebook, rows[i], codes[i], distances[i])
    return {"codes": codes, "distances": distances}
