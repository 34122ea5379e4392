"""Check lists by vectors; merge with a heap of the lists' heads."""

import numpy as np
from numba import njit

from workbench import simd


@njit
def merge(distances, ids, starts, work, out_distances, out_ids):
    """Nearest ``len(out_ids)`` rows of all lists, sorted; returns how many, or an error."""
    out_distances[:] = np.inf
    out_ids[:] = np.uint64(18446744073709551615)
    found = -2
    if are_starts(starts, min(len(distances), len(ids))):
        found = -1
        if are_sorted(distances, ids, starts):
            found = take_nearest(distances, ids, starts, work, out_distances, out_ids)
    return found


@njit
def are_starts(starts, size):
    """Whether the lists lie one behind another within ``size`` rows."""
    good = len(starts) > 0 and starts[0] >= 0 and starts[len(starts) - 1] <= size
    for i in range(1, len(starts)):
        good &= starts[i - 1] <= starts[i]
    return good


@njit
def are_sorted(distances, ids, starts):
    """Whether each list is in order by (distance, id) and holds no NaN."""
    good = simd.splat(simd.f32x16, 0) == 0
    for i in range(len(starts) - 1):
        at, last = starts[i], starts[i + 1]
        if last - at == 1:
            good &= simd.splat(simd.f32x16, distances[at]) == distances[at]
        while last - at > 1:
            good &= ascend(distances, ids, at, min(last - at - 1, 16))
            at += 16
    return simd.count(good) == 16


@njit
def ascend(distances, ids, at, count):
    """Which of ``count`` rows come before the next one; true behind them.

    Ids are read where distances are equal only.
    """
    here = simd.load_first(simd.f32x16, distances, at, count)
    after = simd.load_first(simd.f32x16, distances, at + 1, count)
    good = here < after
    if simd.count(good) < count:
        low = descend(ids, at, count)
        high = descend(ids, at + 8, count - 8)
        descending = simd.lookup((low, high), simd.iota(simd.u32x16) * 2)
        good |= (here == after) & (descending == 0)
    else:
        good |= here == after
    return good


@njit
def descend(ids, at, count):
    """All bits of both halves of each of eight row ids that is larger than the next."""
    here = simd.load_first(simd.u64x8, ids, at, count)
    after = simd.load_first(simd.u64x8, ids, at + 1, count)
    nothing = simd.splat(simd.u64x8, 0)
    return simd.bitcast(simd.u32x16, simd.select(here > after, nothing - 1, nothing))


@njit
def take_nearest(distances, ids, starts, heap, out_distances, out_ids):
    """Take the nearest head of all lists, again and again; returns how many rows there were.

    ``heap`` holds pairs: the row a list has come to, and the row at which it ends.
    """
    size = 0
    for i in range(len(starts) - 1):
        if starts[i] < starts[i + 1]:
            heap[2 * size], heap[2 * size + 1] = starts[i], starts[i + 1]
            size += 1
    for i in range(size // 2 - 1, -1, -1):
        sift_down(distances, ids, heap, i, size)
    found = 0
    while found < len(out_ids) and size > 0:
        at = heap[0]
        out_distances[found], out_ids[found] = distances[at], ids[at]
        found += 1
        heap[0] = at + 1
        if at + 1 == heap[1]:
            size -= 1
            heap[0], heap[1] = heap[2 * size], heap[2 * size + 1]
        sift_down(distances, ids, heap, 0, size)
    return found


@njit
def sift_down(distances, ids, heap, at, size):
    """Restore the heap below ``at``: the nearest head is on top."""
    row, end = heap[2 * at], heap[2 * at + 1]
    child = 2 * at + 1
    while child < size:
        other = child + 1
        if other < size and comes_before(distances, ids, heap[2 * other], heap[2 * child]):
            child = other
        if not comes_before(distances, ids, heap[2 * child], row):
            child = size
        else:
            heap[2 * at], heap[2 * at + 1] = heap[2 * child], heap[2 * child + 1]
            at, child = child, 2 * child + 1
    if size > 0:
        heap[2 * at], heap[2 * at + 1] = row, end


@njit
def comes_before(distances, ids, row, other):
    """Whether ``row`` comes before another."""
    here, there = distances[row], distances[other]
    return here < there or (here == there and ids[row] < ids[other])
