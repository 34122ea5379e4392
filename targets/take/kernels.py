"""Arrow's take: ids are checked eight at a time, wide rows and strings move 64 bytes at a time.

Fixed widths: eight ids are checked at once, so that the copies behind need no branch each. Wider
rows: 64 bytes at a time, rows to come are prefetched. Strings: one pass that checks an id and its
offsets, copies 64 bytes whatever the length where both buffers have as many, and writes the new
offset; the next string overwrites what was too much. Validity: one bit a row, shifted into words.

Codes: -1 an id beyond the rows, -2 an output too short, -3 offsets that fall or leave the bytes.
What an output holds after a code other than 0 is not defined.
"""

import numpy as np
from numba import njit

from workbench import simd

BEYOND = -1
TOO_SHORT = -2
BAD_OFFSETS = -3
# Rows between a prefetch and the copy: 4 are 5 to 15 % slower over 16 MiB of rows.
AHEAD = 8


@njit
def take_fixed(values, ids, out):
    """Copy row ``ids[i]`` of ``values``, of one or two dimensions, to row ``i`` of ``out``."""
    if len(out) < len(ids):
        return TOO_SHORT
    rows = np.uint64(len(values))
    if values.ndim == 1:
        # flat already, but numba must not see two dimensions here
        return _take_narrow(values.reshape(-1), ids, out.reshape(-1))
    if out.shape[1] < values.shape[1]:
        return TOO_SHORT
    source, target = values.view(np.uint8), out.view(np.uint8)
    width, stride = source.shape[1], target.shape[1]
    return _take_wide(source.reshape(-1), rows, width, ids, target.reshape(-1), stride)


@njit
def _take_narrow(values, ids, out):
    rows = np.uint64(len(values))
    whole = len(ids) // 8 * 8
    for i in range(0, whole, 8):
        if simd.count(simd.load(simd.u64x8, ids, i) >= rows) != 0:
            return BEYOND
        for part in range(8):
            k = np.uint64(i + part)
            out[k] = values[ids[k]]
    for i in range(whole, len(ids)):
        if ids[i] >= rows:
            return BEYOND
        out[i] = values[ids[i]]
    return 0


@njit
def _take_wide(values, rows, width, ids, out, stride):
    """Copy rows of ``width`` bytes to places ``stride`` bytes apart."""
    for i in range(len(ids)):
        if ids[i] >= rows:
            return BEYOND
        # an id beyond the rows is prefetched in vain: that never faults
        ahead = np.intp(ids[min(i + AHEAD, len(ids) - 1)]) * width
        start, at = np.intp(ids[i]) * width, i * stride
        whole = width // 64 * 64
        for done in range(0, whole, 64):
            simd.prefetch(values, ahead + done)
            simd.store(out, at + done, simd.load(simd.u8x64, values, start + done))
        _copy(values, start + whole, out, at + whole, width - whole)
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
    """Gather bit ``ids[i]`` of a bitmap of u64 words, lowest bit first, as bit ``i`` of ``out``.

    A word is filled from its last row: doubling it and adding a bit is one instruction.
    """
    if len(out) * 64 < len(ids):
        return TOO_SHORT
    rows = np.uint64(len(bits) * 64)
    for w in range((len(ids) + 63) // 64):
        start = w * 64
        asked = min(len(ids) - start, 64)
        if _any_beyond(ids, start, asked, rows):
            return BEYOND
        word = np.uint64(0)
        for b in range(asked):
            row = ids[np.uint64(start + asked - 1 - b)]
            bit = (bits[row >> np.uint64(6)] >> (row & np.uint64(63))) & np.uint64(1)
            word = word + word + bit
        out[w] = word
    return 0


@njit
def _any_beyond(ids, start, asked, rows):
    """Whether one of up to 64 ids is beyond the rows; lanes that are not asked for hold 0."""
    late = 0
    for done in range(0, asked, 8):
        some = simd.load_first(simd.u64x8, ids, start + done, asked - done)
        late += simd.count(some >= rows)
    return late != 0
