"""A posting list's cursor by vectors: 16 first ids at once, then the 128 ids of a block at once.

Every function has one exit and takes its arrays out of no `if` that ends before they are used
again, because numba only then drops their reference counts (140 ns a pair of calls).
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
# Entries behind a sidecar's last, so that a vector may be read behind any block.
PAD = 32


@njit
def setup(ids, first_ids):
    """Open a list; one whose ids do not ascend, or whose first ids are others', is invalid.

    The sidecars are the first ids of every block, every 16th and every 256th: together less than
    one part in a hundred of the list. A list that is shorter than a block is filled up to one.
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
        ids = padded(ids[:length], 1, BLOCK - length)
    firsts, seconds = padded(first_ids, 1, PAD), padded(first_ids, LANES, PAD)
    return ids, firsts, seconds, padded(first_ids, LANES * LANES, PAD), length, end


@njit
def padded(ids, step, pad):
    """Every ``step``-th id, then the largest id ``pad`` times."""
    count = (len(ids) + step - 1) // step
    result = np.full(count + pad, LARGEST_ID, np.uint32)
    for i in range(count):
        result[i] = ids[i * step]
    return result


@njit
def within(position, count):
    """A position that is none counts as the end."""
    return np.int64(min(np.uint64(position), np.uint64(count)))


@njit
def as_id(least_id):
    """The nearest id that there can be."""
    return np.uint32(min(max(least_id, 0), LARGEST_ID))


@njit
def ahead(sidecar, at, wanted):
    """Last of the entry ``at`` and the 16 behind it that is not beyond ``wanted``."""
    passed = simd.count(simd.load(simd.u32x16, sidecar, at + 1) <= wanted)
    return min(at + passed, len(sidecar) - PAD - 1)


@njit
def find_block(firsts, seconds, thirds, block, wanted):
    """Last block from ``block`` on whose first id is at most ``wanted``, or ``block`` itself.

    More than 16 blocks away it is found from the coarsest sidecar down. That happens once: the
    loop is an `if` whose arrays numba can follow.
    """
    start = block
    found = ahead(firsts, start, wanted)
    while found - start == LANES:
        third = start >> 8
        step = ahead(thirds, third, wanted)
        while step - third == LANES:
            third = step
            step = ahead(thirds, third, wanted)
        second = ahead(seconds, max(step << 4, start >> 4), wanted)
        start = max(second << 4, start)
        found = ahead(firsts, start, wanted)
    return max(block, found)


@njit
def count_below(ids, start, wanted):
    """How many of the 128 ids from ``start`` on are below ``wanted``."""
    total = 0
    for i in range(start, start + BLOCK, LANES):
        total += simd.count(simd.load(simd.u32x16, ids, i) < wanted)
    return total


@njit
def next(state, cursor, least_id):
    """Move to the first id that is at least ``least_id``, never back, and return it."""
    ids, firsts, seconds, thirds, length, end = state
    blocks = len(firsts) - PAD
    wanted = as_id(least_id)
    index = within(cursor[0], length)
    block = find_block(firsts, seconds, thirds, index >> BLOCK_SHIFT, wanted)
    # the last block may be partial: the 128 ids that end with the list are as good
    start = min(block << BLOCK_SHIFT, len(ids) - BLOCK)
    index = max(index, start + count_below(ids, start, wanted))
    index = index if least_id <= LARGEST_ID else length
    cursor[0] = index
    cursor[1] = index >> BLOCK_SHIFT if index < length else blocks
    found = np.int64(ids[np.uint64(min(index, len(ids) - 1))])
    return found if index < length else np.int64(end)


@njit
def shallow_next(state, cursor, least_id):
    """Move the block cursor to the block that can hold ``least_id``; no id is looked at."""
    _, firsts, seconds, thirds, _, end = state
    block = within(cursor[1], len(firsts) - PAD)
    block = find_block(firsts, seconds, thirds, block, as_id(least_id))
    cursor[1] = block
    return block if end != INVALID else np.int64(INVALID)
