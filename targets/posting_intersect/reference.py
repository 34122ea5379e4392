"""The truth, in the plainest code: every id of the first list that bisection finds in the others.

Lists ascend and repeat no id. On lists that do not, every answer is sound (an id given is in all
lists, none is read beyond a list) but which ids are found is left open: a kernel need not find
the same ones.
"""

import numpy as np
from numba import njit

BAD_RANGE = -1
NO_ROOM = -2


@njit
def holds(ids, start, stop, wanted):
    """Whether the ascending ``ids[start:stop]`` hold an id."""
    low, high = start, stop
    while low < high:
        middle = (low + high) // 2
        if ids[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low < stop and ids[low] == wanted


@njit
def intersect(ids, starts, stops, out):
    """Write the ids that every list has and return their number, or a negative error code."""
    if len(starts) == 0 or len(starts) != len(stops):
        return BAD_RANGE
    if np.any(starts < 0) or np.any(stops < starts) or np.any(stops > len(ids)):
        return BAD_RANGE
    if len(out) < stops[0] - starts[0]:
        return NO_ROOM
    count = 0
    for i in range(starts[0], stops[0]):
        everywhere = True
        for j in range(1, len(starts)):
            everywhere = everywhere and holds(ids, starts[j], stops[j], ids[i])
        if everywhere:
            out[count] = ids[i]
            count += 1
    return count


def answer(fixture, requests):
    """Return the true outputs of all requests.

    Parameters
    ----------
    fixture : mapping
        ``capacity`` i64[1], ids that the caller has room for; a query brings its own lists.
    requests : mapping
        ``ids`` u32[requests, total]; ``starts`` and ``stops`` i64[requests, instances, lists].

    Returns
    -------
    dict
        ``out`` u32[requests, capacity], the answers of a request one after another; ``count``
        i64[requests], how many ids they are together; ``counts`` i64[requests, instances], how
        many each is, or its error code.
    """
    starts, stops = requests["starts"], requests["stops"]
    out = np.zeros((len(starts), int(fixture["capacity"][0])), np.uint32)
    counts = np.zeros(starts.shape[:2], np.int64)
    for i, ids in enumerate(requests["ids"]):
        used = 0
        for j in range(starts.shape[1]):
            counts[i, j] = intersect(ids, starts[i, j], stops[i, j], out[i, used:])
            used += max(0, counts[i, j])
    return {"out": out, "count": counts.clip(min=0).sum(axis=1), "counts": counts}
