"""What the shapes say: how tonal they are, and how two channels relate.

The rules are those of the reference encoder.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from workbench.opus.tables import BAND_EDGES

__all__ = ["apart", "choose_spread", "first_blended"]

# Bit rates (kbit/s) from which one more band is coded as two channels, and their hysteresis.
BLENDED_UP_TO: NDArray[np.int64] = np.array(
    (1, 2, 3, 4, 5, 6, 7, 8, 16, 24, 36, 44, 50, 56, 62, 67, 72, 79, 88, 106, 134), np.int64
)
MARGINS: NDArray[np.int64] = np.array(
    (1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 3, 3, 4, 5, 6, 8, 8), np.int64
)
NONE, LIGHT, NORMAL, AGGRESSIVE = range(4)


@njit(error_model="numpy")
def choose_spread(
    shapes: Any, channels: int, end: int, lm: int, weights: Any, average: int, last: int
) -> Any:
    """How far pulses are spread: the more coefficients are small, the less.

    Parameters
    ----------
    weights : i64[21]
        Of the bands.
    average, last : int
        The average that this returned for the frame before, and its decision.

    Returns
    -------
    tuple of int
        The decision, 0 to 3, and the average.
    """
    if BAND_EDGES[end] - BAND_EDGES[end - 1] << lm <= 8:
        return NONE, average
    total, count = 0, 0
    for channel in range(channels):
        for band in range(end):
            first = channel * (120 << lm) + (BAND_EDGES[band] << lm)
            n = BAND_EDGES[band + 1] - BAND_EDGES[band] << lm
            if n <= 8:
                continue
            # of the band's mean square: a quarter, a sixteenth, a sixty-fourth
            small, smaller, smallest = 0, 0, 0
            for j in range(first, first + n):
                square = shapes[j] * shapes[j] * np.float32(n)
                small += square < np.float32(0.25)
                smaller += square < np.float32(0.0625)
                smallest += square < np.float32(0.015625)
            votes = (2 * small >= n) + (2 * smaller >= n) + (2 * smallest >= n)
            total += votes * weights[band]
            count += weights[band]
    if count == 0:
        return NORMAL, average
    average = ((total << 8) // count + average) >> 1
    # the decision before counts a quarter
    smoothed = (3 * average + ((3 - last) << 7) + 66) >> 2
    if smoothed < 80:
        return AGGRESSIVE, average
    if smoothed < 256:
        return NORMAL, average
    return (LIGHT if smoothed < 384 else NONE), average


@njit(error_model="numpy")
def apart(shapes: Any, lm: int) -> bool:
    """Whether left and right are sparser than middle and side, in the bands below 4 kHz."""
    size = 120 << lm
    sides, mixed = np.float32(1e-15), np.float32(1e-15)
    bins = BAND_EDGES[13] << lm
    for j in range(bins):
        left, right = shapes[j], shapes[size + j]
        sides += abs(left) + abs(right)
        mixed += abs(left + right) + abs(left - right)
    angles = 13 if lm > 1 else 5
    share = np.float32(2 * bins + angles) / np.float32(2 * bins)
    return share * mixed * np.float32(np.sqrt(0.5)) > sides


@njit(error_model="numpy")
def first_blended(rate: int, end: int, last: int) -> int:
    """First band that two channels share (intensity stereo), by bit rate.

    A threshold passed must be passed by a margin before the decision ``last`` changes.
    """
    kbps = rate // 1_000
    found = 0
    while found < 21 and kbps >= BLENDED_UP_TO[found]:
        found += 1
    if found > last and kbps < BLENDED_UP_TO[last] + MARGINS[last]:
        found = last
    if found < last and kbps > BLENDED_UP_TO[last - 1] - MARGINS[last - 1]:
        found = last
    return min(end, found)
