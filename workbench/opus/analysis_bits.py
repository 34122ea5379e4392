"""What each band's noise would be heard as, and how well an allocation would sound.

The model is that of `workbench.opus.quality`, from band energies alone: a band masks itself and its
neighbours, loud moments mask what follows, a critical band weighs by its loudness. A band of so
many bits a coefficient has so much noise. So two allocations can be compared before either is
written.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from workbench.opus.encoder_state import WISHES
from workbench.opus.plan import SHAPE_BITS
from workbench.opus.tables import BAND_EDGES, BANDS, MEAN_ENERGIES

__all__ = ["disturbance", "find_sensitivity", "move_wishes"]

UNIT_HZ, RATE = 200, 48_000
# Masking: dB a Bark, the start of a neighbour's, dB a second; the floor below the loudest band.
DOWN_DB, UP_DB, ASIDE_DB, DECAY_DB, FLOOR_DB = 27.0, 10.0, 6.0, 1_000.0, 70.0
LOUDNESS = np.float32(0.23)
EMPHASIS = 0.85


def bark(hertz: NDArray[Any]) -> NDArray[np.float64]:
    """Critical-band rate (Zwicker and Terhardt 1980)."""
    rate: NDArray[np.float64] = 13 * np.arctan(0.00076 * hertz) + 3.5 * np.arctan(
        (hertz / 7_500) ** 2
    )
    return rate


def tables() -> tuple[NDArray[np.float32], ...]:
    """Share of a band's power that masks in each other one, widths in Bark, and log2 powers.

    The last are what to add to twice a coded energy to have the power before pre-emphasis.
    """
    middle = (BAND_EDGES[:-1] + BAND_EDGES[1:]) * (UNIT_HZ / 2)
    away = bark(middle)[:, None] - bark(middle)[None, :]
    slope = np.where(away > 0, -UP_DB * away, DOWN_DB * away) - ASIDE_DB
    share = 10 ** (slope / 10)
    np.fill_diagonal(share, 1.0)
    turn = 2 * np.pi * middle / RATE
    emphasis = 1 - 2 * EMPHASIS * np.cos(turn) + EMPHASIS**2
    power = 2 * MEAN_ENERGIES - np.log2(emphasis)
    widths = np.diff(bark(BAND_EDGES * UNIT_HZ))
    return share.astype(np.float32), widths.astype(np.float32), power.astype(np.float32)


SHARES, WIDTHS, POWERS = tables()
# Signal-to-noise ratio of a shape, in dB: of none (noise of the right level), by bits a
# coefficient, and what the first half bit gives besides. Fitted to `pvq.search` of Gaussian and
# Laplacian vectors of 4 to 176 coefficients, within 1 dB from 0.2 to 4 bits.
NONE_DB, BIT_DB, FIRST_DB = np.float32(-3.0), np.float32(6.6), np.float32(1.2)
# From dB to the binary logarithm of an amplitude.
OCTAVES = np.float32(1 / (20 * np.log10(2)))
BIT_OCTAVES = OCTAVES * BIT_DB


@njit(error_model="numpy")
def find_sensitivity(
    energy: Any, channels: int, end: int, lm: int, masker: Any, sensitivity: Any
) -> None:
    """How much each band's noise is heard, relative to its own signal.

    Parameters
    ----------
    energy : f32[42]
        Coded energies, log2 amplitudes less their mean.
    channels, end, lm : int
    masker : f32[43]
        What the frames before mask, power by channel and band, and the loudest so far; kept up.
    sensitivity : f32[21]
        Weight of sqrt(noise / signal) in each band.
    """
    decay = np.float32(10.0) ** np.float32(-DECAY_DB / 10 * (120 << lm) / RATE)
    for band in range(end):
        sensitivity[band] = 0
    for channel in range(channels):
        at = channel * BANDS
        for band in range(end):
            power = np.exp2(2 * energy[at + band] + POWERS[band])
            masker[2 * BANDS] = max(masker[2 * BANDS], power)
        floor = masker[2 * BANDS] * np.float32(10 ** (-FLOOR_DB / 10))
        for band in range(end):
            total = floor
            for other in range(end):
                total += SHARES[band, other] * np.exp2(2 * energy[at + other] + POWERS[other])
            total = max(total, decay * masker[at + band])
            masker[at + band] = total
            own = np.exp2(2 * energy[at + band] + POWERS[band])
            weight = WIDTHS[band] * (total / masker[2 * BANDS]) ** LOUDNESS
            sensitivity[band] += weight * np.sqrt(own / total)


@njit(error_model="numpy")
def disturbance(plan: Any, channels: int, end: int, lm: int, sensitivity: Any) -> Any:
    """How much is heard of the noise that an allocation leaves."""
    total = np.float32(0)
    for band in range(end):
        bins = channels * (BAND_EDGES[band + 1] - BAND_EDGES[band]) << lm
        depth = np.float32(plan[SHAPE_BITS + band]) / np.float32(8 * bins)
        ratio = NONE_DB + BIT_DB * depth + FIRST_DB * min(np.float32(1), 2 * depth)
        total += sensitivity[band] * np.exp2(-OCTAVES * ratio)
    return total


@njit(error_model="numpy")
def move_wishes(
    plan: Any, channels: int, end: int, lm: int, sensitivity: Any, depths: Any, weights: Any
) -> None:
    """Change how many boosts each band wants towards what would be heard least.

    With as many bits as ``plan`` has given to shapes, the sum of noises heard is least where a bit
    more does as much in every band that has any: depth less log2(sensitivity / bins) is the same
    everywhere. ``weights[WISHES]`` changes; ``depths`` f32[21] is working memory.
    """
    bits = np.float32(0)
    high, low = np.float32(-1e9), np.float32(1e9)
    for band in range(end):
        bins = np.float32(channels * (BAND_EDGES[band + 1] - BAND_EDGES[band]) << lm)
        bits += np.float32(plan[SHAPE_BITS + band]) / np.float32(8)
        depths[band] = np.log2((sensitivity[band] + np.float32(1e-9)) / bins) / BIT_OCTAVES
        high, low = max(high, depths[band]), min(low, depths[band])
    # the level below which a band gets nothing
    low -= np.float32(8)
    for _ in range(12):
        level = np.float32(0.5) * (high + low)
        taken = np.float32(0)
        for band in range(end):
            bins = np.float32(channels * (BAND_EDGES[band + 1] - BAND_EDGES[band]) << lm)
            taken += bins * max(np.float32(0), depths[band] - level)
        if taken > bits:
            low = level
        else:
            high = level
    for band in range(end):
        bins = channels * (BAND_EDGES[band + 1] - BAND_EDGES[band]) << lm
        wanted = np.float32(8 * bins) * max(np.float32(0), depths[band] - high)
        missing = wanted - np.float32(plan[SHAPE_BITS + band])
        quantum = np.float32(min(8 * bins, max(48, bins)))
        step = np.int64(np.floor(np.float32(0.7) * missing / quantum + np.float32(0.5)))
        weights[WISHES, band] = max(0, weights[WISHES, band] + step)
