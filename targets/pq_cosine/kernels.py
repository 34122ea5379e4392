"""Entries in fixed point, three byte planes a table row: sums of bytes need no interleaving."""

import numpy as np
from numba import njit

from workbench import simd
from workbench.simd import HAS_BYTE_PERMUTE

# Their three planes (12 kB) stay in the first cache beside the codes; 16 bits would hold the sums of 257.
SUB_VECTORS_A_PASS = 16


@njit
def setup(codebook, codes):
    """Transpose the codebook; arrange the codes for byte planes, or transpose them too."""
    if HAS_BYTE_PERMUTE:
        return transposed(codebook), arranged(codes), longest(codebook)
    return np.ascontiguousarray(codebook.transpose(0, 2, 1)), np.ascontiguousarray(codes.T)


@njit
def transposed(codebook):
    """Codebook as f32[m, 4, width, 64]: the order in which `quantised_table` reads it."""
    sub_vectors, centroids, width = codebook.shape
    turned = np.empty((sub_vectors, 4, width, 64), np.float32)
    for j in range(sub_vectors):
        for c in range(centroids):
            for d in range(width):
                turned[j, c // 64, d, c % 64] = codebook[j, c, d]
    return turned


@njit
def arranged(codes):
    """Codes as u8[passes of sub-vectors, groups of 192 rows, sub-vectors of a pass, 192].

    Each 64 are in the order of `position`.
    """
    rows, sub_vectors = codes.shape
    size = SUB_VECTORS_A_PASS
    passes = (sub_vectors + size - 1) // size
    result = np.zeros((passes, (rows + 191) // 192, size, 192), np.uint8)
    for i in range(rows):
        for j in range(sub_vectors):
            at = i % 192 // 64 * 64 + position(i)
            result[j // size, i // 192, j % size, at] = codes[i, j]
    return result


@njit
def position(row):
    """Where among its 64 codes a row's code stands.

    `floats` widens even bytes, then odd ones, and interleaving takes four lanes of every eight:
    with the codes there, rows come out in their natural order.
    """
    odd, half, block, lane = row // 32 % 2, row // 16 % 2, row // 4 % 4, row % 4
    return 16 * block + 8 * half + 2 * lane + odd


@njit
def longest(codebook):
    """Length of the longest centroid of each sub-vector."""
    sub_vectors, centroids, width = codebook.shape
    lengths = np.zeros(sub_vectors, np.float32)
    for j in range(sub_vectors):
        for c in range(centroids):
            total = np.float32(0.0)
            for d in range(width):
                total += codebook[j, c, d] * codebook[j, c, d]
            lengths[j] = max(lengths[j], np.sqrt(total))
    return lengths


@njit
def normalise(query, unit):
    """Scale the query to length 1; False if it has no direction (zero, or not a number)."""
    total = np.float32(0.0)
    for d in range(len(query)):
        total += query[d] * query[d]
    length = np.sqrt(total)
    if not length > 0.0:
        return False
    found = True
    for d in range(len(query)):
        unit[d] = query[d] / length
        found &= np.isfinite(unit[d])
    return found


@njit
def distance_table(state, unit, table):
    """Squared distance of each part of the unit query to each centroid of that part."""
    if HAS_BYTE_PERMUTE:
        quantised_table(state[0], state[2], unit, table)
    else:
        exact_table(state[0], unit, table)


@njit
def quantised_table(codebook, lengths, unit, table):
    """Entries of 23 bits as three byte planes, 768 bytes a sub-vector; the step comes last."""
    sub_vectors, quarters, width, _ = codebook.shape
    planes, at = table.view(np.uint8), 0
    step = largest_entry(lengths, unit, width) / np.float32(8388000)
    scale = simd.splat(simd.f32x16, np.float32(1.0) / step)
    for j in range(sub_vectors):
        for quarter in range(quarters):
            sums = zeros()
            for d in range(width):
                part = simd.splat(simd.f32x16, unit[j * width + d])
                sums = added(sums, squared_gaps(part, codebook, at))
                at += 64
            store_planes(planes, j * 768 + quarter * 64, sums, scale)
    table[sub_vectors - 1, 255] = step


@njit
def largest_entry(lengths, unit, width):
    """Bound on all entries, known before them: the parts' lengths and the centroids' add up."""
    largest = np.float32(1e-15)
    for j in range(len(lengths)):
        total = np.float32(0.0)
        for d in range(j * width, j * width + width):
            total += unit[d] * unit[d]
        largest = max(largest, np.sqrt(total) + lengths[j])
    return largest * largest


@njit
def squared_gaps(part, codebook, at):
    """(part - centroid) squared, for 64 centroids."""
    a = part - simd.load(simd.f32x16, codebook, at)
    b = part - simd.load(simd.f32x16, codebook, at + 16)
    c = part - simd.load(simd.f32x16, codebook, at + 32)
    d = part - simd.load(simd.f32x16, codebook, at + 48)
    return a * a, b * b, c * c, d * d


@njit
def store_planes(planes, at, sums, scale):
    """Round 64 entries to steps; store byte ``p`` of each in plane ``p``."""
    entries = (
        steps_of(sums[0], scale),
        steps_of(sums[1], scale),
        steps_of(sums[2], scale),
        steps_of(sums[3], scale),
    )
    for p in range(3):
        index = simd.iota(simd.u8x64) * 4 + p
        simd.store(planes, at + 256 * p, simd.lookup(entries, index))


@njit
def steps_of(entry, scale):
    """Entry in steps as the low bytes of a float: 2**23 has the ulp 1."""
    return simd.bitcast(simd.u8x64, simd.fma(entry, scale, simd.splat(simd.f32x16, 8388608)))


@njit
def distances(state, table, out):
    """Distance of every row: the sum of one table entry per sub-vector."""
    if HAS_BYTE_PERMUTE:
        distances_permuting(state[1], table, out)
    else:
        distances_portable(state[1], table, out)


@njit
def distances_permuting(codes, table, out):
    """192 rows at a time, so that each load of the table serves three times 64."""
    step = simd.splat(simd.f32x16, table[len(table) - 1, 255])
    passes, groups, size, _ = codes.shape
    planes, at = table.view(np.uint8), 0
    for k in range(passes):
        begin, end = k * size, min(k * size + size, len(table))
        for group in range(groups):
            at = (k * groups + group) * size * 192
            first, second, third = nothing(), nothing(), nothing()
            for j in range(begin, end):
                a = simd.load(simd.u8x64, codes, at)
                b = simd.load(simd.u8x64, codes, at + 64)
                c = simd.load(simd.u8x64, codes, at + 128)
                a0, b0, c0 = look_up(planes, j * 768, a, b, c)
                a1, b1, c1 = look_up(planes, j * 768 + 256, a, b, c)
                a2, b2, c2 = look_up(planes, j * 768 + 512, a, b, c)
                first = counted(first, a0, a1, a2)
                second = counted(second, b0, b1, b2)
                third = counted(third, c0, c1, c2)
                at += 192
            store_pass(out, group * 192, first, step, k)
            store_pass(out, group * 192 + 64, second, step, k)
            store_pass(out, group * 192 + 128, third, step, k)


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
def nothing():
    """64 sums of each of three bytes that begin: of pairs, modulo 2**16, and of the odd rows'."""
    zero = simd.splat(simd.u16x32, 0)
    return zero, zero, zero, zero, zero, zero


@njit
def counted(sums, low, middle, high):
    """64 sums, each with the three bytes of an entry added."""
    low, middle = simd.bitcast(simd.u16x32, low), simd.bitcast(simd.u16x32, middle)
    high = simd.bitcast(simd.u16x32, high)
    return (
        sums[0] + low,
        sums[1] + (low >> 8),
        sums[2] + middle,
        sums[3] + (middle >> 8),
        sums[4] + high,
        sums[5] + (high >> 8),
    )


@njit
def store_pass(out, i, sums, step, k):
    """Store 64 sums, or add them to those of the passes before."""
    low, middle, high = sums[0] - (sums[1] << 8), sums[2] - (sums[3] << 8), sums[4] - (sums[5] << 8)
    a, b = floats(low, middle, high, step)
    c, d = floats(sums[1], sums[3], sums[5], step)
    rows = a, b, c, d
    if k:
        rows = added(rows, load_64(out, i, len(out) - i))
    store_64(out, i, rows, len(out) - i)


@njit
def floats(low, middle, high, step):
    """Sums of 32 rows from those of their three bytes."""
    zero = simd.splat(simd.u16x32, 0)
    return (
        whole(simd.interleave_low(low, high), simd.interleave_low(middle, zero)) * step,
        whole(simd.interleave_high(low, high), simd.interleave_high(middle, zero)) * step,
    )


@njit
def whole(outer, middle):
    """Sums of 16 rows: ``outer`` has the lowest and the highest byte's, 16 bits apart."""
    total = simd.bitcast(simd.u32x16, outer) + (simd.bitcast(simd.u32x16, middle) << 8)
    return simd.convert(simd.f32x16, total)


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
def exact_table(codebook, unit, table):
    """Entries as floats, one dimension after another over all centroids."""
    sub_vectors, width, centroids = codebook.shape
    for j in range(sub_vectors):
        for c in range(centroids):
            table[j, c] = 0.0
        for d in range(width):
            part = unit[j * width + d]
            for c in range(centroids):
                difference = part - codebook[j, d, c]
                table[j, c] += difference * difference


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
