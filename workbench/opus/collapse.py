"""Noise for short blocks that got no pulses (RFC 6716, section 4.3.5)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from workbench.opus.energy import EARLIER, PREVIOUS
from workbench.opus.partition import next_noise, rescale
from workbench.opus.plan import MASKS, SEED, SHAPE_BITS
from workbench.opus.range_coder import quotient
from workbench.opus.tables import BAND_EDGES, BANDS

__all__ = ["fill_collapsed"]

_ROOT_TWO = np.float32(np.sqrt(2))


@njit(error_model="numpy")
def fill_collapsed(
    plan: Any,
    x: Any,
    energies: Any,
    start: int,
    end: int,
    channels: int,
    lm: int,
) -> None:
    """Put noise into the empty blocks of each band, never louder than both frames before.

    Of those frames, the louder channel counts for a mono frame.
    """
    seed = plan[SEED]
    for band in range(start, end):
        width = BAND_EDGES[band + 1] - BAND_EDGES[band]
        n = width << lm
        depth = quotient(1 + plan[SHAPE_BITS + band], width) >> lm
        most = np.float32(0.5) * np.exp2(np.float32(-0.125) * np.float32(depth))
        for channel in range(channels):
            at = channel * BANDS + band
            one, two = energies[PREVIOUS + at], energies[EARLIER + at]
            if channels == 1:
                one = max(one, energies[PREVIOUS + BANDS + band])
                two = max(two, energies[EARLIER + BANDS + band])
            rise = max(np.float32(0), energies[at] - min(one, two))
            level = np.float32(2) * np.exp2(-rise)
            if lm == 3:
                level *= _ROOT_TWO
            level = min(most, level) / np.sqrt(np.float32(n))
            first = 960 * channel + (BAND_EDGES[band] << lm)
            mask = plan[MASKS + 2 * band + channel]
            collapsed = False
            for block in range(1 << lm):
                if mask >> block & 1 == 0:
                    collapsed = True
                    for j in range(first + block, first + n, 1 << lm):
                        seed = next_noise(seed)
                        x[j] = level if seed & 0x8000 else -level
            if collapsed:
                rescale(x, first, n, np.float32(1))
    plan[SEED] = seed
