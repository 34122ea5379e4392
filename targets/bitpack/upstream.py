"""Lance's inline bit-packing decoder, as plain numba loops: the starting line.

Lance packs in the FastLanes layout: a type of ``bits`` bits has ``1024 / bits`` lanes, and each
lane is a stream of bits over every ``lanes``-th word. Each of the ``bits`` rows is a shift and a
mask of all lanes at once; where a value straddles two words, the next gives its upper bits.

Lance compiles one function for each width, lanes outside and rows unrolled inside, and LLVM turns
the lanes into vectors. numba does not get there: with 32 constant widths it takes 22 s to compile
and stays scalar for 32 and 64 bits (1.0 ns a value). With the rows outside and the lanes inside
LLVM vectorises for every type with the width as a plain number, 0.13 ns at 32 bits, and that is
what the installed Lance takes too (0.14 to 0.16 ns): so that is the form here.

Codes: 0 fine, 1 a chunk that is outside the page or has no header, 2 a width above the type's, 3 a
chunk of the wrong length for its width, 4 an output of the wrong length.
"""

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
