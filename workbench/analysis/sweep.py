"""A sweep as analyses want it: its cells, and how large a loss has to be."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from workbench.analysis import noise, rows
from workbench.analysis.axes import ENCODER, Axes
from workbench.analysis.structural import Cut


@dataclass(frozen=True)
class Sweep:
    """Cells and the cut that their noise allows.

    Attributes
    ----------
    every : DataFrame
        All rows.
    frame : DataFrame
        Without second measurements of a cell.
    noises : DataFrame
        What these differ by, as `noise.floor` says it; empty without any.
    cut : Cut
        The usual share of sources, and a loss above that noise.
    """

    every: pd.DataFrame
    frame: pd.DataFrame
    noises: pd.DataFrame
    cut: Cut


def load(path: Path) -> Sweep:
    """Read a sweep's folder, or a file of its rows.

    Raises
    ------
    Usage, Infrastructure
        If there is none, or a row is no cell.
    """
    return of(rows.read(rows.find(path)), ENCODER)


def of(every: pd.DataFrame, axes: Axes) -> Sweep:
    """Take second measurements apart."""
    if rows.DUPLICATE not in every.columns:
        return Sweep(every, every, pd.DataFrame(), Cut())
    noises = noise.floor(every, axes)
    frame = rows.distinct(every).reset_index(drop=True)
    return Sweep(every, frame, noises, Cut(least_effect=noise.least_effect(noises)))
