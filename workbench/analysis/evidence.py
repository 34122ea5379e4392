"""All that speaks for and against each recipe that loses on nearly every source, side by side."""

from __future__ import annotations

from typing import Any

import pandas as pd

from workbench.analysis import bd
from workbench.analysis.axes import Axes
from workbench.analysis.regressions import interpolated, regressions
from workbench.analysis.structural import STRUCTURAL, Cut, agreement, classify, sign_tests

# Of the recipes that a sign test calls worse, so many may be no worse (Benjamini and Hochberg).
FALSE_DISCOVERIES = 0.05


def evidence(
    frame: pd.DataFrame, axes: Axes, other: str | None = None, cut: Cut | None = None
) -> pd.DataFrame:
    """Hold every recipe with a structural cell to five further tests.

    Parameters
    ----------
    other : str, optional
        Column of a second measure of quality, in the units of the first: VMAF NEG for VMAF.

    Returns
    -------
    DataFrame
        A row a recipe in a group, those that stand and lose most first: group, recipe, ``cells``
        tried and how many of them are ``structural``, are ``stable`` whichever source is left out,
        structural by the other measure too (``agreeing``, NaN without one) and structural when
        held against bare interpolated at the same cost (``at_equal_cost``); ``mean_delta`` of
        the structural ones; ``p_adjusted`` of the sign test over sources; ``rates`` (sources with
        a delta rate), ``rates_lost`` (above zero) and ``rate_median`` in per cent; and whether it
        ``stands``: one of its cells is all of that, and both the
        sign test and the delta rate (by the cut's share of sources) say so of the recipe.
    """
    cut = cut or Cut()
    found = regressions(frame, axes)
    cells = classify(frame, axes, found, cut)
    keys = [*axes.group, axes.recipe]
    cells = cells.assign(structural=cells["verdict"] == STRUCTURAL, agreeing=float("nan"))
    if other is not None:
        theirs = agreement(frame, axes, other, cut)["other_verdict"] == STRUCTURAL
        cells["agreeing"] = (cells["structural"] & theirs).astype(float)
    same_cost = classify(frame, axes, interpolated(frame, axes), cut)["verdict"] == STRUCTURAL
    cells["at_equal_cost"] = cells["structural"] & same_cost
    cells["standing"] = cells["is_stable"] & cells["at_equal_cost"] & ~(cells["agreeing"] == 0)
    cells["lost"] = cells["mean_delta"].where(cells["structural"])
    # Names as text, whatever each table made of them.
    cells, signs, rates = (
        table.astype(dict.fromkeys(keys, str))
        for table in (cells, sign_tests(frame, axes, found), bd.by_source(frame, axes))
    )
    how: Any = {"min_count": 1}
    each = cells.groupby(keys, sort=True)
    table = each.agg(
        cells=("structural", "size"),
        structural=("structural", "sum"),
        stable=("is_stable", "sum"),
        at_equal_cost=("at_equal_cost", "sum"),
        standing=("standing", "sum"),
        mean_delta=("lost", "mean"),
    ).assign(agreeing=each["agreeing"].sum(**how))
    table["p_adjusted"] = signs.set_index(keys)["p_adjusted"]
    told = rates[rates["percent"].notna()].groupby(keys)["percent"]
    table["rates"] = told.size().reindex(table.index, fill_value=0)
    table["rates_lost"] = told.agg(lambda p: (p > 0).sum()).reindex(table.index, fill_value=0)
    table["rate_median"] = told.median()
    sources = frame[axes.source].nunique()
    table["stands"] = (
        (table.pop("standing") > 0)
        & (table["p_adjusted"] <= FALSE_DISCOVERIES)
        & (table["rates_lost"] >= cut.sources(sources))
    )
    table = table[table["structural"] > 0]
    return table.sort_values(["stands", "mean_delta"], ascending=[False, True]).reset_index()
