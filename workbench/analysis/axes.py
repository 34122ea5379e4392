"""What the columns of a frame of cells mean."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from workbench.errors import Usage


@dataclass(frozen=True)
class Axes:
    """Roles of a frame's columns.

    Attributes
    ----------
    source : str
        What a recipe was tried on: a clip, or a shape and distribution.
    group : tuple of str
        What is compared only within itself: codec and rate-control mode, or target and host class.
        A source in a group is a slice.
    recipe : str
        Which recipe.
    settings : tuple of str
        Where it was tried, besides: preset and quality. With group and recipe they name a cell.
    cost : str
        To be minimised: kbps, or ns.
    quality : str
        To be maximised: VMAF, or a negative error.
    tiebreak : str
        Decides between equals, the lower the better: encode time.
    bare : str
        Whether the row is the default that recipes are held against.
    matched : str
        ``cost`` or ``quality``: the axis on which a row and a bare row have to agree.
    matched_tolerance : float
        By how much they may differ there, as a share of the row's own value.
    lost_tolerance : float
        What a row may lose on the other axis before it is a regression: in units of quality, or
        as a share of the bare row's cost.
    """

    source: str
    group: tuple[str, ...]
    recipe: str
    settings: tuple[str, ...]
    cost: str
    quality: str
    tiebreak: str
    bare: str
    matched: str = "cost"
    matched_tolerance: float = 0.05
    lost_tolerance: float = 0.1

    def __post_init__(self) -> None:
        if self.matched not in ("cost", "quality"):
            raise Usage(f"matched is {self.matched!r}; it can be cost or quality")
        for name in ("matched_tolerance", "lost_tolerance"):
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                raise Usage(f"{name} is {value!r}; it has to be finite and not negative")

    @property
    def slice(self) -> tuple[str, ...]:
        """Columns that name a slice."""
        return (self.source, *self.group)

    @property
    def cell(self) -> tuple[str, ...]:
        """Columns that name a cell, whatever the source."""
        return (*self.group, self.recipe, *self.settings)

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that a frame must have."""
        return (
            *self.slice,
            self.recipe,
            *self.settings,
            self.cost,
            self.quality,
            self.tiebreak,
            self.bare,
        )

    def check(self, frame: pd.DataFrame) -> None:
        """Refuse a frame that lacks a column.

        Raises
        ------
        Usage
            Naming what is missing and what is there.
        """
        missing = [name for name in self.columns if name not in frame.columns]
        if missing:
            there = ", ".join(map(str, frame.columns))
            raise Usage(f"no column {', '.join(missing)}; there are: {there}")


ENCODER = Axes(
    source="source",
    group=("codec", "rc_mode"),
    recipe="knob_combo",
    settings=("preset", "quality"),
    cost="bitrate_kbps",
    quality="vmaf_score",
    tiebreak="encode_time_ms",
    bare="is_bare_default",
)
KERNEL = Axes(
    source="combo",
    group=("target", "host_class"),
    recipe="commit",
    settings=(),
    cost="elapsed_ns",
    quality="accuracy",
    tiebreak="peak_rss_mb",
    bare="is_upstream",
    matched="quality",
    matched_tolerance=1e-4,
    lost_tolerance=0.003,
)
