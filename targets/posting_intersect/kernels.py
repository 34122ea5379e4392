"""Sorted lists in common: blocks of 16 ids against blocks of 16, or 64 bisections at a time."""

import numpy as np
from numba import njit

from workbench import simd

BAD_RANGE = -1
NO_ROOM = -2
LANES = 16
SEARCH_FROM = 256


@njit
def check(ids, starts, stops, out):
    """Return 0, or the error code of ranges that are not in ``ids`` or of a short ``out``."""
    status = 0
    if len(starts) == 0 or len(starts) != len(stops):
        status = BAD_RANGE
    for j in range(min(len(starts), len(stops))):
        if starts[j] < 0 or stops[j] < starts[j] or stops[j] > len(ids):
            status = BAD_RANGE
    if status == 0 and len(out) < stops[0] - starts[0]:
        status = NO_ROOM
    return status


@njit
def at(ids, i):
    """``ids[i]`` where ``i`` is in range; numba need not test whether it is negative."""
    return ids[np.uint64(i)]


@njit
def gap_4(a, i, block):
    """Zero in the lanes of ``block`` that are one of ``a[i:i + 4]``."""
    first = simd.minimum(block ^ at(a, i), block ^ at(a, i + 1))
    last = simd.minimum(block ^ at(a, i + 2), block ^ at(a, i + 3))
    return simd.minimum(first, last)


@njit
def held_gap(held, lane, block):
    """Zero in the lanes of ``block`` that are the id in one lane of the register ``held``."""
    return block ^ simd.permute(held, simd.splat(simd.u32x16, np.uint32(lane)))


@njit
def held_gap_4(held, lane, block):
    """Zero in the lanes of ``block`` that are an id in ``lane`` and the three behind it."""
    first = simd.minimum(held_gap(held, lane, block), held_gap(held, lane + 1, block))
    last = simd.minimum(held_gap(held, lane + 2, block), held_gap(held, lane + 3, block))
    return simd.minimum(first, last)


@njit
def gap_16(a, i, block):
    """Zero in the lanes of ``block`` that are one of ``a[i:i + 16]``.

    Eight ids are broadcast by loads, eight by permutes of a register: neither port is full.
    """
    held = simd.load(simd.u32x16, a, i)
    first = simd.minimum(gap_4(a, i, block), gap_4(a, i + 4, block))
    last = simd.minimum(held_gap_4(held, 8, block), held_gap_4(held, 12, block))
    return simd.minimum(first, last)


@njit
def gap_rest(a, i, count, block):
    """Zero in the lanes of ``block`` that are one of ``a[i:i + count]``, ``count`` at least 1."""
    gap = block ^ at(a, i)
    for k in range(i + 1, i + count):
        gap = simd.minimum(gap, block ^ at(a, k))
    return gap


@njit
def merge(a, b, out):
    """Write the common ids of two lists and return their number; ``out`` may be ``a`` itself.

    The block with the smaller last id is done; no branch depends on which. A list that does not
    ascend may repeat an id, so no more are written than the shorter list has.
    """
    room = min(len(a), len(b))
    i, j, count = 0, 0, 0
    while i + LANES <= len(a) and j + LANES <= len(b):
        block = simd.load(simd.u32x16, b, j)
        last_a, last_b = at(a, i + LANES - 1), at(b, j + LANES - 1)
        same = gap_16(a, i, block) == 0
        found = simd.count(same)
        if found > 0:
            found = min(found, room - count)
            simd.store_first(out, count, simd.compress(block, same), found)
            count += found
        i += LANES * (last_a <= last_b)
        j += LANES * (last_b <= last_a)
    while i < len(a) and j < len(b):
        left_a, left_b = min(len(a) - i, LANES), min(len(b) - j, LANES)
        block = simd.load_first(simd.u32x16, b, j, left_b)
        last_a, last_b = at(a, i + left_a - 1), at(b, j + left_b - 1)
        same = gap_rest(a, i, left_a, block) == 0
        same &= simd.iota(simd.u32x16) < np.uint32(left_b)
        found = min(simd.count(same), room - count)
        simd.store_first(out, count, simd.compress(block, same), found)
        count += found
        i += LANES * (last_a <= last_b)
        j += LANES * (last_b <= last_a)
    return count


@njit
def closer(b, places, half, wanted):
    """A step of 64 bisections: ``half`` ids on where that id is not beyond the wanted one."""
    return (
        closer_16(b, places[0], half, wanted[0]),
        closer_16(b, places[1], half, wanted[1]),
        closer_16(b, places[2], half, wanted[2]),
        closer_16(b, places[3], half, wanted[3]),
    )


@njit
def closer_16(b, place, half, wanted):
    """16 of the 64."""
    middle = place + half
    return simd.select(simd.gather(b, middle) <= wanted, middle, place)


@njit
def keep_found(b, place, wanted, lanes, out, count):
    """Write those of ``lanes`` wanted ids that stand at their places; return the new count."""
    same = simd.gather(b, place) == wanted
    same &= simd.iota(simd.i32x16) < np.int32(min(lanes, LANES))
    found = simd.count(same)
    simd.store_first(out, count, simd.compress(wanted, same), found)
    return count + found


@njit
def search(a, b, out):
    """The same, by 64 bisections of ``b`` at a time, so that their cache misses overlap."""
    count = 0
    start = simd.splat(simd.u32x16, 0)
    for i in range(0, len(a), 64):
        left = len(a) - i
        wanted = (
            simd.load_first(simd.u32x16, a, i, left),
            simd.load_first(simd.u32x16, a, i + 16, left - 16),
            simd.load_first(simd.u32x16, a, i + 32, left - 32),
            simd.load_first(simd.u32x16, a, i + 48, left - 48),
        )
        places = start, start, start, start
        size = len(b)
        while size > 1:
            places = closer(b, places, np.uint32(size >> 1), wanted)
            size -= size >> 1
        count = keep_found(b, places[0], wanted[0], left, out, count)
        count = keep_found(b, places[1], wanted[1], left - 16, out, count)
        count = keep_found(b, places[2], wanted[2], left - 32, out, count)
        count = keep_found(b, places[3], wanted[3], left - 48, out, count)
    return count


@njit
def both(a, b, out):
    """Search for the few in the many, or merge."""
    searched = len(a) * SEARCH_FROM < len(b)
    return search(a, b, out) if searched else merge(a, b, out)


@njit
def intersect(ids, starts, stops, out):
    """Write the ids that every list has and return their number, or a negative error code."""
    count = check(ids, starts, stops, out)
    if count == 0 and len(starts) == 1:
        count = stops[0] - starts[0]
        for i in range(count):
            out[i] = ids[starts[0] + i]
    elif count == 0:
        count = both(ids[starts[0] : stops[0]], ids[starts[1] : stops[1]], out)
        for j in range(2, len(starts)):
            count = both(out[:count], ids[starts[j] : stops[j]], out)
    return np.int64(count)
