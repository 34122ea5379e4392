"""PVQ decoding that counts comparisons: entry after entry, or from pulse to pulse.

``first(n, r)`` is the index of the first vector of n entries that leaves ``r`` pulses to its last
n - 1, whatever the codebook; `FIRST` has its rows. With at least a pulse to two entries, an entry
is how many of ``first(n, k)``, ``first(n, k - 1)`` ... lie above the index. Seven are compared
without a branch, because where the comparisons end is what nobody can predict.

With fewer pulses most entries are zero. A zero in front leaves out as many vectors at the front of
the codebook as at its end, so an index keeps its distance from the middle; the next entry with
pulses is where that distance exceeds V(entries - 1, k) / 2, and the side of the middle is its sign.

The tables are names of `workbench.opus.pvq`, because arrays in the state cost reference counts.
``decode`` returns the sum of squares, or -1 where there is no such codebook or index.
"""

import numpy as np
from numba import njit

from workbench.opus.pvq import FIRST, HALVES, PAD, ROW, size

ONE, TWO, FOUR = np.uint64(1), np.uint64(2), np.uint64(4)
AHEAD = np.uint64(7)


@njit
def setup(largest_n, most_pulses):
    """What may be asked for; the tables are constants."""
    return largest_n, most_pulses


@njit(error_model="numpy")
def above(place, left):
    """How many of the seven numbers up to ``FIRST[place]`` lie above an index."""
    index = np.uint32(left)
    found = np.uint64(index < FIRST[place])
    found += np.uint64(index < FIRST[place - ONE])
    found += np.uint64(index < FIRST[place - TWO])
    found += np.uint64(index < FIRST[place - np.uint64(3)])
    found += np.uint64(index < FIRST[place - FOUR])
    found += np.uint64(index < FIRST[place - np.uint64(5)])
    return found + np.uint64(index < FIRST[place - np.uint64(6)])


@njit(error_model="numpy")
def reaching(place, distance):
    """How many of the seven numbers up to ``HALVES[place]`` reach a distance."""
    least = np.uint32(distance)
    found = np.uint64(least <= HALVES[place])
    found += np.uint64(least <= HALVES[place - ONE])
    found += np.uint64(least <= HALVES[place - TWO])
    found += np.uint64(least <= HALVES[place - np.uint64(3)])
    found += np.uint64(least <= HALVES[place - FOUR])
    found += np.uint64(least <= HALVES[place - np.uint64(5)])
    return found + np.uint64(least <= HALVES[place - np.uint64(6)])


@njit(error_model="numpy")
def decode(state, index, n, k, vector, at):
    """Write the vector of an index to ``vector[at : at + n]``."""
    if n > state[0] or k > state[1] or np.uint32(index) >= size(n, k):
        return np.int64(-1)
    left, pulses, entries = np.uint64(np.uint32(index)), np.uint64(k), np.uint64(n)
    place = np.uint64(at)
    squares = np.int64(0)
    while entries > TWO and TWO * pulses >= entries:
        top = entries * np.uint64(ROW) + np.uint64(PAD) + pulses
        negatives = np.uint64(FIRST[top + ONE])
        negative = left >= negatives
        if negative:
            left -= negatives
        gone = above(top, left)
        start = np.uint64(FIRST[top - gone])
        if gone == AHEAD:
            while start > left:
                gone += ONE
                start = np.uint64(FIRST[top - gone])
        left -= start
        pulses -= gone
        entry = np.int64(gone)
        squares += entry * entry
        vector[place] = -entry if negative else entry
        place += ONE
        entries -= ONE
    if entries <= TWO:
        if entries == TWO:  # first(2, r) = 2 r - 1
            negative = left > TWO * pulses
            if negative:
                left -= TWO * pulses + ONE
            rest = (left + ONE) >> ONE
            if rest > np.uint64(0):
                left -= TWO * rest - ONE
            entry = np.int64(pulses - rest)
            squares += entry * entry
            vector[place] = -entry if negative else entry
            place += ONE
            pulses = rest
        entry = np.int64(pulses)
        vector[place] = entry if left == np.uint64(0) else -entry
        return squares + entry * entry
    for j in range(entries):
        vector[place + np.uint64(j)] = 0
    while pulses > np.uint64(0):
        here = pulses * np.uint64(ROW) + np.uint64(PAD) + entries
        half = np.uint64(HALVES[here])
        negative = left >= half
        distance = left + ONE - half if negative else half - left
        zeros = reaching(here - ONE, distance)
        if zeros == AHEAD:
            more = zeros
            while more == AHEAD:
                more = reaching(here - ONE - zeros, distance)
                zeros += more
        here -= zeros
        place += zeros
        entries -= zeros + ONE
        upper, lower = np.uint64(HALVES[here]), np.uint64(HALVES[here - ONE])
        # from the first vector that starts with this sign on
        left = distance - ONE - lower if negative else upper - distance
        below = here - np.uint64(ROW)
        entry = np.int64(1)
        start = np.uint64(FIRST[below])
        while start > left:
            entry += 1
            below -= np.uint64(ROW)
            start = np.uint64(FIRST[below])
        left -= start
        pulses -= np.uint64(entry)
        squares += entry * entry
        vector[place] = -entry if negative else entry
        place += ONE
    return squares
