"""Ties the widgets to the processes that race and list a kernel.

The notebook's own process never imports a candidate and never waits: what children say arrives on
threads and changes widgets.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workbench import targets
from workbench.errors import WorkbenchError
from workbench.explore import forest, listing, standing
from workbench.explore.children import Child, Event
from workbench.explore.drafts import Drafts
from workbench.explore.panel import CELL, Panel
from workbench.explore.request import Request
from workbench.explore.screen import Screen
from workbench.explore.standing import CONFIRMATION, Standing
from workbench.record import TrialRecord

RACING, COMPILING = "workbench.explore.racing", "workbench.explore.compiling"
# A child and its number, by which late words of an earlier one are known.
Numbered = tuple[int, Child | None]
NOBODY: Numbered = (-1, None)


class Explorer:
    """What happens when something is pressed, and when a child says something."""

    def __init__(self, target: str, root: Path) -> None:
        self.root = root
        self.target = targets.load(target, root)
        self.panel = Panel(targets.names(root), target)
        self.screen = Screen(self.panel)
        self._drafts = Drafts()
        self._source = ""  # of the kernel that is raced
        self._serials = itertools.count()
        self._current = self._lister = NOBODY
        # Confirmations that were seen here and are in no ledger: they were spent all the same.
        self._unwritten: Counter[str] = Counter()
        self._wire()
        self._choose_target()
        self._spare = self._spawn(RACING, self._hear)  # imports while a person still types

    def close(self) -> None:
        """End all processes and take the page's part away."""
        for _, child in (self._current, self._spare, self._lister):
            _end(child)
        self._current = self._spare = self._lister = NOBODY
        self.panel.box.close()

    def _wire(self) -> None:
        panel = self.panel
        panel.target.observe(lambda change: self._choose_target(), "value")
        panel.source.observe(lambda change: self._choose_source(), "value")
        panel.loops.observe(lambda change: self.screen.loop(), "index")
        for chooser in (panel.shape, panel.distribution):
            chooser.observe(lambda change: self.screen.race(), "value")
        panel.race.on_click(lambda button: self.race())
        panel.cancel.on_click(lambda button: self.cancel())
        panel.keep.on_click(lambda button: self.keep())
        panel.reload.on_click(lambda button: self._read_file())

    def _choose_target(self) -> None:
        self._drafts.remember(self.target.name, self.panel.text.value)
        _end(self._current[1])
        self._current = NOBODY
        self.panel.busy(racing=False)
        self.screen.clear()
        try:
            self.target = targets.load(self.panel.target.value, self.root)
            self.screen.open(self.target)
            self.screen.race()
        except (WorkbenchError, OSError) as error:
            self._complain(str(error))
        self._choose_source()

    def _choose_source(self) -> None:
        here = self.panel.source.value == CELL
        text = self._drafts.text(self.target.name)
        self.panel.text.value = text or ""
        if here and text is None:
            self._read_file()
        self.panel.show_text(here)

    def _read_file(self) -> None:
        try:
            self.panel.text.value = self._drafts.read(self.target)
        except OSError as error:
            self._complain(f"{self.target.kernels_path} cannot be read: {error.strerror}")

    def race(self) -> None:
        """Hand the kernel to a child that waits to be asked."""
        self.panel.busy(racing=True)
        self.screen.clear()
        _end(self._current[1])
        if self._lister[1] is not None:
            self._lister[1].kill()
        self._current, self._spare = self._spare, NOBODY
        child = self._current[1]
        if child is None or not child.alive:
            self._current = self._spawn(RACING, self._hear)
            child = self._current[1]
        assert child is not None
        self.screen.race(running=True)
        self.screen.phase("starting", 0, 0)
        child.say(json.dumps(dataclasses.asdict(self._request())))

    def _request(self) -> Request:
        name = self.target.name
        self._drafts.remember(name, self.panel.text.value)
        asked = Request(
            str(self.root),
            name,
            self.panel.description.value,
            unwritten=self._unwritten[name],
        )
        text = self._drafts.text(name)
        if self.panel.source.value == CELL and text is not None:
            self._source = text
            digest = self._drafts.file_sha256(name)
            return dataclasses.replace(asked, source=text, file_sha256=digest)
        path = self.target.kernels_path  # a file that is missing is the judge's to refuse
        self._source = path.read_bytes().decode("utf-8", "replace") if path.is_file() else ""
        return asked

    def cancel(self) -> None:
        """End the race; its child says when it has."""
        self.panel.cancel.disabled = True
        self.screen.phase("cancelling", 0, 0)
        _end(self._current[1])

    def keep(self) -> None:
        """Have the trial written down by the child that judged it."""
        self.panel.keep.disabled = True
        self.screen.phase("writing", 0, 0)
        if self._current[1] is not None:
            self._current[1].say("keep")

    def _spawn(self, module: str, hear: Callable[[int, Event], None]) -> Numbered:
        serial = next(self._serials)
        return serial, Child(module, functools.partial(hear, serial))

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
        self.screen.phase(name, done, total)

    def _on_standing(self, standing: dict[str, Any]) -> None:
        found = Standing.from_json(standing)
        if found.phase == CONFIRMATION:
            self.screen.seen.again = found
        else:
            self.screen.seen.standing = found
        self.screen.say(f"so far {forest.sentence(found)}")
        self.screen.race(running=True)

    def _on_verdict(self, record: dict[str, Any], doubts: list[str]) -> None:
        found = TrialRecord.from_json(json.dumps(record))
        seen = self.screen.seen
        seen.record = found
        seen.standing = standing.of_record(found) or seen.standing
        self._unwritten[found.target] += found.confirmation is not None
        self.panel.busy(racing=False)
        self.panel.keep.disabled = False
        self.screen.verdict(found, doubts, self.target)
        self.screen.phase("judged; nothing is written yet", 1, 1)
        if found.combos:
            self._list(f"{found.combos[0].shape}/{found.combos[0].distribution}")

    def _on_limits(self, least_ns: dict[str, float]) -> None:
        self.screen.seen.least_ns = least_ns
        self.screen.race()
        self._spare = self._spawn(RACING, self._hear)

    def _on_kept(self, text: str, id: str) -> None:
        found = self.screen.seen.record
        assert found is not None
        self._unwritten[found.target] -= found.confirmation is not None
        self.screen.phase(text, 1, 1)
        self.screen.ledger(self.target)

    def _on_error(self, text: str) -> None:
        if self.screen.seen.record is None:
            self._idle()
        self._complain(text)
        self.screen.phase("nothing was written", 0, 1)

    def _on_cancelled(self) -> None:
        if self.screen.seen.record is None:
            self._unwritten[self.target.name] += self.screen.seen.again is not None
            self._idle()
            self.screen.phase("cancelled; nothing was written", 0, 1)
            self.screen.race()

    def _on_ended(self, text: str) -> None:
        if self.panel.race.disabled:  # neither a verdict nor a word of having been cancelled
            self._idle()
            why = text or "its process was killed"
            self._complain(f"the race ended without a verdict: {why}")
            self.screen.phase("nothing was written", 0, 1)

    def _idle(self) -> None:
        self.panel.busy(racing=False)
        self._spare = self._spawn(RACING, self._hear)

    def _complain(self, text: str) -> None:
        self.screen.say(text, "bad")

    def _list(self, first: str) -> None:
        """Have the machine code listed, after the timing and beside everything else."""
        self.screen.note_code("compiling once more for the listing ...")
        chosen = (self.panel.shape.value, self.panel.distribution.value)
        asked = {
            "root": str(self.root),
            "target": self.target.name,
            "combo": "/".join(chosen) if all(chosen) else first,
            "source": self._source,
        }
        self._lister = self._spawn(COMPILING, self._hear_listing)
        assert self._lister[1] is not None
        self._lister[1].say(json.dumps(asked))

    def _hear_listing(self, serial: int, event: Event) -> None:
        if serial != self._lister[0]:
            return
        if event["event"] == "listing":
            found = listing.ranked(event["functions"])
            if not found:
                self.screen.note_code("no loop was compiled")
            self.screen.loops(found)
        elif event["text"] and not self.screen.seen.loops:
            self.screen.note_code(f"no listing: {event['text']}")


def _end(child: Child | None) -> None:
    if child is not None:
        child.end()
