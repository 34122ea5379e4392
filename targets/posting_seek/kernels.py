"""How Lance 14 moves a posting list's cursor, in plain numba: the start of research.

A cached list has the first id of every block of 128 (decoded once per list) and, from its impact
data, the last id of every group of 32 blocks. Finding a block takes up to 8 single steps over the
first ids, then whole groups one at a time, then a binary search inside the group. Inside the
block it is a binary search. A real list decodes the block first; here the ids are decoded.

Every function has one exit, because numba only then drops the reference counts of the arrays it
takes out of the state: with several the two calls took 140 ns instead of 30.
"""

import numpy as np
from numba import njit

INVALID = -1
# One more than the largest id, so that an ended list sorts behind every other.
TERMINATED = 1 << 32
# Ids per block and blocks per group, as powers of two.
BLOCK_SHIFT = 7
GROUP_SHIFT = 5
SINGLE_STEPS = 8


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
    groups = (len(first_ids) + (1 << GROUP_SHIFT) - 1) >> GROUP_SHIFT
    last_ids = np.empty(groups, np.uint32)
    for group in range(groups):
        stop = min((group + 1) << (GROUP_SHIFT + BLOCK_SHIFT), len(ids))
        last_ids[group] = ids[stop - 1]
    return ids, first_ids, last_ids, end


@njit
def find_block(first_ids, last_ids, block, least_id):
    """Last block from ``block`` on whose first id is at most ``least_id``, or ``block`` itself."""
    blocks = len(first_ids)
    limit = min(block + SINGLE_STEPS, blocks - 1)
    while block < limit and first_ids[block + 1] <= least_id:
        block += 1
    searching = block == limit
    while searching and block + 1 < blocks:
        group = (block + 1) >> GROUP_SHIFT
        stop = min((group + 1) << GROUP_SHIFT, blocks)
        if last_ids[group] < least_id:
            block = stop - 1
        else:
            low = block + 1
            while low < stop:
                middle = (low + stop) >> 1
                if first_ids[middle] <= least_id:
                    low = middle + 1
                else:
                    stop = middle
            block = low - 1
            searching = False
    return block


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
    ids, first_ids, last_ids, end = state
    length = len(ids)
    index = cursor[0] if 0 <= cursor[0] < length else length
    block = find_block(first_ids, last_ids, index >> BLOCK_SHIFT, least_id)
    start = max(index, min(block << BLOCK_SHIFT, length))
    stop = min((block + 1) << BLOCK_SHIFT, length)
    # past the last id of the block it is `stop`, and so the first id of the next block
    index = first_at_least(ids, start, stop, least_id)
    cursor[0] = index
    cursor[1] = index >> BLOCK_SHIFT if index < length else len(first_ids)
    return np.int64(ids[index]) if index < length else np.int64(end)


@njit
def shallow_next(state, cursor, least_id):
    """Move the block cursor to the block that can hold ``least_id``; no id is looked at."""
    _, first_ids, last_ids, end = state
    block = cursor[1]
    if block < 0 or block > len(first_ids):
        block = len(first_ids)
    block = find_block(first_ids, last_ids, block, least_id)
    cursor[1] = block
    return block if end != INVALID else np.int64(INVALID)
