"""The widgets of the race explorer and how they lie on the page; what they do is in `races`."""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets as widgets

from workbench.explore import svg

ALL = ("all", "")
FILE, CELL = "file", "cell"
CODE_STYLE = """<style>
.wb-code textarea { font:12px/1.4 var(--jp-code-font-family,monospace); white-space:pre;
  overflow-x:auto; tab-size:4; }
.wb-explorer { max-width:1240px; padding:4px 2px; }
.wb-explorer .widget-html-content { line-height:1.4; }
.wb-columns { flex-flow:row wrap; gap:8px 28px; }
</style>"""


class Panel:
    """Everything a person sees and presses."""

    def __init__(self, targets: Sequence[str], target: str) -> None:
        self.target = widgets.Dropdown(options=targets, value=target, description="target")
        self.shape = widgets.Dropdown(options=[ALL], description="shape")
        self.distribution = widgets.Dropdown(options=[ALL], description="distribution")
        self.source = widgets.ToggleButtons(
            options=[("kernels.py as it is on disk", FILE), ("the text below", CELL)],
            style={"button_width": "auto"},
            tooltips=["Edit it in an editor of yours", "Edit it here; the file stays as it is"],
        )
        self.reload = widgets.Button(
            description="Read the file again", icon="refresh", layout=_auto()
        )
        self.text = widgets.Textarea(layout=widgets.Layout(width="98%", height="300px"))
        self.text.add_class("wb-code")
        self.description = widgets.Text(
            placeholder="the hypothesis, one line for the ledger; say it before you race",
            description="hypothesis",
            layout=widgets.Layout(width="98%"),
        )
        self.race = widgets.Button(
            description="Race", icon="flag-checkered", button_style="primary", layout=_auto()
        )
        self.cancel = widgets.Button(description="Cancel", icon="stop", layout=_auto())
        self.keep = widgets.Button(
            description="Keep this trial",
            icon="save",
            layout=_auto(),
            disabled=True,
            tooltip="Write its record and its ledger row, whatever the verdict",
        )
        self.bar = widgets.IntProgress(min=0, max=1, layout=widgets.Layout(width="220px"))
        self.phase = widgets.HTML()
        self.verdict = widgets.HTML()
        self.forest = widgets.HTML()
        self.again = widgets.HTML()
        self.dial = widgets.HTML()
        self.readings = widgets.HTML()
        self.loops = widgets.Dropdown(layout=widgets.Layout(width="96%"))
        self.code = widgets.HTML()
        self.trajectory = widgets.HTML()
        self.written = (self.text, self.reload)
        self.box = self._lay_out()

    def _lay_out(self) -> widgets.VBox:
        race = _columns(
            [_head("Candidate / incumbent"), self.forest, self.again, self.readings],
            [_head("Share of the machine's limit"), self.dial],
        )
        rest = _columns(
            [_head("Trajectory"), self.trajectory],
            [_head("Inner loops, by vector operations"), self.loops, self.code],
            "1 1 420px",
        )
        box = widgets.VBox(
            [
                widgets.HTML(svg.STYLE + CODE_STYLE),
                _row(self.target, self.shape, self.distribution),
                _row(self.source, self.reload),
                self.text,
                self.description,
                _row(self.race, self.cancel, self.keep, self.bar, self.phase),
                self.verdict,
                race,
                rest,
            ]
        )
        box.add_class("wb-explorer")
        return box

    def show_text(self, shown: bool) -> None:
        """Show or hide what belongs to a kernel that is written here."""
        for one in self.written:
            one.layout.display = "" if shown else "none"

    def busy(self, racing: bool) -> None:
        """Make that pressable which makes sense now; a verdict alone makes a trial keepable."""
        self.race.disabled = self.target.disabled = racing
        self.cancel.disabled = not racing
        self.keep.disabled = True

    def writing(self) -> None:
        """Until a trial is written nothing is pressable: to race would end its writer."""
        self.busy(racing=True)
        self.cancel.disabled = True


def _auto() -> widgets.Layout:
    """As wide as its words; one of its own, because a layout that is shared is hidden for all."""
    return widgets.Layout(width="auto")


def _columns(
    left: Sequence[widgets.Widget], right: Sequence[widgets.Widget], flex: str = "0 1 320px"
) -> widgets.HBox:
    """Two columns that become one below the other where the page is narrow."""
    parts = [
        widgets.VBox(left, layout=widgets.Layout(flex="3 1 480px", min_width="0")),
        widgets.VBox(right, layout=widgets.Layout(flex=flex, min_width="0")),
    ]
    box = widgets.HBox(parts)
    box.add_class("wb-columns")
    return box


def _head(words: str) -> widgets.HTML:
    return widgets.HTML(svg.page(f"<h4>{words}</h4>"))


def _row(*parts: widgets.Widget) -> widgets.HBox:
    layout = widgets.Layout(flex_flow="row wrap", align_items="center", margin="2px 0")
    return widgets.HBox(parts, layout=layout)
