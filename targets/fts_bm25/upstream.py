"""Lance's bulk BM25 scoring of one posting list in one window, as a plain numba loop: the start.

Lance walks a term's decoded postings that lie in a window of 4,096 documents, computes each one's
weight from its frequency and its document's length, and adds it into the document's slot. Rust
checks every index; here the ids are checked, which also finds those that do not ascend.
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
