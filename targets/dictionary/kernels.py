"""Lance's dictionary decoder as plain numba loops: the starting line.

Lance walks the indices in order and appends the value of each to a growing buffer: it checks the
index, copies ``width`` bytes (known at run time only) or the bytes between two offsets, and, for
strings, appends where the value ends.

Both functions return how many bytes they wrote, or a negative number: -1 the dictionary is not
one, -2 an index is not in it, -3 an output is too small; the first of these that applies.
"""

import numpy as np
from numba import njit


@njit
def setup(values, offsets, width):
    """Keep the dictionary of a page, and whether it can be used: Lance loads it once as well."""
    valid = width >= 0
    items = np.int64(0)
    if width > 0:
        items = len(values) // width
        valid = items * width == len(values)
    elif len(offsets) > 0:
        items = len(offsets) - 1
        for i in range(items):
            valid = valid and offsets[i] <= offsets[i + 1]
        valid = valid and offsets[0] >= 0 and offsets[items] <= len(values)
    return values, offsets, np.int64(width), items, valid


@njit
def append(values, first, size, out, end):
    """Copy ``size`` bytes of a value to the end of ``out``."""
    for b in range(size):
        out[end + b] = values[first + b]


@njit
def no_room(indices, start, items):
    """Code of an output that is too small: -2 where an index to come is bad as well."""
    for i in range(start, len(indices)):
        if np.uint64(indices[i]) >= np.uint64(items):
            return np.int64(-2)
    return np.int64(-3)


@njit
def decode_fixed(state, indices, out):
    """Write the value of each index, ``width`` bytes."""
    values, _, width, items, valid = state
    if not valid or width == 0:
        return np.int64(-1)
    room = len(out)
    size = np.uint64(width)
    end = np.uint64(0)
    for i in range(len(indices)):
        item = np.uint64(indices[i])
        if item >= np.uint64(items):
            return np.int64(-2)
        if end + size > np.uint64(room):
            return no_room(indices, i, items)
        append(values, item * size, size, out, end)
        end += size
    return np.int64(end)


@njit
def decode_variable(state, indices, out, out_offsets):
    """Write the value of each index, and where it ends."""
    values, offsets, width, items, valid = state
    if not valid or width != 0:
        return np.int64(-1)
    if len(out_offsets) <= len(indices):
        return no_room(indices, 0, items)
    room = len(out)
    end = np.uint64(0)
    out_offsets[0] = 0
    for i in range(len(indices)):
        item = np.uint64(indices[i])
        if item >= np.uint64(items):
            return np.int64(-2)
        first = np.uint64(offsets[item])
        size = np.uint64(offsets[item + np.uint64(1)]) - first
        if end + size > np.uint64(room):
            return no_room(indices, i, items)
        append(values, first, size, out, end)
        end += size
        out_offsets[i + 1] = end
    return np.int64(end)
