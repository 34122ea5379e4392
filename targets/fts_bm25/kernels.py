"""The BM25 scoring kernel: sixteen postings a step, over document lengths of 16 bits.

One posting list in one window of documents: each posting's weight, from its frequency and its
document's length, is added into the document's slot.
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
    """Lengths as one 16-bit number each, or as two where one does not fit; then the scalars.

    Those are the average length, what a token adds to a norm, and the worth of a second number.
    """
    longest = np.uint32(0)
    for length in lengths:
        longest = max(longest, length)
    step = 1 if longest < 65_536 else 2
    halves = np.empty(step * len(lengths), np.uint16)
    for i in range(len(lengths)):
        halves[step * i + step - 1] = lengths[i] >> np.uint32(16)
        halves[step * i] = lengths[i] & np.uint32(65_535)
    average = average_length[0]
    # finite, so that a length of 0 adds nothing
    slope = min(np.float32(K1 * B) / average, np.finfo(np.float32).max)
    return halves, np.array((average, slope, 65_536 * (step - 1)), np.float32)


@njit(error_model="numpy")
def score(state, ids, freqs, weight, first_id, scores):
    """Add ``weight`` times the document weight of every posting into its document's slot."""
    halves, average, slope, high = state[0], state[1][0], state[1][1], state[1][2]
    if len(freqs) != len(ids) or not (average > np.float32(0) and average < np.float32(np.inf)):
        return BAD_INPUT
    top = weight * (np.float32(K1) + np.float32(1))
    step = 1 if high == 0 else 2
    stop = min(first_id + len(scores), len(halves) // step)
    done = 0
    if len(ids) >= 16 and step == 1 and ascending(ids, first_id, stop):
        done = len(ids) // 16 * 16
    for i in range(0, done, 16):
        add_sixteen(halves, slope, ids, freqs, i, top, first_id, scores)
    return add_rest(halves, step, high, slope, ids, freqs, done, top, first_id, stop, scores)


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
def add_sixteen(lengths, slope, ids, freqs, i, top, first_id, scores):
    """Score the postings from ``i`` on; their ids are known to ascend within the window."""
    docs = simd.load(simd.u32x16, ids, i)
    length = simd.convert(simd.i32x16, simd.gather_each(lengths, docs))
    norm = slope * simd.convert(simd.f32x16, length) + np.float32(K1 * (1 - B))
    freq = simd.convert(simd.f32x16, simd.load(simd.u32x16, freqs, i))
    simd.add_each(scores, -first_id, docs, top * freq / (freq + norm))


@njit(error_model="numpy")
def add_rest(halves, step, high, slope, ids, freqs, start, top, first_id, stop, scores):
    """Score the postings from ``start`` on, one by one; 0, or the error of the first bad one."""
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
        at = step * doc
        length = np.float32(halves[at]) + high * np.float32(halves[at + step - 1])
        norm = slope * length + np.float32(K1 * (1 - B))
        freq = np.float32(freqs[i])
        scores[doc - first_id] += top * freq / (freq + norm)
    return 0
