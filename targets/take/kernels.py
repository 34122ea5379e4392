"""Arrow's take, which Lance puts rows in order with, as plain numba loops: what trials edit.

Fixed widths: one checked load a row, in the order asked for. Strings: a first pass over the ids
checks them, reads both offsets of each and writes the new ones; a second copies the bytes.
Validity: one bit a row, gathered into words.

Codes: -1 an id beyond the rows, -2 an output too short, -3 offsets that fall or leave the bytes.
What an output holds after a code other than 0 is not defined.
"""

import numpy as np
from numba import njit

BEYOND = -1
TOO_SHORT = -2
BAD_OFFSETS = -3


@njit
def take_fixed(values, ids, out):
    """Copy row ``ids[i]`` of ``values``, of one or two dimensions, to row ``i`` of ``out``."""
    if len(out) < len(ids):
        return TOO_SHORT
    rows = np.uint64(len(values))
    if values.ndim == 1:
        for i in range(len(ids)):
            row = ids[i]
            if row >= rows:
                return BEYOND
            out[i] = values[row]
        return 0
    if out.shape[1] < values.shape[1]:
        return TOO_SHORT
    for i in range(len(ids)):
        row = ids[i]
        if row >= rows:
            return BEYOND
        for j in range(values.shape[1]):
            out[i, j] = values[row, j]
    return 0


@njit
def take_variable(data, offsets, ids, out_data, out_offsets):
    """Copy string ``ids[i]``, bytes ``offsets[ids[i]]`` to ``offsets[ids[i] + 1]`` of ``data``."""
    if len(out_offsets) < len(ids) + 1:
        return TOO_SHORT
    rows = np.uint64(max(len(offsets) - 1, 0))
    total = 0
    out_offsets[0] = 0
    for i in range(len(ids)):
        row = ids[i]
        if row >= rows:
            return BEYOND
        start, stop = offsets[row], offsets[row + np.uint64(1)]
        if start < 0 or stop < start or stop > len(data):
            return BAD_OFFSETS
        total += stop - start
        if total > len(out_data):
            return TOO_SHORT
        out_offsets[i + 1] = total
    # unsigned, because numba wraps negative indices, and the copy then takes four times as long
    at = np.uint64(0)
    for i in range(len(ids)):
        start = np.uint64(offsets[ids[i]])
        size = np.uint64(offsets[ids[i] + np.uint64(1)]) - start
        for b in range(size):
            out_data[at + b] = data[start + b]
        at += size
    return 0


@njit
def take_bits(bits, ids, out):
    """Gather bit ``ids[i]`` of a bitmap of u64 words, lowest bit first, as bit ``i`` of ``out``."""
    if len(out) * 64 < len(ids):
        return TOO_SHORT
    rows = np.uint64(len(bits) * 64)
    word = np.uint64(0)
    for i in range(len(ids)):
        row = ids[i]
        if row >= rows:
            return BEYOND
        word |= ((bits[row >> np.uint64(6)] >> (row & np.uint64(63))) & np.uint64(1)) << np.uint64(
            i & 63
        )
        if i & 63 == 63:
            out[i >> 6] = word
            word = np.uint64(0)
    if len(ids) & 63:
        out[len(ids) >> 6] = word
    return 0
