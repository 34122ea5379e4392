"""The closeup below a sweep: made in a process of its own, with its progress; kept once seen."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path

import ipywidgets as widgets

from workbench.analysis.axes import ENCODER
from workbench.encoders.advice import cell_of
from workbench.encoders.closeup import Asked, Closeup
from workbench.errors import Usage
from workbench.explore import sweeps_frames
from workbench.explore.children import Child, Event
from workbench.explore.sweeps_slices import Row

LOOKING = "workbench.explore.looking"


class Shown:
    """The widgets that show a recipe's frames beside the default's.

    Parameters
    ----------
    sweep : Path
        Its folder or file, which may say where the clips are.
    cache : Path
        Where clips go that have to be cut again.
    cancelled : callable
        Called when a person has cancelled one.
    """

    def __init__(self, sweep: Path, cache: Path, cancelled: Callable[[], None]) -> None:
        self._sweep, self._cache, self._cancelled = sweep, cache, cancelled
        self._child: Child | None = None
        self._seen: dict[Asked, Closeup] = {}
        self.bar = widgets.IntProgress(min=0, layout=widgets.Layout(width="200px"))
        self.doing = widgets.Label()
        self.cancel = widgets.Button(description="Cancel", icon="stop", disabled=True)
        self.cancel.on_click(lambda button: self._on_cancel())
        self.frames = widgets.HTML()
        self.box = widgets.VBox([widgets.HBox([self.bar, self.cancel, self.doing]), self.frames])

    def show(self, row: Row, bare: Row) -> None:
        """Compare a recipe's row with the default's; at once if it was seen before."""
        self.clear("")
        source = str(row[ENCODER.source])
        try:
            cells = cell_of(row, source), cell_of(bare, source)
        except Usage as error:
            self._idle(str(error))
            return
        sha256 = str(row.get("source_sha256", ""))
        asked = Asked(*cells, sha256, str(self._sweep), str(self._cache))
        if asked in self._seen:
            self._draw(self._seen[asked], row, bare)
            return
        self.cancel.disabled = False
        self._child = Child(LOOKING)
        self._child.ask(dataclasses.asdict(asked), functools.partial(self._hear, asked, row, bare))

    def clear(self, word: str) -> None:
        """End the closeup that is being made, if any, and say a word in its place."""
        if self._child is not None:
            self._child.forget()
            self._child = None
        self.frames.value = ""
        self._idle(word)

    def wait(self) -> None:
        """Until the closeup that is being made is there; at once without one."""
        if self._child is not None:
            self._child.wait()

    def _on_cancel(self) -> None:
        self.clear("Cancelled: choose it again to go on.")
        self._cancelled()

    def _hear(self, asked: Asked, row: Row, bare: Row, event: Event) -> None:
        if event["event"] == "phase":
            self.bar.max, self.bar.value = event["total"], event["done"]
            self.doing.value = f"{event['name']} ..."
        elif event["event"] == "closeup":
            self._seen[asked] = Closeup(**event["seen"])
            self._draw(self._seen[asked], row, bare)
        elif event["event"] == "error":
            self._idle(event["text"])
        elif not self.cancel.disabled:  # it has ended without an answer
            self._idle(event["text"] or "its process was killed")

    def _draw(self, seen: Closeup, row: Row, bare: Row) -> None:
        means = row[ENCODER.quality], bare[ENCODER.quality]
        self.frames.value = sweeps_frames.page(seen, str(row[ENCODER.recipe]), *means)
        self._idle("")

    def _idle(self, word: str) -> None:
        self.bar.value, self.doing.value, self.cancel.disabled = 0, word, True
