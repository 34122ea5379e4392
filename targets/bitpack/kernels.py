"""Decode bit-packed chunks a row at a time: each row of any type is two registers of 64 bytes."""

import numpy as np
from numba import njit

from workbench import simd


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
        if end - start - 1 != width * 1024 // bits:
            code = 3
            break
        at, to = (start + 1) * bits // 8, 128 * i * bits
        if width == 0:
            clear(values, to, 128 * bits)
        elif bits == 8:
            unpack_bytes(packed, at, width, values, to)
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

    A row lies in the word of its first bit and that of its last, often the same: taking both
    every time needs no branch and never reads behind the chunk. What the wrong word
    brings in is masked away. ``<< 1`` first, because a shift by all bits is not defined.
    """
    top = bits - 1
    mask = ~np.uint64(0) >> np.uint64(64 - width)
    for row in range(bits):
        bit = row * width
        low = at + bit // bits * 128
        high = at + (bit + width - 1) // bits * 128
        first = 16 * (0, 4, 2, 6, 1, 5, 3, 7)[row // 8] + 128 * (row % 8)
        row_to = to + first * bits // 8
        shift = bit & top
        for half in (0, 64):
            a = simd.bitcast(kind, simd.load(simd.u8x64, packed, low + half))
            b = simd.bitcast(kind, simd.load(simd.u8x64, packed, high + half))
            found = ((a >> shift) | ((b << 1) << (shift ^ top))) & mask
            simd.store(values, row_to + half, simd.bitcast(simd.u8x64, found))


@njit
def unpack_bytes(packed, at, width, values, to):
    """Unpack the 1,024 values of a chunk of bytes: 16-bit shifts, then bits of other bytes go."""
    mask = np.uint8((1 << width) - 1)
    for row in range(8):
        bit = row * width
        low = at + bit // 8 * 128
        high = at + (bit + width - 1) // 8 * 128
        shift = bit & 7
        below = np.uint8(255 >> shift)
        for half in (0, 64):
            a = simd.bitcast(simd.u16x32, simd.load(simd.u8x64, packed, low + half))
            b = simd.bitcast(simd.u16x32, simd.load(simd.u8x64, packed, high + half))
            a = simd.bitcast(simd.u8x64, a >> shift)
            b = simd.bitcast(simd.u8x64, b << (8 - shift))
            found = (a & (mask & below)) | (b & (mask & ~below))
            simd.store(values, to + row * 128 + half, found)
