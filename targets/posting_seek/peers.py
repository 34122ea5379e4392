"""What a user would pick instead of a kernel, behind the same surface, on one core.

A cursor is asked one seek at a time, so these Python calls cost more than the search they make.
pyroaring keeps no iterator that seeks forward from where it stands, so it selects the current id
by its position and ranks the id it found, because the position is what a query reads its
frequency by.
"""

import types
from bisect import bisect_left, bisect_right

import numpy as np

INVALID = -1
TERMINATED = 1 << 32
BLOCK = 128


def is_list(ids, first_ids):
    """Whether the ids ascend and these are the first ids of their blocks."""
    return bool(np.all(ids[1:] > ids[:-1])) and np.array_equal(first_ids, ids[::BLOCK])


def searching(opened, left, right):
    """Surface over a sorted sequence: ``left(sequence, id, start)`` and ``right(sequence, id)``."""

    def setup(ids, first_ids):
        return (opened(ids), opened(first_ids)) if is_list(ids, first_ids) else None

    def next(state, cursor, least_id):
        if state is None:
            return INVALID
        ids, first_ids = state
        at = left(ids, least_id, cursor[0])
        cursor[0] = at
        cursor[1] = at // BLOCK if at < len(ids) else len(first_ids)
        return ids[at] if at < len(ids) else TERMINATED

    def shallow_next(state, cursor, least_id):
        if state is None:
            return INVALID
        cursor[1] = max(cursor[1], right(state[1], least_id) - 1)
        return cursor[1]

    return types.SimpleNamespace(setup=setup, next=next, shallow_next=shallow_next)


def numpy_peer():
    """`numpy.searchsorted` over what is left of the list."""

    def key(sequence, least_id):
        # an id of another type would make searchsorted convert the whole list
        return sequence.dtype.type(min(max(least_id, 0), TERMINATED - 1))

    def left(ids, least_id, start):
        if least_id >= TERMINATED:
            return len(ids)
        return start + ids[start:].searchsorted(key(ids, least_id))

    def right(first_ids, least_id):
        return first_ids.searchsorted(key(first_ids, least_id), "right") if least_id >= 0 else 0

    return searching(lambda ids: ids, left, right)


def bisect_peer():
    """`bisect` of the standard library over the array's memory."""
    return searching(memoryview, bisect_left, bisect_right)


def pyroaring_peer():
    """`pyroaring.BitMap`: the next set bit for an id, a rank among the first ids for a block."""
    from array import array

    from pyroaring import BitMap

    def setup(ids, first_ids):
        if not is_list(ids, first_ids):
            return None
        # from a numpy array it would read the ids one by one, eight times as long
        bitmaps = (BitMap(array("I", part.tobytes())) for part in (ids, first_ids))
        return (*bitmaps, len(ids), int(ids[-1]) if len(ids) else -1)

    def next(state, cursor, least_id):
        if state is None:
            return INVALID
        ids, first_ids, length, last_id = state
        if 0 <= cursor[0] < length:
            least_id = max(int(least_id), ids[int(cursor[0])])
        else:
            least_id = TERMINATED
        if least_id > last_id:
            cursor[0] = length
            cursor[1] = len(first_ids)
            return TERMINATED
        found = ids.next_set_bit(least_id)
        cursor[0] = ids.rank(found) - 1
        cursor[1] = cursor[0] // BLOCK
        return found

    def shallow_next(state, cursor, least_id):
        if state is None:
            return INVALID
        first_ids = state[1]
        least_id = min(int(least_id), TERMINATED - 1)
        block = first_ids.rank(least_id) - 1 if least_id >= 0 else 0
        cursor[1] = max(cursor[1], block)
        return cursor[1]

    return types.SimpleNamespace(setup=setup, next=next, shallow_next=shallow_next)


PEERS = {"numpy": numpy_peer, "bisect": bisect_peer, "pyroaring": pyroaring_peer}
