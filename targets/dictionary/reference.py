"""The truth in the plainest code: the bytes of one value after another."""

import numpy as np
from numba import njit

BAD_DICTIONARY = -1
BAD_INDEX = -2
SMALL_OUT = -3


@njit
def setup(values, offsets, width):
    """Nothing to prepare: the state is the dictionary."""
    return values, offsets, width


@njit
def items_of(values, offsets, width):
    """Return the number of values; -1 if this is no dictionary."""
    if width < 0:
        return -1
    if width > 0:
        return len(values) // width if len(values) % width == 0 else -1
    for i in range(len(offsets)):
        if offsets[i] < (0 if i == 0 else offsets[i - 1]) or offsets[i] > len(values):
            return -1
    return max(len(offsets) - 1, 0)


@njit
def all_known(indices, items):
    """Whether every index is one of a value."""
    known = True
    for index in indices:
        known &= 0 <= index < items
    return known


@njit
def decode_fixed(state, indices, out):
    """Write the values of all indices; return their bytes, or the first code that applies."""
    values, offsets, width = state
    items = items_of(values, offsets, width)
    if items < 0 or width == 0:
        return BAD_DICTIONARY
    if not all_known(indices, items):
        return BAD_INDEX
    if len(indices) * width > len(out):
        return SMALL_OUT
    end = 0
    for index in indices:
        for b in range(width):
            out[end] = values[np.int64(index) * width + b]
            end += 1
    return end


@njit
def decode_variable(state, indices, out, out_offsets):
    """Write the values of all indices and where each ends; return their bytes, or a code."""
    values, offsets, width = state
    items = items_of(values, offsets, width)
    if items < 0 or width != 0:
        return BAD_DICTIONARY
    if not all_known(indices, items):
        return BAD_INDEX
    if len(out_offsets) <= len(indices):
        return SMALL_OUT
    end = 0
    out_offsets[0] = 0
    for i, index in enumerate(indices):
        first, last = offsets[np.int64(index)], offsets[np.int64(index) + 1]
        if end + last - first > len(out):
            return SMALL_OUT
        for b in range(first, last):
            out[end] = values[b]
            end += 1
        out_offsets[i + 1] = end
    return end


def answer(fixture, requests):
    """Return the true outputs of all requests.

    Parameters
    ----------
    fixture : mapping
        ``values`` u8; ``width`` i64[1], the bytes of a value; where it is 0 values are strings
        and ``offsets`` i32[items + 1] their bounds, else ``offsets`` is empty.
    requests : mapping
        ``indices`` unsigned[requests, calls, rows]; ``room`` i64[requests], the bytes that the
        values may take.

    Returns
    -------
    dict
        ``out`` u8[requests, room], the values of all calls one after another, of which ``count``
        i64[requests] bytes count; ``status`` i64[requests]: 0, or the code of the first bad call;
        of strings also ``out_offsets`` i32[requests, calls, rows + 1], each call's from 0 on, and
        0 from the bad call on.
    """
    width = int(fixture["width"][0])
    state = setup(fixture["values"], fixture["offsets"], width)
    indices, room = requests["indices"], requests["room"]
    n, calls, rows = indices.shape
    outputs = {
        "out": np.zeros((n, max(room, default=0)), np.uint8),
        "count": np.zeros(n, np.int64),
        "status": np.zeros(n, np.int64),
    }
    if not width:
        outputs["out_offsets"] = np.zeros((n, calls, rows + 1), np.int32)
    for i in range(n):
        end = 0
        for j in range(calls):
            left = outputs["out"][i, end : room[i]]
            if width:
                size = decode_fixed(state, indices[i, j], left)
            else:
                size = decode_variable(state, indices[i, j], left, outputs["out_offsets"][i, j])
            if size < 0:
                outputs["status"][i] = size
                if not width:
                    outputs["out_offsets"][i, j] = 0
                break
            end += size
        outputs["count"][i] = end
    return outputs
