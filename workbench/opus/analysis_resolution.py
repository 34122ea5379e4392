"""Time or frequency: which resolution suits each band (RFC 6716, section 5.3.6).

A band whose coefficients are few and large after so many steps of Haar's transform is best coded
at that resolution: the sum of absolute values says so. Changes from band to band cost bits; the
cheapest course through all bands is found by dynamic programming, as the reference does it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from workbench.opus.bands import haar
from workbench.opus.plan import TF
from workbench.opus.tables import BAND_EDGES, BANDS, ONE, TF_ADJUSTMENTS, ZERO

__all__ = ["choose_resolutions"]

# What half a step away from a band's best resolution costs, beside changes from band to band.
EACH = 13


@njit(error_model="numpy")
def magnitude(x: Any, n: int) -> Any:
    """Sum of absolute values of the first ``n``."""
    total = np.float32(0)
    for j in range(n):
        total += abs(x[j])
    return total


@njit(error_model="numpy")
def best_level(
    shapes: Any, at: int, n: int, lm: int, transient: bool, narrow: bool, bias: Any, work: Any
) -> int:
    """Resolution, in half steps of the tables' numbers, with the least sum."""
    for j in range(n):
        work[j] = shapes[at + j]
    # the better the resolution in time, the more must be gained by it
    least = magnitude(work, n) * (np.float32(1) + bias * np.float32(lm if transient else 0))
    best = 0
    if transient and not narrow:
        haar(work, ZERO, n >> lm, 1 << lm)
        found = magnitude(work, n) * (np.float32(1) + bias * np.float32(lm + 1))
        if found < least:
            least, best = found, -1
        for j in range(n):
            work[j] = shapes[at + j]
    for level in range(lm if transient or narrow else lm + 1):
        haar(work, ZERO, n >> level, 1 << level)
        cost = lm - level - 1 if transient else level + 1
        found = magnitude(work, n) * (np.float32(1) + bias * np.float32(cost))
        if found < least:
            least, best = found, level + 1
    half_steps = 2 * best if transient else -2 * best
    # where the last step cannot be taken, neither way is favoured
    if narrow and (half_steps == 0 or half_steps == -2 * lm):
        half_steps -= 1
    return half_steps


@njit(error_model="numpy")
def course(end: int, lm: int, transient: int, select: int, change: Any) -> Any:
    """Cost of the best course with one of the two tables, traced in ``change[0]``."""
    penalty = change[0, BANDS]
    low = 2 * TF_ADJUSTMENTS[lm, transient, select, 0]
    high = 2 * TF_ADJUSTMENTS[lm, transient, select, 1]
    at_low, at_high = 0, 0 if transient else penalty
    for band in range(end):
        if band > 0:
            from_high, from_low = at_high + penalty, at_low + penalty
            change[0, band] = 1 if from_high < at_low else 0
            change[1, band] = 1 if at_high <= from_low else 0
            at_low, at_high = min(at_low, from_high), min(at_high, from_low)
        at_low += EACH * abs(change[2, band] - low)
        at_high += EACH * abs(change[2, band] - high)
    state = 0 if at_low < at_high else 1
    least = min(at_low, at_high)
    for band in range(end - 1, -1, -1):
        before = change[state, band] if band > 0 else 0
        change[0, band] = state
        state = before
    return least


@njit(error_model="numpy")
def choose_resolutions(
    shapes: Any,
    plan: Any,
    start: int,
    end: int,
    lm: int,
    transient: int,
    strength: Any,
    size: int,
    work: Any,
    table: Any,
) -> int:
    """Set ``plan[TF + band]`` to 0 or 1; return which table of section 4.3.4.5 they select.

    Parameters
    ----------
    shapes, start : f32[:], int
        Normalised spectrum of one channel.
    strength : float32
        Of the transient, 0 to 1.
    size : int
        Bytes of the frame: where there are few, changes are dear.
    work, table : f32[176], i64[3, 22]
        Working memory.
    """
    bias = np.float32(0.04) * max(np.float32(-0.25), np.float32(0.5) - strength)
    for band in range(end):
        first = BAND_EDGES[band] << lm
        n = (BAND_EDGES[band + 1] << lm) - first
        narrow = BAND_EDGES[band + 1] - BAND_EDGES[band] == 1
        table[2, band] = best_level(
            shapes, start + first, n, lm, transient == 1, narrow, bias, work
        )
    table[0, BANDS] = max(80, 20_480 // size + 2)
    select: int = ZERO
    if transient:
        first_cost = course(end, lm, transient, ZERO, table)
        if course(end, lm, transient, ONE, table) < first_cost:
            select = 1
    course(end, lm, transient, select, table)
    for band in range(end):
        plan[TF + band] = table[0, band]
    return select
