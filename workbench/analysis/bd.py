"""Bjontegaard's delta rate: how many per cent more or less a curve costs at the same quality."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from workbench.analysis.axes import Axes

# Fewer points make no curve.
LEAST_POINTS = 4


@dataclass(frozen=True)
class DeltaRate:
    """One comparison.

    Attributes
    ----------
    percent : float
        Mean extra cost at equal quality; negative is a saving. NaN where it cannot be told.
    overlap : float
        Share of the two curves' whole range of quality that both have.
    why_not : str
        Empty, or why there is no figure.
    """

    percent: float
    overlap: float
    why_not: str = ""


def bd_rate(
    cost: ArrayLike,
    quality: ArrayLike,
    bare_cost: ArrayLike,
    bare_quality: ArrayLike,
    least_overlap: float = 0.5,
) -> DeltaRate:
    """Delta rate of a curve against the bare one.

    The logarithm of the cost as a function of quality is interpolated piecewise (monotone cubic
    Hermite) and integrated over the qualities that both curves have: Bjontegaard 2001 (VCEG-M33)
    with the piecewise interpolation of VCEG-AL22.

    Parameters
    ----------
    cost, quality, bare_cost, bare_quality : array_like of float
        Points of both curves, in any order. Points that another of the same curve beats are left
        out: the curve has to rise.
    least_overlap : float
        With less of the range in common there is no figure.
    """
    from scipy.interpolate import PchipInterpolator

    curves = [rising(cost, quality), rising(bare_cost, bare_quality)]
    if min(len(quality) for _, quality in curves) < LEAST_POINTS:
        return DeltaRate(np.nan, 0.0, f"fewer than {LEAST_POINTS} points on a curve")
    low = max(float(quality[0]) for _, quality in curves)
    high = min(float(quality[-1]) for _, quality in curves)
    least = min(float(quality[0]) for _, quality in curves)
    most = max(float(quality[-1]) for _, quality in curves)
    overlap = max(0.0, high - low) / (most - least)
    if overlap < least_overlap:
        return DeltaRate(np.nan, overlap, f"only {overlap:.0%} of the range in common")
    areas = [
        float(PchipInterpolator(quality, np.log(cost)).integrate(low, high))
        for cost, quality in curves
    ]
    return DeltaRate(100 * float(np.expm1((areas[0] - areas[1]) / (high - low))), overlap)


def rising(cost: ArrayLike, quality: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The points of a curve that no other beats, by ascending quality."""
    costs, qualities = np.asarray(cost, np.float64), np.asarray(quality, np.float64)
    fine = np.isfinite(costs) & np.isfinite(qualities) & (costs > 0)
    costs, qualities = costs[fine], qualities[fine]
    order = np.lexsort((-qualities, costs))
    costs, qualities = costs[order], qualities[order]
    best = np.maximum.accumulate(np.concatenate(([-np.inf], qualities[:-1])))
    return costs[qualities > best], qualities[qualities > best]


def by_source(frame: pd.DataFrame, axes: Axes, least_overlap: float = 0.5) -> pd.DataFrame:
    """Delta rate of each recipe against bare on each source, over all settings.

    Returns
    -------
    DataFrame
        Group, recipe, source, ``percent``, ``overlap``, ``why_not``.
    """
    axes.check(frame)
    how: Any = {"observed": True, "sort": True, "dropna": False}
    found = []
    for key, cells in frame.groupby(list(axes.slice), **how):
        is_bare = cells[axes.bare].to_numpy(bool)
        bare = cells[is_bare]
        for recipe, tried in cells[~is_bare].groupby(axes.recipe, **how):
            delta = bd_rate(
                tried[axes.cost],
                tried[axes.quality],
                bare[axes.cost],
                bare[axes.quality],
                least_overlap,
            )
            found.append((*key[1:], recipe, key[0], *dataclasses.astuple(delta)))
    columns = [*axes.group, axes.recipe, axes.source, "percent", "overlap", "why_not"]
    return pd.DataFrame(found, columns=columns)
