"""Three byte planes: the highest for every row, the others where the ten nearest may be."""

import math

import numpy as np
from numba import njit

from workbench import simd
from workbench.simd import HAS_BYTE_PERMUTE

# The ten least distances are the answer: so many are ranked by all planes.
NEIGHBOURS = 10


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
    """Codes as u8[groups of 192 rows, m, 192], each 64 in the order of `position`."""
    rows, sub_vectors = codes.shape
    result = np.zeros(((rows + 191) // 192, sub_vectors, 192), np.uint8)
    for i in range(rows):
        for j in range(sub_vectors):
            result[i // 192, j, i % 192 // 64 * 64 + position(i)] = codes[i, j]
    return result


@njit
def position(row):
    """Where among its 64 codes a row's code stands.

    `totals` widens even bytes, then odd ones, and interleaving takes four lanes of every eight:
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
def distance_table(state, query, table):
    """Squared distance of each part of the query to each centroid of that part."""
    if HAS_BYTE_PERMUTE:
        quantised_table(state[0], state[2], query, table)
    else:
        exact_table(state[0], query, table)


@njit
def quantised_table(codebook, lengths, query, table):
    """Entries of 24 bits: a plane of high bytes, 256 a sub-vector, one of middle, one of low ones.

    From the three bytes of an entry 2**15 are to be taken, so that the high byte alone is
    rounded, not cut. With 16 bits recall@10 fell to 0.925 where most sub-vectors are zero.
    """
    sub_vectors, quarters, width, _ = codebook.shape
    planes, at = table.view(np.uint8), 0
    # sums of high bytes are of 16 bits: to 257 sub-vectors they hold all that a byte can
    steps = np.float32(65536 * min(255, 65535 // sub_vectors))
    step = largest_entry(lengths, query, width) / steps
    scale = simd.splat(simd.f32x16, np.float32(0.5) / step)
    for j in range(sub_vectors):
        for quarter in range(quarters):
            sums = zeros()
            for d in range(width):
                part = simd.splat(simd.f32x16, query[j * width + d])
                sums = added(sums, squared_gaps(part, codebook, at))
                at += 64
            store_planes(planes, j * 256 + quarter * 64, sub_vectors * 256, sums, scale)
    table[sub_vectors - 1, 255] = step


@njit
def largest_entry(lengths, query, width):
    """Bound on all entries, known before them: the parts' lengths and the centroids' add up.

    It is not finite if the query is not: no distance is then.
    """
    largest, squares = np.float32(1e-15), np.float32(0.0)
    for j in range(len(lengths)):
        total = np.float32(0.0)
        for d in range(j * width, j * width + width):
            total += query[d] * query[d]
        largest = max(largest, np.sqrt(total) + lengths[j])
        squares += total
    return largest * largest + squares * np.float32(0.0)


@njit
def squared_gaps(part, codebook, at):
    """(part - centroid) squared, for 64 centroids."""
    a = part - simd.load(simd.f32x16, codebook, at)
    b = part - simd.load(simd.f32x16, codebook, at + 16)
    c = part - simd.load(simd.f32x16, codebook, at + 32)
    d = part - simd.load(simd.f32x16, codebook, at + 48)
    return a * a, b * b, c * c, d * d


@njit
def store_planes(planes, at, size, sums, scale):
    """Round 64 entries to steps; store their bytes, the highest first, a plane's size apart."""
    entries = (
        steps_of(sums[0], scale),
        steps_of(sums[1], scale),
        steps_of(sums[2], scale),
        steps_of(sums[3], scale),
    )
    for p in range(3):
        index = simd.iota(simd.u8x64) * 4 + (2 - p)
        simd.store(planes, at + size * p, simd.lookup(entries, index))


@njit
def steps_of(entry, scale):
    """Entry in steps, plus 2**15, as the low 24 bits of a lane.

    2**23 has the ulp 1: added, it leaves whole numbers, of two steps each, in a float's low bits.
    """
    pairs = simd.fma(entry, scale, simd.splat(simd.f32x16, 8388608 + 16384))
    return simd.bitcast(simd.u8x64, simd.bitcast(simd.u32x16, pairs) << 1)


@njit
def distances(state, table, out):
    """Distance of every row: the sum of one table entry per sub-vector."""
    if HAS_BYTE_PERMUTE:
        step = table[len(table) - 1, 255]
        least = coarse_distances(state[1], table, out, step)
        # rounding a high byte errs by 1/12 in the square: three deviations of two rows' difference
        margin = int(3 * math.sqrt(len(table) / 6)) + 1
        refine(state[1], table, out, step, (tenth(least) + margin) * 65536 * step)
    else:
        distances_portable(state[1], table, out)


@njit
def coarse_distances(codes, table, out, step):
    """Sum the high bytes of every row; 192 rows at a time, so that a load of the table serves them.

    Returns the least sums among all rows of the same place in 64, rows of whole groups only.
    """
    planes = table.view(np.uint8)
    groups, sub_vectors, _ = codes.shape
    scale = simd.splat(simd.f32x16, step * 65536)
    none = simd.splat(simd.u16x32, 65535)
    least = none, none
    at = 0
    for group in range(groups):
        first, second, third = nothing(), nothing(), nothing()
        for j in range(sub_vectors):
            plane = four_registers(planes, j * 256)
            first = counted(first, simd.lookup(plane, simd.load(simd.u8x64, codes, at)))
            second = counted(second, simd.lookup(plane, simd.load(simd.u8x64, codes, at + 64)))
            third = counted(third, simd.lookup(plane, simd.load(simd.u8x64, codes, at + 128)))
            at += 192
        i = group * 192
        first, second, third = parted(first), parted(second), parted(third)
        if len(out) - i >= 192:
            least = lesser(least, lesser(first, lesser(second, third)))
        store_64(out, i, scaled(totals(first), scale), len(out) - i)
        store_64(out, i + 64, scaled(totals(second), scale), len(out) - i - 64)
        store_64(out, i + 128, scaled(totals(third), scale), len(out) - i - 128)
    return least


@njit
def tenth(least):
    """Bound on the tenth least sum: the least number that ten of these 64 do not exceed."""
    bound = 65535
    bit = 32768
    while bit:
        limit = simd.splat(simd.u16x32, bound - bit)
        if simd.count(least[0] <= limit) + simd.count(least[1] <= limit) >= NEIGHBOURS:
            bound -= bit
        bit //= 2
    return bound


@njit
def refine(codes, table, out, step, bound):
    """Add the lower bytes to 64 rows wherever one of them is within the bound."""
    planes, limit = table.view(np.uint8), simd.splat(simd.f32x16, bound)
    for i in range(0, len(out), 64):
        rows = load_64(out, i, len(out) - i)
        nearest = simd.minimum(simd.minimum(rows[0], rows[1]), simd.minimum(rows[2], rows[3]))
        if simd.count(nearest <= limit):
            store_64(out, i, added(rows, lower_sums(codes, planes, i, step)), len(out) - i)


@njit
def lower_sums(codes, planes, i, step):
    """What the middle and the low bytes add to the distances of the 64 rows from ``i`` on."""
    sub_vectors = codes.shape[1]
    at = i // 192 * 192 * sub_vectors + i % 192
    sums = zeros()
    for begin in range(0, sub_vectors, 256):
        middle, low = nothing(), nothing()
        for j in range(begin, min(begin + 256, sub_vectors)):
            row = simd.load(simd.u8x64, codes, at)
            plane = four_registers(planes, (sub_vectors + j) * 256)
            middle = counted(middle, simd.lookup(plane, row))
            plane = four_registers(planes, (2 * sub_vectors + j) * 256)
            low = counted(low, simd.lookup(plane, row))
            at += 192
        high = scaled(totals(parted(middle)), simd.splat(simd.f32x16, 256))
        sums = added(sums, added(high, totals(parted(low))))
    half, scale = simd.splat(simd.f32x16, sub_vectors * 32768), simd.splat(simd.f32x16, step)
    return scaled((sums[0] - half, sums[1] - half, sums[2] - half, sums[3] - half), scale)


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
    """64 sums of bytes that begin: of pairs, modulo 2**16, and of the odd bytes."""
    zero = simd.splat(simd.u16x32, 0)
    return zero, zero


@njit
def counted(sums, terms):
    """64 sums of bytes, each with its byte added."""
    pairs = simd.bitcast(simd.u16x32, terms)
    return sums[0] + pairs, sums[1] + (pairs >> 8)


@njit
def parted(sums):
    """Sums of the even bytes and sums of the odd ones."""
    return sums[0] - (sums[1] << 8), sums[1]


@njit
def lesser(a, b):
    """Least of each pair of sums."""
    return simd.minimum(a[0], b[0]), simd.minimum(a[1], b[1])


@njit
def totals(sums):
    """64 sums as floats, rows in their order."""
    return (
        widened(simd.interleave_low(sums[0], simd.splat(simd.u16x32, 0))),
        widened(simd.interleave_high(sums[0], simd.splat(simd.u16x32, 0))),
        widened(simd.interleave_low(sums[1], simd.splat(simd.u16x32, 0))),
        widened(simd.interleave_high(sums[1], simd.splat(simd.u16x32, 0))),
    )


@njit
def widened(pairs):
    """16 sums as floats, from 16 bits and 16 zeros each."""
    return simd.convert(simd.f32x16, simd.bitcast(simd.u32x16, pairs))


@njit
def scaled(sums, scale):
    """64 sums times a scale."""
    return sums[0] * scale, sums[1] * scale, sums[2] * scale, sums[3] * scale


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
def exact_table(codebook, query, table):
    """Entries as floats, one dimension after another over all centroids."""
    sub_vectors, width, centroids = codebook.shape
    for j in range(sub_vectors):
        for c in range(centroids):
            table[j, c] = 0.0
        for d in range(width):
            part = query[j * width + d]
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
