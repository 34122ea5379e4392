"""The BM25 scoring kernel: sixteen postings a step, their norms computed once in setup.

One posting list in one window of documents: each posting's weight, from its frequency and its
document's norm, is added into the document's slot.
"""

import numpy as np
from numba import njit

from workbench import simd

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
    stop = min(first_id + len(scores), len(norms))
    done = 0
    if len(ids) >= 16 and ascending(ids, first_id, stop):
        done = len(ids) // 16 * 16
    for i in range(0, done, 16):
        add_sixteen(norms, ids, freqs, i, weight, first_id, scores)
    return add_rest(norms, ids, freqs, done, weight, first_id, stop, scores)


@njit
def ascending(ids, first_id, stop):
    """Whether the ids, sixteens of them, ascend from ``first_id`` on and end before ``stop``."""
    count = len(ids) // 16 * 16
    last = simd.load_first(simd.u32x16, ids, count - 15, 15)
    pairs = simd.count(simd.load(simd.u32x16, ids, count - 16) < last)
    for i in range(0, count - 16, 16):
        pairs += simd.count(simd.load(simd.u32x16, ids, i) < simd.load(simd.u32x16, ids, i + 1))
    inside = (first_id <= np.int64(ids[0])) & (np.int64(ids[count - 1]) < stop)
    return (pairs == count - 1) & inside


@njit
def add_sixteen(norms, ids, freqs, i, weight, first_id, scores):
    """Score the postings from ``i`` on; their ids are known to ascend within the window."""
    docs = simd.load(simd.u32x16, ids, i)
    freq = simd.convert(simd.f32x16, simd.load(simd.u32x16, freqs, i))
    top = np.float32(K1) + np.float32(1)
    parts = weight * (top * freq / (freq + simd.gather_each(norms, docs)))
    simd.add_each(scores, -first_id, docs, parts)


@njit(error_model="numpy")
def add_rest(norms, ids, freqs, start, weight, first_id, stop, scores):
    """Score the postings from ``start`` on, one by one; 0, or the error of the first bad one."""
    top = np.float32(K1) + np.float32(1)
    previous = first_id - 1
    if start > 0:
        previous = np.int64(ids[start - 1])
    for i in range(start, len(ids)):
        doc = np.int64(ids[i])
        if doc < first_id or doc >= stop:
            return OUT_OF_RANGE
        if doc <= previous:
            return NOT_ASCENDING
        previous = doc
        freq = np.float32(freqs[i])
        scores[doc - first_id] += weight * (top * freq / (freq + norms[doc]))
    return 0
