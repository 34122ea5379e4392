"""The best rows of each slice: no other costs less and is no worse."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import NDArray

from workbench.analysis.axes import Axes
from workbench.analysis.slices import codes, together

# Rows this near in cost and in quality are one point, of which the lower tiebreak stays.
SAME_POINT = 1e-6


def hull(frame: pd.DataFrame, axes: Axes) -> pd.DataFrame:
    """Rows on the hull of their slice, by slice and ascending cost.

    A row is on it if no other row of its slice has at most its cost and at least its quality, one
    of them better. Rows within 1e-6 in both are one point: the lower tiebreak stays. Never across
    slices: rate control changes the sign of a knob's effect. A row with a figure that is not
    finite is on no hull.

    Parameters
    ----------
    frame : DataFrame
        Cells.
    axes : Axes
        What its columns mean.

    Returns
    -------
    DataFrame
        The frame's rows, with their index.
    """
    axes.check(frame)
    order, begins = together(codes(frame, axes.slice))
    figures = (
        frame[name].to_numpy(np.float64) for name in (axes.cost, axes.quality, axes.tiebreak)
    )
    return frame.iloc[_walk(order, begins, *figures)]


@njit(cache=True)
def _walk(
    order: NDArray[np.int64],
    begins: NDArray[np.int64],
    cost: NDArray[np.float64],
    quality: NDArray[np.float64],
    tiebreak: NDArray[np.float64],
) -> NDArray[np.int64]:
    found = np.empty(len(cost), np.int64)
    count = 0
    for s in range(len(begins) - 1):
        rows = order[begins[s] : begins[s + 1]]
        # by cost; among equal costs the highest quality first, then the lowest tiebreak (NaN last)
        rows = rows[np.argsort(tiebreak[rows], kind="mergesort")]
        rows = rows[np.argsort(-quality[rows], kind="mergesort")]
        rows = rows[np.argsort(cost[rows], kind="mergesort")]
        first = count
        for i in rows:
            if not (math.isfinite(cost[i]) and math.isfinite(quality[i])):
                continue
            if count == first:
                found[count] = i
                count += 1
                continue
            last = found[count - 1]
            gain = quality[i] - quality[last]
            if cost[i] - cost[last] <= SAME_POINT and abs(gain) <= SAME_POINT:
                if tiebreak[i] < tiebreak[last] or math.isnan(tiebreak[last]):
                    found[count - 1] = i
            elif gain > 0:
                found[count] = i
                count += 1
    return found[:count]
