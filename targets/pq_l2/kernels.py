"""Use each load of the planes three times: 192 rows at a time."""

import numpy as np
from numba import njit

from workbench import simd
from workbench.simd import HAS_BYTE_PERMUTE

# Sub-vectors a pass: the planes of 16 are 16 kB and leave room in the first cache for the codes.
PASS = 16  # tune: 8, 12, 16, 20, 24, 32, 48


@njit
def setup(codebook, codes):
    """Transpose the codebook; arrange the codes for byte planes, or transpose them too."""
    if HAS_BYTE_PERMUTE:
        return transposed(codebook), arranged(codes)
    return transposed(codebook), np.ascontiguousarray(codes.T)


@njit
def transposed(codebook):
    """Codebook as f32[m, 4, width, 64]: the order in which `distance_table` reads it."""
    sub_vectors, centroids, width = codebook.shape
    turned = np.empty((sub_vectors, 4, width, 64), np.float32)
    for j in range(sub_vectors):
        for c in range(centroids):
            for d in range(width):
                turned[j, c // 64, d, c % 64] = codebook[j, c, d]
    return turned


@njit
def arranged(codes):
    """Codes as u8[passes, groups of 192 rows, PASS, 192].

    Each 64 are in the order of `position`.
    """
    rows, sub_vectors = codes.shape
    passes = (sub_vectors + PASS - 1) // PASS
    result = np.zeros((passes, (rows + 191) // 192, PASS, 192), np.uint8)
    for i in range(rows):
        for j in range(sub_vectors):
            result[j // PASS, i // 192, j % PASS, i % 192 // 64 * 64 + position(i)] = codes[i, j]
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
    """Squared distance of each part of the query to each centroid, 64 centroids at a time.

    Where bytes can be permuted a row is left as four byte planes, which fill it exactly.
    """
    codebook = state[0]
    sub_vectors, quarters, width, _ = codebook.shape
    planes, at = table.view(np.uint8), 0
    for j in range(sub_vectors):
        for quarter in range(quarters):
            sums = zeros()
            for d in range(width):
                part = simd.splat(simd.f32x16, query[j * width + d])
                sums = added(sums, squared_gaps(part, codebook, at))
                at += 64
            if HAS_BYTE_PERMUTE:
                store_planes(planes, j * 1024 + quarter * 64, sums)
            else:
                store_64(table, j * 256 + quarter * 64, sums, 64)


@njit
def squared_gaps(part, codebook, at):
    """(part - centroid) squared, for 64 centroids."""
    a = part - simd.load(simd.f32x16, codebook, at)
    b = part - simd.load(simd.f32x16, codebook, at + 16)
    c = part - simd.load(simd.f32x16, codebook, at + 32)
    d = part - simd.load(simd.f32x16, codebook, at + 48)
    return a * a, b * b, c * c, d * d


@njit
def store_planes(planes, at, sums):
    """Store 64 floats as four lots of 64 bytes, byte ``p`` of each into plane ``p``."""
    entries = (
        simd.bitcast(simd.u8x64, sums[0]),
        simd.bitcast(simd.u8x64, sums[1]),
        simd.bitcast(simd.u8x64, sums[2]),
        simd.bitcast(simd.u8x64, sums[3]),
    )
    for p in range(4):
        index = simd.iota(simd.u8x64) * 4 + p
        simd.store(planes, at + 256 * p, simd.lookup(entries, index))


@njit
def distances(state, table, out):
    """Distance of every row: the sum of one table entry per sub-vector, in order."""
    if HAS_BYTE_PERMUTE:
        distances_permuting(state[1], table, out)
    else:
        distances_portable(state[1], table, out)


@njit
def distances_permuting(codes, table, out):
    """192 rows at a time, so that each load of the table serves three times 64."""
    entries = table.view(np.uint8)
    passes, groups, _, _ = codes.shape
    for k in range(passes):
        for group in range(groups):
            i, at = group * 192, (k * groups + group) * PASS * 192
            first, second, third = zeros(), zeros(), zeros()
            if k:
                first = load_64(out, i, len(out) - i)
                second = load_64(out, i + 64, len(out) - i - 64)
                third = load_64(out, i + 128, len(out) - i - 128)
            for j in range(k * PASS, min(k * PASS + PASS, len(table))):
                a = simd.load(simd.u8x64, codes, at)
                b = simd.load(simd.u8x64, codes, at + 64)
                c = simd.load(simd.u8x64, codes, at + 128)
                a0, b0, c0 = look_up(entries, j * 1024, a, b, c)
                a1, b1, c1 = look_up(entries, j * 1024 + 256, a, b, c)
                a2, b2, c2 = look_up(entries, j * 1024 + 512, a, b, c)
                a3, b3, c3 = look_up(entries, j * 1024 + 768, a, b, c)
                first = added(first, interleaved(a0, a1, a2, a3))
                second = added(second, interleaved(b0, b1, b2, b3))
                third = added(third, interleaved(c0, c1, c2, c3))
                at += 192
            store_64(out, i, first, len(out) - i)
            store_64(out, i + 64, second, len(out) - i - 64)
            store_64(out, i + 128, third, len(out) - i - 128)


@njit
def look_up(table, at, a, b, c):
    """Look three times 64 codes up in the plane that begins at ``table[at]``."""
    plane = four_registers(table, at)
    return simd.lookup(plane, a), simd.lookup(plane, b), simd.lookup(plane, c)


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
def zeros():
    """64 sums that begin."""
    zero = simd.splat(simd.f32x16, 0)
    return zero, zero, zero, zero


@njit
def load_64(out, i, count):
    """Load as many of 64 sums as there are rows left."""
    if count >= 64:
        return (
            simd.load(simd.f32x16, out, i),
            simd.load(simd.f32x16, out, i + 16),
            simd.load(simd.f32x16, out, i + 32),
            simd.load(simd.f32x16, out, i + 48),
        )
    return (
        simd.load_first(simd.f32x16, out, i, count),
        simd.load_first(simd.f32x16, out, i + 16, count - 16),
        simd.load_first(simd.f32x16, out, i + 32, count - 32),
        simd.load_first(simd.f32x16, out, i + 48, count - 48),
    )


@njit
def added(sums, terms):
    """64 sums, each with its term added."""
    return sums[0] + terms[0], sums[1] + terms[1], sums[2] + terms[2], sums[3] + terms[3]


@njit
def store_64(out, i, sums, count):
    """Store as many of 64 sums as there are rows left."""
    if count >= 64:
        simd.store(out, i, sums[0])
        simd.store(out, i + 16, sums[1])
        simd.store(out, i + 32, sums[2])
        simd.store(out, i + 48, sums[3])
    else:
        simd.store_first(out, i, sums[0], count)
        simd.store_first(out, i + 16, sums[1], count - 16)
        simd.store_first(out, i + 32, sums[2], count - 32)
        simd.store_first(out, i + 48, sums[3], count - 48)


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
