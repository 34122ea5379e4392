"""libopus's PVQ decoder as plain numba loops: the starting line.

U(n, k) is the number of vectors of n entries and k pulses that start with a positive one; it is
symmetric, so 15 rows of it, by the smaller of n and k, hold every codebook of 32 bits, and
V(n, k) = U(n, k) + U(n, k + 1). The vectors of a codebook are in order of their first entry,
positive ones first, and of how many pulses they leave to the others, fewest first.

For each entry: is the index behind the vectors that start with zero or more, then the entry is
negative; then the number of pulses left is stepped down until U(n, pulses) is not above the index.
Where there are more pulses than entries that goes along row n, else from row to row of column n,
and whether the entry is zero is asked first. The last two entries follow from U(2, k) = 2 k - 1.

``decode`` returns the sum of squares, or -1 where there is no such codebook or index.
"""

import numpy as np
from numba import njit

# Rows of U, and numbers a row: pulses and entries up to 177, and one more.
ROWS = 16
WIDTH = 180
MOST_PULSES = WIDTH * ROWS


@njit
def setup(largest_n, most_pulses):
    """Rows 0 to 15 of U, u32; what 32 bits do not hold is the largest number, as no index is.

    Behind them is the most pulses that a codebook of each n can have.
    """
    largest = np.int64(0xFFFFFFFF)
    table = np.zeros(ROWS * WIDTH + largest_n + 1, np.uint32)
    before = np.zeros(WIDTH, np.int64)
    before[0] = 1
    for n in range(largest_n + 1):
        row = np.zeros(WIDTH, np.int64)
        row[0] = 1 if n == 0 else 0
        if n > 0:
            for k in range(1, WIDTH):
                row[k] = min(before[k] + row[k - 1] + before[k - 1], 4 * largest)
        if n < ROWS:
            for k in range(WIDTH):
                table[n * WIDTH + k] = min(row[k], largest)
        k = 0
        while n > 0 and k < most_pulses and row[k + 1] + row[k + 2] <= largest:
            k += 1
        table[MOST_PULSES + n] = k
        before = row
    return table, largest_n


@njit(error_model="numpy")
def number(table, row, column):
    """U(row, column), row at most 15."""
    return np.int64(table[np.uint64(row * WIDTH + column)])


@njit(error_model="numpy")
def size(table, largest_n, n, k):
    """V(n, k), or 0 where there is no codebook."""
    if n < 1 or n > largest_n or k < 0 or k > np.int64(table[np.uint64(MOST_PULSES + n)]):
        return np.int64(0)
    return number(table, min(n, k), max(n, k)) + number(table, min(n, k + 1), max(n, k + 1))


@njit(error_model="numpy")
def decode(state, index, n, k, vector, at):
    """Write the vector of an index to ``vector[at : at + n]``."""
    table, largest_n = state
    left = np.int64(index)
    if left >= size(table, largest_n, n, k):
        return np.int64(-1)
    entries, pulses = np.int64(n), np.int64(k)
    place = np.uint64(at)
    squares = np.int64(0)
    while entries > 2:
        rest = pulses
        if pulses >= entries:
            negatives = number(table, min(entries, pulses + 1), max(entries, pulses + 1))
            negative = left >= negatives
            if negative:
                left -= negatives
            if number(table, entries, entries) > left:
                rest = entries - 1
                start = number(table, rest, entries)
                while start > left:
                    rest -= 1
                    start = number(table, rest, entries)
            else:
                start = number(table, entries, rest)
                while start > left:
                    rest -= 1
                    start = number(table, entries, rest)
            left -= start
        else:
            start = number(table, pulses, entries)
            negatives = number(table, pulses + 1, entries)
            negative = left >= negatives
            if start <= left and not negative:
                left -= start
            else:
                if negative:
                    left -= negatives
                rest -= 1
                start = number(table, rest, entries)
                while start > left:
                    rest -= 1
                    start = number(table, rest, entries)
                left -= start
        entry = pulses - rest
        squares += entry * entry
        vector[place] = -entry if negative else entry
        place += np.uint64(1)
        entries -= 1
        pulses = rest
    if entries == 2:
        negative = left > 2 * pulses
        if negative:
            left -= 2 * pulses + 1
        rest = (left + 1) >> 1
        if rest > 0:
            left -= 2 * rest - 1
        entry = pulses - rest
        squares += entry * entry
        vector[place] = -entry if negative else entry
        place += np.uint64(1)
        pulses = rest
    vector[place] = pulses if left == 0 else -pulses
    return squares + pulses * pulses
