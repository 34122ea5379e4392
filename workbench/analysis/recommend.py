"""The cheapest row that clears a target and is not known to lose everywhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from workbench.analysis.axes import Axes
from workbench.analysis.hull import hull
from workbench.analysis.regressions import regressions
from workbench.analysis.structural import STRUCTURAL, Cut, classify
from workbench.errors import Usage


@dataclass(frozen=True)
class Recommendation:
    """What to use.

    Attributes
    ----------
    row : Series
        The cell, as it was measured.
    passed_over : DataFrame
        Rows that would have been better and were left out, with ``why``.
    """

    row: pd.Series
    passed_over: pd.DataFrame


def recommend(
    frame: pd.DataFrame,
    axes: Axes,
    *,
    target_quality: float | None = None,
    target_cost: float | None = None,
    max_tiebreak: float | None = None,
    allow_structural: bool = False,
    cut: Cut | None = None,
) -> Recommendation:
    """Choose from one slice's hull.

    With a quality to reach, the lowest cost that reaches it; with a cost to keep, the highest
    quality that keeps it.

    Parameters
    ----------
    frame : DataFrame
        Cells of one group: of several sources, so that structural losses can be told. The choice
        is made from the mean over sources of each recipe and setting.

    Raises
    ------
    Usage
        If not exactly one target is given, or no row meets it; says how near the best one came.
    """
    if (target_quality is None) == (target_cost is None):
        raise Usage("name one target: a quality to reach, or a cost to keep")
    means = candidates(frame, axes, cut)
    means["is_slow"] = False if max_tiebreak is None else means[axes.tiebreak] > max_tiebreak
    meets = (
        means[axes.quality] >= target_quality
        if target_quality is not None
        else means[axes.cost] <= target_cost
    )
    if not meets.any():
        nearest = (
            means[axes.quality].max() if target_quality is not None else means[axes.cost].min()
        )
        raise Usage(f"nothing meets the target; the nearest has {nearest:g}")
    allowed = meets & ~means["is_slow"] & (allow_structural | ~means["is_structural"])
    if not allowed.any():
        names = ", ".join(sorted(set(means.loc[meets, axes.recipe].astype(str))))
        raise Usage(
            f"all that meets the target is structural or too slow ({names}): "
            "--allow-structural takes it all the same"
        )
    by = [axes.cost, axes.quality] if target_quality is not None else [axes.quality, axes.cost]
    ascending = [True, False] if target_quality is not None else [False, True]
    chosen = hull(means[allowed], axes).sort_values(by, ascending=ascending).iloc[0]
    better = means[meets & ~allowed].sort_values(by, ascending=ascending)
    ahead = (
        better[axes.cost] <= chosen[axes.cost]
        if target_quality is not None
        else better[axes.quality] >= chosen[axes.quality]
    )
    passed_over = better[ahead].copy()
    passed_over["why"] = passed_over["is_slow"].map(
        {True: "takes too long", False: "structural: loses on nearly every source"}
    )
    return Recommendation(chosen, passed_over)


def candidates(frame: pd.DataFrame, axes: Axes, cut: Cut | None = None) -> pd.DataFrame:
    """What can be chosen: each cell's mean over sources, and whether it ``is_structural``."""
    verdicts = classify(frame, axes, regressions(frame, axes), cut)
    cell = list(axes.cell)
    means = mean_over_sources(frame, axes).merge(verdicts[[*cell, "verdict"]], "left", on=cell)
    means["is_structural"] = means.pop("verdict") == STRUCTURAL
    return means


def mean_over_sources(frame: pd.DataFrame, axes: Axes) -> pd.DataFrame:
    """Each cell's mean cost (geometric), quality and tiebreak; cells that every source has.

    A row with a cost or quality that is not finite does not count.
    """
    axes.check(frame)
    figures = frame[[axes.cost, axes.quality]].to_numpy(np.float64)
    fine = frame[np.isfinite(figures).all(axis=1)]
    logs = fine.assign(**{axes.cost: np.log(fine[axes.cost])})
    each = logs.groupby(list(axes.cell), observed=True, sort=False, dropna=False)
    table = each[[axes.cost, axes.quality, axes.tiebreak]].mean()
    table[axes.cost] = np.exp(table[axes.cost])
    table[axes.bare] = each[axes.bare].first()
    whole = each[axes.source].nunique() == frame[axes.source].nunique()
    means: pd.DataFrame = table[whole].reset_index()
    means[axes.source] = "all"
    return means
