"""How well a part of a sweep finds what the whole sweep calls structural."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.analysis.axes import Axes
from workbench.analysis.regressions import regressions
from workbench.analysis.structural import STRUCTURAL, Cut, classify


@dataclass(frozen=True)
class Share:
    """A proportion with its exact interval (Clopper and Pearson 1934), 95 %."""

    hits: int
    of: int

    @property
    def value(self) -> float:
        """NaN where there was nothing."""
        return self.hits / self.of if self.of else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        """Low and high."""
        if not self.of:
            return 0.0, 1.0
        from scipy.stats import binomtest

        found = binomtest(self.hits, self.of).proportion_ci()
        return float(found.low), float(found.high)


@dataclass(frozen=True)
class Found:
    """What a sample finds.

    Attributes
    ----------
    cells, of : int
        Its size, and the sweep's.
    recall : Share
        Of the recipes that the whole sweep calls structural, those the sample does.
    precision : Share
        Of the recipes that the sample calls structural, those that the whole sweep does.
    missed, mistaken : DataFrame
        Group and recipe of each.
    """

    cells: int
    of: int
    recall: Share
    precision: Share
    missed: pd.DataFrame
    mistaken: pd.DataFrame


def hold(
    frame: pd.DataFrame, is_sampled: NDArray[np.bool_], axes: Axes, cut: Cut | None = None
) -> Found:
    """Hold a sample's verdicts on recipes against the whole sweep's.

    A recipe in a group is structural if any of its cells is.
    """
    whole = structural_recipes(frame, axes, cut)
    part = structural_recipes(frame[is_sampled], axes, cut)
    both = whole.merge(part, how="outer", indicator="where")
    counts = both["where"].value_counts()
    hits = int(counts["both"])
    keys = [*axes.group, axes.recipe]
    return Found(
        int(is_sampled.sum()),
        len(frame),
        Share(hits, len(whole)),
        Share(hits, len(part)),
        both.loc[both["where"] == "left_only", keys].reset_index(drop=True),
        both.loc[both["where"] == "right_only", keys].reset_index(drop=True),
    )


def structural_recipes(frame: pd.DataFrame, axes: Axes, cut: Cut | None = None) -> pd.DataFrame:
    """Group and recipe of everything that has a structural cell."""
    table = classify(frame, axes, regressions(frame, axes), cut)
    keys = [*axes.group, axes.recipe]
    found = table.loc[table["verdict"] == STRUCTURAL, keys].drop_duplicates()
    return found.astype(str).reset_index(drop=True)
