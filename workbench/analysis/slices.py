"""Slices as integers, and rows slice by slice, for compiled loops to walk."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import NDArray


def codes(frame: pd.DataFrame, columns: Sequence[str]) -> NDArray[np.int64]:
    """Number the distinct combinations of some columns' values, from 0 on, without gaps.

    One pass a column; a missing value is a value like others.
    """
    found = np.zeros(len(frame), np.int64)
    for name in columns:
        part, values = pd.factorize(frame[name], use_na_sentinel=False)
        # without gaps after each column, or the product of three would not fit
        found = pd.factorize(found * len(values) + part)[0]
    return found


@njit(cache=True)
def together(
    number: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Put equal numbers side by side, in linear time.

    Returns
    -------
    order : ndarray of int, shape (rows,)
        Positions by ascending number; of equal numbers, in the order they had.
    begins : ndarray of int, shape (numbers + 1,)
        Where each number begins in ``order``, and the last ends.
    """
    begins = np.zeros(number.max() + 2 if len(number) else 1, np.int64)
    for n in number:
        begins[n + 1] += 1
    begins = np.cumsum(begins)
    place = begins.copy()
    order = np.empty(len(number), np.int64)
    for i, n in enumerate(number):
        order[place[n]] = i
        place[n] += 1
    return order, begins


def firsts(number: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each number of `codes` occurs first, ascending."""
    return np.flatnonzero(np.diff(np.maximum.accumulate(number), prepend=-1))
