"""Pyramid vector quantisation: RFC 6716, sections 4.3.4.2 (decoding), 5.3.8.1 and 5.3.8.2 (search).

A codebook (n, k) holds every vector of n integers whose absolute values sum to k pulses; its size
V(n, k) stays below 2**32. Its vectors are in order of their first entry: positive ones first, then
zero, then negative ones; among those of one sign, the fewer pulses the rest of the vector has, the
earlier; and so on along the vector.

So one table answers everything. Let ``first(n, r)`` be the index of the first vector that leaves
``r`` pulses to its last n - 1 entries; it does not depend on k. Then ``first(n, k)`` vectors start
with a positive entry, those that start with a negative one begin at ``first(n, k + 1)``, and
V(n, k) is the sum of both. In the RFC's terms it is (V(n, r - 1) + V(n - 1, r - 1)) / 2, and
``first(n, r) = first(r, n)``.

A second table jumps over runs of zeros. They are removed from both ends of the codebook alike, so
that the distance of an index from the nearer end, counted from the middle, stays the same; it
tells how many entries are left when it first exceeds V(entries - 1, k) / 2.

Nothing here allocates. Vectors are i32 and spectra f32, in flat arrays from an offset on.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = [
    "FIRST",
    "HALVES",
    "LARGEST_N",
    "MOST_PULSES",
    "NO_INDEX",
    "PAD",
    "ROW",
    "decode",
    "encode",
    "first",
    "normalise",
    "search",
    "size",
]

# Bins of the widest band of a 20 ms frame, and the most pulses that section 4.3.4.1 allots.
LARGEST_N = 176
PULSE_LIMIT = 128
# What `encode` answers to a vector that is not in the codebook: no codebook is that large.
NO_INDEX = np.uint32(0xFFFFFFFF)

# Rows of both tables have `ROW` numbers: `PAD` zeros, which end every search, then columns 0..177.
ROW, PAD = 200, 16
# Entries are told one by one while there is at least one pulse to two of them. The codebook
# (20, 10) is the longest that has so many pulses, (21, 10) the one behind it.
_LONGEST_DENSE, _MOST_SPARSE = 20, 10


def codebook_sizes() -> NDArray[np.uint64]:
    """V(n, k) for n up to 176 and k up to 178; what needs more than 40 bits is 2**40.

    The recurrence is that of section 4.3.4.2, V(n, k) = V(n-1, k) + V(n, k-1) + V(n-1, k-1),
    summed along k.
    """
    sizes = np.zeros((LARGEST_N + 1, LARGEST_N + 3), np.uint64)
    sizes[0, 0] = 1
    for n in range(1, LARGEST_N + 1):
        gained = sizes[n - 1].copy()
        gained[1:] += sizes[n - 1, :-1]
        sizes[n] = np.minimum(np.cumsum(gained), 1 << 40)
    return sizes


def padded(rows: NDArray[np.uint64], largest: int) -> NDArray[np.uint32]:
    """Rows in a row, with zeros around; what no codebook needs is ``largest``."""
    table = np.zeros((len(rows), ROW), np.uint32)
    table[:, PAD : PAD + rows.shape[1]] = np.minimum(rows, largest)
    return table.ravel()


def tables() -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """The three tables below."""
    sizes = codebook_sizes()
    most = np.minimum((sizes < 1 << 32).sum(axis=1) - 1, PULSE_LIMIT)
    first = np.zeros((_LONGEST_DENSE + 1, LARGEST_N + 2), np.uint64)
    first[1:, 1:] = (sizes[1:21, :177] + sizes[:20, :177]) // 2
    halves = sizes[:, : _MOST_SPARSE + 1].T // 2
    return most.astype(np.int32), padded(first, 2**32 - 1), padded(halves, 2**31 - 1)


# Most pulses of a codebook of n [177]; ``first(n, r)``, at ``n * ROW + PAD + r`` for n up to 20;
# V(n, k) / 2, at ``k * ROW + PAD + n`` for k from 1 to 10.
MOST_PULSES, FIRST, HALVES = tables()

_ONE, _TWO, _FOUR, _ROW, _PAD = (np.uint64(number) for number in (1, 2, 4, ROW, PAD))
# Numbers that are compared with an index before the first branch.
_AHEAD = np.uint64(7)


@njit(inline="always")
def first(n: int, r: int) -> Any:
    """Index of the first vector of n entries, u64, whose last n - 1 have ``r`` pulses."""
    return np.uint64(FIRST[np.uint64(min(n, r) * ROW + PAD + max(n, r))])


@njit(inline="always")
def size(n: int, k: int) -> Any:
    """V(n, k) as u32, or 0 where there is no codebook (n 1..176, k 0.., 32 bits)."""
    if n < 1 or n > LARGEST_N or k < 0 or k > MOST_PULSES[np.uint64(n)]:
        return np.uint32(0)
    return np.uint32(first(n, k) + first(n, k + 1))


@njit(inline="always")
def _above(place: Any, left: Any) -> Any:
    """How many of the seven numbers up to ``FIRST[place]`` lie above an index."""
    index = np.uint32(left)
    found = np.uint64(index < FIRST[place])
    found += np.uint64(index < FIRST[place - _ONE])
    found += np.uint64(index < FIRST[place - _TWO])
    found += np.uint64(index < FIRST[place - np.uint64(3)])
    found += np.uint64(index < FIRST[place - _FOUR])
    found += np.uint64(index < FIRST[place - np.uint64(5)])
    return found + np.uint64(index < FIRST[place - np.uint64(6)])


@njit(error_model="numpy")
def _reaching(place: Any, distance: Any) -> Any:
    """How many of the seven numbers up to ``HALVES[place]`` reach a distance."""
    least = np.uint32(distance)
    found = np.uint64(least <= HALVES[place])
    found += np.uint64(least <= HALVES[place - _ONE])
    found += np.uint64(least <= HALVES[place - _TWO])
    found += np.uint64(least <= HALVES[place - np.uint64(3)])
    found += np.uint64(least <= HALVES[place - _FOUR])
    found += np.uint64(least <= HALVES[place - np.uint64(5)])
    return found + np.uint64(least <= HALVES[place - np.uint64(6)])


@njit(error_model="numpy")
def decode(index: Any, n: int, k: int, vector: Any, at: int) -> Any:
    """Write the vector of an index; return the sum of its squares.

    Where pulses are many, entry after entry; where they are few, from one entry that has some to
    the next. Comparisons are counted instead of branched on, because none of them is likely.

    Parameters
    ----------
    index : u32
        0 .. V(n, k) - 1.
    n, k : int
        The codebook.
    vector : i32[:]
        Entries ``at`` to ``at + n`` get the vector.
    at : int

    Returns
    -------
    int64
        Sum of squares, or -1 where there is no such codebook or index: nothing is written then.
    """
    if np.uint32(index) >= size(n, k):
        return np.int64(-1)
    left, pulses, entries = np.uint64(np.uint32(index)), np.uint64(k), np.uint64(n)
    place = np.uint64(at)
    squares = np.int64(0)
    while entries > _TWO and _TWO * pulses >= entries:
        top = entries * _ROW + _PAD + pulses
        negatives = np.uint64(FIRST[top + _ONE])
        negative = left >= negatives
        if negative:
            left -= negatives
        gone = _above(top, left)
        start = np.uint64(FIRST[top - gone])
        if gone == _AHEAD:
            while start > left:
                gone += _ONE
                start = np.uint64(FIRST[top - gone])
        left -= start
        pulses -= gone
        entry = np.int64(gone)
        squares += entry * entry
        vector[place] = -entry if negative else entry
        place += _ONE
        entries -= _ONE
    if entries <= _TWO:
        if entries == _TWO:  # first(2, r) = 2 r - 1
            negative = left > _TWO * pulses
            if negative:
                left -= _TWO * pulses + _ONE
            rest = (left + _ONE) >> _ONE
            if rest > np.uint64(0):
                left -= _TWO * rest - _ONE
            entry = np.int64(pulses - rest)
            squares += entry * entry
            vector[place] = -entry if negative else entry
            place += _ONE
            pulses = rest
        entry = np.int64(pulses)
        vector[place] = entry if left == np.uint64(0) else -entry
        return squares + entry * entry
    for j in range(entries):
        vector[place + np.uint64(j)] = 0
    while pulses > np.uint64(0):
        here = pulses * _ROW + _PAD + entries
        half = np.uint64(HALVES[here])
        negative = left >= half
        distance = left + _ONE - half if negative else half - left
        zeros = _reaching(here - _ONE, distance)
        if zeros == _AHEAD:
            more = zeros
            while more == _AHEAD:
                more = _reaching(here - _ONE - zeros, distance)
                zeros += more
        here -= zeros
        place += zeros
        entries -= zeros + _ONE
        upper, lower = np.uint64(HALVES[here]), np.uint64(HALVES[here - _ONE])
        # from the first vector that starts with this sign on
        left = distance - _ONE - lower if negative else upper - distance
        below = here - _ROW
        entry = np.int64(1)
        start = np.uint64(FIRST[below])
        while start > left:
            entry += 1
            below -= _ROW
            start = np.uint64(FIRST[below])
        left -= start
        pulses -= np.uint64(entry)
        squares += entry * entry
        vector[place] = -entry if negative else entry
        place += _ONE
    return squares


@njit(error_model="numpy")
def encode(vector: Any, at: int, n: int, k: int) -> Any:
    """Index of the vector ``vector[at : at + n]``: `decode`'s inverse.

    Returns
    -------
    u32
        The index, or `NO_INDEX` where the vector is not in the codebook (n, k).
    """
    if size(n, k) == np.uint32(0):
        return NO_INDEX
    index = np.uint64(0)
    pulses = 0
    for entries in range(1, n + 1):
        entry = np.int64(vector[np.uint64(at + n - entries)])
        index += first(entries, pulses)
        pulses += int(abs(entry))
        if pulses > k:
            return NO_INDEX
        if entry < 0:
            index += first(entries, pulses + 1)
    return np.uint32(index) if pulses == k else NO_INDEX


@njit(error_model="numpy")
def normalise(vector: Any, at: int, n: int, squares: Any, gain: Any, out: Any, to: int) -> None:
    """Scale a vector to the L2 norm ``gain``, f32: ``out[to : to + n]``.

    ``squares`` is the sum of its squares, as `decode` and `search` return it; above 0.
    """
    factor = np.float32(np.float32(gain) / np.sqrt(np.float32(squares)))
    for j in range(n):
        out[np.uint64(to + j)] = np.float32(vector[np.uint64(at + j)]) * factor


@njit(error_model="numpy")
def search(x: Any, at: int, n: int, k: int, vector: Any, to: int) -> Any:
    """Find a vector of k pulses that points nearly as ``x[at : at + n]`` does.

    Section 5.3.8.1: project x onto the pyramid of k pulses, rounding towards zero, then give
    each pulse that is left to the entry where it maximises (x . y)^2 / (y . y). The projection is
    left out where pulses are few, because it places hardly any.

    Parameters
    ----------
    x : f32[:]
    at, n, k : int
        k > 0.
    vector : i32[:]
        Entries ``to`` to ``to + n`` get the vector.
    to : int

    Returns
    -------
    int64
        Sum of squares. Where x is zero, or no number, all pulses are at the first entry.
    """
    total = np.float32(0)
    for j in range(n):
        total += abs(x[np.uint64(at + j)])
        vector[np.uint64(to + j)] = 0
    # Within these bounds no square below overflows; NaN is outside.
    if not (total > np.float32(1e-15) and total < np.float32(1e15)):
        vector[np.uint64(to)] = k
        return np.int64(k) * np.int64(k)
    left: Any = k
    product = np.float32(0)
    squares = np.float32(0)
    if 2 * k > n:
        # With less than k + 1 pulses to share, rounding down never gives more than k.
        factor = (np.float32(k) + np.float32(0.8)) / total
        for j in range(n):
            amount = abs(x[np.uint64(at + j)])
            entry = np.int32(amount * factor)
            vector[np.uint64(to + j)] = entry
            left -= entry
            product += amount * np.float32(entry)
            squares += np.float32(entry) * np.float32(entry)
    for _ in range(left):
        best = 0
        best_product = np.float32(0)
        best_squares = np.float32(1)
        for j in range(n):
            new_product = product + abs(x[np.uint64(at + j)])
            new_product *= new_product
            new_squares = squares + np.float32(2 * vector[np.uint64(to + j)] + 1)
            if new_product * best_squares > best_product * new_squares:
                best, best_product, best_squares = j, new_product, new_squares
        product += abs(x[np.uint64(at + best)])
        squares = best_squares
        vector[np.uint64(to + best)] += 1
    for j in range(n):
        if x[np.uint64(at + j)] < np.float32(0):
            vector[np.uint64(to + j)] = -vector[np.uint64(to + j)]
    return np.int64(squares)
