"""How two channels relate: coded apart, as middle and side, or blended.

The rules are those of the reference encoder.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from workbench.opus.tables import BAND_EDGES

__all__ = ["apart", "first_blended"]

# Bit rates (kbit/s) from which one more band is coded as two channels, and their hysteresis.
BLENDED_UP_TO: NDArray[np.int64] = np.array(
    (1, 2, 3, 4, 5, 6, 7, 8, 16, 24, 36, 44, 50, 56, 62, 67, 72, 79, 88, 106, 134), np.int64
)
MARGINS: NDArray[np.int64] = np.array(
    (1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 3, 3, 4, 5, 6, 8, 8), np.int64
)


@njit(error_model="numpy")
def apart(shapes: Any, lm: int) -> Any:
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
