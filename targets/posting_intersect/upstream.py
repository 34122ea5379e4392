"""The scalar merge of sorted lists, two at a time, in plain numba: the starting line.

Lance 14 has no intersection of whole lists. An AND query of two or three words merges the slices
of one block of each list between two block borders, any other one steps from list to list with
seeks. The merge is the baseline that the published figure for this kernel was measured against.
"""

import numpy as np
from numba import njit

BAD_RANGE = -1
NO_ROOM = -2


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
def merge(a, i, i_stop, b, j, j_stop, out):
    """Write the common ids of ``a[i:i_stop]`` and ``b[j:j_stop]``; ``out`` may be ``a`` itself."""
    count = 0
    while i < i_stop and j < j_stop:
        x, y = a[i], b[j]
        if x == y:
            out[count] = x
            count += 1
            i += 1
            j += 1
        elif x < y:
            i += 1
        else:
            j += 1
    return count


@njit
def intersect(ids, starts, stops, out):
    """Write the ids that every list has and return their number, or a negative error code."""
    count = check(ids, starts, stops, out)
    if count == 0 and len(starts) == 1:
        count = stops[0] - starts[0]
        for i in range(count):
            out[i] = ids[starts[0] + i]
    elif count == 0:
        count = merge(ids, starts[0], stops[0], ids, starts[1], stops[1], out)
        for j in range(2, len(starts)):
            count = merge(out, 0, count, ids, starts[j], stops[j], out)
    return np.int64(count)
