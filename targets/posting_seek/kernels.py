"""Posting seek with a galloping block search: doubling steps over the first ids, then halving.

Trial material: the search that won the published microbenchmark and not the query.
"""

import numpy as np
from numba import njit

INVALID = -1
TERMINATED = 1 << 32
BLOCK_SHIFT = 7


@njit
def setup(ids, first_ids):
    """Open a list; one whose ids do not ascend, or whose first ids are others', is invalid."""
    blocks = (len(ids) + (1 << BLOCK_SHIFT) - 1) >> BLOCK_SHIFT
    end = TERMINATED if len(first_ids) == blocks else INVALID
    for i in range(1, len(ids)):
        if ids[i] <= ids[i - 1]:
            end = INVALID
    for block in range(min(blocks, len(first_ids))):
        if first_ids[block] != ids[block << BLOCK_SHIFT]:
            end = INVALID
    if end == INVALID:
        ids, first_ids = ids[:0], first_ids[:0]
    return ids, first_ids, end


@njit
def find_block(first_ids, block, least_id):
    """Last block from ``block`` on whose first id is at most ``least_id``, or ``block`` itself."""
    blocks = len(first_ids)
    low, step = block, 1
    while low + step < blocks and first_ids[low + step] <= least_id:
        low += step
        step <<= 1
    high = min(low + step, blocks)
    # the block lies in [low, high): first_ids[low] is not beyond least_id, or low is the start
    while low + 1 < high:
        middle = (low + high) >> 1
        if first_ids[middle] <= least_id:
            low = middle
        else:
            high = middle
    return low


@njit
def first_at_least(ids, low, high, least_id):
    """First position from ``low`` to ``high`` whose id is at least ``least_id``, or ``high``."""
    while low < high:
        middle = (low + high) >> 1
        if ids[middle] < least_id:
            low = middle + 1
        else:
            high = middle
    return low


@njit
def next(state, cursor, least_id):
    """Move to the first id that is at least ``least_id``, never back, and return it."""
    ids, first_ids, end = state
    length = len(ids)
    index = cursor[0] if 0 <= cursor[0] < length else length
    block = find_block(first_ids, index >> BLOCK_SHIFT, least_id)
    start = max(index, min(block << BLOCK_SHIFT, length))
    stop = min((block + 1) << BLOCK_SHIFT, length)
    index = first_at_least(ids, start, stop, least_id)
    cursor[0] = index
    cursor[1] = index >> BLOCK_SHIFT if index < length else len(first_ids)
    return np.int64(ids[index]) if index < length else np.int64(end)


@njit
def shallow_next(state, cursor, least_id):
    """Move the block cursor to the block that can hold ``least_id``; no id is looked at."""
    _, first_ids, end = state
    block = cursor[1]
    if block < 0 or block > len(first_ids):
        block = len(first_ids)
    block = find_block(first_ids, block, least_id)
    cursor[1] = block
    return block if end != INVALID else np.int64(INVALID)
