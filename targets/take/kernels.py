"""Arrow's take: neighbours are copied in one go, other rows are prefetched.

Ids are looked at sixteen at a time. Where they are neighbours, so are their rows, their strings
and their bits: those are moved together, 64 bytes or 16 bits at a time. Other rows are prefetched
well ahead, so that more cache lines are under way than one loop over them would ask for. A string
of up to 64 bytes is one load and one store under a mask: a load of all 64 would fetch a second
line. Scattered bits: eight words a vector, each shifted by its own id.

Codes: -1 an id beyond the rows, -2 an output too short, -3 offsets that fall or leave the bytes.
What an output holds after a code other than 0 is not defined.
"""

import numpy as np
from numba import njit

from workbench import simd

BEYOND = -1
TOO_SHORT = -2
BAD_OFFSETS = -3
# Ids that are looked at together.
GROUP = 16
# Ids between a prefetch and the copy: 64 take 9 % longer, and 512 push rows out of L1 again.
AHEAD = 256  # tune: 64, 128, 192, 256, 384, 512
# Neighbours take one line for many ids: 512 and more are 3 to 9 % faster than 256.
AHEAD_OF_RUNS = 768  # tune: 256, 512, 768, 1024
# Rows of 64 B or more, and strings: 4 rows ahead take up to 8 % longer, 32 strings up to 17 %;
# of 43 combinations these three were the one that the judge kept (reports/0005).
AHEAD_WIDE = 24  # tune: 4, 8, 12, 16, 24
AHEAD_STRINGS = 24  # tune: 8, 16, 24
# Strings no further apart than so many rows in eight are left to the hardware's own prefetching,
# which prefetches of ours disturb: 15 % slower for rising ids.
NEAR = 1024  # tune: 256, 512, 1024, 2048, 4096


@njit
def take_fixed(values, ids, out):
    """Copy row ``ids[i]`` of ``values``, of one or two dimensions, to row ``i`` of ``out``."""
    if len(out) < len(ids):
        return TOO_SHORT
    rows = np.uint64(len(values))
    if values.ndim == 1:
        whole, code = 0, 0
        # a short list is over before a prefetch helps, and scans ask for few rows of a chunk
        if len(ids) > AHEAD:
            whole = len(ids) // GROUP * GROUP
            code = _take_groups(values, ids, out, whole)
        for i in range(whole, len(ids)):
            row = ids[np.uint64(i)]
            if code != 0 or row >= rows:
                code = BEYOND
                break
            out[i] = values[row]
        return code
    if out.shape[1] < values.shape[1]:
        return TOO_SHORT
    source, target = values.view(np.uint8), out.view(np.uint8)
    width, stride = source.shape[1], target.shape[1]
    return _take_wide(source.reshape(-1), rows, width, ids, target.reshape(-1), stride)


@njit
def _take_groups(values, ids, out, whole):
    """Copy the first ``whole`` values; 64 bytes of neighbours at a time where there is room."""
    rows = np.uint64(len(values))
    source, target = values.view(np.uint8), out.view(np.uint8)
    width = len(source) // max(len(values), 1)
    moved = max(GROUP * width, 64)
    for i in range(0, whole, GROUP):
        if _any_beyond(ids, i, rows):
            return BEYOND
        start, at = np.intp(ids[i]) * width, i * width
        if _is_run(ids, i) and start + moved <= len(source) and at + moved <= len(target):
            ahead = min(i + AHEAD_OF_RUNS, whole - GROUP)
            for part in (0, 8, 15):
                simd.prefetch(values, np.intp(ids[np.uint64(ahead + part)]))
            for done in range(0, moved, 64):
                simd.store(target, at + done, simd.load(simd.u8x64, source, start + done))
        else:
            ahead = min(i + AHEAD, whole - GROUP)
            for part in range(GROUP):
                simd.prefetch(values, np.intp(ids[np.uint64(ahead + part)]))
                k = np.uint64(i + part)
                out[k] = values[ids[k]]
    return 0


@njit
def _any_beyond(ids, i, rows):
    """Whether one of sixteen ids is beyond the rows."""
    most = simd.maximum(simd.load(simd.u64x8, ids, i), simd.load(simd.u64x8, ids, i + 8))
    return simd.count(most >= rows) != 0


@njit
def _is_run(ids, i):
    """Whether sixteen ids are those of neighbours."""
    first = ids[np.uint64(i)]
    low = simd.load(simd.u64x8, ids, i) == simd.iota(simd.u64x8) + first
    high = simd.load(simd.u64x8, ids, i + 8) == simd.iota(simd.u64x8) + (first + np.uint64(8))
    return simd.bits(low & high) == 255


@njit
def _take_wide(values, rows, width, ids, out, stride):
    """Copy rows of ``width`` bytes to places ``stride`` bytes apart."""
    for i in range(len(ids)):
        if ids[i] >= rows:
            return BEYOND
        # an id beyond the rows is prefetched in vain: that never faults
        ahead = np.intp(ids[min(i + AHEAD_WIDE, len(ids) - 1)]) * width
        start, at = np.intp(ids[i]) * width, i * stride
        whole = width // 64 * 64
        for done in range(0, whole, 64):
            simd.prefetch(values, ahead + done)
            simd.store(out, at + done, simd.load(simd.u8x64, values, start + done))
        _copy(values, start + whole, out, at + whole, width - whole)
    return 0


@njit
def _copy(data, start, out_data, at, size):
    """Copy exactly ``size`` bytes."""
    for done in range(0, size, 64):
        part = simd.load_first(simd.u8x64, data, start + done, size - done)
        simd.store_first(out_data, at + done, part, size - done)


@njit
def take_variable(data, offsets, ids, out_data, out_offsets):
    """Copy string ``ids[i]``, bytes ``offsets[ids[i]]`` to ``offsets[ids[i] + 1]`` of ``data``."""
    if len(out_offsets) < len(ids) + 1:
        return TOO_SHORT
    rows = np.uint64(max(len(offsets) - 1, 0))
    grouped = len(ids) // GROUP * GROUP if len(offsets) > GROUP else 0
    code, at, i = 0, 0, 0
    out_offsets[0] = 0
    while i < len(ids) and code == 0:
        if i < grouped:
            first = ids[np.uint64(i)]
            if _is_run(ids, i) and _all_rise(offsets, first, len(data)):
                start = np.intp(offsets[first])
                size = np.intp(offsets[first + np.uint64(GROUP)]) - start
                if size <= len(out_data) - at:
                    _prefetch_run(data, offsets, ids, min(i + AHEAD, grouped - GROUP))
                    stops = simd.load(simd.i32x16, offsets, np.intp(first) + 1)
                    simd.store(out_offsets, i + 1, stops + np.int32(at - start))
                    _copy_run(data, start, out_data, at, size)
                    at += size
                    i += GROUP
                    continue
            soon = np.uint64(min(i + AHEAD_STRINGS, grouped - GROUP))
            if ids[soon + np.uint64(7)] - ids[soon] > np.uint64(NEAR):
                _prefetch_strings(data, offsets, ids, soon)
                _prefetch_strings(data, offsets, ids, soon + np.uint64(8))
        end = min(i + GROUP, len(ids))
        for k in range(i, end):
            row = ids[np.uint64(k)]
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
            if size <= 64:
                part = simd.load_first(simd.u8x64, data, start, size)
                simd.store_first(out_data, at, part, size)
            else:
                _copy(data, start, out_data, at, size)
            at += size
            out_offsets[np.uint64(k + 1)] = at
        i = end
    return code


@njit
def _all_rise(offsets, first, n_bytes):
    """Whether sixteen strings from ``first`` on are there, in ``n_bytes`` bytes, one by one."""
    row = np.intp(min(first, np.uint64(len(offsets) - GROUP - 1)))
    starts = simd.load(simd.i32x16, offsets, row)
    stops = simd.load(simd.i32x16, offsets, row + 1)
    most = np.int32(min(n_bytes, 2147483647))
    good = simd.count((starts >= 0) & (starts <= stops) & (stops <= most))
    return (good == GROUP) & (first == np.uint64(row))


@njit
def _prefetch_run(data, offsets, ids, i):
    """Prefetch the first 384 bytes of a run: more than the hardware needs to go on alone."""
    row = min(ids[np.uint64(i)], np.uint64(len(offsets) - 1))
    for line in range(0, 384, 128):
        simd.prefetch(data, np.intp(offsets[row]) + line)


@njit(inline="always")
def _copy_run(data, start, out_data, at, size):
    """Copy exactly ``size`` bytes: `_copy` with one mask, for what is longer than a string."""
    whole = size // 64 * 64
    for done in range(0, whole, 64):
        simd.store(out_data, at + done, simd.load(simd.u8x64, data, start + done))
    rest = simd.load_first(simd.u8x64, data, start + whole, size - whole)
    simd.store_first(out_data, at + whole, rest, size - whole)


@njit
def _prefetch_strings(data, offsets, ids, i):
    """Prefetch eight strings, where all of them are there."""
    rows = np.uint64(len(offsets) - 1)
    if simd.count(simd.load(simd.u64x8, ids, np.intp(i)) >= rows) == 0:
        for k in range(8):
            simd.prefetch(data, np.intp(offsets[ids[i + np.uint64(k)]]))


@njit
def take_bits(bits, ids, out):
    """Gather bit ``ids[i]`` of a bitmap of u64 words, lowest bit first, as bit ``i`` of ``out``."""
    if len(out) * 64 < len(ids):
        return TOO_SHORT
    rows = np.uint64(len(bits) * 64)
    code = 0
    for i in range(0, len(ids), 64):
        word, asked = np.uint64(0), min(len(ids) - i, 64)
        whole = asked // GROUP * GROUP
        for part in range(0, whole, GROUP):
            if _any_beyond(ids, i + part, rows):
                code = BEYOND
                break
            if _is_run(ids, i + part):
                some = _neighbouring_bits(bits, ids[i + part])
            else:
                some = _scattered_bits(bits, ids, i + part)
            word |= some << np.uint64(part)
        for b in range(whole, asked):
            row = ids[i + b]
            if code != 0 or row >= rows:
                code = BEYOND
                break
            bit = (bits[row >> np.uint64(6)] >> (row & np.uint64(63))) & np.uint64(1)
            word |= bit << np.uint64(b)
        if code != 0:
            break
        out[i >> 6] = word
    return code


@njit
def _neighbouring_bits(bits, first):
    """Sixteen bits from ``first`` on, of one word or two."""
    shift = first & np.uint64(63)
    low = bits[first >> np.uint64(6)] >> shift
    high = bits[(first + np.uint64(15)) >> np.uint64(6)] << np.uint64(1) << (np.uint64(63) - shift)
    return (low | high) & np.uint64(0xFFFF)


@njit
def _scattered_bits(bits, ids, i):
    """Sixteen bits: eight words a vector, each shifted by its own id."""
    some = np.uint64(0)
    for part in range(0, GROUP, 8):
        row = simd.load(simd.u64x8, ids, i + part)
        word = simd.gather_each(bits, row >> 6) >> (row & 63)
        some |= simd.bits((word & 1) != 0) << np.uint64(part)
    return some
