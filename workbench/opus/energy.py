"""Energy of the bands, coarse, fine and final (RFC 6716, section 4.3.2).

``energies`` is f32[`ENERGIES`]: log2 of each band's energy less its mean
(`workbench.opus.tables.MEAN_ENERGIES`), channel after channel; behind it, so far as a decoder keeps
them, those of frames before, as the offsets say. Coarse coding predicts energies from what is
there, which is the frame before, and puts the new frame in its place; the other steps add to it.

To write, ``errors`` f32[2 * 21] holds what is not coded yet.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from workbench.opus.plan import FINE_BITS, PRIORITY
from workbench.opus.range_coder import (
    SIZE,
    decode_bit,
    decode_bits,
    decode_icdf,
    decode_laplace,
    encode_bit,
    encode_bits,
    encode_icdf,
    encode_laplace,
    tell,
)
from workbench.opus.tables import (
    ALPHA,
    BANDS,
    BETA,
    BETA_INTRA,
    ICDF,
    LAPLACE,
    MAX_FINE_BITS,
    ONE,
    SMALL_ENERGY,
    TWO,
)

__all__ = [
    "BACKGROUND",
    "EARLIER",
    "ENERGIES",
    "PREVIOUS",
    "allow_for_loss",
    "decode_coarse",
    "decode_final",
    "decode_fine",
    "encode_coarse",
    "encode_final",
    "encode_fine",
]

# The frame before, the one before that, and the quietest lately.
PREVIOUS = 1 * 2 * BANDS
EARLIER = 2 * 2 * BANDS
BACKGROUND = 3 * 2 * BANDS
ENERGIES = 4 * 2 * BANDS

# Typed, as `ONE` is.
_SMALL: Any = np.int64(SMALL_ENERGY)
# What prediction starts from at least.
_FLOOR = np.float32(-9.0)
_DEEPEST = np.float32(-28.0)
# What `allow_for_loss` lets energies fall to.
_LOWEST = np.float32(-20.0)
_HALF = np.float32(0.5)


@njit(inline="always")
def allow_for_loss(energies: Any, start: int, end: int, lm: int, missing: int) -> None:
    """Make the energies that the next frame is predicted from safe after frames were lost.

    What was falling goes on falling, by 2 a frame at most; the rest takes the least of the last
    three frames. Short frames, which vary more, lose a bit on top. As libopus 1.6 does.

    ``missing`` is how long frames were missing, in blocks of 2.5 ms.
    """
    frames = min(10, missing >> lm)
    margin = np.float32(1.5) if lm == 0 else np.float32(0.5) if lm == 1 else np.float32(0)
    for at in range(2 * BANDS):
        if start <= at % BANDS < end:
            now, one, two = energies[at], energies[PREVIOUS + at], energies[EARLIER + at]
            if now < max(one, two):
                slope = min(max(one - now, _HALF * (two - now)), np.float32(2))
                now = max(now - max(np.float32(0), np.float32(1 + frames) * slope), _LOWEST)
            else:
                now = min(now, one, two)
            energies[at] = now - margin


@njit()
def decode_coarse(
    coder: Any, packet: Any, energies: Any, start: int, end: int, channels: int, lm: int, intra: int
) -> None:
    """Read coarse energies over those of the frame before; whole log2 steps (section 4.3.2.1)."""
    budget = 8 * coder[SIZE]
    alpha = np.float32(0) if intra else ALPHA[lm]
    beta = BETA_INTRA if intra else BETA[lm]
    below, below_right = np.float32(0), np.float32(0)
    for band in range(start, end):
        zero, decay = LAPLACE[lm, intra, band, 0] << 7, LAPLACE[lm, intra, band, 1] << 6
        for channel in range(channels):
            room = budget - tell(coder)
            if room >= 15:
                steps = decode_laplace(coder, packet, zero, decay)
            elif room >= 2:
                folded = decode_icdf(coder, packet, ICDF, _SMALL, TWO)
                steps = (folded >> 1) ^ -(folded & 1)
            elif room >= 1:
                steps = -decode_bit(coder, packet, ONE)
            else:
                steps = -1
            at = channel * BANDS + band
            step = np.float32(steps)
            energies[at] = alpha * max(_FLOOR, energies[at]) + below + step
            below += step - beta * step
            # the other channel's turn
            if channels == 2:
                below, below_right = below_right, below


@njit()
def encode_coarse(
    coder: Any,
    packet: Any,
    wanted: Any,
    energies: Any,
    errors: Any,
    start: int,
    end: int,
    channels: int,
    lm: int,
    intra: int,
    max_decay: float,
) -> Any:
    """Write coarse energies as near to ``wanted`` as they get; ``errors`` becomes the difference.

    ``max_decay`` (float32) is how far an energy may fall below the frame before. The flag for
    ``intra`` is the caller's to write.

    Returns
    -------
    int
        Steps by which numbers had to differ from the nearest because bits ran out.
    """
    budget = 8 * coder[SIZE]
    alpha = np.float32(0) if intra else ALPHA[lm]
    beta = BETA_INTRA if intra else BETA[lm]
    below, below_right = np.float32(0), np.float32(0)
    forced = 0
    for band in range(start, end):
        zero, decay = LAPLACE[lm, intra, band, 0] << 7, LAPLACE[lm, intra, band, 1] << 6
        for channel in range(channels):
            at = channel * BANDS + band
            predicted = alpha * max(_FLOOR, energies[at]) + below
            exact = wanted[at] - predicted
            nearest: Any = np.int64(math.floor(exact + _HALF))
            lowest = max(_DEEPEST, energies[at]) - np.float32(max_decay)
            if nearest < 0 and wanted[at] < lowest:
                nearest = min(nearest + np.int64(lowest - wanted[at]), 0)
            steps: Any = nearest
            room = budget - tell(coder)
            # Bands still to come need three bits each.
            spare = room - 3 * channels * (end - band)
            if band != start and spare < 24:
                steps = min(steps, 1)
            if band != start and spare < 16:
                steps = max(steps, -1)
            if room >= 15:
                steps = encode_laplace(coder, packet, steps, zero, decay)
            elif room >= 2:
                steps = max(-1, min(steps, 1))
                folded = -2 * steps - 1 if steps < 0 else 2 * steps
                encode_icdf(coder, packet, folded, ICDF, SMALL_ENERGY, TWO)
            elif room >= 1:
                steps = max(-1, min(steps, 0))
                encode_bit(coder, packet, -steps, ONE)
            else:
                steps = -1
            step = np.float32(steps)
            errors[at] = exact - step
            forced += abs(nearest - steps)
            energies[at] = predicted + step
            below += step - beta * step
            if channels == 2:
                below, below_right = below_right, below
    return forced


@njit(inline="always")
def _offset(number: int, bits: int) -> Any:
    """Correction that ``number`` of ``bits`` bits stands for (section 4.3.2.2)."""
    return (np.float32(number) + _HALF) * np.float32(1 << (14 - bits)) / np.float32(16384) - _HALF


@njit(inline="always")
def decode_fine(
    coder: Any, packet: Any, plan: Any, energies: Any, start: int, end: int, channels: int
) -> None:
    """Read the fine bits that the allocation gave each band (section 4.3.2.2)."""
    for band in range(start, end):
        bits = plan[FINE_BITS + band]
        if bits > 0 and tell(coder) + channels * bits <= 8 * coder[SIZE]:
            for channel in range(channels):
                number = decode_bits(coder, packet, bits)
                energies[channel * BANDS + band] += _offset(number, bits)


@njit()
def encode_fine(
    coder: Any,
    packet: Any,
    plan: Any,
    energies: Any,
    errors: Any,
    start: int,
    end: int,
    channels: int,
) -> None:
    """Write the fine bits that the allocation gave each band."""
    for band in range(start, end):
        bits = plan[FINE_BITS + band]
        if bits > 0 and tell(coder) + channels * bits <= 8 * coder[SIZE]:
            for channel in range(channels):
                at = channel * BANDS + band
                exact: Any = np.int64(math.floor((errors[at] + _HALF) * np.float32(1 << bits)))
                number = max(0, min(exact, (1 << bits) - 1))
                encode_bits(coder, packet, number, bits)
                energies[at] += _offset(number, bits)
                errors[at] -= _offset(number, bits)


@njit(inline="always")
def decode_final(
    coder: Any, packet: Any, plan: Any, energies: Any, start: int, end: int, channels: int
) -> None:
    """Read one more bit for each band while bits last, first those rounded down (4.3.2.2)."""
    left = 8 * coder[SIZE] - tell(coder)
    for priority in range(2):
        for band in range(start, end):
            bits = plan[FINE_BITS + band]
            if left >= channels and bits < MAX_FINE_BITS and plan[PRIORITY + band] == priority:
                for channel in range(channels):
                    upper = np.float32(decode_bits(coder, packet, ONE))
                    step = (upper - _HALF) * np.float32(1 << (13 - bits)) / np.float32(16384)
                    energies[channel * BANDS + band] += step
                left -= channels


@njit()
def encode_final(
    coder: Any,
    packet: Any,
    plan: Any,
    energies: Any,
    errors: Any,
    start: int,
    end: int,
    channels: int,
) -> None:
    """Write one more bit for each band while bits last."""
    left = 8 * coder[SIZE] - tell(coder)
    for priority in range(2):
        for band in range(start, end):
            bits = plan[FINE_BITS + band]
            if left >= channels and bits < MAX_FINE_BITS and plan[PRIORITY + band] == priority:
                for channel in range(channels):
                    at = channel * BANDS + band
                    upper = 0 if errors[at] < 0 else 1
                    encode_bits(coder, packet, upper, ONE)
                    step = (np.float32(upper) - _HALF) * np.float32(1 << (13 - bits))
                    step /= np.float32(16384)
                    energies[at] += step
                    errors[at] -= step
                left -= channels
