"""How Lance brings partial results together, as numba loops: the starting line.

Lance hands them to a sort with a limit: a heap of the ``k`` nearest so far with the farthest on
top, to which every row of every list is shown; a row that is nearer than the top replaces it.
Nothing is made of the lists being sorted. At the end the heap is sorted.

Rows are ordered by (distance, row id). 18446744073709551615 is no row; -1 is a list that is not
sorted or holds a NaN, -2 starts that are no starts.
"""

import numpy as np
from numba import njit


@njit
def merge(distances, ids, starts, work, out_distances, out_ids):
    """Nearest ``len(out_ids)`` rows of all lists, sorted; returns how many, or an error."""
    out_distances[:] = np.inf
    out_ids[:] = np.uint64(18446744073709551615)
    lists = len(starts) - 1
    size = min(len(distances), len(ids))
    if lists < 0 or starts[0] < 0 or starts[lists] > size:
        return -2
    for i in range(lists):
        if starts[i] > starts[i + 1]:
            return -2
    for i in range(lists):
        if not is_sorted(distances, ids, starts[i], starts[i + 1]):
            return -1
    k = len(out_ids)
    if k == 0:
        return 0
    kept = 0
    for at in range(starts[0], starts[lists]):
        if kept < k:
            out_distances[kept], out_ids[kept] = distances[at], ids[at]
            kept += 1
            sift_up(out_distances, out_ids, kept - 1)
        elif comes_before(distances[at], ids[at], out_distances[0], out_ids[0]):
            out_distances[0], out_ids[0] = distances[at], ids[at]
            sift_down(out_distances, out_ids, 0, k)
    for last in range(kept - 1, 0, -1):
        swap(out_distances, out_ids, 0, last)
        sift_down(out_distances, out_ids, 0, last)
    return kept


@njit
def is_sorted(distances, ids, first, last):
    """Whether rows ``first`` to ``last`` are in order and no distance is a NaN."""
    in_order = True
    if first < last:
        in_order = distances[first] == distances[first]
    for at in range(first + 1, last):
        before, here = distances[at - 1], distances[at]
        in_order &= before < here or (before == here and ids[at - 1] <= ids[at])
    return in_order


@njit
def comes_before(distance, row_id, other, other_id):
    """Whether a row comes before another."""
    return distance < other or (distance == other and row_id < other_id)


@njit
def swap(distances, ids, i, j):
    """Exchange two rows."""
    distances[i], distances[j] = distances[j], distances[i]
    ids[i], ids[j] = ids[j], ids[i]


@njit
def sift_up(distances, ids, at):
    """Restore the heap above ``at``."""
    while at > 0:
        parent = (at - 1) // 2
        if not comes_before(distances[parent], ids[parent], distances[at], ids[at]):
            return
        swap(distances, ids, at, parent)
        at = parent


@njit
def sift_down(distances, ids, at, size):
    """Restore the heap below ``at``."""
    while True:
        child = 2 * at + 1
        if child >= size:
            return
        if child + 1 < size and comes_before(
            distances[child], ids[child], distances[child + 1], ids[child + 1]
        ):
            child += 1
        if not comes_before(distances[at], ids[at], distances[child], ids[child]):
            return
        swap(distances, ids, at, child)
        at = child
