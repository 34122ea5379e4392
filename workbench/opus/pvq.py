"""Pyramid vector quantisation: RFC 6716, sections 4.3.4.2 (decoding), 5.3.8.1 and 5.3.8.2 (search).

A codebook (n, k) holds every vector of n integers whose absolute values sum to k pulses; its size
V(n, k) stays below 2**32. Its vectors are in order of their first entry: positive ones first, then
zero, then negative ones; among those of one sign, the fewer pulses the rest of the vector has, the
earlier; and so on along the vector.

So one table answers everything. Let ``first(n, r)`` be the index of the first vector that leaves
``r`` pulses to its last n - 1 entries; it does not depend on k. Then ``first(n, k)`` vectors start
with a positive entry, those that start with a negative one begin at ``first(n, k + 1)``, and
V(n, k) is the sum of both. In the RFC's terms it is (V(n, r - 1) + V(n - 1, r - 1)) / 2.

Nothing here allocates. Vectors are i32 and spectra f32, in flat arrays from an offset on.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = [
    "FIRST",
    "LARGEST_N",
    "MOST_PULSES",
    "NO_INDEX",
    "ROWS",
    "decode",
    "encode",
    "normalise",
    "search",
    "size",
]

# Bins of the widest band of a 20 ms frame, and the most pulses that section 4.3.4.1 allots.
LARGEST_N = 176
PULSE_LIMIT = 128
# What `encode` answers to a vector that is not in the codebook: no codebook is that large.
NO_INDEX = np.uint32(0xFFFFFFFF)


def codebook_sizes() -> NDArray[np.uint64]:
    """V(n, k) for n up to 176 and k up to 128; what needs more than 32 bits is 2**32.

    The recurrence is that of section 4.3.4.2, V(n, k) = V(n-1, k) + V(n, k-1) + V(n-1, k-1),
    summed along k.
    """
    sizes = np.zeros((LARGEST_N + 1, PULSE_LIMIT + 1), np.uint64)
    sizes[0, 0] = 1
    for n in range(1, LARGEST_N + 1):
        gained = sizes[n - 1].copy()
        gained[1:] += sizes[n - 1, :-1]
        sizes[n] = np.minimum(np.cumsum(gained), 1 << 32)
    return sizes


def rows_of(sizes: NDArray[np.uint64]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Most pulses of each n, where its row starts, and all rows in a row; n = 0 has none."""
    most = (sizes < 1 << 32).sum(axis=1).astype(np.int32) - 1
    most[0] = -2
    rows = np.cumsum(most + 2).astype(np.int32) - most - 2
    first = [
        np.append(0, (sizes[n, : most[n] + 1] + sizes[n - 1, : most[n] + 1]) // 2)
        for n in range(1, LARGEST_N + 1)
    ]
    return most, rows, np.concatenate(first).astype(np.uint32)


# Most pulses of a codebook of n [177]; ``first(n, r)`` is ``FIRST[ROWS[n] + r]``, r <= most + 1.
MOST_PULSES, ROWS, FIRST = rows_of(codebook_sizes())


@njit(error_model="numpy")
def size(n: int, k: int) -> Any:
    """V(n, k) as u32, or 0 where there is no codebook (n 1..176, k 0.., 32 bits)."""
    if n < 1 or n > LARGEST_N or k < 0 or k > MOST_PULSES[np.uint64(n)]:
        return np.uint32(0)
    at = np.uint64(ROWS[np.uint64(n)]) + np.uint64(k)
    return np.uint32(FIRST[at] + FIRST[at + np.uint64(1)])


@njit(error_model="numpy")
def decode(index: Any, n: int, k: int, vector: Any, at: int) -> Any:
    """Write the vector of an index; return the sum of its squares.

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
    total = size(n, k)
    left = np.uint64(index)
    if left >= total:
        return np.int64(-1)
    one, two = np.uint64(1), np.uint64(2)
    place = np.uint64(at)
    pulses = np.uint64(k)
    squares = np.int64(0)
    while n > 2:
        row = np.uint64(ROWS[np.uint64(n)])
        negatives = np.uint64(FIRST[row + pulses + one])
        negative = left >= negatives
        if negative:
            left -= negatives
        rest = pulses
        start = np.uint64(FIRST[row + rest])
        while start > left:
            rest -= one
            start = np.uint64(FIRST[row + rest])
        left -= start
        entry = np.int64(pulses - rest)
        squares += entry * entry
        vector[place] = -entry if negative else entry
        place += one
        pulses = rest
        n -= 1
    if n == 2:  # first(2, r) = 2 r - 1
        negative = left > two * pulses
        if negative:
            left -= two * pulses + one
        rest = (left + one) >> one
        if rest > np.uint64(0):
            left -= two * rest - one
        entry = np.int64(pulses - rest)
        squares += entry * entry
        vector[place] = -entry if negative else entry
        place += one
        pulses = rest
    entry = np.int64(pulses)
    vector[place] = entry if left == np.uint64(0) else -entry
    return squares + entry * entry


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
    pulses = np.int64(0)
    for entries in range(1, n + 1):
        row = np.int64(ROWS[np.uint64(entries)])
        entry = np.int64(vector[np.uint64(at + n - entries)])
        index += np.uint64(FIRST[np.uint64(row + pulses)])
        if entry < -k or entry > k:
            return NO_INDEX
        pulses += abs(entry)
        if pulses > k:
            return NO_INDEX
        if entry < 0:
            index += np.uint64(FIRST[np.uint64(row + pulses + 1)])
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
