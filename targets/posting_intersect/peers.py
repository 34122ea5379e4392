"""What a user would pick instead of a kernel, behind the same surface, on one core.

The lists of a query are sorted u32 arrays that nobody has seen before, so what a library needs to
have built from them (a roaring bitmap, a set, a table) is part of its time.
"""

import functools
import types

import numpy as np

BAD_RANGE = -1
NO_ROOM = -2


def intersecting(common):
    """Surface of ``common(lists)``, which returns an ascending array."""

    def intersect(ids, starts, stops, out):
        if len(starts) == 0 or len(starts) != len(stops):
            return BAD_RANGE
        if (starts < 0).any() or (stops < starts).any() or (stops > len(ids)).any():
            return BAD_RANGE
        if len(out) < stops[0] - starts[0]:
            return NO_ROOM
        found = common([ids[a:b] for a, b in zip(starts, stops, strict=True)])
        out[: len(found)] = found
        return len(found)

    return types.SimpleNamespace(intersect=intersect)


def numpy_peer():
    """`numpy.intersect1d`, two lists at a time; it concatenates and sorts."""
    both = functools.partial(np.intersect1d, assume_unique=True)
    return intersecting(lambda lists: functools.reduce(both, lists))


def searchsorted_peer():
    """`numpy.searchsorted` of the ids that are left in each further list."""

    def both(left, right):
        if not len(right):
            return right
        at = right.searchsorted(left)
        at[at == len(right)] = 0
        return left[right[at] == left]

    return intersecting(lambda lists: functools.reduce(both, lists))


def pyroaring_peer():
    """`pyroaring.BitMap.intersection` of bitmaps made from the lists."""
    from array import array

    from pyroaring import BitMap

    def common(lists):
        # 35 us for 10,000 ids; from a numpy array it reads them one by one, 277 us
        bitmaps = [BitMap(array("I", ids.tobytes())) for ids in lists]
        return bitmaps[0].intersection(*bitmaps[1:]).to_array()

    return intersecting(common)


def pyarrow_peer():
    """`pyarrow.compute.is_in` and a filter, which hash the further list."""
    import pyarrow as pa
    from pyarrow import compute

    def both(left, right):
        return left.filter(compute.is_in(left, value_set=right))

    def common(lists):
        return functools.reduce(both, map(pa.array, lists)).to_numpy()

    return intersecting(common)


PEERS = {
    "numpy": numpy_peer,
    "searchsorted": searchsorted_peer,
    "pyroaring": pyroaring_peer,
    "pyarrow": pyarrow_peer,
}
