"""A copy of the centroids in bytes tells which partitions can be near; those are measured."""

import math

import numpy as np
from numba import njit

from workbench import simd
from workbench.simd import HAS_BYTE_DOT


@njit
def setup(centroids):
    """Keep the centroids, and a copy in bytes where sketches can be told apart from them.

    A sketch is the centroid rounded to 255 levels of its own: ``scale * (code - 128)``.
    ``squares`` holds its squared length, ``limits`` the largest distance between a centroid and
    its sketch (infinite: do without sketches) and the largest of the squares.
    """
    partitions, dim = centroids.shape
    blocks, words = (partitions + 63) // 64, (dim + 15) // 16 * 4
    codes = np.full((blocks, words, 64, 4), 128, np.uint8)
    scales, squares = np.zeros(blocks * 64, np.float32), np.zeros(blocks * 64, np.float32)
    limits = np.zeros(2)
    for p in range(partitions):
        error = sketch(centroids[p], p, codes, scales, squares)
        limits[0] = max(limits[0], error)
        limits[1] = max(limits[1], np.float64(squares[p]))
    if not HAS_BYTE_DOT or dim > 65_536:
        limits[0] = np.inf
    return np.ascontiguousarray(centroids), codes, scales, squares, limits


@njit
def sketch(centroid, p, codes, scales, squares):
    """Round centroid ``p`` to bytes; returns its distance from the sketch, or infinity."""
    largest = 0.0
    for value in centroid:
        if not abs(value) < 1e15:
            return np.inf
        largest = max(largest, np.float64(abs(value)))
    scale = np.float32(largest / 127 if largest > 1e-30 else 1.0)
    error, square = 0.0, 0.0
    for d in range(len(centroid)):
        code = round(np.float64(centroid[d]) / scale)
        codes[p // 64, d // 4, p % 64, d % 4] = np.uint8(code + 128)
        error += (np.float64(centroid[d]) - code * np.float64(scale)) ** 2
        square += (code * np.float64(scale)) ** 2
    scales[p], squares[p] = scale, square
    return math.sqrt(error)


@njit
def nearest_partitions(state, query, gaps, order, ids, distances):
    """Nearest partitions by (distance, id) into ``ids``; returns how many, or an error."""
    centroids, codes, _, _, limits = state
    partitions, dim = centroids.shape
    ids[:] = np.uint32(4294967295)
    distances[:] = np.inf
    found = -2
    if len(query) == dim:
        largest = largest_part(query)
        found = -1
        if largest < np.inf:
            found = min(len(ids), partitions)
            sign = np.uint32(0)
            if limits[0] < np.inf and largest < 1e15 and found > 0 and codes.shape[1] <= len(order):
                bound = measure_near(state, query, largest, found, gaps, order)
                sign = np.uint32(2147483648)
            else:
                measure_all(centroids, query, gaps)
                bound = bound_of_nearest(gaps, order.view(np.float32), partitions, found)
            kept = keep_within(gaps, order, partitions, bound, sign)
            rank(gaps, order, kept, ids, distances)
    return found


@njit
def largest_part(query):
    """Largest component, whatever its sign; infinity where one is not finite."""
    size, largest, finite = len(query), simd.splat(simd.f32x16, 0), 0
    for d in range(0, size, 16):
        part = simd.load_first(simd.f32x16, query, d, size - d)
        finite += simd.count(part - part == 0)
        largest = simd.maximum(simd.maximum(part, 0 - part), largest)
    return largest_lane(largest) if finite == (size + 15) // 16 * 16 else np.float32(np.inf)


@njit
def largest_lane(value):
    """Largest of sixteen lanes, by folding in halves."""
    for half in (8, 4, 2, 1):
        value = simd.maximum(value, simd.permute(value, simd.iota(simd.i32x16) + half))
    return simd.reduce_add(simd.select(simd.iota(simd.i32x16) < 1, value, value - value))


@njit
def measure_near(state, query, largest, count, gaps, order):
    """Leave minus the distance of each partition that can be near, of others that of its sketch.

    Returns a bound of the ``count``-th distance. By the triangle inequality a distance differs
    from that of the sketches by the two roundings at most. So the nearest sketches are measured
    first, then each whose sketch is near enough to be nearer than the farthest of them.
    """
    centroids = state[0]
    partitions = len(centroids)
    radius, slack = measure_sketches(state, query, largest, gaps, order)
    near = bound_of_nearest(gaps, order.view(np.float32), partitions, count)
    farthest = measure_within(centroids, query, gaps, order, near)
    reach = (math.sqrt(farthest) + radius) ** 2 * 1.00001 + slack
    measure_within(centroids, query, gaps, order, bits_of(np.float32(reach)))
    return bits_of(farthest)


@njit
def bits_of(value):
    """Bits of a number, in every lane."""
    return simd.bitcast(simd.u32x16, simd.splat(simd.f32x16, value))


@njit
def measure_within(centroids, query, gaps, order, bound):
    """Measure partitions whose sketch is within the bound; returns the largest distance."""
    near = list_within(gaps, order, len(centroids), bound)
    farthest = np.float32(0)
    for i in range(near):
        gap = squared_distance(query, centroids, order[i])
        gaps[order[i]] = -gap
        farthest = max(farthest, gap)
    return farthest


@njit
def list_within(gaps, order, size, bound):
    """List the partitions whose distance does not exceed the bound."""
    kept = 0
    for i in range(0, size, 16):
        near = are_within(gaps, i, bound, np.uint32(0))
        simd.store(order, kept, simd.compress(simd.iota(simd.u32x16) + np.uint32(i), near))
        kept += simd.count(near)
    return kept


@njit
def measure_sketches(state, query, largest, gaps, words):
    """Squared distance of the query's sketch to those of all centroids.

    Returns how far distances between sketches may be from those they stand for, and how far
    ``gaps`` may be from the squares of those because of rounding.
    """
    centroids, codes, scales, squares, limits = state
    groups = codes.shape[1]
    fine = 2 * groups <= len(words)
    step, low_step, square, error = sketch_query(query, largest, fine, words.view(np.uint8))
    low = groups if fine else 0
    high_sum, low_sum = 128 * sum_of(words, 0, groups), 128 * sum_of(words, low, groups)
    at = 0
    for first in range(0, len(centroids), 64):
        high, rest = dot_products(codes, at, words, groups, low)
        at += groups * 256
        for quarter in range(4):
            i = first + 16 * quarter
            dot = simd.convert(simd.f32x16, high[quarter] - high_sum) * step
            dot += simd.convert(simd.f32x16, rest[quarter] - low_sum) * low_step
            dot *= simd.load(simd.f32x16, scales, i)
            gap = (simd.load(simd.f32x16, squares, i) + square) - (dot + dot)
            simd.store(gaps, i, simd.maximum(gap, simd.splat(simd.f32x16, 0)))
    end_with_nan(gaps, len(centroids))
    slack = (square + limits[1]) * (groups + 32) * 1.2e-7
    return limits[0] + math.sqrt(error) * 1.0001, slack


@njit
def sketch_query(query, largest, fine, words):
    """Round the query to bytes, and if ``fine`` what is left of it to bytes again, behind them.

    Returns the steps of both, the squared length of the sketch and its squared error.
    """
    size = len(query)
    behind = (size + 15) // 16 * 16
    step = max(largest, np.float32(1e-30)) / np.float32(127)
    low_step = step / np.float32(254) if fine else np.float32(0)
    squares = errors = simd.splat(simd.f32x16, 0)
    for d in range(0, size, 16):
        part = simd.load_first(simd.f32x16, query, d, size - d)
        sketched = rounded(part, step, words, d)
        if fine:
            sketched += rounded(part - sketched, low_step, words, behind + d)
        squares += sketched * sketched
        errors += (part - sketched) * (part - sketched)
    return step, low_step, simd.reduce_add(squares), simd.reduce_add(errors)


@njit
def rounded(part, step, words, at):
    """Store sixteen numbers as signed bytes, in steps; returns what these stand for."""
    magic = np.float32(12_582_912)
    shifted = part * (np.float32(1) / step) + magic
    simd.store(words, at, simd.convert(simd.u8x16, simd.bitcast(simd.u32x16, shifted)))
    return (shifted - magic) * step


@njit
def sum_of(words, first, count):
    """Sum of the signed bytes of ``count`` words."""
    ones, total = (
        simd.bitcast(simd.u8x64, simd.splat(simd.u32x16, 0x01010101)),
        simd.splat(simd.i32x16, 0),
    )
    for i in range(first, first + count, 16):
        part = simd.load_first(simd.u32x16, words, i, first + count - i)
        total = simd.dot_bytes(total, ones, simd.bitcast(simd.i32x16, part))
    return simd.reduce_add(total)


@njit
def dot_products(codes, at, words, groups, low):
    """Dot products of 64 centroids' codes with both bytes of the query."""
    a = b = c = d = e = f = g = h = simd.splat(simd.i32x16, 0)
    for i in range(groups):
        part, rest = np.int32(words[i]), np.int32(words[low + i])
        first = simd.load(simd.u8x64, codes, at)
        second = simd.load(simd.u8x64, codes, at + 64)
        third = simd.load(simd.u8x64, codes, at + 128)
        fourth = simd.load(simd.u8x64, codes, at + 192)
        a, e = simd.dot_bytes(a, first, part), simd.dot_bytes(e, first, rest)
        b, f = simd.dot_bytes(b, second, part), simd.dot_bytes(f, second, rest)
        c, g = simd.dot_bytes(c, third, part), simd.dot_bytes(g, third, rest)
        d, h = simd.dot_bytes(d, fourth, part), simd.dot_bytes(h, fourth, rest)
        at += 256
    return (a, b, c, d), (e, f, g, h)


@njit
def measure_all(centroids, query, gaps):
    """Squared distance of every partition; infinite where it is NaN."""
    for p in range(len(centroids)):
        gap = squared_distance(query, centroids, p)
        gaps[p] = gap if gap == gap else np.float32(np.inf)
    end_with_nan(gaps, len(centroids))


@njit
def squared_distance(query, centroids, p):
    """Distance of centroid ``p``, in four chains of additions."""
    dim = len(query)
    at = np.intp(p) * dim
    a = b = c = e = simd.splat(simd.f32x16, 0)
    d = 0
    while d + 64 <= dim:
        a += squared_gap(query, d, centroids, at + d)
        b += squared_gap(query, d + 16, centroids, at + d + 16)
        c += squared_gap(query, d + 32, centroids, at + d + 32)
        e += squared_gap(query, d + 48, centroids, at + d + 48)
        d += 64
    while d < dim:
        left = simd.load_first(simd.f32x16, query, d, dim - d)
        gap = left - simd.load_first(simd.f32x16, centroids, at + d, dim - d)
        a += gap * gap
        d += 16
    return simd.reduce_add((a + b) + (c + e))


@njit
def squared_gap(query, d, centroids, at):
    """Squares of sixteen differences."""
    gap = simd.load(simd.f32x16, query, d) - simd.load(simd.f32x16, centroids, at)
    return gap * gap


@njit
def end_with_nan(gaps, size):
    """Sixteen places that are farther than any, so that whole vectors may be read."""
    simd.store(gaps, size, simd.splat(simd.f32x16, np.nan))


@njit
def bound_of_nearest(gaps, minima, size, count):
    """Bits of a distance that ``count`` places or a few more do not exceed.

    Distances are not negative, so their bits order like them. Few are looked for among the least of
    64 groups: not many groups hold two of the nearest.
    """
    groups = gaps, size
    if count <= 32 and size > 64:
        for lane in range(0, 64, 16):
            simd.store(minima, lane, least_of(gaps, lane, size))
        groups = minima, 64
    return simd.splat(simd.u32x16, count_bound(groups[0], groups[1], count))


@njit
def least_of(gaps, first, size):
    """Least of every 64th place, from ``first`` and the 15 next ones on."""
    least = simd.splat(simd.f32x16, np.inf)
    for i in range(first, size, 64):
        gap = simd.load(simd.f32x16, gaps, i)
        least = simd.minimum(gap, least)
    return least


@njit
def count_bound(gaps, size, count):
    """Bits of a distance that ``count`` to ``count + count / 8`` places do not exceed, or ties."""
    low, high = np.uint32(0), np.uint32(0x7F800000)
    while low < high:
        middle = low + ((high - low) >> np.uint32(1))
        within = count_within(gaps, size, middle)
        if within < count:
            low = middle + np.uint32(1)
        else:
            high = middle
            if within <= count + count // 8:
                low = high
    return high


@njit
def count_within(gaps, size, bound):
    """How many places do not exceed the bound."""
    within = 0
    for i in range(0, size, 16):
        within += simd.count(are_within(gaps, i, bound, np.uint32(0)))
    return within


@njit
def are_within(gaps, i, bound, sign):
    """Which of sixteen places have that sign and do not exceed the bound; NaN always does."""
    return (simd.bitcast(simd.u32x16, simd.load(simd.f32x16, gaps, i)) ^ sign) <= bound


@njit
def keep_within(gaps, order, size, bound, sign):
    """Move distances of that sign within the bound to the front; list whose they are."""
    kept = 0
    for i in range(0, size, 16):
        near = are_within(gaps, i, bound, sign)
        partition = simd.iota(simd.u32x16) + np.uint32(i)
        bits = simd.bitcast(simd.u32x16, simd.load(simd.f32x16, gaps, i)) ^ sign
        simd.store(gaps, kept, simd.bitcast(simd.f32x16, simd.compress(bits, near)))
        simd.store(order, kept, simd.compress(partition, near))
        kept += simd.count(near)
    end_with_nan(gaps, kept)
    return kept


@njit
def rank(gaps, order, size, ids, distances):
    """Write each place to where it belongs: behind as many as are nearer."""
    for i in range(size):
        gap = gaps[i]
        before = 0
        for j in range(0, size, 16):
            other = simd.load(simd.f32x16, gaps, j)
            earlier = simd.iota(simd.i32x16) < np.int32(i - j)
            before += simd.count((other < gap) | ((other == gap) & earlier))
        if before < len(ids):
            ids[before], distances[before] = order[i], gap
