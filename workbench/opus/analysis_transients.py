"""Where a sound begins within a frame: whether short blocks are worth their resolution.

The rule is that of the reference encoder. The signal, high-passed, is turned into an envelope that
decays as hearing masks: 6.7 dB a millisecond after a sound, 13.9 dB before it. A frame whose
energy lies far above the harmonic mean of that envelope has moments that noise of one long block
would not be masked in.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

__all__ = ["strength_of", "unmasked"]

# A pair of samples at a time; the envelope's first values are the filter's, its last are alone.
FIRST, LAST, STEP = 12, 5, 4
AFTER, BEFORE = np.float32(1 / 16), np.float32(1 / 8)
# Scale and ends of a moment's share, as the reference has them.
SCALE, LEAST, MOST = np.float32(32), np.float32(2 / 3), np.float32(85)
TINY = np.float32(1e-15)


@njit(error_model="numpy")
def unmasked(signal: Any, at: int, n: int, envelope: Any) -> Any:
    """How far a frame's energy lies above the harmonic mean of its envelope; 200 is much.

    Parameters
    ----------
    signal : f32[:]
        ``n`` samples from ``at`` on.
    envelope : f32[n / 2]
        Working memory.
    """
    pairs = n >> 1
    one, two = np.float32(0), np.float32(0)
    masking, total = np.float32(0), np.float32(0)
    for pair in range(pairs):
        energy = np.float32(0)
        for j in range(2):
            x = signal[at + 2 * pair + j]
            # (1 - 2 / z + 1 / z^2) / (1 - 1 / z + 0.5 / z^2)
            y = one + x
            one = two + y - x - x
            two = x - np.float32(0.5) * y
            if pair >= FIRST // 2:
                energy += y * y
        total += energy
        masking = energy + (np.float32(1) - AFTER) * masking
        envelope[pair] = AFTER * masking
    masking, peak = np.float32(0), np.float32(0)
    for pair in range(pairs - 1, -1, -1):
        masking = envelope[pair] + (np.float32(1) - BEFORE) * masking
        envelope[pair] = BEFORE * masking
        peak = max(peak, envelope[pair])
    level = np.sqrt(total / np.float32(pairs) * peak / np.float32(2))
    shares, count = np.float32(0), 0
    for pair in range(FIRST, pairs - LAST, STEP):
        shares += min(MOST, max(LEAST, level / (envelope[pair] + TINY)))
        count += 1
    return SCALE * shares / np.float32(count)


@njit(error_model="numpy")
def strength_of(found: Any) -> Any:
    """Map what `unmasked` found to a strength of 0 (stationary) to 1."""
    above = min(np.float32(163), max(np.float32(0), np.sqrt(27 * found) - np.float32(42)))
    return np.sqrt(max(np.float32(0), np.float32(0.0069) * above - np.float32(0.139)))
