"""The pitch of a frame: the period that the pre-filter removes (RFC 6716, section 5.3.1).

A coarse search on every fourth sample of all channels together finds lags at which the signal is
like itself; the best, and its parts (a signal of period T has 2 T and 3 T, too), are compared at
full resolution.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from workbench.opus.encoder_state import LARGEST
from workbench.opus.tables import ONE, TWO

__all__ = ["PAST", "ROOM", "WORK", "find_pitch"]

# Samples before the frame: the longest period, and the taps.
PAST = 1_032
ROOM = PAST + LARGEST
LONGEST, SHORTEST = 1_020, 30
# Floats of working memory: a quarter of the signal, and a score for each coarse lag.
WORK = ROOM // 4 + 8 + LONGEST // 4 + 8
SCORES = ROOM // 4 + 8
# A coarse window has at least so many samples: short frames look back.
LEAST_WINDOW = 480
# Typed, as `ONE` is.
_FOUR: Any = np.int64(4)


@njit(error_model="numpy", fastmath={"reassoc", "contract"})
def products(x: Any, one: int, two: int, n: int) -> Any:
    """Product of two stretches, and the energy of the second."""
    both, energy = np.float32(0), np.float32(0)
    for i in range(n):
        both += x[one + i] * x[two + i]
        energy += x[two + i] * x[two + i]
    return both, energy


@njit(error_model="numpy", fastmath={"reassoc", "contract"})
def likeness(raw: Any, channels: int, start: int, n: int, lag: int) -> Any:
    """Normalised correlation of ``n`` samples with those ``lag`` before; also over past energy."""
    both, own, past = np.float32(0), np.float32(1), np.float32(1)
    for channel in range(channels):
        at = channel * ROOM + start
        for i in range(at, at + n):
            both += raw[i] * raw[i - lag]
            own += raw[i] * raw[i]
            past += raw[i - lag] * raw[i - lag]
    return both / np.sqrt(own * past), both / past


@njit(error_model="numpy")
def coarse_scores(raw: Any, channels: int, frame: int, work: Any) -> int:
    """Fill ``work[SCORES:]`` with the likeness at every lag of four samples; return the best."""
    size = (PAST + frame) // 4
    for i in range(size):
        total = np.float32(0)
        for channel in range(channels):
            at = channel * ROOM + 4 * i
            total += raw[at] + raw[at + 1] + raw[at + 2] + raw[at + 3]
        work[i] = total
    window = max(frame, LEAST_WINDOW) // 4
    start = size - window
    best = SHORTEST // 4
    for lag in range(SHORTEST // 4, min(LONGEST // 4, start) + 1):
        both, energy = products(work, start, start - lag, window)
        score = both / np.sqrt(energy + np.float32(1)) if both > 0 else np.float32(0)
        work[SCORES + lag] = score
        if score > work[SCORES + best]:
            best = lag
    return best


@njit(error_model="numpy")
def refine(raw: Any, channels: int, start: int, n: int, lag: int, reach: int) -> Any:
    """Best lag within ``reach`` of one, and its likeness."""
    best, most, gain = lag, np.float32(-1), np.float32(0)
    for near in range(max(SHORTEST, lag - reach), min(LONGEST, lag + reach) + 1):
        found, over = likeness(raw, channels, start, n, near)
        if found > most:
            best, most, gain = near, found, over
    return best, most, gain


@njit(error_model="numpy")
def find_pitch(raw: Any, channels: int, frame: int, last: int, work: Any) -> Any:
    """Find a frame's period.

    Parameters
    ----------
    raw : f32[2 * ROOM]
        Each channel's past, `PAST` samples, and its frame.
    channels, frame : int
    last : int
        Period of the frame before; 0 is none.
    work : f32[WORK]

    Returns
    -------
    period : int
    likeness : float32
        Normalised correlation, up to 1.
    """
    window = min(max(frame, LEAST_WINDOW), PAST + frame - LONGEST - 4)
    start = PAST + frame - window
    coarse = coarse_scores(raw, channels, frame, work)
    best, most, gain = refine(raw, channels, start, window, 4 * coarse, _FOUR)
    if last > 0:
        again, found, over = refine(raw, channels, start, window, last, TWO)
        if found > most - np.float32(0.02):
            best, most, gain = again, found, over
    whole = best
    for parts in range(2, 16):
        lag = (2 * whole + parts) // (2 * parts)
        if lag < SHORTEST:
            break
        part, found, over = refine(raw, channels, start, window, lag, ONE)
        needed = np.float32(0.85) if part >= 90 else np.float32(0.93)
        if found > needed * most:
            best, gain = part, over
            most = max(most, found)
    return best, min(most, gain)
