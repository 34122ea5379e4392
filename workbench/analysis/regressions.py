"""Rows that lose against the bare default where both spend the same."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import NDArray

from workbench.analysis.axes import Axes
from workbench.analysis.slices import codes


@dataclass(frozen=True)
class Found:
    """Every row's comparison with the bare row that is nearest on the matched axis.

    Attributes
    ----------
    bare_row : ndarray of int, shape (rows,)
        Position in the frame of the bare row; -1 for bare rows, and where none is near enough.
    delta : ndarray of float, shape (rows,)
        What the row gains on the other axis, negative for a loss: quality minus the bare row's, or
        the share of the bare row's cost that it saves. NaN where nothing is matched.
    is_regression : ndarray of bool, shape (rows,)
        Whether it loses more than the tolerance.
    """

    bare_row: NDArray[np.int64]
    delta: NDArray[np.float64]
    is_regression: NDArray[np.bool_]

    @property
    def is_matched(self) -> NDArray[np.bool_]:
        """Whether there was a bare row to hold against."""
        return self.bare_row >= 0


def regressions(frame: pd.DataFrame, axes: Axes) -> Found:
    """Hold each row that is not bare against the bare row nearest on the matched axis.

    It has to lie within ``matched_tolerance`` times the row's own value. Of two that are equally
    near, the better on the other axis counts: a recipe has to beat the best that the default can do
    for the same. No bare row that near: the row abstains.
    """
    sides = _sides(frame, axes)
    bare_row = _nearest(*sides, axes.matched_tolerance)
    other = sides[4]
    return _found(other, bare_row, np.where(bare_row >= 0, other[bare_row], np.nan), axes)


def interpolated(frame: pd.DataFrame, axes: Axes, widest: float = 1.0) -> Found:
    """Hold each row against the bare curve at the row's own place on the matched axis.

    Between the bare rows on both sides, linearly over the matched axis' logarithm. A nearest bare
    row may spend up to ``matched_tolerance`` more or less, which alone makes a row lose or gain;
    here nothing is spent differently.

    Parameters
    ----------
    widest : float
        How far either bare row may be, as a share of the row's own value; else it abstains.
    """
    sides = _sides(frame, axes)
    bare_row, level = _between(*sides, widest)
    return _found(sides[4], bare_row, level, axes)


_Ints = NDArray[np.int64]
_Floats = NDArray[np.float64]
_Sides = tuple[_Ints, _Ints, _Ints, _Floats, _Floats, NDArray[np.bool_]]


def _sides(frame: pd.DataFrame, axes: Axes) -> _Sides:
    """Slices' numbers; bounds and places of their bare rows; both axes; which rows are bare."""
    axes.check(frame)
    number = codes(frame, axes.slice)
    cost, quality = (frame[name].to_numpy(np.float64) for name in (axes.cost, axes.quality))
    key, other = (cost, quality) if axes.matched == "cost" else (quality, -cost)
    is_bare = frame[axes.bare].to_numpy(bool)
    bare = np.flatnonzero(is_bare & np.isfinite(key) & np.isfinite(other))
    # each slice's bare rows by the matched axis, of equal ones the best first
    bare = bare[np.lexsort((-other[bare], key[bare], number[bare]))]
    bounds = np.searchsorted(number[bare], np.arange(number.max(initial=-1) + 2))
    return number, bounds, bare, key, other, is_bare


def _found(other: _Floats, bare_row: _Ints, level: _Floats, axes: Axes) -> Found:
    """What rows gain over a level of the bare ones."""
    delta = other - level
    if axes.matched == "quality":
        delta /= np.abs(level)
    return Found(bare_row, delta, delta < -axes.lost_tolerance)


@njit(cache=True)
def _nearest(
    number: NDArray[np.int64],
    bounds: NDArray[np.int64],
    bare: NDArray[np.int64],
    key: NDArray[np.float64],
    other: NDArray[np.float64],
    is_bare: NDArray[np.bool_],
    tolerance: float,
) -> NDArray[np.int64]:
    found = np.full(len(key), -1, np.int64)
    sorted_keys = key[bare]
    for i in range(len(key)):
        if is_bare[i] or not (math.isfinite(key[i]) and math.isfinite(other[i])):
            continue
        low = bounds[number[i]]
        keys = sorted_keys[low : bounds[number[i] + 1]]
        at = np.searchsorted(keys, key[i])  # first that is not below
        best, distance = -1, abs(key[i]) * tolerance
        if at < len(keys) and keys[at] - key[i] <= distance:
            best, distance = at, keys[at] - key[i]
        if at > 0 and key[i] - keys[at - 1] <= distance:
            below = np.searchsorted(keys, keys[at - 1])  # the best of equals
            nearer = key[i] - keys[at - 1] < distance
            if best < 0 or nearer or other[bare[low + below]] > other[bare[low + best]]:
                best = below
        if best >= 0:
            found[i] = bare[low + best]
    return found


@njit(cache=True)
def _between(
    number: NDArray[np.int64],
    bounds: NDArray[np.int64],
    bare: NDArray[np.int64],
    key: NDArray[np.float64],
    other: NDArray[np.float64],
    is_bare: NDArray[np.bool_],
    widest: float,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    found, level = np.full(len(key), -1, np.int64), np.full(len(key), np.nan)
    sorted_keys = key[bare]
    for i in range(len(key)):
        if is_bare[i] or not (math.isfinite(key[i]) and math.isfinite(other[i])):
            continue
        low = bounds[number[i]]
        keys = sorted_keys[low : bounds[number[i] + 1]]
        at = np.searchsorted(keys, key[i])  # first that is not below
        if at == len(keys) or keys[at] - key[i] > abs(key[i]) * widest:
            continue
        above = bare[low + at]
        if keys[at] == key[i]:
            found[i], level[i] = above, other[above]
            continue
        if at == 0 or keys[at - 1] <= 0 or key[i] - keys[at - 1] > key[i] * widest:
            continue
        below = bare[low + np.searchsorted(keys, keys[at - 1])]  # the best of equals
        share = math.log(key[i] / key[below]) / math.log(key[above] / key[below])
        level[i] = other[below] + share * (other[above] - other[below])
        found[i] = below if share < 0.5 else above
    return found, level
