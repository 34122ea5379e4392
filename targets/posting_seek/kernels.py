"""A posting list's cursor by vectors: the 16 ids at the cursor, then 16 blocks, then a block's 128.

In a query 93 % of all seeks end among the 16 ids at the cursor, so these are looked at first. The
code around them is kept small, every function has one exit, and no `if` is the last to use an array
of the state: the query inlines these functions only while LLVM finds them cheap and numba can drop
the arrays' reference counts. Where that fails the whole query takes three times as long.
"""

import numpy as np
from numba import njit

from workbench import simd

INVALID = -1
# One more than the largest id, so that an ended list sorts behind every other.
TERMINATED = 1 << 32
LARGEST_ID = (1 << 32) - 1
BLOCK_SHIFT = 7
BLOCK = 128
LANES = 16


@njit
def setup(ids, first_ids):
    """Open a list; one whose ids do not ascend, or whose first ids are others', is invalid.

    A list that is shorter than a block is filled up to one with the largest id.
    """
    length = len(ids)
    blocks = (length + BLOCK - 1) >> BLOCK_SHIFT
    end = TERMINATED if len(first_ids) == blocks else INVALID
    for i in range(1, length):
        if ids[i] <= ids[i - 1]:
            end = INVALID
    for block in range(min(blocks, len(first_ids))):
        if first_ids[block] != ids[block << BLOCK_SHIFT]:
            end = INVALID
    if end == INVALID:
        length, first_ids = 0, first_ids[:0]
    if length < BLOCK:
        short, ids = ids, np.full(BLOCK, LARGEST_ID, np.uint32)
        ids[:length] = short[:length]
    return ids, block_limits(first_ids), length, end


@njit
def block_limits(first_ids):
    """The largest id that can lie in each block, and behind the last 16 times the largest id.

    A block is passed where its limit is below the id: one comparison for ids and blocks, and
    none passes the last block. It is the only sidecar: a state with three made the AND queries of
    the call site 13 % slower.
    """
    limits = np.full(len(first_ids) + LANES, LARGEST_ID, np.uint32)
    for block in range(1, len(first_ids)):
        limits[block - 1] = first_ids[block] - 1
    return limits


@njit
def within(position, count):
    """A position that is none counts as the end."""
    return np.int64(min(np.uint64(position), np.uint64(count)))


@njit
def as_id(least_id):
    """The nearest id that there can be."""
    return np.uint32(min(max(least_id, 0), LARGEST_ID))


@njit
def below(ids, start, wanted):
    """How many of the 16 ids from ``start`` on are below ``wanted``."""
    return simd.count(simd.load(simd.u32x16, ids, start) < wanted)


@njit
def find_block(limits, block, wanted):
    """First block from ``block`` on that can hold ``wanted``, 16 blocks a step.

    No step's address waits for what the step before found, so that steps overlap.
    """
    while limits[np.uint64(block + LANES - 1)] < wanted:
        block += LANES
    return block + below(limits, block, wanted)


@njit
def next(state, cursor, least_id):
    """Move to the first id that is at least ``least_id``, never back, and return it."""
    ids, limits, length, end = state
    wanted = as_id(least_id)
    index = within(cursor[0], length)
    start = min(index, len(ids) - LANES)
    passed = below(ids, start, wanted)
    if passed == LANES:
        block = find_block(limits, index >> BLOCK_SHIFT, wanted)
        # the last block may be partial: the 128 ids that end with the list are as good
        start = min(block << BLOCK_SHIFT, len(ids) - BLOCK)
        passed = 0
        for i in range(start, start + BLOCK, LANES):
            passed += below(ids, i, wanted)
    blocks = len(limits) - LANES  # here, so that the `if` is not the last to use it
    index = max(index, start + passed) if least_id <= LARGEST_ID else length
    cursor[0] = index
    cursor[1] = index >> BLOCK_SHIFT if index < length else blocks
    found = np.int64(ids[np.uint64(min(index, len(ids) - 1))])
    return found if index < length else np.int64(end)


@njit
def shallow_next(state, cursor, least_id):
    """Move the block cursor to the block that can hold ``least_id``; no id is looked at."""
    _, limits, _, end = state
    block = within(cursor[1], len(limits) - LANES)
    block = find_block(limits, block, as_id(least_id))
    cursor[1] = block
    return block if end != INVALID else np.int64(INVALID)
