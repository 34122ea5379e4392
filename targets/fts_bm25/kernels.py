"""The BM25 scoring kernel: a document's norm is found by a code of 16 bits for its length.

One posting list in one window of documents: each posting's weight, from its frequency and its
document's norm, is added into the document's slot. Most calls hold few postings of documents that
nobody read lately, so what counts is how much memory the documents take: two bytes each.
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
    """Give every document a code and every code a norm, ``K1 * (1 - B + B * length / average)``.

    The norm of a document is ``norms[(doc & mask) + codes[doc]]``: by the code alone, or where
    lengths are too many for 16 bits by the document alone. The last value is 0 for bad input.
    """
    k1, b, one = np.float32(K1), np.float32(B), np.float32(1)
    average = average_length[0]
    coded = np.unique(lengths)
    codes, mask = np.zeros(len(lengths), np.uint16), 0
    if len(coded) <= 65_536:
        codes[:] = np.searchsorted(coded, lengths)
    else:
        coded, mask = lengths, -1
    norms = k1 * (one - b + b * coded.astype(np.float32) / average)
    good = average > np.float32(0) and average < np.float32(np.inf)
    return codes, norms, mask, int(good)


@njit(error_model="numpy")
def score(state, ids, freqs, weight, first_id, scores):
    """Add ``weight`` times the document weight of every posting into its document's slot.

    Small enough that LLVM inlines it: a call costs 60 ns and more, most of it reference counts.
    """
    codes, norms, mask, good = state
    if len(freqs) != len(ids) or good == 0:
        return BAD_INPUT
    top = weight * np.float32(K1 + 1)
    stop = min(first_id + len(scores), len(codes))
    previous = first_id - 1
    for i in range(len(ids)):
        doc = np.int64(ids[i])
        if doc <= previous or doc >= stop:
            return NOT_ASCENDING if first_id <= doc < stop else OUT_OF_RANGE
        previous = doc
        # unsigned, so that numba does not ask whether an index counts from the end
        at = np.uint64((doc & mask) + codes[np.uint64(doc)])
        freq = np.float32(freqs[i])
        scores[np.uint64(doc - first_id)] += top * freq / (freq + norms[at])
    return 0
