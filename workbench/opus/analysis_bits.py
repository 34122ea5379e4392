"""Which bands deserve more bits than the static allocation gives them, and which way it tilts.

The rules are those of the reference encoder, on log2 energies less each band's mean. ``levels`` is
f32[5, 42]: its rows are named here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from workbench.opus.plan import BOOSTS
from workbench.opus.tables import BAND_EDGES, BANDS, LOG2_WIDTHS, MEAN_ENERGIES

__all__ = ["FLOORS", "choose_boosts", "choose_trim", "weigh_bands"]


def noise_floors() -> NDArray[np.float32]:
    """Energy of noise of 24-bit samples in each band, in the terms of coded energies.

    Of its width, its mean, and pre-emphasis, which grows about as the square of the band's number.
    """
    band = np.arange(BANDS)
    floors = 0.5 * LOG2_WIDTHS / 8 + 0.5 - 15 - MEAN_ENERGIES + 0.0062 * (band + 5) ** 2
    return floors.astype(np.float32)


FLOORS = noise_floors()
CROSS_TALK = np.float32(4)


@njit(error_model="numpy")
def weigh_bands(energy: Any, channels: int, end: int, weights: Any, mask: Any) -> None:
    """How much each band is heard, 32 to 1: masking falls 12 dB a band upwards, 18 dB down."""
    deepest = np.float32(-31.9)
    for band in range(end):
        mask[band] = np.float32(-100)
        for channel in range(channels):
            mask[band] = max(mask[band], energy[channel * BANDS + band] - FLOORS[band])
        deepest = max(deepest, mask[band])
        mask[BANDS + band] = mask[band]
    for band in range(1, end):
        mask[band] = max(mask[band], mask[band - 1] - np.float32(2))
    for band in range(end - 2, -1, -1):
        mask[band] = max(mask[band], mask[band + 1] - np.float32(3))
    quietest = max(np.float32(0), deepest - np.float32(12))
    for band in range(end):
        below = max(quietest, mask[band]) - mask[BANDS + band]
        weights[band] = 32 >> min(5, max(0, np.int64(np.floor(below + np.float32(0.5)))))


@njit(error_model="numpy")
def median_of(x: Any, at: int, n: int) -> Any:
    """Median of 3 or 5 numbers."""
    for i in range(at, at + n):
        below, same = 0, 0
        for j in range(at, at + n):
            below += x[j] < x[i]
            same += x[j] == x[i]
        if below <= n // 2 < below + same:
            return x[i]
    return x[at]


@njit(error_model="numpy")
def envelope_of(energy: Any, start: int, end: int, envelope: Any) -> None:
    """Lower envelope of one channel's energies: 9 dB a band up, 12 dB down, not below a median."""
    last = 0
    envelope[start] = energy[start]
    for band in range(1, end):
        at = start + band
        if energy[at] > energy[at - 1] + np.float32(0.5):
            last = band
        envelope[at] = min(envelope[at - 1] + np.float32(1.5), energy[at])
    for band in range(last - 1, -1, -1):
        at = start + band
        envelope[at] = min(envelope[at], min(envelope[at + 1] + np.float32(2), energy[at]))
    for band in range(end):
        at = start + band
        if 2 <= band < end - 2:
            median = median_of(energy, at - 2, 5)
        else:
            median = median_of(energy, start if band < 2 else start + end - 3, 3)
        envelope[at] = max(max(envelope[at], median - np.float32(1)), FLOORS[band])


@njit(error_model="numpy")
def choose_boosts(
    energy: Any,
    long_energy: Any,
    channels: int,
    end: int,
    lm: int,
    transient: bool,
    size: int,
    plan: Any,
    importance: Any,
    envelope: Any,
) -> None:
    """Set how many boosts each band should get, and how much it counts for its resolution.

    A band that sticks out of its neighbours' envelope is likely tonal, and wants finer shapes.

    Parameters
    ----------
    energy, long_energy : f32[42]
        Of the frame's blocks, and of one long block.
    size : int
        Bytes of the frame.
    plan : i64[PLAN]
        ``plan[BOOSTS + band]`` becomes the number.
    importance : i64[21]
    envelope : f32[42]
        Working memory.
    """
    for band in range(end):
        importance[band] = 13
        plan[BOOSTS + band] = 0
    if size < 30 + 5 * lm:
        return
    for channel in range(channels):
        envelope_of(long_energy, channel * BANDS, end, envelope)
    limit, given = 2 * size // 3 * 64, 0
    for band in range(end):
        if channels == 2:
            left, right = envelope[band], envelope[BANDS + band]
            right = max(right, left - CROSS_TALK)
            left = max(left, right - CROSS_TALK)
            above = max(np.float32(0), energy[band] - left)
            above += max(np.float32(0), energy[BANDS + band] - right)
            above *= np.float32(0.5)
        else:
            above = max(np.float32(0), energy[band] - envelope[band])
        importance[band] = np.int64(13 * np.exp2(min(above, np.float32(4))) + 0.5)
        if not transient:
            above *= np.float32(0.5)
        if band < 8:
            above *= np.float32(2)
        if band >= 12:
            above *= np.float32(0.5)
        above = min(above, np.float32(4))
        width = channels * (BAND_EDGES[band + 1] - BAND_EDGES[band]) << lm
        if width < 6:
            count = np.int64(above)
            eighths = count * width << 3
        elif width > 48:
            count = np.int64(above * 8)
            eighths = count * width
        else:
            count = np.int64(above * np.float32(width) / 6)
            eighths = count * 48
        if given + eighths > limit:
            quantum = min(8 * width, max(48, width))
            plan[BOOSTS + band] = (limit - given) // quantum
            return
        plan[BOOSTS + band] = count
        given += eighths


@njit(error_model="numpy")
def correlation(shapes: Any, size: int, band: int, lm: int) -> Any:
    """Of both channels' normalised shapes in a band."""
    product = np.float32(0)
    for j in range(BAND_EDGES[band] << lm, BAND_EDGES[band + 1] << lm):
        product += shapes[j] * shapes[size + j]
    return product


@njit(error_model="numpy")
def choose_trim(
    energy: Any,
    shapes: Any,
    channels: int,
    end: int,
    lm: int,
    strength: Any,
    rate: int,
) -> int:
    """Tilt of the allocation, 0 to 10, below 5 for the low bands.

    By bit rate; by how alike two channels are in the low bands, where the side then costs little;
    by the slope of the spectrum; by how transient the frame is.
    """
    trim = np.float32(min(5.0, max(4.0, 4.0 + (rate - 64_000) / 16_384)))
    if channels == 2:
        alike = np.float32(0)
        for band in range(8):
            alike += correlation(shapes, 120 << lm, band, lm)
        alike = min(np.float32(1), abs(alike / np.float32(8)))
        different = np.float32(np.log2(np.float32(1.001) - alike * alike))
        trim += max(np.float32(-4), np.float32(0.75) * different)
    slope = np.float32(0)
    for channel in range(channels):
        for band in range(end - 1):
            slope += energy[channel * BANDS + band] * np.float32(2 + 2 * band - end)
    slope /= np.float32(channels * (end - 1))
    trim -= max(np.float32(-2), min(np.float32(2), (slope + np.float32(1)) / 6))
    trim -= 2 * strength
    return max(0, min(10, np.int64(np.floor(trim + np.float32(0.5)))))
