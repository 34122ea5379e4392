"""Starts as upstream.py: distances by 16 lanes, quickselect, a sort of what is kept.

Ids are u32, 4294967295 is none; -1 is a query that is not finite, -2 one of the wrong length.
"""

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
    if len(query) != centroids.shape[1]:
        return -2
    if not all_finite(query):
        return -1
    partitions = len(centroids)
    for p in range(partitions):
        gap = squared_distance(query, centroids, p, gaps)
        gaps[p] = gap if gap == gap else np.float32(np.inf)
        order[p] = p
    count = min(len(ids), partitions)
    if 0 < count < partitions:
        select_nearest(gaps, order, partitions, count)
    sort_nearest(gaps, order, count)
    for i in range(count):
        ids[i], distances[i] = order[i], gaps[i]
    return count


@njit
def all_finite(query):
    """Whether no component is an infinity or not a number."""
    finite = True
    for d in range(len(query)):
        finite &= abs(query[d]) < np.inf
    return finite


@njit
def squared_distance(query, centroids, p, gaps):
    """Distance of centroid ``p``; ``gaps[p : p + 16]`` is where the partial sums are laid out."""
    dim = len(query)
    whole = dim // 16 * 16
    sums = simd.splat(simd.f32x16, 0)
    for d in range(0, whole, 16):
        gap = simd.load(simd.f32x16, query, d) - simd.load(simd.f32x16, centroids, p * dim + d)
        sums = sums + gap * gap
    simd.store(gaps, p, sums)
    total = np.float32(0.0)
    for lane in range(16):
        total += gaps[p + lane]
    rest = np.float32(0.0)
    for d in range(whole, dim):
        gap = query[d] - centroids[p, d]
        rest += gap * gap
    return total + rest


@njit
def nearer(gaps, order, i, j):
    """Whether place ``i`` comes before place ``j``."""
    return gaps[i] < gaps[j] or (gaps[i] == gaps[j] and order[i] < order[j])


@njit
def swap(gaps, order, i, j):
    """Exchange two places."""
    gaps[i], gaps[j] = gaps[j], gaps[i]
    order[i], order[j] = order[j], order[i]


@njit
def select_nearest(gaps, order, size, count):
    """Bring the nearest ``count`` to the front, in any order: Hoare's quickselect."""
    low, high = 0, size - 1
    while low < high:
        middle = (low + high) // 2
        if nearer(gaps, order, middle, low):
            swap(gaps, order, middle, low)
        if nearer(gaps, order, high, low):
            swap(gaps, order, high, low)
        if nearer(gaps, order, middle, high):
            swap(gaps, order, middle, high)
        # the median of the three is the pivot, at the end
        last = low
        for i in range(low, high):
            if nearer(gaps, order, i, high):
                swap(gaps, order, i, last)
                last += 1
        swap(gaps, order, last, high)
        if last == count or last == count - 1:
            return
        if last < count:
            low = last + 1
        else:
            high = last - 1


@njit
def sort_nearest(gaps, order, count):
    """Sort the first ``count`` places: a heap with the farthest on top."""
    for i in range(count // 2 - 1, -1, -1):
        sift_down(gaps, order, i, count)
    for last in range(count - 1, 0, -1):
        swap(gaps, order, 0, last)
        sift_down(gaps, order, 0, last)


@njit
def sift_down(gaps, order, at, size):
    """Restore the heap below ``at``."""
    while True:
        child = 2 * at + 1
        if child >= size:
            return
        if child + 1 < size and nearer(gaps, order, child, child + 1):
            child += 1
        if not nearer(gaps, order, at, child):
            return
        swap(gaps, order, at, child)
        at = child
