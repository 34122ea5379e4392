"""Lance's FSST decoder as plain numba loops: the starting line.

A page's symbol table has 8 bytes of header, up to 255 symbols of 8 bytes and their lengths. Codes
are read four at a time: where none of the four is the escape (255), four symbols of 8 bytes are
stored one after another, each where the one before it really ended; where one is, the codes before
it and the byte after it are written. The 8-byte stores may run past a string's end, never past
``out``: a code decodes to at most 8 bytes, and ``out`` must have 8 for each.

``decode`` returns how many bytes it wrote, or a negative number: -1 the table is not one, -2 the
offsets descend or leave the input, -3 ``out`` is too small, -4 a string ends in an escape. A code
that the table does not define decodes to nothing.
"""

import numpy as np
from numba import njit

from workbench import simd


@njit
def setup(table):
    """Read the symbol table: symbols u8[2048], lengths u8[256], whether it is valid, its switch."""
    symbols = np.zeros(2048, np.uint8)
    lengths = np.zeros(256, np.uint8)
    # "FSST" as a big-endian number in the upper half of a little-endian header
    magic = (0x54, 0x53, 0x53, 0x46)
    valid = len(table) == 2312
    switch = False
    if valid:
        for i in range(4):
            valid = valid and table[4 + i] & magic[i] == magic[i]
        switch = table[3] & 1 == 1
        count = np.int64(table[0])
        symbols[: 8 * count] = table[8 : 8 + 8 * count]
        lengths[:count] = table[8 + 8 * count : 8 + 9 * count]
        for i in range(count):
            valid = valid and 1 <= lengths[i] <= 8
    return symbols, lengths, valid, switch


@njit
def put(symbols, lengths, code, out, end):
    """Write the symbol of a code, all 8 bytes of it; return where the next one starts."""
    place = np.uint64(code)
    simd.store(out, end, simd.load(simd.u8x8, symbols, place * np.uint64(8)))
    return end + np.uint64(lengths[place])


@njit
def decode(state, compressed, offsets, out, out_offsets):
    """Decode string ``i``, ``compressed[offsets[i]:offsets[i + 1]]``, for every ``i``."""
    symbols, lengths, valid, switch = state
    if not valid:
        return np.int64(-1)
    strings = len(offsets) - 1
    if strings < 0:
        return np.int64(0)
    ascending = True
    for i in range(strings):
        ascending &= offsets[i] <= offsets[i + 1]
    if not ascending or offsets[0] < 0 or offsets[strings] > len(compressed):
        return np.int64(-2)
    size = np.int64(offsets[strings]) - np.int64(offsets[0])
    if len(out) < (8 * size if switch else size) or len(out_offsets) <= strings:
        return np.int64(-3)
    if not switch:
        for i in range(size):
            out[i] = compressed[offsets[0] + i]
        for i in range(strings + 1):
            out_offsets[i] = offsets[i] - offsets[0]
        return size

    one, two, four = np.uint64(1), np.uint64(2), np.uint64(4)
    end = np.uint64(0)
    out_offsets[0] = 0
    for i in range(strings):
        at = np.uint64(offsets[i])
        stop = np.uint64(offsets[i + 1])
        while at + four <= stop:
            c0 = np.uint32(compressed[at])
            c1 = np.uint32(compressed[at + one])
            c2 = np.uint32(compressed[at + two])
            c3 = np.uint32(compressed[at + np.uint64(3)])
            block = c0 | c1 << 8 | c2 << 16 | c3 << 24
            # the top bit of every byte that is 255
            top = np.uint32(0x80808080)
            rest = np.uint32(0x7F7F7F7F)
            escapes = block & top & (((~block & rest) + rest) ^ top)
            if escapes == 0:
                end = put(symbols, lengths, c0, out, end)
                end = put(symbols, lengths, c1, out, end)
                end = put(symbols, lengths, c2, out, end)
                end = put(symbols, lengths, c3, out, end)
                at += four
                continue
            # codes before the first escape, then the byte after it
            if escapes & 0x80 == 0:
                end = put(symbols, lengths, c0, out, end)
                at += one
                if escapes & 0x8000 == 0:
                    end = put(symbols, lengths, c1, out, end)
                    at += one
                    if escapes & 0x800000 == 0:
                        end = put(symbols, lengths, c2, out, end)
                        at += one
                        if at + one >= stop:
                            return np.int64(-4)
            out[end] = compressed[at + one]
            end += one
            at += two
        while at < stop:
            if compressed[at] == 255:
                if at + one >= stop:
                    return np.int64(-4)
                out[end] = compressed[at + one]
                end += one
                at += two
            else:
                end = put(symbols, lengths, compressed[at], out, end)
                at += one
        out_offsets[i + 1] = end
    return np.int64(end)
