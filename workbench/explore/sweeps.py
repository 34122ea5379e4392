"""A sweep in JupyterLab: choose a slice, point at a recipe, see where its frames differ."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import pandas as pd

from workbench import targets
from workbench.analysis.axes import ENCODER
from workbench.analysis.structural import CONTENT, STRUCTURAL
from workbench.encoders.advice import cell_of
from workbench.encoders.closeup import Asked, Closeup
from workbench.errors import Usage
from workbench.explore import sweeps_chart, sweeps_frames, sweeps_texts
from workbench.explore.clickable import Clickable
from workbench.explore.sweeps_child import Looking
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
        self._sweep, self._cache = sweep, cache
        self._here = pd.DataFrame()
        self._looking: Looking | None = None
        self._seen: dict[int, Closeup] = {}
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
        self.caption, self.detail, self.frames = (widgets.HTML() for _ in range(3))
        self.bar = widgets.IntProgress(min=0, max=6, layout=widgets.Layout(width="200px"))
        self.doing = widgets.Label()
        self.cancel = widgets.Button(description="Cancel", icon="stop", disabled=True)
        self.box = self._arranged()
        for chooser in self.choosers.values():
            chooser.observe(self._on_slice, "value")
        self.listed.observe(self._on_list, "value")
        self.cancel.on_click(self._on_cancel)
        for part in (self.chart, self.table):
            part.observe(self._on_chosen, "chosen")
        self._on_slice()

    @property
    def slice_key(self) -> tuple[str, ...]:
        """Source, codec and rate-control mode that are chosen."""
        return tuple(str(chooser.value) for chooser in self.choosers.values())

    def stop(self, word: str = "") -> None:
        """End the closeup that is being made, if any."""
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None
        self._idle(word)

    def wait(self) -> None:
        """Until the closeup that is being made is there; at once without one."""
        if self._looking is not None:
            self._looking.wait()

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
                widgets.HBox(list(self.choosers.values()), layout=side),
                widgets.Box([left, right], layout=side),
                self.detail,
                widgets.HBox([self.bar, self.cancel, self.doing]),
                self.frames,
            ]
        )

    def _on_slice(self, *_: Any) -> None:
        self.stop(ASK)
        key = self.slice_key
        self._choose("")
        self.detail.value = self.frames.value = ""
        if key not in self._sweep.slices:
            self._here = pd.DataFrame()
            self.chart.html = self.table.html = ""
            self.caption.value = f"The sweep has no {' '.join(key[1:])} of {key[0]}."
            return
        self._here = self._sweep.slice(key)
        self.chart.html = sweeps_chart.chart(self._here, sweeps_texts.tip)
        self.caption.value = sweeps_texts.small(sweeps_chart.caption(self._here))
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
        self.detail.value = sweeps_texts.detail(row, self._bare(row))
        self._look(int(key), row)

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

    def _look(self, key: int, row: Row) -> None:
        self.stop()
        self.frames.value = ""
        bare = self._bare(row)
        if bare is None:
            self._idle("This is the default itself, or the slice has none: choose a recipe.")
            return
        done = functools.partial(self._on_seen, key, row, bare)
        if key in self._seen:
            done(self._seen[key])
            return
        source = str(row[ENCODER.source])
        try:
            cells = cell_of(row, source), cell_of(bare, source)
        except Usage as error:
            self._idle(str(error))
            return
        sha256 = str(row.get("source_sha256", ""))
        asked = Asked(*cells, sha256, str(self._sweep.path), str(self._cache))
        self.cancel.disabled = False
        self._looking = Looking(asked, self._on_progress, done, self._idle)

    def _on_cancel(self, _: Any) -> None:
        self.stop("Cancelled: choose it again to go on.")
        self._choose("")

    def _on_progress(self, what: str, done: int, total: int) -> None:
        self.bar.max, self.bar.value, self.doing.value = total, done, f"{what} ..."

    def _on_seen(self, key: int, row: Row, bare: Row, seen: Closeup) -> None:
        self._seen[key] = seen
        if str(key) != self._chosen:
            return  # it came while another was chosen
        means = row[ENCODER.quality], bare[ENCODER.quality]
        self.frames.value = sweeps_frames.page(seen, str(row[ENCODER.recipe]), *means)
        self._idle("")

    def _idle(self, word: str) -> None:
        self.bar.value, self.doing.value, self.cancel.disabled = 0, word, True
