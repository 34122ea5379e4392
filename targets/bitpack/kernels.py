"""Decode bit-packed chunks: rows outside, lanes inside, as upstream.py does."""

import numpy as np
from numba import njit


@njit
def decode(words, bounds, out):
    """Decode all chunks; return the code of the first bad one, and leave ``out`` undefined then."""
    if len(out) != 1024 * len(bounds):
        return 4
    bits = 8 * words.itemsize
    for i in range(len(bounds)):
        start, end = bounds[i, 0], bounds[i, 1]
        if start < 0 or end > len(words) or end <= start:
            return 1
        if words[start] > words.dtype.type(bits):
            return 2
        width = int(words[start])
        if end - start - 1 != width * 1024 // bits:
            return 3
        if width == 0:
            out[1024 * i : 1024 * i + 1024] = 0
        else:
            unpack(words, start + 1, width, out, 1024 * i)
    return 0


@njit(error_model="numpy")
def unpack(words, start, width, out, first):
    """Unpack the 1,024 values of ``width`` bits from ``words[start]`` to ``out[first]``.

    Offsets are unsigned, because numba wraps negative indices and LLVM then gives up on vectors
    (0.8 ns a value); a slice for each row would count references (0.9 ns).
    """
    bits = 8 * words.itemsize
    lanes = np.uint64(1024 // bits)
    mask = words.dtype.type(words.dtype.type(-1) >> words.dtype.type(bits - width))
    for row in range(bits):
        word, shift = row * width // bits, row * width % bits
        low = np.uint64(start + word * (1024 // bits))
        to = np.uint64(first + 16 * (0, 4, 2, 6, 1, 5, 3, 7)[row // 8] + 128 * (row % 8))
        down = words.dtype.type(shift)
        if shift + width <= bits:
            for lane in range(lanes):
                out[to + lane] = (words[low + lane] >> down) & mask
        else:
            high = low + lanes
            up = words.dtype.type(bits - shift)
            for lane in range(lanes):
                value = (words[low + lane] >> down) | (words[high + lane] << up)
                out[to + lane] = value & mask
