"""Decode across the bounds of strings: a chunk's codes are one stream without a branch on them.

Strings of two or three codes make any loop over one string end in a misprediction. So the codes
of up to 1,024 bytes are decoded in a row, whatever strings they belong to, and where each ends is
kept; then each string's end is looked up there. That list lies at the end of ``out``, where no
symbol of the block can reach.

An escape is a token without bytes that moves the next byte's entry by 256: there is the table of
the bytes themselves. So a group of eight codes is decoded without asking which of them is one.

``decode`` returns how many bytes it wrote, or a negative number: -1 the table is not one, -2 the
offsets descend or leave the input, -3 ``out`` is too small, -4 a string ends in an escape. A code
that the table does not define decodes to nothing.
"""

import numpy as np
from numba import njit

from workbench import simd


@njit
def setup(table):
    """Read the symbol table: symbols u8[512 * 8], lengths u64[512], validity, switch.

    Entry 256 + b is the byte b behind an escape. Lengths are as wide as a register, so that the
    addition of one is one instruction.
    """
    symbols = np.zeros(4096, np.uint8)
    lengths = np.zeros(512, np.uint64)
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
        for i in range(count):
            lengths[i] = table[8 + 8 * count + i]
            valid = valid and 1 <= lengths[i] <= 8
    for b in range(256):
        symbols[2048 + 8 * b] = b
        lengths[256 + b] = 1
    return symbols, lengths, valid, switch


@njit
def decode(state, compressed, offsets, out, out_offsets):
    """Decode string ``i``, ``compressed[offsets[i]:offsets[i + 1]]``, for every ``i``."""
    symbols, lengths, valid, switch = state
    result = refusal(valid, switch, compressed, offsets, out, out_offsets)
    if result == 0 and len(offsets) > 0:
        if switch:
            result = decode_all(symbols, lengths, compressed, offsets, out, out_offsets)
        else:
            result = copy_all(compressed, offsets, out, out_offsets)
    return result


@njit(inline="always")
def refusal(valid, switch, compressed, offsets, out, out_offsets):
    """Code of what is wrong before any string is looked at; 0 if nothing."""
    result = np.int64(0)
    strings = len(offsets) - 1
    if not valid:
        result = np.int64(-1)
    elif strings >= 0:
        ascending = True
        for i in range(strings):
            ascending &= offsets[np.uint64(i)] <= offsets[np.uint64(i + 1)]
        first, last = np.int64(offsets[0]), np.int64(offsets[strings])
        room = 8 * (last - first) if switch else last - first
        if not ascending or first < 0 or last > len(compressed):
            result = np.int64(-2)
        elif len(out) < room or len(out_offsets) <= strings:
            result = np.int64(-3)
    return result


@njit
def copy_all(compressed, offsets, out, out_offsets):
    """Copy strings that are stored as they are."""
    first = np.int64(offsets[0])
    size = offsets[len(offsets) - 1] - first
    for i in range(size):
        out[i] = compressed[first + i]
    for i in range(len(offsets)):
        out_offsets[i] = offsets[i] - first
    return size


@njit(inline="always")
def decode_all(symbols, lengths, compressed, offsets, out, out_offsets):
    """Decode block after block; the codes for which the list of ends has no room, one by one."""
    strings = len(offsets) - 1
    at, stop = np.int64(offsets[0]), np.int64(offsets[strings])
    listed = max(min(np.int64(1024), stop - at, (len(out) - 4) // 12), 0)
    limit = len(out) - 4 * (listed + 1)
    if limit < 0:
        limit, listed = len(out), -1
    ends = out[limit:].view(np.uint32)
    escaped, end = np.uint64(0), np.uint64(0)
    done = 0
    seen = np.uint32(0)
    out_offsets[0] = 0
    while True:
        count = min(stop - at, listed, (limit - np.int64(end)) // 8)
        if count <= 0:
            break
        end, escaped = decode_block(
            symbols, lengths, compressed, at, count, out, end, escaped, ends
        )
        while done < strings and offsets[done + 1] <= at + count:
            last = ends[np.uint64(offsets[done + 1] - at)]
            seen |= last
            out_offsets[done + 1] = last
            done += 1
        at += count
    while True:
        while done < strings and offsets[done + 1] <= at:
            seen |= np.uint32(escaped << np.uint64(23))
            out_offsets[done + 1] = end
            done += 1
        if at >= stop:
            break
        token = np.uint64(compressed[at]) | escaped
        simd.store(out, end, simd.load(simd.u8x8, symbols, token * np.uint64(8)))
        end += lengths[token]
        escaped = next_escaped(token)
        at += 1
    return np.int64(-4) if seen >> 31 else np.int64(end)


@njit
def next_escaped(token):
    """256 if the token is an escape, which moves the next byte's entry, else 0."""
    return np.uint64(256) if token == np.uint64(255) else np.uint64(0)


@njit
def decode_block(symbols, lengths, compressed, at, count, out, end, escaped, ends):
    """Decode ``count`` bytes of codes; ``ends[i]`` is where ``i`` of them end.

    Its top bit says that the last of them is an escape.
    """
    ends[0] = np.uint32(end | escaped << np.uint64(23))
    for i in range(np.uint64(0), np.uint64(count // 8 * 8), np.uint64(8)):
        codes = simd.load(simd.u8x8, compressed, at + i)
        if simd.count(codes == 255) + np.int64(escaped) == 0:
            for k in range(8):
                place = i + np.uint64(k)
                token = np.uint64(compressed[np.uint64(at) + place])
                simd.store(out, end, simd.load(simd.u8x8, symbols, token * np.uint64(8)))
                end += lengths[token]
                ends[place + np.uint64(1)] = np.uint32(end)
        else:
            for k in range(8):
                place = i + np.uint64(k)
                code = np.uint64(compressed[np.uint64(at) + place])
                token = code | escaped
                simd.store(out, end, simd.load(simd.u8x8, symbols, token * np.uint64(8)))
                end += lengths[token]
                escaped = ~escaped & (code + np.uint64(1)) & np.uint64(256)
                ends[place + np.uint64(1)] = np.uint32(end | escaped << np.uint64(23))
    for place in range(np.uint64(count // 8 * 8), np.uint64(count)):
        code = np.uint64(compressed[np.uint64(at) + place])
        token = code | escaped
        simd.store(out, end, simd.load(simd.u8x8, symbols, token * np.uint64(8)))
        end += lengths[token]
        escaped = ~escaped & (code + np.uint64(1)) & np.uint64(256)
        ends[place + np.uint64(1)] = np.uint32(end | escaped << np.uint64(23))
    return end, escaped
