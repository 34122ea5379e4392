"""Race a kernel from a notebook: choose, edit, race, look, keep.

The notebook's own process never imports a candidate and never waits: a race and the listing of its
machine code run in children, whose events arrive on threads and change widgets.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import json
from collections import Counter
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from workbench import incumbent, ledger, overview, scoreboard, targets
from workbench.errors import WorkbenchError
from workbench.explore import dial, forest, listing, standing, svg, texts, trajectory
from workbench.explore.children import Child, Event
from workbench.explore.panel import ALL, CELL, Panel
from workbench.explore.request import Request
from workbench.explore.standing import CONFIRMATION, Standing
from workbench.record import TrialRecord

RACING, COMPILING = "workbench.explore.racing", "workbench.explore.compiling"
FOCUS = "performance"
# A child and its number, by which late words of an earlier one are known.
Numbered = tuple[int, Child | None]
NOBODY: Numbered = (-1, None)
# The most vectorised ones; a kernel with all its helpers has fifty.
LOOPS = 12
WAITING = "Press Race. Every combo is raced; those chosen above are the ones looked at."


def show(target: str = "pq_l2", root: Path | None = None) -> widgets.VBox:
    """Open the explorer; one that was open before is closed, and its race cancelled.

    Parameters
    ----------
    target : str
        The one to begin with.
    root : Path, optional
        The project; found from the working directory otherwise.

    Returns
    -------
    ipywidgets.VBox
        The last line of a cell shows it.

    Raises
    ------
    Usage
        If there is no such target.
    """
    for earlier in OPEN:
        earlier.close()
    OPEN[:] = [Explorer(target, root or targets.find_root())]
    return OPEN[0].panel.box


OPEN: list[Explorer] = []


@dataclasses.dataclass
class Seen:
    """What is known of the race that is shown."""

    standing: Standing | None = None
    again: Standing | None = None
    record: TrialRecord | None = None
    least_ns: dict[str, float] = dataclasses.field(default_factory=dict)
    loops: tuple[listing.Loop, ...] = ()


class Explorer:
    """Ties the widgets to the children."""

    def __init__(self, target: str, root: Path) -> None:
        self.root = root
        self.target = targets.load(target, root)
        self.panel = Panel(targets.names(root), target)
        self.seen = Seen()
        self._serials = itertools.count()
        self._current = self._lister = self._spare = NOBODY
        self._texts: dict[str, tuple[str, str]] = {}
        self._source = ""
        # Confirmations that were seen here and are in no ledger: they were spent all the same.
        self._unwritten: Counter[str] = Counter()
        self._wire()
        self._choose_target()
        self._spare = self._spawn()

    def close(self) -> None:
        """End all processes; what is on the page stays and does nothing any more."""
        children = [child for _, child in (self._current, self._spare, self._lister)]
        self._current = self._spare = self._lister = NOBODY
        for child in children:
            self._drop(child)
        self.panel.box.close()

    def _wire(self) -> None:
        panel = self.panel
        panel.target.observe(lambda change: self._choose_target(), "value")
        panel.source.observe(lambda change: self._choose_source(), "value")
        panel.loops.observe(lambda change: self._draw_loop(), "index")
        for chooser in (panel.shape, panel.distribution):
            chooser.observe(lambda change: self._draw_race(), "value")
        panel.race.on_click(lambda button: self._race())
        panel.cancel.on_click(lambda button: self._cancel())
        panel.keep.on_click(lambda button: self._keep())
        panel.reload.on_click(lambda button: self._read_file())

    def _choose_target(self) -> None:
        self._remember_text()
        panel = self.panel
        self._drop(self._current[1])
        self._current = NOBODY
        self.seen = Seen()
        panel.busy(racing=False)
        try:
            self.target = targets.load(panel.target.value, self.root)
            self._published = scoreboard.read(self.root).get(self.target.name)
            self._offer_combos()
            self._choose_source()
            self._draw_ledger()
            panel.verdict.value = svg.page(texts.said(self.target.spec["title"], "soft"))
        except (WorkbenchError, OSError) as error:
            self._complain(str(error))
        panel.phase.value = panel.readings.value = panel.code.value = panel.again.value = ""
        panel.loops.options = []
        self._draw_race()

    def _offer_combos(self) -> None:
        combos = self._published.combos if self._published else ()
        shapes = [c.shape for c in combos] or list(self.target.spec["roofline"]["bytes_per_unit"])
        names = [c.distribution for c in combos]
        for chooser, values in ((self.panel.shape, shapes), (self.panel.distribution, names)):
            chooser.options = [ALL, *((name, name) for name in dict.fromkeys(values))]

    def _choose_source(self) -> None:
        here = self.panel.source.value == CELL
        if here and self.target.name not in self._texts:
            self._read_file()
        if here:
            self.panel.text.value = self._texts[self.target.name][0]
        self.panel.show_text(here)

    def _read_file(self) -> None:
        try:
            text = self.target.kernels_path.read_bytes().decode("utf-8", "replace")
        except OSError as error:
            self._complain(f"{self.target.kernels_path} cannot be read: {error.strerror}")
            text = ""
        self._texts[self.target.name] = (text, incumbent.sha256(text))
        self.panel.text.value = text

    def _remember_text(self) -> None:
        if self.target.name in self._texts and self.panel.text.value:
            self._texts[self.target.name] = (
                self.panel.text.value,
                self._texts[self.target.name][1],
            )

    def _spawn(self) -> Numbered:
        serial = next(self._serials)
        return serial, Child(RACING, functools.partial(self._hear, serial))

    def _drop(self, child: Child | None) -> None:
        if child is not None:
            child.end()

    def _race(self) -> None:
        panel, name = self.panel, self.target.name
        panel.busy(racing=True)
        self._drop(self._current[1])
        if self._lister[1] is not None:
            self._lister[1].kill()
        self.seen = Seen()
        self._current, self._spare = self._spare, NOBODY
        if self._current[1] is None or not self._current[1].alive:
            self._current = self._spawn()
        source, digest = None, ""
        if panel.source.value == CELL:
            self._remember_text()
            source, digest = self._texts[name]
            self._source = source
        elif (path := self.target.kernels_path).is_file():
            self._source = path.read_bytes().decode("utf-8", "replace")
        request = Request(
            *(str(self.root), name, panel.description.value, source, digest),
            self._unwritten[name],
        )
        panel.verdict.value = panel.again.value = panel.readings.value = panel.code.value = ""
        panel.loops.options = []
        self._phase("starting", 0, 0)
        self._draw_race()
        assert self._current[1] is not None
        self._current[1].say(json.dumps(dataclasses.asdict(request)))

    def _cancel(self) -> None:
        self.panel.cancel.disabled = True
        self._phase("cancelling", 0, 0)
        self._drop(self._current[1])

    def _keep(self) -> None:
        self.panel.keep.disabled = True
        self._phase("writing", 0, 0)
        assert self._current[1] is not None
        self._current[1].say("keep")

    def _hear(self, serial: int, event: Event) -> None:
        """Everything a race says; what an earlier one says is not listened to."""
        if serial != self._current[0]:
            return
        handle = getattr(self, f"_on_{event['event']}")
        try:
            handle(**{key: value for key, value in event.items() if key != "event"})
        except Exception as error:  # a fault here must show: it is on a thread that nobody joins
            self._complain(f"{type(error).__name__}: {error} (a fault of the explorer)")

    def _on_phase(self, name: str, done: int, total: int) -> None:
        self._phase(name, done, total)

    def _on_standing(self, standing: dict[str, Any]) -> None:
        found = Standing.from_json(standing)
        if found.phase == CONFIRMATION:
            self.seen.again = found
        else:
            self.seen.standing = found
        said = svg.page(texts.said(f"so far {forest.sentence(found)}", "soft"))
        self.panel.verdict.value = said
        self._draw_race(running=True)

    def _on_verdict(self, record: dict[str, Any], doubts: list[str]) -> None:
        found = TrialRecord.from_json(json.dumps(record))
        self.seen.record = found
        self.seen.standing = standing.of_record(found) or self.seen.standing
        self._unwritten[found.target] += found.confirmation is not None
        panel = self.panel
        panel.busy(racing=False)
        panel.keep.disabled = False
        panel.verdict.value = svg.page(texts.verdict(found, doubts))
        panel.readings.value = svg.page(texts.readings(found, self.target.spec["guardrails"]))
        self._phase("judged; nothing is written yet", 1, 1)
        self._draw_race()
        if found.combos:
            self._list()

    def _on_limits(self, least_ns: dict[str, float]) -> None:
        self.seen.least_ns = least_ns
        self._draw_race()
        self._spare = self._spawn()

    def _on_kept(self, text: str, id: str) -> None:
        found = self.seen.record
        assert found is not None
        self._unwritten[found.target] -= found.confirmation is not None
        self._phase(text, 1, 1)
        self._draw_ledger()

    def _on_error(self, text: str) -> None:
        if self.seen.record is None:
            self.panel.busy(racing=False)
            self._spare = self._spawn()
        self._complain(text)
        self._phase("nothing was written", 0, 1)

    def _on_cancelled(self) -> None:
        if self.seen.record is None:
            self._unwritten[self.target.name] += self.seen.again is not None
            self.panel.busy(racing=False)
            self._phase("cancelled; nothing was written", 0, 1)
            self._draw_race()
            self._spare = self._spawn()

    def _on_ended(self, text: str) -> None:
        if self.panel.race.disabled:  # neither a verdict nor a word of having been cancelled
            self.panel.busy(racing=False)
            self._complain(f"the race ended without a verdict: {text or 'its process was killed'}")
            self._phase("nothing was written", 0, 1)
            self._spare = self._spawn()

    def _phase(self, name: str, done: int, total: int) -> None:
        bar = self.panel.bar
        bar.max, bar.value = max(total, 1), done
        most = "at most " if name == "timing" else ""
        count = f": {done} of {most}{total}" if total > 1 else ""
        self.panel.phase.value = svg.page(texts.said(f"{name}{count}", "soft"))

    def _complain(self, text: str) -> None:
        self.panel.verdict.value = svg.page(texts.said(text, "bad"))

    def _draw_race(self, *, running: bool = False) -> None:
        seen, panel = self.seen, self.panel
        chosen = (panel.shape.value, panel.distribution.value)
        screen, again = (
            forest.draw(found, *chosen, running=running) if found else ""
            for found in (seen.standing, seen.again)
        )
        panel.forest.value = svg.page(screen or texts.said(WAITING, "soft"))
        head = "<h4>Raced once more, on other data</h4>"
        panel.again.value = svg.page(head + again) if again else ""
        hands = dial.read(self._published, seen.standing, seen.least_ns, *chosen)
        panel.dial.value = svg.page(dial.draw(hands))

    def _draw_ledger(self) -> None:
        rows = ledger.read(ledger.path(self.target.folder, FOCUS))
        drawn = trajectory.draw(rows, overview.host_class(self.target))
        self.panel.trajectory.value = svg.page(drawn)

    def _list(self) -> None:
        """Have the machine code listed, after the timing and beside everything else."""
        self.panel.code.value = svg.page(
            texts.said("compiling once more for the listing ...", "soft")
        )
        serial = next(self._serials)
        child = Child(COMPILING, functools.partial(self._hear_listing, serial))
        self._lister = (serial, child)
        seen = self.seen.standing.lines[0] if self.seen.standing else None
        combo = f"{self.panel.shape.value or (seen.shape if seen else '')}/"
        combo += self.panel.distribution.value or (seen.distribution if seen else "")
        asked = {"root": str(self.root), "target": self.target.name, "combo": combo}
        child.say(json.dumps({**asked, "source": self._source}))

    def _hear_listing(self, serial: int, event: Event) -> None:
        if serial != self._lister[0]:
            return
        if event["event"] == "listing":
            found = listing.ranked(event["functions"])
            self.seen.loops = tuple(found[:LOOPS])
            self.panel.loops.options = [texts.name(f, i) for i, f in enumerate(self.seen.loops, 1)]
            self.panel.loops.index = 0 if found else None
            self._draw_loop()
        elif not self.seen.loops and event["text"]:
            self.panel.code.value = svg.page(texts.said(f"no listing: {event['text']}", "soft"))

    def _draw_loop(self) -> None:
        index, loops = self.panel.loops.index, self.seen.loops
        if index is not None and index < len(loops):
            self.panel.code.value = svg.page(texts.loop(loops[index]))
        elif self.seen.record is not None:
            self.panel.code.value = svg.page(texts.said("no loop was compiled", "soft"))
