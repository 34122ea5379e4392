"""The truth in the plainest code: one code after another, one byte after another.

What bad input gives is what pylance 14.0.2 gives: it refuses a table, offsets and an escape with
nothing behind it (codes -1, -2 and -4 here), and decodes an undefined code to nothing.
"""

import numpy as np
from numba import njit

BAD_TABLE = -1
BAD_OFFSETS = -2
SMALL_OUT = -3
MISSING_BYTE = -4

TABLE_BYTES = 8 + 256 * 8 + 256
ESCAPE = 255


@njit
def setup(table):
    """Nothing to prepare: the state is the table."""
    return (table,)


@njit
def decode(state, compressed, offsets, out, out_offsets):
    """Decode all strings; return the number of bytes, or one of the negative codes above."""
    table = state[0]
    if not is_table(table):
        return BAD_TABLE
    if len(offsets) == 0:
        return 0
    for i in range(len(offsets)):
        if offsets[i] < (0 if i == 0 else offsets[i - 1]) or offsets[i] > len(compressed):
            return BAD_OFFSETS
    count = np.int64(table[0])
    switch = table[3] & 1 == 1
    size = offsets[-1] - offsets[0]
    if len(out) < (8 * size if switch else size) or len(out_offsets) < len(offsets):
        return SMALL_OUT
    end = 0
    out_offsets[0] = 0
    for i in range(len(offsets) - 1):
        at = offsets[i]
        while at < offsets[i + 1]:
            code = np.int64(compressed[at])
            at += 1
            if not switch:
                out[end] = code
                end += 1
            elif code == ESCAPE:
                if at == offsets[i + 1]:
                    return MISSING_BYTE
                out[end] = compressed[at]
                end += 1
                at += 1
            elif code < count:
                for b in range(table[8 + 8 * count + code]):
                    out[end] = table[8 + 8 * code + b]
                    end += 1
        out_offsets[i + 1] = end
    return end


@njit
def is_table(table):
    """Whether this is a symbol table: its size, "FSST" in its header, lengths of 1 to 8."""
    if len(table) != TABLE_BYTES:
        return False
    for i, letter in enumerate((0x54, 0x53, 0x53, 0x46)):
        if table[4 + i] & letter != letter:  # Lance asks for these bits, not for equality
            return False
    count = np.int64(table[0])
    short = True
    for length in table[8 + 8 * count : 8 + 9 * count]:
        short &= 1 <= length <= 8
    return short


def answer(fixture, requests):
    """Return the true outputs of all requests.

    Parameters
    ----------
    fixture : mapping
        ``table`` u8[2312].
    requests : mapping
        ``compressed`` u8[requests, n]; ``offsets`` i32[requests, chunks, strings + 1]; ``room``
        i64[requests], the bytes that the decoded strings may take.

    Returns
    -------
    dict
        ``out`` u8[requests, room], the strings of all chunks one after another, of which
        ``count`` i64[requests] bytes count; ``out_offsets`` i32[requests, chunks, strings + 1],
        each chunk's from 0 on; ``status`` i64[requests]: 0, or the code of the first bad chunk,
        whose offsets and those behind it are 0.
    """
    state = setup(fixture["table"])
    compressed, offsets = requests["compressed"], requests["offsets"]
    n = len(compressed)
    outputs = {
        "out": np.zeros((n, max(requests["room"], default=0)), np.uint8),
        "out_offsets": np.zeros(offsets.shape, np.int32),
        "count": np.zeros(n, np.int64),
        "status": np.zeros(n, np.int64),
    }
    for i in range(n):
        end = 0
        for j in range(offsets.shape[1]):
            found = outputs["out_offsets"][i, j]
            room = outputs["out"][i, end : requests["room"][i]]
            size = decode(state, compressed[i], offsets[i, j], room, found)
            if size < 0:
                outputs["status"][i] = size
                found[:] = 0
                break
            end += size
        outputs["count"][i] = end
    return outputs
