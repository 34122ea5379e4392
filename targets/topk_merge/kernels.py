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
    good = True
    for i in range(len(starts) - 1):
        if not ascends(distances, starts[i], starts[i + 1]):
            good &= is_sorted(distances, ids, starts[i], starts[i + 1])
    return good


@njit
def ascends(distances, first, last):
    """Whether each distance is farther than the one before, the first no NaN: no ties at all."""
    if first == last:
        return True
    steps = 0
    at = first + 1
    while at + 16 <= last:
        before = simd.load(simd.f32x16, distances, at - 1)
        steps += simd.count(before < simd.load(simd.f32x16, distances, at))
        at += 16
    rest = last - at
    before = simd.load_first(simd.f32x16, distances, at - 1, rest)
    steps += simd.count(before < simd.load_first(simd.f32x16, distances, at, rest))
    return steps == last - first - 1 and distances[first] == distances[first]


@njit
def is_sorted(distances, ids, first, last):
    """Whether rows ``first`` to ``last`` are in order and no distance is a NaN."""
    in_order = distances[first] == distances[first]
    for at in range(first + 1, last):
        before, here = distances[at - 1], distances[at]
        in_order &= (before < here) | ((before == here) & (ids[at - 1] <= ids[at]))
    return in_order


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
