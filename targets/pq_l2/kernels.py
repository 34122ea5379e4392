"""Finish 4,096 rows before the next, so that their sums stay in the first cache."""

import numpy as np
from numba import njit

from workbench import simd
from workbench.simd import HAS_BYTE_PERMUTE


@njit
def setup(codebook, codes):
    """Transpose the codebook; arrange the codes for byte planes, or transpose them too."""
    if HAS_BYTE_PERMUTE:
        return transposed(codebook), arranged(codes)
    return transposed(codebook), np.ascontiguousarray(codes.T)


@njit
def transposed(codebook):
    """Codebook as f32[m, width, k]: neighbours in memory are centroids, not dimensions."""
    sub_vectors, centroids, width = codebook.shape
    turned = np.empty((sub_vectors, width, centroids), np.float32)
    for j in range(sub_vectors):
        for d in range(width):
            for c in range(centroids):
                turned[j, d, c] = codebook[j, c, d]
    return turned


@njit
def arranged(codes):
    """Codes as u8[blocks of 4,096 rows, m, 4096], each 64 in the order of `position`."""
    rows, sub_vectors = codes.shape
    result = np.zeros(((rows + 4095) // 4096, sub_vectors, 4096), np.uint8)
    for i in range(rows):
        for j in range(sub_vectors):
            result[i // 4096, j, i % 4096 // 64 * 64 + position(i)] = codes[i, j]
    return result


@njit
def position(row):
    """Where among its 64 codes a row's code stands.

    Interleaving four byte planes moves byte ``16 * b + 4 * q + k`` to float ``4 * b + k`` of
    register ``q``; with the codes there, rows come out in their natural order.
    """
    q, b, k = row // 16 % 4, row // 4 % 4, row % 4
    return 16 * b + 4 * q + k


@njit
def distance_table(state, query, table):
    """Squared distance of each part of the query to each centroid, all centroids side by side.

    Where bytes can be permuted a row is left as four byte planes, which fill it exactly.
    """
    codebook, planes = state[0], table.view(np.uint8)
    sub_vectors, width, centroids = codebook.shape
    for j in range(sub_vectors):
        row = table[j]
        row[:] = 0.0
        for d in range(width):
            part = query[j * width + d]
            for c in range(centroids):
                difference = part - codebook[j, d, c]
                row[c] += difference * difference
        if HAS_BYTE_PERMUTE:
            split(planes, j * 1024)


@njit
def split(table, at):
    """Turn 256 floats in place into four planes: plane ``p`` holds byte ``p`` of each."""
    a, b = four_registers(table, at), four_registers(table, at + 256)
    c, d = four_registers(table, at + 512), four_registers(table, at + 768)
    for p in range(4):
        index = simd.iota(simd.u8x64) * 4 + p
        simd.store(table, at + 256 * p, simd.lookup(a, index))
        simd.store(table, at + 256 * p + 64, simd.lookup(b, index))
        simd.store(table, at + 256 * p + 128, simd.lookup(c, index))
        simd.store(table, at + 256 * p + 192, simd.lookup(d, index))


@njit
def distances(state, table, out):
    """Distance of every row: the sum of one table entry per sub-vector, in order."""
    if HAS_BYTE_PERMUTE:
        distances_permuting(state[1], table, out)
    else:
        distances_portable(state[1], table, out)


@njit
def distances_permuting(codes, table, out):
    """64 rows at a time, a sub-vector's planes in sixteen registers, 4,096 rows a block."""
    entries = table.view(np.uint8)
    blocks, sub_vectors, _ = codes.shape
    out[:] = 0.0
    for block in range(blocks):
        start = block * 4096
        for j in range(sub_vectors):
            planes = byte_planes(entries, j * 1024)
            at = (block * sub_vectors + j) * 4096
            for i in range(0, min(len(out) - start, 4096), 64):
                terms = floats(planes, simd.load(simd.u8x64, codes, at + i))
                add_to(out, start + i, terms, len(out) - start - i)


@njit
def byte_planes(table, at):
    """Four planes of 256 bytes, as `distance_table` left them."""
    return (
        four_registers(table, at),
        four_registers(table, at + 256),
        four_registers(table, at + 512),
        four_registers(table, at + 768),
    )


@njit
def four_registers(table, at):
    """256 bytes from ``table[at]`` on."""
    return (
        simd.load(simd.u8x64, table, at),
        simd.load(simd.u8x64, table, at + 64),
        simd.load(simd.u8x64, table, at + 128),
        simd.load(simd.u8x64, table, at + 192),
    )


@njit
def floats(planes, codes):
    """Table entries of 64 codes, looked up byte by byte."""
    return interleaved(
        simd.lookup(planes[0], codes),
        simd.lookup(planes[1], codes),
        simd.lookup(planes[2], codes),
        simd.lookup(planes[3], codes),
    )


@njit
def interleaved(first, second, third, fourth):
    """64 floats from their four bytes, in four registers."""
    low = simd.bitcast(simd.u16x32, simd.interleave_low(first, second))
    high = simd.bitcast(simd.u16x32, simd.interleave_low(third, fourth))
    low_rest = simd.bitcast(simd.u16x32, simd.interleave_high(first, second))
    high_rest = simd.bitcast(simd.u16x32, simd.interleave_high(third, fourth))
    return (
        simd.bitcast(simd.f32x16, simd.interleave_low(low, high)),
        simd.bitcast(simd.f32x16, simd.interleave_high(low, high)),
        simd.bitcast(simd.f32x16, simd.interleave_low(low_rest, high_rest)),
        simd.bitcast(simd.f32x16, simd.interleave_high(low_rest, high_rest)),
    )


@njit
def add_to(out, i, terms, count):
    """Add 64 floats to ``out[i:]``, as far as ``count``."""
    if count >= 64:
        simd.store(out, i, simd.load(simd.f32x16, out, i) + terms[0])
        simd.store(out, i + 16, simd.load(simd.f32x16, out, i + 16) + terms[1])
        simd.store(out, i + 32, simd.load(simd.f32x16, out, i + 32) + terms[2])
        simd.store(out, i + 48, simd.load(simd.f32x16, out, i + 48) + terms[3])
    else:
        add_first(out, i, terms[0], count)
        add_first(out, i + 16, terms[1], count - 16)
        add_first(out, i + 32, terms[2], count - 32)
        add_first(out, i + 48, terms[3], count - 48)


@njit
def add_first(out, i, terms, count):
    """Add the first ``count`` floats of a register to ``out[i:]``."""
    total = simd.load_first(simd.f32x16, out, i, count) + terms
    simd.store_first(out, i, total, count)


@njit
def distances_portable(codes, table, out):
    """Eight sub-vectors a pass, so that ``out`` is read and written an eighth as often."""
    sub_vectors, rows = codes.shape
    out[:] = 0.0
    whole = sub_vectors // 8 * 8
    for j in range(0, whole, 8):
        for i in range(rows):
            total = out[i]
            total += table[j, codes[j, i]]
            total += table[j + 1, codes[j + 1, i]]
            total += table[j + 2, codes[j + 2, i]]
            total += table[j + 3, codes[j + 3, i]]
            total += table[j + 4, codes[j + 4, i]]
            total += table[j + 5, codes[j + 5, i]]
            total += table[j + 6, codes[j + 6, i]]
            total += table[j + 7, codes[j + 7, i]]
            out[i] = total
    for j in range(whole, sub_vectors):
        for i in range(rows):
            out[i] += table[j, codes[j, i]]
