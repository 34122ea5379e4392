"""Decode bit-packed chunks a row at a time: each row of any type is two registers of 64 bytes."""

import numpy as np
from numba import njit

from workbench import simd

# Bytes between what is unpacked and what is fetched from the outer caches meanwhile.
AHEAD = 8192  # tune: 2048, 4096, 8192, 16384


@njit
def decode(words, bounds, out):
    """Decode all chunks; return the code of the first bad one, and leave ``out`` undefined then."""
    if len(out) != 1024 * len(bounds):
        return 4
    bits = np.iinfo(words.dtype).bits
    packed, values = words.view(np.uint8), out.view(np.uint8)
    code = 0
    for i in range(len(bounds)):
        start, end = bounds[i, 0], bounds[i, 1]
        if start < 0 or end > len(words) or end <= start:
            code = 1
            break
        if words[start] > words.dtype.type(bits):
            code = 2
            break
        width = np.int64(words[start])
        if end - start - 1 != width * (1024 // bits):
            code = 3
            break
        at, to = (start + 1) * (bits // 8), 128 * i * bits
        if width == 0:
            clear(values, to, 128 * bits)
        elif bits == 8:
            unpack(simd.u8x64, 8, packed, at, width, values, to)
        elif bits == 16:
            unpack(simd.u16x32, 16, packed, at, width, values, to)
        elif bits == 32:
            unpack(simd.u32x16, 32, packed, at, width, values, to)
        else:
            unpack(simd.u64x8, 64, packed, at, width, values, to)
    return code


@njit
def clear(values, to, size):
    """Write ``size`` zero bytes."""
    for k in range(to, to + size, 64):
        simd.store(values, k, simd.splat(simd.u8x64, 0))


@njit
def unpack(kind, bits, packed, at, width, values, to):
    """Unpack the 1,024 values of a chunk of ``bits`` bits a value, from and to bytes.

    Every row loads the word that has its last bit, and finds the rest of its bits in the word that
    the row before loaded: no branch, each word loaded once a row, nothing read behind
    the chunk. Where a row begins with a word, ``up`` is 0 and the word before is shifted out whole:
    ``>> 1`` first, because a shift by all bits is not defined.
    """
    top = bits - 1
    mask = ~np.uint64(0) >> np.uint64(64 - width)
    left = right = simd.bitcast(kind, simd.splat(simd.u8x64, 0))
    step = width * (128 // bits)
    last = step - 128 // bits
    up = 0
    for eighth in range(bits // 8):
        row_to = to + 2 * bits * (0, 4, 2, 6, 1, 5, 3, 7)[eighth]
        for _ in range(8):
            word = at + (last & -128)
            prefetch_two(packed, word + AHEAD)
            prefetch_two(values, row_to + AHEAD)
            next_left = simd.bitcast(kind, simd.load(simd.u8x64, packed, word))
            next_right = simd.bitcast(kind, simd.load(simd.u8x64, packed, word + 64))
            found = ((next_left << up) | ((left >> 1) >> (up ^ top))) & mask
            simd.store(values, row_to, simd.bitcast(simd.u8x64, found))
            found = ((next_right << up) | ((right >> 1) >> (up ^ top))) & mask
            simd.store(values, row_to + 64, simd.bitcast(simd.u8x64, found))
            left, right = next_left, next_right
            last += step
            up = (up - width) & top
            row_to += 16 * bits


@njit
def prefetch_two(array, at):
    """Ask for 128 bytes, which may lie behind the array."""
    simd.prefetch(array, at)
    simd.prefetch(array, at + 64)
