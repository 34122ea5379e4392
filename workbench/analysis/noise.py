"""What encoding the same twice changes: no smaller effect is one."""

from __future__ import annotations

import numpy as np
import pandas as pd

from workbench.analysis.axes import Axes
from workbench.errors import Usage


def floor(frame: pd.DataFrame, axes: Axes, duplicate: str = "duplicate") -> pd.DataFrame:
    """Differences between cells and their second measurements.

    Parameters
    ----------
    frame : DataFrame
        Cells, with second ones.
    axes : Axes
        What its columns mean.
    duplicate : str
        Column with 0 for a cell and 1 for its second measurement.

    Returns
    -------
    DataFrame
        A row a first part of the group (a codec): ``pairs``; ``quality_max`` and ``quality_rms``,
        of the absolute difference; ``cost_max_percent`` and ``cost_rms_percent``, of the first's
        cost; ``tiebreak_median`` and ``tiebreak_p95``, of the larger over the smaller.

    Raises
    ------
    Usage
        If the frame lacks a column.
    """
    axes.check(frame)
    if duplicate not in frame.columns:
        raise Usage(f"no column {duplicate}, which tells a cell from its second measurement")
    keys = [*axes.slice, axes.recipe, *axes.settings]
    figures = [axes.cost, axes.quality, axes.tiebreak]
    first, second = (frame.loc[frame[duplicate] == which, [*keys, *figures]] for which in (0, 1))
    pairs = first.merge(second, on=keys, suffixes=("", "_again"))
    cost, quality, tiebreak = (pairs[name].to_numpy(np.float64) for name in figures)
    cost_again, quality_again, tiebreak_again = (
        pairs[f"{name}_again"].to_numpy(np.float64) for name in figures
    )
    gap, percent = np.abs(quality_again - quality), 100 * np.abs(cost_again / cost - 1)
    differences = pd.DataFrame(
        {
            axes.group[0]: pairs[axes.group[0]],
            "gap": gap,
            "gap_square": gap**2,
            "percent": percent,
            "percent_square": percent**2,
            "ratio": np.maximum(tiebreak, tiebreak_again) / np.minimum(tiebreak, tiebreak_again),
        }
    )
    each = differences.groupby(axes.group[0], observed=True, sort=True)
    table = pd.DataFrame(
        {
            "pairs": each.size(),
            "quality_max": each["gap"].max(),
            "quality_rms": np.sqrt(each["gap_square"].mean()),
            "cost_max_percent": each["percent"].max(),
            "cost_rms_percent": np.sqrt(each["percent_square"].mean()),
            "tiebreak_median": each["ratio"].median(),
            "tiebreak_p95": each["ratio"].quantile(0.95),
        }
    )
    return table.reset_index()


def least_effect(noises: pd.DataFrame) -> float:
    """What a loss has to exceed: the largest difference in quality of `floor`'s table, or 0."""
    return float(noises["quality_max"].max()) if len(noises) else 0.0
