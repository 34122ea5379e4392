"""Pre-emphasis and de-emphasis, RFC 6716 section 4.3.7.2: a zero, and the pole that undoes it.

Between the two filters a full-scale sample is 32768; outside it is 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from workbench import simd

__all__ = ["COEFFICIENT", "deemphasise", "deemphasise_both", "preemphasise"]

COEFFICIENT = np.float32(0.8500061035)
FULL_SCALE = np.float32(32768)
PER_SAMPLE = np.float32(1 / 32768)

# The pole's response, so that eight outputs follow from eight before: y[j] = sum over i < 8 of
# P1**i x[j - i], + P1**8 y[j - 8].
P1, P2, P3, P4, P5, P6, P7, P8 = (np.float32(0.8500061035**i) for i in range(1, 9))


@njit(fastmath={"contract"})
def serial(buffer: Any, at: int, n: int, past: float, pcm: Any, to: int, step: int) -> float:
    """One output after the other; the last one is returned."""
    for j in range(n):
        past = buffer[at + j] + P1 * past
        pcm[to + j * step] = past * PER_SAMPLE
    return past


@njit(fastmath={"contract"})
def response(buffer: Any, i: int) -> Any:
    """The pole's first eight coefficients over ``buffer[i - 7 : i + 8]``, for eight outputs."""
    near = simd.load(simd.f32x8, buffer, i) + simd.load(simd.f32x8, buffer, i - 1) * P1
    mid = simd.load(simd.f32x8, buffer, i - 2) * P2 + simd.load(simd.f32x8, buffer, i - 3) * P3
    far = simd.load(simd.f32x8, buffer, i - 4) * P4 + simd.load(simd.f32x8, buffer, i - 5) * P5
    last = simd.load(simd.f32x8, buffer, i - 6) * P6 + simd.load(simd.f32x8, buffer, i - 7) * P7
    return (near + mid) + (far + last)


@njit(fastmath={"contract"})
def deemphasise(
    buffer: Any, at: int, n: int, memory: Any, channel: int, pcm: Any, row: int, channels: int
) -> None:
    """Undo the pre-emphasis of one channel.

    Parameters
    ----------
    buffer : float32[:]
        ``buffer[at : at + n]`` is the signal, full scale 32768. Not changed.
    at, n : int
        The block.
    memory : float32[2]
        The last output of each channel, full scale 32768; updated.
    channel, channels : int
        Which column of how many, 1 or 2.
    pcm : float32[capacity * channels]
        Interleaved output, full scale 1.
    row : int
        Where in it the block goes, in samples per channel.
    """
    to = row * channels + channel
    past = serial(buffer, at, min(n, 8), memory[channel], pcm, to, channels)
    whole = n & ~7
    if whole > 8:
        if channels == 1:
            y = simd.load(simd.f32x8, pcm, to) * FULL_SCALE
            for j in range(8, whole, 8):
                y = response(buffer, at + j) + y * P8
                simd.store(pcm, to + j, y * PER_SAMPLE)
        else:
            first = row * 2
            a, b = simd.load(simd.f32x8, pcm, first), simd.load(simd.f32x8, pcm, first + 8)
            y = (simd.odds(a, b) if channel else simd.evens(a, b)) * FULL_SCALE
            for j in range(8, whole, 8):
                i = first + 2 * j
                y = response(buffer, at + j) + y * P8
                a, b = simd.load(simd.f32x8, pcm, i), simd.load(simd.f32x8, pcm, i + 8)
                left, right = simd.evens(a, b), simd.odds(a, b)
                if channel:
                    right = y * PER_SAMPLE
                else:
                    left = y * PER_SAMPLE
                simd.store(pcm, i, simd.weave_low(left, right))
                simd.store(pcm, i + 8, simd.weave_high(left, right))
        past = pcm[to + (whole - 1) * channels] * FULL_SCALE
    if n > max(whole, 8):
        rest = max(whole, 8)
        past = serial(buffer, at + rest, n - rest, past, pcm, to + rest * channels, channels)
    memory[channel] = past


@njit(fastmath={"contract"})
def deemphasise_both(
    left: Any, left_at: int, right: Any, right_at: int, n: int, memory: Any, pcm: Any, row: int
) -> None:
    """`deemphasise` of two channels at once, which spares reading what the other one wrote."""
    channels: Any = np.int64(2)
    to = row * channels
    first = min(n, 8)
    past_left = serial(left, left_at, first, memory[0], pcm, to, channels)
    past_right = serial(right, right_at, first, memory[1], pcm, to + 1, channels)
    whole = n & ~7
    if whole > 8:
        a, b = simd.load(simd.f32x8, pcm, to), simd.load(simd.f32x8, pcm, to + 8)
        x, y = simd.evens(a, b) * FULL_SCALE, simd.odds(a, b) * FULL_SCALE
        for j in range(8, whole, 8):
            x = response(left, left_at + j) + x * P8
            y = response(right, right_at + j) + y * P8
            a, b = x * PER_SAMPLE, y * PER_SAMPLE
            simd.store(pcm, to + 2 * j, simd.weave_low(a, b))
            simd.store(pcm, to + 2 * j + 8, simd.weave_high(a, b))
        past_left = pcm[to + 2 * whole - 2] * FULL_SCALE
        past_right = pcm[to + 2 * whole - 1] * FULL_SCALE
    rest = max(whole, 8)
    if n > rest:
        past_left = serial(left, left_at + rest, n - rest, past_left, pcm, to + 2 * rest, channels)
        past_right = serial(
            right, right_at + rest, n - rest, past_right, pcm, to + 2 * rest + 1, channels
        )
    memory[0], memory[1] = past_left, past_right


@njit(fastmath={"contract"})
def preemphasise(
    pcm: Any, row: int, channel: int, channels: int, n: int, memory: Any, buffer: Any, at: int
) -> None:
    """The encoder's filter, ``buffer[at + j] = x[j] - 0.85 x[j - 1]``, scaled to 32768.

    ``memory[channel]`` is ``x[-1]`` at full scale 32768, and updated.
    """
    first = row * channels + channel
    past = memory[channel]
    for j in range(n):
        x = pcm[first + j * channels] * FULL_SCALE
        buffer[at + j] = x - COEFFICIENT * past
        past = x
    memory[channel] = past
