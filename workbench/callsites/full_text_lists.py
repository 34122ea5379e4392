"""Posting lists as the loops of a full-text query see them: bounds of blocks, and the best so far.

All document ids are int64 here; `NONE` (2**32) is the id of an exhausted list. Bounds are summed in
float64 and widened, so that no document is skipped that could win.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

LISTS = 5
BLOCK = 128
WINDOW = 4_096
WORDS = WINDOW // 64
NONE = 1 << 32

# The caller's working memory, in the order in which `room` holds it.
SCRATCH = {
    "cursors": ((LISTS, 2), "int64"),
    "docs": ((LISTS,), "int64"),
    "order": ((LISTS,), "int64"),
    "spans": ((2, LISTS), "int64"),
    "bounds": ((LISTS,), "float64"),
    "prefixes": ((LISTS,), "float64"),
    "parts": ((LISTS,), "float32"),
    "slot": ((1,), "float32"),
    "window": ((WINDOW,), "float32"),
    "touched": ((WORDS,), "uint64"),
    "matched": ((BLOCK,), "uint32"),
    "matched_freqs": ((LISTS, BLOCK), "uint32"),
}
# What of the fixture the loops read, in the order in which `index` holds it.
INDEX = ("starts", "ids", "freqs", "block_starts", "first_ids", "block_weights", "idf")


def opened(lists: Any, terms: Any) -> Any:
    """The states of a query's lists: a tuple, which is cheaper to read than a list."""
    last = len(terms) - 1
    return (
        lists[terms[0]],
        lists[terms[min(1, last)]],
        lists[terms[min(2, last)]],
        lists[terms[min(3, last)]],
        lists[terms[min(4, last)]],
    )


@njit()
def block_end(index: Any, term: int, block: int) -> Any:
    """Last id that can lie in a block of a list."""
    first = index[3][term] + block
    return np.int64(index[4][first + 1]) - 1 if first + 1 < index[3][term + 1] else NONE - 1


@njit()
def block_bound(index: Any, term: int, block: int) -> float:
    """What no posting of a block of a list can exceed."""
    return np.float64(index[6][term] * index[5][index[3][term] + block])


@njit()
def list_bound(index: Any, term: int, block: int, last_id: int) -> float:
    """What no posting of a list from a block on up to an id can exceed."""
    bound = np.float64(0)
    first, stop = index[3][term] + block, index[3][term + 1]
    while first < stop and index[4][first] <= last_id:
        bound = max(bound, np.float64(index[6][term] * index[5][first]))
        first += 1
    return bound


@njit()
def find(ids: Any, start: int, stop: int, doc: int) -> int:
    """Position of a document among the ids of a slice; -1 where it is not."""
    low, high = start, stop
    while low < high:
        middle = (low + high) >> 1
        if ids[middle] < doc:
            low = middle + 1
        else:
            high = middle
    return low if low < stop and ids[low] == doc else -1


@njit()
def widening(count: int) -> float:
    """Factor that covers any float32 order of adding ``count`` bounds, as Lance takes it."""
    return 1.0 if count <= 2 else 1.0 + 2.0 * (count - 1) * 2.0**-23


@njit()
def keep(doc: Any, reached: Any, held: int, ids: Any, scores: Any) -> int:
    """Insert a document into the best so far, behind its equals; return how many are held."""
    room = len(scores)
    if held == room and not reached > scores[room - 1]:
        return held
    place = min(held, room - 1)
    while place > 0 and scores[place - 1] < reached:
        scores[place] = scores[place - 1]
        ids[place] = ids[place - 1]
        place -= 1
    scores[place] = reached
    ids[place] = doc
    return min(held + 1, room)


@njit()
def sort_by(order: Any, keys: Any, count: int) -> None:
    """Order list numbers by key, in place; there are at most five."""
    for i in range(1, count):
        j, place = order[i], i
        while place > 0 and keys[order[place - 1]] > keys[j]:
            order[place] = order[place - 1]
            place -= 1
        order[place] = j


@njit()
def trailing_zeros(low: Any) -> Any:
    """Place of the only bit that is set: a float64 holds a power of two in its exponent."""
    return (np.float64(low).view(np.int64) >> 52) - 1_023
