"""From a frame's spectrum to samples (RFC 6716, sections 4.3.6 to 4.3.7.2)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from workbench.opus.emphasis import deemphasise, deemphasise_both
from workbench.opus.energy import BACKGROUND, EARLIER, PREVIOUS
from workbench.opus.mdct import inverse
from workbench.opus.memory import (
    END,
    GAIN,
    GAIN_BEFORE,
    GAIN_NEXT,
    HERE,
    HISTORY,
    LOST,
    PAST,
    PERIOD,
    PERIOD_BEFORE,
    PERIOD_NEXT,
    SILENT,
    TAIL,
    TAPSET,
    TAPSET_BEFORE,
    TAPSET_NEXT,
)
from workbench.opus.postfilter import comb
from workbench.opus.tables import (
    BAND_EDGES,
    BANDS,
    DEEPEST_ENERGY,
    MEAN_ENERGIES,
    ONE,
    SHORT_BLOCK,
    ZERO,
)

__all__ = [
    "apply_energies",
    "filter_pitch",
    "finish",
    "make_room",
    "remember",
    "synthesise",
    "transform_back",
]

# Typed, as `ZERO` and `ONE` are.
_SHORT: Any = np.int64(SHORT_BLOCK)
# log2 of an amplitude at most (RFC 8251, section 7).
_LOUDEST = np.float32(32.0)
_HALF = np.float32(0.5)
# How much the background may rise in 2.5 ms, 2.4 dB a second; 160 blocks' worth at once.
_RISE = np.float32(0.001)


@njit(inline="always")
def make_room(numbers: Any, history: Any, channels: int) -> None:
    """Move the past to the front of the history when the next frame might not fit behind it."""
    here = numbers[HERE]
    if here + 960 + TAIL > HISTORY:
        for first in range(0, channels * HISTORY, HISTORY):
            for j in range(PAST + TAIL):
                history[first + j] = history[first + here - PAST + j]
        numbers[HERE] = PAST


@njit(error_model="numpy")
def apply_energies(energies: Any, x: Any, end: int, channel: int, lm: int, silent: int) -> None:
    """Give each band of a channel its energy; above the last there is nothing (section 4.3.6)."""
    first = 960 * channel
    if silent:
        end = 0
    for band in range(end):
        log = energies[channel * BANDS + band] + MEAN_ENERGIES[band]
        gain = np.exp2(min(log, _LOUDEST))
        for j in range(first + (BAND_EDGES[band] << lm), first + (BAND_EDGES[band + 1] << lm)):
            x[j] *= gain
    for j in range(first + (BAND_EDGES[end] << lm), first + (SHORT_BLOCK << lm)):
        x[j] = 0


@njit(inline="always")
def transform_back(
    x: Any,
    history: Any,
    numbers: Any,
    scratch: Any,
    coded: int,
    channels: int,
    transient: int,
    lm: int,
) -> None:
    """Write each channel's next samples behind its history.

    A mono spectrum is for all channels, and that of one channel is the mean of two.
    """
    if channels < coded:
        for j in range(SHORT_BLOCK << lm):
            x[j] = _HALF * (x[j] + x[960 + j])
    for channel in range(channels):
        first = 960 * channel if coded == 2 else 0
        at = channel * HISTORY + numbers[HERE]
        if transient:
            for block in range(1 << lm):
                place = at + SHORT_BLOCK * block
                inverse(x, first + block, 1 << lm, ZERO, history, place, scratch)
        else:
            inverse(x, first, ONE, lm, history, at, scratch)


@njit()
def filter_pitch(history: Any, numbers: Any, floats: Any, channels: int, lm: int) -> None:
    """Apply the post-filter to the next frame, and change it as the frame says (4.3.7.1)."""
    periods = numbers[PERIOD_BEFORE], numbers[PERIOD], numbers[PERIOD_NEXT]
    tapsets = numbers[TAPSET_BEFORE], numbers[TAPSET], numbers[TAPSET_NEXT]
    gains = floats[GAIN_BEFORE], floats[GAIN], floats[GAIN_NEXT]
    for channel in range(channels):
        at = channel * HISTORY + numbers[HERE]
        comb(
            *(history, at, _SHORT, periods[0], periods[1], gains[0], gains[1]),
            *(tapsets[0], tapsets[1]),
        )
        if lm > 0:
            comb(
                *(history, at + SHORT_BLOCK, (SHORT_BLOCK << lm) - SHORT_BLOCK),
                *(periods[1], periods[2], gains[1], gains[2], tapsets[1], tapsets[2]),
            )
    # The change to the last one is over, but in a frame of 2.5 ms it comes with the next.
    before = 1 if lm == 0 else 2
    numbers[PERIOD_BEFORE], numbers[TAPSET_BEFORE] = periods[before], tapsets[before]
    floats[GAIN_BEFORE] = gains[before]
    numbers[PERIOD], numbers[TAPSET], floats[GAIN] = periods[2], tapsets[2], gains[2]


@njit()
def finish(
    history: Any, numbers: Any, memory: Any, out: Any, row: int, channels: int, lm: int
) -> None:
    """Write the next frame's samples to interleaved ``out`` from ``row`` on, and step behind it."""
    at = numbers[HERE]
    if channels == 2:
        deemphasise_both(history, at, history, HISTORY + at, SHORT_BLOCK << lm, memory, out, row)
    else:
        deemphasise(history, at, SHORT_BLOCK << lm, memory, ZERO, out, row, ONE)
    numbers[HERE] = at + (SHORT_BLOCK << lm)


@njit(inline="always")
def remember(energies: Any, numbers: Any, coded: int, transient: int, lm: int) -> None:
    """Keep a decoded frame's energies for the next ones."""
    end = numbers[END]
    rise = np.float32(min(160, numbers[LOST] + (1 << lm))) * _RISE
    for at in range(2 * BANDS):
        if coded == 1 and at >= BANDS:
            energies[at] = energies[at - BANDS]
        now = energies[at]
        if transient:
            energies[PREVIOUS + at] = min(energies[PREVIOUS + at], now)
        else:
            energies[EARLIER + at] = energies[PREVIOUS + at]
            energies[PREVIOUS + at] = now
        energies[BACKGROUND + at] = min(energies[BACKGROUND + at] + rise, now)
        if at % BANDS >= end:
            energies[at] = 0
            energies[PREVIOUS + at] = energies[EARLIER + at] = DEEPEST_ENERGY
    numbers[LOST] = 0


@njit(inline="always")
def synthesise(
    numbers: Any,
    energies: Any,
    x: Any,
    history: Any,
    floats: Any,
    memory: Any,
    scratch: Any,
    coded: int,
    channels: int,
    transient: int,
    lm: int,
    out: Any,
    row: int,
) -> None:
    """Turn a frame that was read into samples, and keep what later ones need."""
    for channel in range(coded):
        apply_energies(energies, x, numbers[END], channel, lm, numbers[SILENT])
    transform_back(x, history, numbers, scratch, coded, channels, transient, lm)
    filter_pitch(history, numbers, floats, channels, lm)
    remember(energies, numbers, coded, transient, lm)
    finish(history, numbers, memory, out, row, channels, lm)
