"""Check the indices first, then copy each value with vectors that may run past its end.

Both decoders return how many bytes they wrote, or a negative number: -1 the dictionary is not
one, -2 an index is not in it, -3 an output is too small; the first of these that applies.
"""

import numpy as np
from numba import njit

from workbench import simd
from workbench.simd import HAS_WORD_PERMUTE


@njit
def setup(values, offsets, width):
    """Keep the dictionary of a page, and whether it can be used: Lance loads it once as well.

    The values get 32 bytes behind them, which a copy may read; of strings, each first byte and
    size lie side by side, so that a row reads both from one cache line.
    """
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
    padded = np.zeros(len(values) + 32, np.uint8)
    padded[: len(values)] = values
    spans = np.zeros(2 * items, np.uint32)
    if valid and width == 0:
        spans[::2] = offsets[:-1]
        spans[1::2] = offsets[1:] - offsets[:-1]
    return padded, spans, np.int64(width), items, valid


@njit
def all_known(indices, items):
    """Whether every index is one of a value: the largest of them, found by vectors, tells."""
    largest = indices.dtype.type(0)
    for i in range(len(indices)):
        largest = max(largest, indices[np.uint64(i)])
    return len(indices) == 0 or np.uint64(largest) < np.uint64(items)


@njit
def decode_fixed(state, indices, out):
    """Write the value of each index, ``width`` bytes."""
    values, _, width, items, valid = state
    if not valid or width == 0:
        return np.int64(-1)
    if not all_known(indices, items):
        return np.int64(-2)
    if width * len(indices) > len(out):
        return np.int64(-3)
    if width == 8:
        copy_8(values, indices, out)
    elif width == 16:
        copy_16(values, indices, out)
    else:
        copy_any(values, indices, width, out)
    return width * len(indices)


@njit
def copy_8(values, indices, out):
    """Write values of 8 bytes: a load and a store each; sixteen at a time if there are so few."""
    done = 0
    if HAS_WORD_PERMUTE and len(values) <= 160 and indices.itemsize == 4:
        done = len(indices) // 16 * 16
        permute_8(values, indices[:done].view(np.uint32), out[: 8 * done].view(np.uint32))
    for i in range(done, len(indices)):
        first = np.int64(indices[np.uint64(i)]) * 8
        simd.store(out, i * 8, simd.load(simd.u8x8, values, first))


@njit
def permute_8(values, indices, out):
    """Look the halves of sixteen values up in two registers, which hold the dictionary."""
    size = len(values) // 8 * 2
    words = values[: 4 * size].view(np.uint32)
    table = (
        simd.load_first(simd.u32x16, words, 0, size),
        simd.load_first(simd.u32x16, words, 16, size - 16),
    )
    half = simd.iota(simd.u32x16) & 1
    low = simd.iota(simd.u32x16) >> 1
    for i in range(0, len(indices), 16):
        places = simd.load(simd.u32x16, indices, i) * 2
        simd.store(out, 2 * i, simd.lookup(table, simd.permute(places, low) + half))
        simd.store(out, 2 * i + 16, simd.lookup(table, simd.permute(places, low + 8) + half))


@njit
def copy_16(values, indices, out):
    """Write values of 16 bytes: a load and a store each."""
    for i in range(len(indices)):
        first = np.int64(indices[np.uint64(i)]) * 16
        simd.store(out, i * 16, simd.load(simd.u8x16, values, first))


@njit
def copy_any(values, indices, width, out):
    """Write values of any width, byte by byte."""
    for i in range(len(indices)):
        first = np.int64(indices[np.uint64(i)]) * width
        for b in range(width):
            out[i * width + b] = values[first + b]


@njit
def decode_variable(state, indices, out, out_offsets):
    """Write the value of each index, and where it ends."""
    values, spans, width, items, valid = state
    if not valid or width != 0:
        return np.int64(-1)
    if not all_known(indices, items):
        return np.int64(-2)
    if len(out_offsets) <= len(indices):
        return np.int64(-3)
    end = 0
    out_offsets[0] = 0
    for i in range(len(indices)):
        item = np.int64(indices[np.uint64(i)])
        first, size = np.int64(spans[2 * item]), np.int64(spans[2 * item + 1])
        if size <= 32 and end + 32 <= len(out):
            simd.store(out, end, simd.load(simd.u8x16, values, first))
            simd.store(out, end + 16, simd.load(simd.u8x16, values, first + 16))
        elif end + size <= len(out):
            for b in range(size):
                out[end + b] = values[first + b]
        else:
            return np.int64(-3)
        end += size
        out_offsets[i + 1] = end
    return end
