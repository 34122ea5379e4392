"""The BM25 scoring kernel under research; it starts as upstream.py, Lance's plain loop.

One posting list in one window of documents: each posting's weight, from its frequency and its
document's length, is added into the document's slot.
"""

import numpy as np
from numba import njit

K1 = 1.2
B = 0.75
OUT_OF_RANGE = -1
NOT_ASCENDING = -2
BAD_INPUT = -3


@njit
def setup(lengths, average_length):
    """Keep the document lengths as they are, as Lance does for indices with blocks of 128."""
    # an array, because a float32 that passes through Python comes back as a float64
    return lengths, average_length


@njit(error_model="numpy")
def score(state, ids, freqs, weight, first_id, scores):
    """Add ``weight`` times the document weight of every posting into its document's slot."""
    lengths, average = state[0], state[1][0]
    if len(freqs) != len(ids) or not (average > np.float32(0) and average < np.float32(np.inf)):
        return BAD_INPUT
    k1, b, one = np.float32(K1), np.float32(B), np.float32(1)
    stop = min(first_id + len(scores), len(lengths))
    previous = first_id - 1
    for i in range(len(ids)):
        doc = np.int64(ids[i])
        if doc < first_id or doc >= stop:
            return OUT_OF_RANGE
        if doc <= previous:
            return NOT_ASCENDING
        previous = doc
        freq = np.float32(freqs[i])
        norm = k1 * (one - b + b * np.float32(lengths[doc]) / average)
        scores[doc - first_id] += weight * ((k1 + one) * freq / (freq + norm))
    return 0
