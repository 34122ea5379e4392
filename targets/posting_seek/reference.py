"""The truth, in the plainest code: bisect the first ids for the block, the ids for the position.

A list is a strictly ascending u32 array and the first id of every 128 of it. Anything else is an
invalid list, and every answer about it is -1. A cursor that is not in the list is at its end.
"""

import numpy as np
from numba import njit

INVALID = -1
TERMINATED = 1 << 32
BLOCK_SHIFT = 7


@njit
def bisect(ids, start, least_id):
    """First position from ``start`` on whose id is at least ``least_id``."""
    low, high = start, len(ids)
    while low < high:
        middle = (low + high) // 2
        if ids[middle] < least_id:
            low = middle + 1
        else:
            high = middle
    return low


@njit
def setup(ids, first_ids):
    """Open a list; one whose ids do not ascend, or whose first ids are others', is invalid."""
    expected = ids[:: 1 << BLOCK_SHIFT]
    valid = len(first_ids) == len(expected)
    valid = valid and np.all(ids[1:] > ids[:-1]) and np.all(first_ids == expected)
    return (ids, first_ids, TERMINATED) if valid else (ids[:0], first_ids[:0], INVALID)


@njit
def next(state, cursor, least_id):
    """Move to the first id that is at least ``least_id``, never back, and return it."""
    ids, first_ids, end = state
    at = cursor[0] if 0 <= cursor[0] < len(ids) else len(ids)
    at = bisect(ids, at, least_id)
    cursor[0] = at
    cursor[1] = at >> BLOCK_SHIFT if at < len(ids) else len(first_ids)
    return np.int64(ids[at]) if at < len(ids) else end


@njit
def shallow_next(state, cursor, least_id):
    """Move the block cursor to the block that can hold ``least_id``; no id is looked at."""
    _, first_ids, end = state
    if end == INVALID:
        return end
    block = cursor[1] if 0 <= cursor[1] <= len(first_ids) else len(first_ids)
    cursor[1] = max(block, bisect(first_ids, 0, min(least_id, TERMINATED) + 1) - 1)
    return cursor[1]


@njit
def seek_all(state, opens, least_id, shallow_id, found, block):
    """Answer one request, as ``bench.py`` asks it."""
    cursor = np.zeros(2, np.int64)
    for i in range(len(least_id)):
        if opens[i]:
            cursor[:] = 0
        block[i] = shallow_next(state, cursor, shallow_id[i])
        found[i] = next(state, cursor, least_id[i])


def answer(fixture, requests):
    """Return the true outputs of all requests.

    Parameters
    ----------
    fixture : mapping
        ``ids`` u32[n] and ``first_ids`` u32[blocks].
    requests : mapping
        ``opens`` u8, ``shallow_id`` and ``least_id`` i64, each [requests, seeks].

    Returns
    -------
    dict
        ``block`` and ``found`` i64[requests, seeks].
    """
    state = setup(fixture["ids"], fixture["first_ids"])
    least_id = requests["least_id"]
    found, block = np.empty_like(least_id), np.empty_like(least_id)
    for i in range(len(least_id)):
        seek_all(
            state, requests["opens"][i], least_id[i], requests["shallow_id"][i], found[i], block[i]
        )
    return {"block": block, "found": found}
