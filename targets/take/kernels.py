"""Arrow's take: strings are checked and copied in one pass, 64 bytes at a time.

Fixed widths: one checked load a row, in the order asked for. Strings: one pass that checks an
id and its offsets, copies 64 bytes whatever the length where both buffers have as many, and
writes the new offset; the next string overwrites what was too much.
Validity: one bit a row, gathered into words.

Codes: -1 an id beyond the rows, -2 an output too short, -3 offsets that fall or leave the bytes.
What an output holds after a code other than 0 is not defined.
"""

import numpy as np
from numba import njit

from workbench import simd

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
    code, at = 0, 0
    out_offsets[0] = 0
    for i in range(len(ids)):
        row = ids[i]
        if row >= rows:
            code = BEYOND
            break
        start, stop = np.intp(offsets[row]), np.intp(offsets[row + np.uint64(1)])
        if start < 0 or stop < start or stop > len(data):
            code = BAD_OFFSETS
            break
        size = stop - start
        if size > len(out_data) - at:
            code = TOO_SHORT
            break
        if size <= 64 and start + 64 <= len(data) and at + 64 <= len(out_data):
            simd.store(out_data, at, simd.load(simd.u8x64, data, start))
        else:
            _copy(data, start, out_data, at, size)
        at += size
        out_offsets[i + 1] = at
    return code


@njit
def _copy(data, start, out_data, at, size):
    """Copy exactly ``size`` bytes, for long strings and the last ones of a buffer."""
    for done in range(0, size, 64):
        part = simd.load_first(simd.u8x64, data, start + done, size - done)
        simd.store_first(out_data, at + done, part, size - done)


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
