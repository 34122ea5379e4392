"""A bitrate ladder: some rungs of a hull."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from workbench.analysis.axes import Axes
from workbench.errors import Usage

# From a hull by ascending cost to the positions of its rungs; replaceable.
Sampler = Callable[[pd.DataFrame, Axes], list[int]]
# As published for constant quality, from fine to coarse.
QUANTISERS = (18.0, 23.0, 28.0, 33.0, 38.0)
RUNGS = 5


def ladder(hull: pd.DataFrame, axes: Axes, sampler: Sampler) -> pd.DataFrame:
    """The rungs that a sampler picks, by ascending cost, each once.

    Raises
    ------
    Usage
        If there is nothing to pick from.
    """
    if hull.empty:
        raise Usage("the hull is empty: no cell was measured on every source")
    ascending = hull.sort_values(axes.cost, kind="stable")
    return ascending.iloc[sorted(set(sampler(ascending, axes)))]


def by_quantiser(asked: tuple[float, ...] = QUANTISERS) -> Sampler:
    """For each quantiser, the hull's member whose own is nearest."""

    def sample(hull: pd.DataFrame, axes: Axes) -> list[int]:
        own = hull[axes.settings[-1]].to_numpy(float)
        return [int(np.abs(own - quantiser).argmin()) for quantiser in asked]

    return sample


def evenly(rungs: int = RUNGS) -> Sampler:
    """Members nearest to costs that lie a constant factor apart, both ends included."""

    def sample(hull: pd.DataFrame, axes: Axes) -> list[int]:
        logs = np.log(hull[axes.cost].to_numpy(float))
        return [int(np.abs(logs - at).argmin()) for at in np.linspace(logs[0], logs[-1], rungs)]

    return sample
