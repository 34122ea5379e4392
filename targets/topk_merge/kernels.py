"""Check lists by vectors; merge with a heap of the lists' heads."""

import numpy as np
from numba import njit

from workbench import simd


@njit
def merge(distances, ids, starts, work, out_distances, out_ids):
    """Nearest ``len(out_ids)`` rows of all lists, sorted; returns how many, or an error."""
    out_distances[:] = np.inf
    out_ids[:] = np.uint64(18446744073709551615)
    found = -2
    if are_starts(starts, min(len(distances), len(ids))):
        found = -1
        if are_sorted(distances, ids, starts):
            found = rank_few(distances, ids, starts, work, out_distances, out_ids)
            if found < 0:
                found = take_nearest(distances, ids, starts, work, out_distances, out_ids)
    return found


@njit
def are_starts(starts, size):
    """Whether the lists lie one behind another within ``size`` rows."""
    good = len(starts) > 0 and starts[0] >= 0 and starts[len(starts) - 1] <= size
    for i in range(1, len(starts)):
        good &= starts[i - 1] <= starts[i]
    return good


@njit
def are_sorted(distances, ids, starts):
    """Whether each list is in order by (distance, id) and holds no NaN."""
    good = True
    if len(starts) > 1 and not ascend_everywhere(distances, starts):
        for i in range(len(starts) - 1):
            good &= is_sorted(distances, ids, starts[i], starts[i + 1])
    return good


@njit
def ascend_everywhere(distances, starts):
    """Whether in every list each distance is farther than the one before: no ties, no NaN.

    All rows are compared with the ones before in one go; steps from list to list do not count.
    """
    first, last = starts[0], starts[len(starts) - 1]
    steps = 0
    for at in range(first + 1, last - 15, 16):
        before = simd.load(simd.f32x16, distances, at - 1)
        steps += simd.count(before < simd.load(simd.f32x16, distances, at))
    at = first + 1 + max(last - first - 1, 0) // 16 * 16
    before = simd.load_first(simd.f32x16, distances, at - 1, last - at)
    steps += simd.count(before < simd.load_first(simd.f32x16, distances, at, last - at))
    wanted = last - first
    for i in range(len(starts) - 1):
        at = starts[i]
        if at < starts[i + 1]:
            wanted -= 1
            steps -= at > first and distances[at - 1] < distances[at]
            wanted += distances[at] != distances[at]
    return steps == wanted


@njit
def is_sorted(distances, ids, at, last):
    """Whether the rows of one list are in order and no distance is a NaN."""
    good = simd.splat(simd.f32x16, 0) == 0
    if at < last:
        good &= simd.splat(simd.f32x16, distances[at]) == distances[at]
    while last - at > 1:
        good &= ascend(distances, ids, at, min(last - at - 1, 16))
        at += 16
    return simd.count(good) == 16


@njit
def ascend(distances, ids, at, count):
    """Which of ``count`` rows come before the next one; true behind them.

    Ids are read where distances are equal only.
    """
    here = simd.load_first(simd.f32x16, distances, at, count)
    after = simd.load_first(simd.f32x16, distances, at + 1, count)
    good = here < after
    if simd.count(good) < count:
        low = descend(ids, at, count)
        high = descend(ids, at + 8, count - 8)
        descending = simd.lookup((low, high), simd.iota(simd.u32x16) * 2)
        good |= (here == after) & (descending == 0)
    else:
        good |= here == after
    return good


@njit
def descend(ids, at, count):
    """All bits of both halves of each of eight row ids that is larger than the next."""
    here = simd.load_first(simd.u64x8, ids, at, count)
    after = simd.load_first(simd.u64x8, ids, at + 1, count)
    nothing = simd.splat(simd.u64x8, 0)
    return simd.bitcast(simd.u32x16, simd.select(here > after, nothing - 1, nothing))


@njit
def rank_few(distances, ids, starts, work, out_distances, out_ids):
    """Rank the rows within a bound, where they are few; returns how many, or -1 if they are not.

    ``work`` holds their row ids, their distances from ``first`` on, then a number for each list.
    """
    lists, k = len(starts) - 1, len(out_ids)
    room = 2 * (lists + k)
    few, near, numbers = (
        work.view(np.uint64),
        work.view(np.float32),
        work.view(np.int32),
    )
    first = 2 * room + 32
    listed = first + room + 16
    found = -1
    if k > 0 and lists > 0:
        depth = (2 * k - 1) // lists
        sample(distances, starts, depth, near, numbers, listed)
        key = least_key(numbers, listed, lists, (k + depth) // (depth + 1))
        key = min(key, least_key_at(distances, starts, k - 1))
        if depth > 0:
            sample(distances, starts, 0, near, numbers, listed)
        chosen = choose(numbers, listed, lists, key)
        size = gather_within(
            distances, ids, starts, numbers, listed, chosen, key, room, few, near, first
        )
        if k + k // 2 < size <= room:
            into_keys(near, numbers, first, size)
            key = least_key(numbers, first, size, k)
            size = gather_within(
                distances,
                ids,
                starts,
                numbers,
                listed,
                chosen,
                key,
                room,
                few,
                near,
                first,
            )
        if size <= room:
            found = min(k, size)
            if all_ascend(near, first, size):
                for i in range(found):
                    out_distances[i], out_ids[i] = near[first + i], few[i]
            else:
                rank(near, few, first, size, out_distances, out_ids)
    return found


@njit
def sample(distances, starts, depth, near, numbers, listed):
    """Key of row ``depth`` of each list.

    If ``n`` of them do not exceed a bound, ``n * (depth + 1)`` rows are within it.
    """
    lists = len(starts) - 1
    for i in range(lists):
        at = starts[i] + depth
        near[listed + i] = distances[at] if at < starts[i + 1] else np.float32(np.inf)
    into_keys(near, numbers, listed, lists)


@njit
def least_key_at(distances, starts, depth):
    """Least key of row ``depth`` of all lists; that of infinity where none has so many."""
    least = np.float32(np.inf)
    for i in range(len(starts) - 1):
        at = starts[i] + depth
        if at < starts[i + 1]:
            least = min(least, distances[at])
    key, nothing = keys(simd.splat(simd.f32x16, least)), simd.splat(simd.i32x16, 0)
    return simd.reduce_add(simd.select(simd.iota(simd.i32x16) < 1, key, nothing))


@njit
def into_keys(near, numbers, first, size):
    """Turn distances into their keys, with NaN behind them."""
    simd.store(near, first + size, simd.splat(simd.f32x16, np.nan))
    for i in range(first, first + size, 16):
        simd.store(numbers, i, keys(simd.load(simd.f32x16, near, i)))


@njit
def keys(distance):
    """Integers that order like the distances; both zeros have the same, NaN the largest."""
    bits = simd.bitcast(simd.i32x16, distance + np.float32(0))
    return bits ^ ((bits >> 31) & 2147483647)


@njit
def from_key(key):
    """Distance that has this key."""
    key = simd.splat(simd.i32x16, key)
    return simd.bitcast(simd.f32x16, key ^ ((key >> 31) & 2147483647))


@njit
def least_key(numbers, first, size, count):
    """Key that ``count`` numbers, or a few more, do not exceed; that of infinity at most."""
    low, high = -2147483648, 2139095040
    while low < high:
        middle = (low + high) >> 1
        within = 0
        for i in range(first, first + size, 16):
            within += simd.count(simd.load(simd.i32x16, numbers, i) <= middle)
        if within < count:
            low = middle + 1
        else:
            high = middle
            if within <= count + count // 8:
                low = middle
    return high


@njit
def choose(numbers, listed, lists, key):
    """Replace the keys by the numbers of the lists whose key is within; returns how many."""
    chosen = 0
    for i in range(0, lists, 16):
        inside = simd.load(simd.i32x16, numbers, listed + i) <= key
        inside &= simd.iota(simd.i32x16) < np.int32(lists - i)
        number = simd.compress(simd.iota(simd.i32x16) + np.int32(i), inside)
        simd.store(numbers, listed + chosen, number)
        chosen += simd.count(inside)
    return chosen


@njit
def gather_within(distances, ids, starts, numbers, listed, chosen, key, room, few, near, first):
    """Copy the rows within the bound, which begin their lists; more than ``room``: too many."""
    size, bound = 0, from_key(key)
    for i in range(listed, listed + chosen):
        at, last = starts[numbers[i]], starts[numbers[i] + 1]
        while at < last and size <= room:
            distance = simd.load_first(simd.f32x16, distances, at, last - at)
            inside = (distance <= bound) & (simd.iota(simd.i32x16) < np.int32(min(last - at, 16)))
            count = simd.count(inside)
            left = room - size
            simd.store_first(near, first + size, distance, left)
            simd.store_first(few, size, simd.load_first(simd.u64x8, ids, at, count), left)
            if count > 8:
                rest = simd.load_first(simd.u64x8, ids, at + 8, count - 8)
                simd.store_first(few, size + 8, rest, left - 8)
            size += count
            at = at + 16 if count == 16 else last
    return size


@njit
def all_ascend(near, first, size):
    """Whether each distance is farther than the one before, as where all rows are of one list."""
    steps, last = 0, first + size - 1
    for i in range(first, last, 16):
        before = simd.load_first(simd.f32x16, near, i, last - i)
        steps += simd.count(before < simd.load_first(simd.f32x16, near, i + 1, last - i))
    return steps == max(size - 1, 0)


@njit
def rank(near, few, first, size, out_distances, out_ids):
    """Write each row to where it belongs: behind as many as come before it."""
    simd.store(near, first + size, simd.splat(simd.f32x16, np.nan))
    for i in range(size):
        distance, row_id = near[first + i], few[i]
        before = 0
        for j in range(0, size, 16):
            other = simd.load(simd.f32x16, near, first + j)
            before += simd.count(other < distance)
            tied = other == distance
            if simd.count(tied) > (j == i // 16 * 16):
                low, high = (
                    come_before(few, j, i, row_id),
                    come_before(few, j + 8, i, row_id),
                )
                smaller = simd.lookup((low, high), simd.iota(simd.u32x16) * 2)
                before += simd.count(tied & (smaller != 0))
        if before < len(out_ids):
            out_distances[before], out_ids[before] = distance, row_id


@njit
def come_before(few, j, i, row_id):
    """All bits of both halves of each of eight rows from ``j`` on that comes before row ``i``."""
    other = simd.load(simd.u64x8, few, j)
    before = (other < row_id) | ((other == row_id) & (simd.iota(simd.i64x8) < i - j))
    nothing = simd.splat(simd.u64x8, 0)
    return simd.bitcast(simd.u32x16, simd.select(before, nothing - 1, nothing))


@njit
def take_nearest(distances, ids, starts, heap, out_distances, out_ids):
    """Take the nearest head of all lists, again and again; returns how many rows there were.

    ``heap`` holds pairs: the row a list has come to, and the row at which it ends.
    """
    size = 0
    for i in range(len(starts) - 1):
        if starts[i] < starts[i + 1]:
            heap[2 * size], heap[2 * size + 1] = starts[i], starts[i + 1]
            size += 1
    for i in range(size // 2 - 1, -1, -1):
        sift_down(distances, ids, heap, i, size)
    found = 0
    while found < len(out_ids) and size > 0:
        at = heap[0]
        out_distances[found], out_ids[found] = distances[at], ids[at]
        found += 1
        heap[0] = at + 1
        if at + 1 == heap[1]:
            size -= 1
            heap[0], heap[1] = heap[2 * size], heap[2 * size + 1]
        sift_down(distances, ids, heap, 0, size)
    return found


@njit
def sift_down(distances, ids, heap, at, size):
    """Restore the heap below ``at``: the nearest head is on top."""
    row, end = heap[2 * at], heap[2 * at + 1]
    child = 2 * at + 1
    while child < size:
        other = child + 1
        if other < size and comes_before(distances, ids, heap[2 * other], heap[2 * child]):
            child = other
        if not comes_before(distances, ids, heap[2 * child], row):
            child = size
        else:
            heap[2 * at], heap[2 * at + 1] = heap[2 * child], heap[2 * child + 1]
            at, child = child, 2 * child + 1
    if size > 0:
        heap[2 * at], heap[2 * at + 1] = row, end


@njit
def comes_before(distances, ids, row, other):
    """Whether ``row`` comes before another."""
    here, there = distances[row], distances[other]
    return here < there or (here == there and ids[row] < ids[other])
