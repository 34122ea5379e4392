"""Distances by rows with four accumulators; the nearest chosen by counting."""

import numpy as np
from numba import njit

from workbench import simd


@njit
def setup(centroids):
    """Keep the centroids as they are stored: one after another."""
    return (np.ascontiguousarray(centroids),)


@njit
def nearest_partitions(state, query, gaps, order, ids, distances):
    """Nearest partitions by (distance, id) into ``ids``; returns how many, or an error."""
    centroids = state[0]
    ids[:] = np.uint32(4294967295)
    distances[:] = np.inf
    found = -2
    if len(query) == centroids.shape[1]:
        found = -1
        if all_finite(query):
            found = min(len(ids), len(centroids))
            measure_all(centroids, query, gaps)
            bound = bound_of_nearest(gaps, order.view(np.float32), len(centroids), found)
            kept = keep_within(gaps, order, len(centroids), bound)
            rank(gaps, order, kept, ids, distances)
    return found


@njit
def all_finite(query):
    """Whether no component is an infinity or not a number."""
    size = len(query)
    finite = 0
    for d in range(0, size, 16):
        part = simd.load_first(simd.f32x16, query, d, size - d)
        finite += simd.count(part - part == 0)
    return finite == (size + 15) // 16 * 16


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
    return count_bound(groups[0], groups[1], count)


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
        within += simd.count(are_within(gaps, i, bound))
    return within


@njit
def are_within(gaps, i, bound):
    """Which of sixteen places do not exceed the bound; NaN always does."""
    return simd.bitcast(simd.u32x16, simd.load(simd.f32x16, gaps, i)) <= bound


@njit
def keep_within(gaps, order, size, bound):
    """Move the distances that do not exceed the bound to the front, their partitions too."""
    kept = 0
    for i in range(0, size, 16):
        near = are_within(gaps, i, bound)
        partition = simd.iota(simd.u32x16) + np.uint32(i)
        simd.store(gaps, kept, simd.compress(simd.load(simd.f32x16, gaps, i), near))
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
