"""Which recipes lose whatever the source is, and how sure that is."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.analysis.axes import Axes
from workbench.analysis.regressions import Found, regressions
from workbench.analysis.slices import codes, firsts, together

# Seven of nine sources, as a share, for a corpus of any size.
CUT = 7 / 9
STRUCTURAL, CONTENT, CLEAN, ABSTAINED = "structural", "content-dependent", "clean", "abstained"


@dataclass(frozen=True)
class Cut:
    """When a regression is structural.

    Attributes
    ----------
    share : float
        Least share of the corpus's sources that regress.
    least_effect : float
        Least mean loss over these sources: above the noise of encoding the same cell twice.
    """

    share: float = CUT
    least_effect: float = 0.0

    def sources(self, of: int) -> int:
        """So many sources of a corpus of this size."""
        return math.ceil(self.share * of - 1e-9)


def by_source(frame: pd.DataFrame, axes: Axes, found: Found) -> pd.DataFrame:
    """Mean delta of every cell on every source, where it was matched.

    Returns
    -------
    DataFrame
        Columns of the cell and the source, ``delta``, ``is_regression``.
    """
    table = _tried(frame, axes, found)
    return table[table["delta"].notna()].reset_index(drop=True)


def _tried(frame: pd.DataFrame, axes: Axes, found: Found) -> pd.DataFrame:
    """As `by_source`, with NaN where nothing was matched."""
    keys = [*axes.cell, axes.source]
    is_tried = ~frame[axes.bare].to_numpy(bool)
    tried, matched = frame.loc[is_tried, keys], found.is_matched[is_tried]
    number = codes(tried, keys)
    table = tried.iloc[firsts(number)].reset_index(drop=True)
    gains = np.where(matched, found.delta[is_tried], 0.0)
    with np.errstate(invalid="ignore"):
        table["delta"] = np.bincount(number, gains) / np.bincount(number, matched)
    table["is_regression"] = table["delta"] < -axes.lost_tolerance
    return table


def classify(frame: pd.DataFrame, axes: Axes, found: Found, cut: Cut | None = None) -> pd.DataFrame:
    """Sum up each cell over sources.

    Returns
    -------
    DataFrame
        A row a cell that is not bare: its columns, ``sources`` (of the corpus), ``tried``,
        ``matched``, ``hit`` (how many of them regress), ``mean_delta`` and ``worst_delta`` over all
        matched sources, ``mean_loss`` over those hit, ``verdict``, and ``is_stable``: whether a
        structural cell stays one whichever source is left out.
    """
    cut = cut or Cut()
    sources = frame[axes.source].nunique()
    each = _tried(frame, axes, found)
    number = codes(each, axes.cell)
    table = each.iloc[firsts(number)][list(axes.cell)].reset_index(drop=True)
    delta, is_hit = each["delta"].to_numpy(), each["is_regression"].to_numpy()
    matched, hit = (np.bincount(number, which).astype(int) for which in (~np.isnan(delta), is_hit))
    loss = np.bincount(number, np.where(is_hit, -delta, 0.0))
    worst = np.full(len(table), np.nan)
    np.fmin.at(worst, number, delta)
    with np.errstate(invalid="ignore"):
        mean_delta = np.bincount(number, np.nan_to_num(delta)) / matched
        mean_loss = loss / hit
        structural = (hit >= cut.sources(sources)) & (mean_loss > cut.least_effect)
        # Nothing worse can be left out than the source that was hit most.
        fewer = (loss + worst) / (hit - 1)
        is_stable = (hit - 1 >= cut.sources(max(sources - 1, 1))) & (fewer > cut.least_effect)
    return table.assign(
        sources=sources,
        tried=np.bincount(number),
        matched=matched,
        hit=hit,
        mean_delta=mean_delta,
        worst_delta=worst,
        mean_loss=mean_loss,
        verdict=np.select(
            [structural, hit > 0, matched > 0], [STRUCTURAL, CONTENT, CLEAN], ABSTAINED
        ),
        is_stable=structural & is_stable,
    )


def agreement(frame: pd.DataFrame, axes: Axes, other: str, cut: Cut | None = None) -> pd.DataFrame:
    """Hold the verdicts by the quality against those by another measure of it.

    Parameters
    ----------
    other : str
        Its column, in the same units: VMAF NEG for VMAF.

    Returns
    -------
    DataFrame
        A row a cell that is not bare: its columns, ``verdict``, ``other_verdict``, ``mean_delta``,
        ``other_mean_delta``.
    """
    second = dataclasses.replace(axes, quality=other)
    ours, theirs = (classify(frame, each, regressions(frame, each), cut) for each in (axes, second))
    # Both list the same cells in the same order: those of the frame's rows.
    return ours[[*axes.cell, "verdict", "mean_delta"]].assign(
        other_verdict=theirs["verdict"], other_mean_delta=theirs["mean_delta"]
    )


def sign_tests(frame: pd.DataFrame, axes: Axes, found: Found) -> pd.DataFrame:
    """Test, for each recipe in each group, whether more sources lose than chance has it.

    A source's sign is that of its mean delta over settings. One-sided, against one half; ties do
    not count. Adjusted over everything that was tried (Benjamini and Hochberg 1995).

    Returns
    -------
    DataFrame
        Group, recipe, ``matched`` (sources that are no tie), ``losing``, ``mean_delta``, ``p``,
        ``p_adjusted``.
    """
    from scipy.stats import binom, false_discovery_control

    keys = [*axes.group, axes.recipe]
    how: Any = {"observed": True, "sort": False, "dropna": False}
    signs = by_source(frame, axes, found).groupby([*keys, axes.source], **how)["delta"].mean()
    each = (
        signs.reset_index()
        .assign(matched=lambda t: t["delta"] != 0, losing=lambda t: t["delta"] < 0)
        .groupby(keys, **how)
    )
    table = each[["matched", "losing"]].sum().assign(mean_delta=each["delta"].mean())
    p = np.asarray(binom.sf(table["losing"] - 1, table["matched"], 0.5), np.float64)
    adjusted = false_discovery_control(p) if len(p) else p
    return table.assign(p=p, p_adjusted=adjusted).reset_index()


def sensitivity(
    frame: pd.DataFrame, axes: Axes, found: Found, rng: np.random.Generator, permutations: int = 200
) -> pd.DataFrame:
    """How many cells each cut calls structural, here and in a null sweep.

    The null sweep keeps every delta and its source, and permutes which cell of the same group it
    belongs to: so a source that is hard for all recipes stays hard, and no recipe is worse.

    Returns
    -------
    DataFrame
        ``hits`` (the cut, in sources), ``structural``, ``null_mean``, ``null_high`` (95 %).
    """
    per_source = by_source(frame, axes, found)
    sources = frame[axes.source].nunique()
    cells = codes(per_source, axes.cell)
    strata = codes(per_source, [*axes.group, axes.source])
    hit = per_source["is_regression"].to_numpy()
    cuts = np.arange(math.ceil(sources * 5 / 9), sources + 1)

    def structural(hit: NDArray[np.bool_]) -> NDArray[np.int64]:
        counts = np.bincount(cells, weights=hit, minlength=cells.max(initial=-1) + 1)
        return np.asarray((counts[:, None] >= cuts).sum(axis=0), np.int64)

    by_stratum, begins = together(strata)
    null = np.empty((permutations, len(cuts)))
    for i in range(permutations):
        shuffled = hit.copy()
        for part in np.split(by_stratum, begins[1:-1]):
            shuffled[part] = hit[rng.permutation(part)]
        null[i] = structural(shuffled)
    return pd.DataFrame(
        {
            "hits": cuts,
            "structural": structural(hit),
            "null_mean": null.mean(axis=0),
            "null_high": np.quantile(null, 0.95, axis=0),
        }
    )
