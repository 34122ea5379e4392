"""The truth, in the plainest code: one row after the other, checked as it is read.

What ``dataset.take`` of pylance 14.0.2 returns is pinned by the snapshot: rows in the order asked
for, as often as asked for, nulls as nulls (here: a bit of the validity, over whatever bytes lie
there). For an id beyond the rows Lance raises an error where the ids are sorted, and leaves the
row out where they are not; here it is a code in both cases.
"""

import numpy as np
from numba import njit

BEYOND = -1
TOO_SHORT = -2
BAD_OFFSETS = -3


@njit
def take_fixed(values, ids, out):
    """Copy row ``ids[i]`` of ``values``, of one or two dimensions, to row ``i`` of ``out``."""
    if len(out) < len(ids) or (values.ndim == 2 and out.shape[-1] < values.shape[-1]):
        return TOO_SHORT
    for i in range(len(ids)):
        if ids[i] >= np.uint64(len(values)):
            return BEYOND
        row = np.int64(ids[i])
        if values.ndim == 1:
            out[i] = values[row]
        else:
            for j in range(values.shape[1]):
                out[i, j] = values[row, j]
    return 0


@njit
def take_variable(data, offsets, ids, out_data, out_offsets):
    """Copy string ``ids[i]``, bytes ``offsets[ids[i]]`` to ``offsets[ids[i] + 1]`` of ``data``."""
    if len(out_offsets) < len(ids) + 1:
        return TOO_SHORT
    at = 0
    out_offsets[0] = 0
    for i in range(len(ids)):
        if len(offsets) < 2 or ids[i] >= np.uint64(len(offsets) - 1):
            return BEYOND
        row = np.int64(ids[i])
        start, stop = np.int64(offsets[row]), np.int64(offsets[row + 1])
        if start < 0 or stop < start or stop > len(data):
            return BAD_OFFSETS
        if at + stop - start > len(out_data):
            return TOO_SHORT
        for k in range(start, stop):
            out_data[at] = data[k]
            at += 1
        out_offsets[i + 1] = at
    return 0


@njit
def take_bits(bits, ids, out):
    """Gather bit ``ids[i]`` of a bitmap of u64 words, lowest bit first, as bit ``i`` of ``out``."""
    if len(out) * 64 < len(ids):
        return TOO_SHORT
    for w in range((len(ids) + 63) // 64):
        out[w] = 0
    for i in range(len(ids)):
        if ids[i] >= np.uint64(len(bits) * 64):
            return BEYOND
        row = np.int64(ids[i])
        bit = (bits[row // 64] >> np.uint64(row % 64)) & np.uint64(1)
        out[i // 64] |= bit << np.uint64(i % 64)
    return 0


def answer(fixture, requests):
    """Return the true outputs of all requests.

    Parameters
    ----------
    fixture : mapping
        ``values`` [rows] or [rows, width], or ``data`` u8[bytes] and ``offsets`` i32[rows + 1];
        ``validity`` u64[words], of length 0 where the column has no nulls.
    requests : mapping
        ``ids`` u64[requests, n].

    Returns
    -------
    dict
        ``out`` [requests, n * width] of a column of fixed width, ``data`` u8[requests, capacity]
        and ``offsets`` i32[requests, n + 1] of strings, ``valid`` u64[requests, words], each with
        no elements where it does not apply; ``taken``, ``bytes``, ``marks``, ``words``
        i64[requests]: how many elements of these are filled; ``status`` i64[requests].
    """
    ids, validity = requests["ids"], fixture["validity"]
    requested, n = ids.shape
    fixed = "values" in fixture
    if fixed:
        values = fixture["values"]
        out = np.zeros((requested, n, *values.shape[1:]), values.dtype)
        data, offsets = np.zeros((requested, 0), np.uint8), np.zeros((requested, 0), np.int32)
    else:
        longest = int(np.diff(fixture["offsets"]).max(initial=0))
        out = np.zeros((requested, 0), np.int32)
        data = np.zeros((requested, n * longest), np.uint8)
        offsets = np.zeros((requested, n + 1), np.int32)
    valid = np.zeros((requested, (n + 63) // 64 if len(validity) else 0), np.uint64)
    status = np.zeros(requested, np.int64)
    for r in range(requested):
        if fixed:
            status[r] = take_fixed(values, ids[r], out[r])
        else:
            status[r] = take_variable(
                fixture["data"], fixture["offsets"], ids[r], data[r], offsets[r]
            )
        if len(validity):
            status[r] = min(status[r], take_bits(validity, ids[r], valid[r]))
    good = (status == 0).astype(np.int64)
    out = out.reshape(requested, -1) if out.size else out.reshape(requested, 0)
    return {
        "out": out,
        "data": data,
        "offsets": offsets,
        "valid": valid,
        "taken": good * out.shape[1],
        "bytes": good * (offsets[:, -1] if offsets.shape[1] else 0),
        "marks": good * offsets.shape[1],
        "words": good * valid.shape[1],
        "status": status,
    }
