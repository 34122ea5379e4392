"""The period with which a decoded signal repeats itself best, for concealment.

Correlation of the last 28 ms with the same 2 to 15 ms before, normalised by what is found there:
on a fourth of the samples, then on half of them around the two best, then by a parabola's rule of
thumb to the sample. The signal is low-passed, mixed to mono, and whitened by a short predictor, so
that the period of the excitation is found and not a formant. Rule and constants are libopus 1.6's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from workbench.opus.prediction import correlate, dot, find_filter, stabilise

__all__ = ["LONGEST", "LOOK_BACK", "SCRATCH", "SHORTEST", "find_period"]

LOOK_BACK = 2048
SHORTEST, LONGEST = 100, 720
# Typed, as others below: a literal in a call would have the function compiled once more for it.
ORDER: Any = np.int64(4)

# On half the samples: where the latest part starts, its length, and the least lag.
HALF: Any = np.int64(LOOK_BACK // 2)
NEWEST, LENGTH = LONGEST // 2, HALF - LONGEST // 2
PLACES: Any = np.int64((LONGEST - SHORTEST) // 2)

# In scratch: half the samples, then a fourth of them; half of them whitened; for each place a score
# and a correlation; the whitening filter.
RAW: Any = np.int64(0)
FOURTH: Any = RAW
WHITE = HALF
SCORES = 2 * HALF
CORRELATIONS = SCORES + PLACES
SMALL = CORRELATIONS + PLACES
SCRATCH = SMALL + 16

_NONE: Any = np.int64(-1)
# The predictor's poles move inwards, and a zero tilts what is left towards low frequencies.
_SHRINK, _ZERO = np.float32(0.9), np.float32(0.8)
_QUARTER, _MIDDLE = np.float32(0.25), np.float32(0.5)
# Where between neighbours' correlations the maximum counts as nearer to one of them.
_LEANING = np.float32(0.7)


@njit(fastmath={"contract"})
def halve(history: Any, ends: int, apart: int, channels: int, scratch: Any) -> None:
    """Low-pass (1 2 1) and drop every second sample; channels are summed."""
    for i in range(HALF):
        scratch[RAW + i] = 0
    for channel in range(channels):
        first = ends - LOOK_BACK + channel * apart
        scratch[RAW] += _MIDDLE * history[first] + _QUARTER * history[first + 1]
        for i in range(1, HALF):
            at = first + 2 * i
            both = history[at - 1] + history[at + 1]
            scratch[RAW + i] += _MIDDLE * history[at] + _QUARTER * both


@njit(fastmath={"contract"})
def whiten(scratch: Any) -> None:
    """Take the spectrum's shape out, but for a tilt."""
    correlation, taps = SMALL, SMALL + ORDER + 1
    correlate(scratch, RAW, HALF, ORDER, scratch, correlation)
    stabilise(scratch, correlation, ORDER)
    find_filter(scratch, correlation, ORDER, scratch, taps)
    shrink = _SHRINK
    for k in range(ORDER):
        scratch[taps + k] *= shrink
        shrink *= _SHRINK
    # times 1 + 0.8 / z, in place from the last tap on
    scratch[taps + ORDER] = _ZERO * scratch[taps + ORDER - 1]
    for k in range(ORDER - 1, 0, -1):
        scratch[taps + k] += _ZERO * scratch[taps + k - 1]
    scratch[taps] += _ZERO
    for i in range(HALF):
        total = scratch[RAW + i]
        for k in range(min(ORDER + 1, i)):
            total += scratch[taps + k] * scratch[RAW + i - 1 - k]
        scratch[WHITE + i] = total


@njit(error_model="numpy")
def rate(signal: Any, scratch: Any, at: int, n: int, places: int) -> None:
    """Score each place: its correlation squared over its energy, 0 where it is not positive."""
    energy = np.float32(1) + dot(signal, at, signal, at, n)
    for place in range(places):
        correlation = scratch[CORRELATIONS + place] * np.float32(1e-6)
        scratch[SCORES + place] = max(correlation, np.float32(0)) * correlation / energy
        old, new = signal[at + place], signal[at + place + n]
        energy = max(np.float32(1), energy + new * new - old * old)


@njit()
def best(scratch: Any, places: int, but: int) -> Any:
    """First place with the best score above 0, leaving one out; -1 if there is none."""
    found, score = -1, np.float32(0)
    for place in range(places):
        if place != but and scratch[SCORES + place] > score:
            found, score = place, scratch[SCORES + place]
    return found


@njit(inline="always")
def leaning(scratch: Any, place: int) -> Any:
    """1 or -1 if the maximum lies nearer to the next or the last place, else 0."""
    if place <= 0 or place >= PLACES - 1:
        return 0
    at = CORRELATIONS + place
    before, here, after = scratch[at - 1], scratch[at], scratch[at + 1]
    if after - before > _LEANING * (here - before):
        return 1
    if before - after > _LEANING * (here - after):
        return -1
    return 0


@njit()
def find_period(history: Any, ends: int, apart: int, channels: int, scratch: Any) -> Any:
    """Period of ``history[ends - LOOK_BACK : ends]``, in samples.

    Parameters
    ----------
    history : float32[:]
        The first channel; others follow ``apart`` elements later.
    ends, apart, channels : int
        See above.
    scratch : float32[SCRATCH]
        Overwritten.

    Returns
    -------
    int
        `SHORTEST` to `LONGEST`.
    """
    halve(history, ends, apart, channels, scratch)
    whiten(scratch)
    for i in range(HALF // 2):
        scratch[FOURTH + i] = scratch[WHITE + 2 * i]
    places, n = PLACES // 2, LENGTH // 2
    for place in range(places):
        correlation = dot(scratch, FOURTH + NEWEST // 2, scratch, FOURTH + place, n)
        scratch[CORRELATIONS + place] = correlation
    rate(scratch, scratch, FOURTH, n, places)
    first = best(scratch, places, _NONE)
    # where nothing correlates, the longest period
    first, second = 2 * max(first, 0), 2 * max(best(scratch, places, first), 0)
    for place in range(PLACES):
        correlation = np.float32(0)
        if abs(place - first) <= 2 or abs(place - second) <= 2:
            correlation = dot(scratch, WHITE + NEWEST, scratch, WHITE + place, LENGTH)
            correlation = max(correlation, np.float32(-1))
        scratch[CORRELATIONS + place] = correlation
    rate(scratch, scratch, WHITE, LENGTH, PLACES)
    place = max(best(scratch, PLACES, _NONE), 0)
    return LONGEST - 2 * place + leaning(scratch, place)
