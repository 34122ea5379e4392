"""Pitch post-filter of CELT: a comb of five taps around one period, RFC 6716 section 4.3.7.1."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from workbench import simd
from workbench.opus.mdct import OVERLAP, WINDOW

__all__ = ["LONGEST", "SHORTEST", "TAPS", "comb", "undo"]

# Periods that a packet can name; the taps reach two samples further back.
SHORTEST, LONGEST = 15, 1022

# The middle tap, its two neighbours and their two, for tapsets 0 to 2: parts of the gain.
TAPS = np.array(
    [
        [0.3066406250, 0.2170410156, 0.1296386719],
        [0.4638671875, 0.2680664062, 0.0],
        [0.7998046875, 0.1000976562, 0.0],
    ],
    np.float32,
)
RISE = WINDOW * WINDOW
FALL = 1 - RISE


@njit(fastmath={"contract"})
def taps_of(buffer: Any, i: int, middle: Any, near: Any, far: Any) -> Any:
    """Five taps around ``i``, for eight samples from there."""
    total = simd.load(simd.f32x8, buffer, i) * middle
    total += (simd.load(simd.f32x8, buffer, i - 1) + simd.load(simd.f32x8, buffer, i + 1)) * near
    total += (simd.load(simd.f32x8, buffer, i - 2) + simd.load(simd.f32x8, buffer, i + 2)) * far
    return total


@njit(fastmath={"contract"})
def tap_of(buffer: Any, i: int, middle: Any, near: Any, far: Any) -> Any:
    """Five taps around ``i``, for one sample."""
    total = buffer[i] * middle
    total += (buffer[i - 1] + buffer[i + 1]) * near
    return total + (buffer[i - 2] + buffer[i + 2]) * far


@njit(fastmath={"contract"})
def comb(
    buffer: Any,
    at: int,
    n: int,
    period0: int,
    period1: int,
    gain0: float,
    gain1: float,
    tapset0: int,
    tapset1: int,
) -> None:
    """Filter ``buffer[at : at + n]`` in place; the taps read what is already filtered.

    Over the first 120 samples the filter changes from the old one (0) to the new one (1) by the
    window squared, unless they are the same. The past, down to ``buffer[at - 1024]``, must exist.

    Parameters
    ----------
    buffer : float32[:]
        The channel's output so far and the block to filter.
    at, n : int
        The block.
    period0, period1 : int
        In samples; taken as `SHORTEST` or `LONGEST` where they are beyond.
    gain0, gain1 : float
        0 is no filter.
    tapset0, tapset1 : int
        Rows of `TAPS`.
    """
    if gain0 == 0 and gain1 == 0:
        return
    old = min(max(period0, SHORTEST), LONGEST)
    new = min(max(period1, SHORTEST), LONGEST)
    middle1, near1, far1 = (
        np.float32(gain1 * TAPS[tapset1, 0]),
        np.float32(gain1 * TAPS[tapset1, 1]),
        np.float32(gain1 * TAPS[tapset1, 2]),
    )
    # Eight samples at once: the taps end 13 or more samples before.
    i = 0
    if old != new or gain0 != gain1 or tapset0 != tapset1:
        middle0, near0, far0 = (
            np.float32(gain0 * TAPS[tapset0, 0]),
            np.float32(gain0 * TAPS[tapset0, 1]),
            np.float32(gain0 * TAPS[tapset0, 2]),
        )
        faded = min(n, OVERLAP)
        while i + 8 <= faded:
            value = simd.load(simd.f32x8, buffer, at + i)
            past = taps_of(buffer, at + i - old, middle0, near0, far0)
            value += past * simd.load(simd.f32x8, FALL, i)
            past = taps_of(buffer, at + i - new, middle1, near1, far1)
            value += past * simd.load(simd.f32x8, RISE, i)
            simd.store(buffer, at + i, value)
            i += 8
        while i < faded:
            one = tap_of(buffer, at + i - old, middle0, near0, far0) * FALL[i]
            one += tap_of(buffer, at + i - new, middle1, near1, far1) * RISE[i]
            buffer[at + i] += one
            i += 1
    if gain1 == 0:
        return
    while i + 8 <= n:
        value = simd.load(simd.f32x8, buffer, at + i)
        value += taps_of(buffer, at + i - new, middle1, near1, far1)
        simd.store(buffer, at + i, value)
        i += 8
    while i < n:
        buffer[at + i] += tap_of(buffer, at + i - new, middle1, near1, far1)
        i += 1


@njit(fastmath={"contract"})
def undo(
    buffer: Any, at: int, n: int, period: int, gain: float, tapset: int, out: Any, to: int
) -> None:
    """What the filter would turn into ``buffer[at : at + n]``, into ``out[to : to + n]``."""
    past = min(max(period, SHORTEST), LONGEST)
    middle, near, far = (
        np.float32(gain * TAPS[tapset, 0]),
        np.float32(gain * TAPS[tapset, 1]),
        np.float32(gain * TAPS[tapset, 2]),
    )
    for i in range(n):
        out[to + i] = buffer[at + i] - tap_of(buffer, at + i - past, middle, near, far)
