"""Rows that lose against the bare default where both spend the same."""

from __future__ import annotations

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
    key, other, below, above = _around(frame, axes)
    gap_below, gap_above = _gap(key, below), _gap(key, above)
    is_below = (gap_below < gap_above) | ((gap_below == gap_above) & (other[below] > other[above]))
    row = np.where(is_below, below, above)
    near = np.minimum(gap_below, gap_above) <= axes.matched_tolerance * np.abs(key)
    return _found(other, np.where(near, row, -1), other[row], axes)


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
    key, other, below, above = _around(frame, axes)
    near = np.maximum(_gap(key, below), _gap(key, above)) <= widest * np.abs(key)
    with np.errstate(divide="ignore", invalid="ignore"):  # no logarithm: no share, and it abstains
        share = np.log(key / key[below]) / np.log(key[above] / key[below])
    share = np.where(key[above] == key[below], 0.0, share)
    level = other[below] + share * (other[above] - other[below])
    row = np.where(share < 0.5, below, above)
    return _found(other, np.where(near & np.isfinite(level), row, -1), level, axes)


_Ints = NDArray[np.int64]
_Floats = NDArray[np.float64]


def _around(frame: pd.DataFrame, axes: Axes) -> tuple[_Floats, _Floats, _Ints, _Ints]:
    """The matched axis, the other one, and each row's bare rows below and above; -1 for none."""
    axes.check(frame)
    number = codes(frame, axes.slice)
    cost, quality = (frame[name].to_numpy(np.float64) for name in (axes.cost, axes.quality))
    key, other = (cost, quality) if axes.matched == "cost" else (quality, -cost)
    is_bare = frame[axes.bare].to_numpy(bool)
    is_whole = np.isfinite(key) & np.isfinite(other)
    bare = np.flatnonzero(is_bare & is_whole)
    # each slice's bare rows by the matched axis, of equal ones the best first
    bare = bare[np.lexsort((-other[bare], key[bare], number[bare]))]
    bounds = np.searchsorted(number[bare], np.arange(number.max(initial=-1) + 2))
    return key, other, *_neighbours(number, bounds, bare, key, is_whole & ~is_bare)


def _gap(key: _Floats, row: _Ints) -> _Floats:
    """How far a bare row is on the matched axis; infinitely where there is none."""
    return np.where(row >= 0, np.abs(key[row] - key), np.inf)


def _found(other: _Floats, bare_row: _Ints, level: _Floats, axes: Axes) -> Found:
    """What matched rows gain over a level of the bare ones."""
    delta = np.where(bare_row >= 0, other - level, np.nan)
    if axes.matched == "quality":
        delta /= np.abs(level)
    return Found(bare_row, delta, delta < -axes.lost_tolerance)


@njit(cache=True)
def _neighbours(
    number: NDArray[np.int64],
    bounds: NDArray[np.int64],
    bare: NDArray[np.int64],
    key: NDArray[np.float64],
    is_asked: NDArray[np.bool_],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Nearest bare rows of the slice on both sides, of equals the best; an equal one is both."""
    below, above = np.full(len(key), -1, np.int64), np.full(len(key), -1, np.int64)
    sorted_keys = key[bare]
    for i in range(len(key)):
        if not is_asked[i]:
            continue
        low = bounds[number[i]]
        keys = sorted_keys[low : bounds[number[i] + 1]]
        at = np.searchsorted(keys, key[i])  # first that is not below
        if at < len(keys):
            above[i] = bare[low + at]
            if keys[at] == key[i]:
                below[i] = above[i]
                continue
        if at > 0:
            below[i] = bare[low + np.searchsorted(keys, keys[at - 1])]
    return below, above
