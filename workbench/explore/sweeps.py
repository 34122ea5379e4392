"""A sweep in JupyterLab: choose a slice, point at a recipe, see where its frames differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ipywidgets as widgets
import pandas as pd

from workbench import targets
from workbench.analysis.axes import ENCODER
from workbench.analysis.structural import CONTENT, STRUCTURAL
from workbench.explore import svg, sweeps_chart, sweeps_texts, texts
from workbench.explore.clickable import Clickable
from workbench.explore.sweeps_closeup import Shown
from workbench.explore.sweeps_slices import Explored, Row, explored, records

LISTS = {
    "all that lose": (STRUCTURAL, CONTENT),
    "structural": (STRUCTURAL,),
    "content-dependent": (CONTENT,),
}
NAMES = {"source": "source", "codec": "codec", "rc_mode": "rate control"}
ASK = "Choose a point or a line: its encode and the default's are made again and compared."


def show(path: str | Path) -> widgets.Widget:
    """A sweep's hulls and regressions to look through.

    Parameters
    ----------
    path : str or Path
        A sweep's folder, or a file of its rows; relative ones are the project's.

    Raises
    ------
    Usage, Infrastructure
        If there is none, or a row is no cell.
    """
    root = targets.find_root()
    return Explorer(explored(root / path), root / ".workbench" / "closeups").box


class Explorer:
    """The widgets over one sweep, and what is chosen.

    Parameters
    ----------
    sweep : Explored
        What is looked through.
    cache : Path
        Where clips go that have to be cut again.
    """

    def __init__(self, sweep: Explored, cache: Path) -> None:
        self._sweep = sweep
        self._here = pd.DataFrame()
        self._chosen = ""
        first = next(iter(sweep.slices))
        self.choosers = {
            column: widgets.Dropdown(
                options=sorted({key[i] for key in sweep.slices}),
                value=first[i],
                description=NAMES.get(column, column),
                layout=widgets.Layout(width="230px"),
            )
            for i, column in enumerate(ENCODER.slice)
        }
        self.listed = widgets.ToggleButtons(options=list(LISTS), style={"button_width": "150px"})
        self.chart, self.table = Clickable(), Clickable()
        self.caption, self.detail = widgets.HTML(), widgets.HTML()
        self.closeup = Shown(sweep.path, cache, self._on_cancelled)
        self.box = self._arranged()
        for chooser in self.choosers.values():
            chooser.observe(self._on_slice, "value")
        self.listed.observe(self._on_list, "value")
        for part in (self.chart, self.table):
            part.observe(self._on_chosen, "chosen")
        self._on_slice()

    @property
    def slice_key(self) -> tuple[str, ...]:
        """Source, codec and rate-control mode that are chosen."""
        return tuple(str(chooser.value) for chooser in self.choosers.values())

    def _arranged(self) -> widgets.Box:
        scrolled = widgets.Layout(max_height="330px", overflow="auto", width="100%")
        left = widgets.VBox([self.chart, self.caption], layout=widgets.Layout(flex="1 1 520px"))
        right = widgets.VBox(
            [self.listed, widgets.Box([self.table], layout=scrolled)],
            layout=widgets.Layout(flex="1 1 400px"),
        )
        side = widgets.Layout(display="flex", flex_flow="row wrap", width="100%")
        return widgets.VBox(
            [
                widgets.HTML(svg.STYLE),
                widgets.HBox(list(self.choosers.values()), layout=side),
                widgets.Box([left, right], layout=side),
                self.detail,
                self.closeup.box,
            ]
        )

    def _on_slice(self, *_: Any) -> None:
        self.closeup.clear(ASK)
        key = self.slice_key
        self._choose("")
        self.detail.value = ""
        if key not in self._sweep.slices:
            self._here = pd.DataFrame()
            self.chart.html = self.table.html = ""
            self.caption.value = f"The sweep has no {' '.join(key[1:])} of {key[0]}."
            return
        self._here = self._sweep.slice(key)
        self.chart.html = sweeps_chart.chart(self._here, sweeps_texts.tip)
        self.caption.value = svg.page(texts.said(sweeps_chart.caption(self._here), "soft"))
        self._on_list()

    def _on_list(self, *_: Any) -> None:
        if len(self._here):
            rows = self._sweep.losing(self.slice_key, LISTS[self.listed.value])
            self.table.html = sweeps_texts.losing(rows)

    def _on_chosen(self, change: Any) -> None:
        key = change["new"]
        if not key or key == self._chosen or int(key) not in self._here.index:
            return
        self._choose(key)
        row = self._row(int(key))
        bare = self._bare(row)
        self.detail.value = sweeps_texts.detail(row, bare)
        if bare is None:
            self.closeup.clear(
                "This is the default itself, or the slice has none: choose a recipe."
            )
        else:
            self.closeup.show(row, bare)

    def _on_cancelled(self) -> None:
        self._choose("")

    def _choose(self, key: str) -> None:
        """Mark the same in both; marked again it says nothing new."""
        self._chosen = key
        for part in (self.chart, self.table):
            part.chosen = key

    def _row(self, key: int) -> Row:
        return records(self._here.loc[[key]])[0]

    def _bare(self, row: Row) -> Row | None:
        """The default's row that a row is held against; of one that abstains, the nearest."""
        if row[ENCODER.bare]:
            return None
        if row["bare_row"] >= 0:
            return self._row(row["bare_row"])
        bare = self._here[self._here[ENCODER.bare]]
        if bare.empty:
            return None
        return self._row(int((bare[ENCODER.cost] - row[ENCODER.cost]).abs().idxmin()))
