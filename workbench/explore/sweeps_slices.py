"""A sweep as its explorer wants it: analysed once, then one slice at a time."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.analysis import sweep
from workbench.analysis.axes import ENCODER
from workbench.analysis.hull import hull
from workbench.analysis.regressions import Found, regressions
from workbench.analysis.slices import codes, firsts, together
from workbench.analysis.structural import ABSTAINED, CONTENT, STRUCTURAL, classify

BARE = "default"
# A row's place in the sweep's frame, by which it is chosen.
PLACE = "row"
# What a cell of the group says over all sources.
VERDICT_COLUMNS = ("verdict", "hit", "matched", "sources", "mean_delta", "is_stable")
# The worst first.
ORDER = {STRUCTURAL: 0, CONTENT: 1, ABSTAINED: 3}
Key = tuple[str, ...]
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Explored:
    """A sweep and what was found in it.

    Attributes
    ----------
    path : Path
        As it was named.
    frame : DataFrame
        Its cells, one measurement each.
    found : Found
        Each row against the default's.
    cells : DataFrame
        From `structural.classify`.
    hull_rows : ndarray of bool, shape (rows,)
        Whether a row is on its slice's hull.
    """

    path: Path
    frame: pd.DataFrame
    found: Found
    cells: pd.DataFrame
    hull_rows: NDArray[np.bool_]

    @cached_property
    def slices(self) -> dict[Key, NDArray[np.int64]]:
        """Rows of each slice, by source, codec and rate-control mode."""
        return _by_key(self.frame, ENCODER.slice)

    @cached_property
    def groups(self) -> dict[Key, NDArray[np.int64]]:
        """Rows of ``cells`` of each codec and rate-control mode."""
        return _by_key(self.cells, ENCODER.group)

    def slice(self, key: Key) -> pd.DataFrame:
        """One slice's rows with what was found of each, indexed by their place in ``frame``.

        Besides the frame's columns: ``bare_row`` (-1 for none), ``delta``, ``is_regression``,
        ``on_hull``, and of the cell over all sources ``verdict, hit, matched, sources,
        mean_delta, is_stable``; a bare row's verdict is `BARE`.
        """
        places = self.slices[key]
        part = self.frame.iloc[places].assign(
            **{PLACE: places},
            bare_row=self.found.bare_row[places],
            delta=self.found.delta[places],
            is_regression=self.found.is_regression[places],
            on_hull=self.hull_rows[places],
        )
        group = self.cells.iloc[self.groups.get(key[1:], [])]
        joined = part.merge(group[[*ENCODER.cell, *VERDICT_COLUMNS]], "left", list(ENCODER.cell))
        joined.loc[joined[ENCODER.bare], "verdict"] = BARE
        return joined.set_index(PLACE)

    def losing(self, key: Key, verdicts: tuple[str, ...]) -> pd.DataFrame:
        """A slice's rows whose cell has one of some verdicts, the worst first."""
        here = self.slice(key)
        here = here[here["verdict"].isin(verdicts)]
        rank = here["verdict"].map(lambda verdict: ORDER.get(verdict, 2))
        by, up = ["rank", "hit", "mean_delta"], [True, False, True]
        return here.assign(rank=rank).sort_values(by, ascending=up)


def explored(path: Path) -> Explored:
    """Read and analyse a sweep.

    Raises
    ------
    Usage, Infrastructure
        If there is none, or a row is no cell.
    """
    opened = sweep.load(path)
    frame = opened.frame.reset_index(drop=True)
    found = regressions(frame, ENCODER)
    cells = classify(frame, ENCODER, found, opened.cut)
    on_hull = np.zeros(len(frame), bool)
    on_hull[hull(frame, ENCODER).index] = True
    return Explored(path, frame, found, cells, on_hull)


def records(here: pd.DataFrame) -> list[Row]:
    """Rows of a slice as plain mappings, with their `PLACE`: read often, by name."""
    return cast("list[Row]", here.reset_index().to_dict("records"))


def _by_key(frame: pd.DataFrame, columns: tuple[str, ...]) -> dict[Key, NDArray[np.int64]]:
    number = codes(frame, columns)
    order, begins = together(number)
    names = frame.iloc[firsts(number)][list(columns)].astype(str).itertuples(index=False, name=None)
    ranges = itertools.pairwise(begins.tolist())
    return {name: order[low:high] for name, (low, high) in zip(names, ranges, strict=True)}
