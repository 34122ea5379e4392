"""The BM25 scoring kernel: norms are computed once, for every document, in setup.

One posting list in one window of documents: each posting's weight, from its frequency and its
document's norm, is added into the document's slot.
"""

import numpy as np
from numba import njit

K1 = 1.2
B = 0.75
OUT_OF_RANGE = -1
NOT_ASCENDING = -2
BAD_INPUT = -3


@njit(error_model="numpy")
def setup(lengths, average_length):
    """Keep every document's norm, ``K1 * (1 - B + B * length / average)``."""
    k1, b, one = np.float32(K1), np.float32(B), np.float32(1)
    norms = np.empty(len(lengths), np.float32)
    for i in range(len(lengths)):
        norms[i] = k1 * (one - b + b * np.float32(lengths[i]) / average_length[0])
    return norms, average_length


@njit(error_model="numpy")
def score(state, ids, freqs, weight, first_id, scores):
    """Add ``weight`` times the document weight of every posting into its document's slot."""
    norms, average = state[0], state[1][0]
    if len(freqs) != len(ids) or not (average > np.float32(0) and average < np.float32(np.inf)):
        return BAD_INPUT
    top = np.float32(K1) + np.float32(1)
    stop = min(first_id + len(scores), len(norms))
    previous = first_id - 1
    for i in range(len(ids)):
        doc = np.int64(ids[i])
        if doc < first_id or doc >= stop:
            return OUT_OF_RANGE
        if doc <= previous:
            return NOT_ASCENDING
        previous = doc
        freq = np.float32(freqs[i])
        scores[doc - first_id] += weight * (top * freq / (freq + norms[doc]))
    return 0
