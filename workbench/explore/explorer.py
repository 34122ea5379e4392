"""Ties the widgets to the process that races a kernel.

The notebook's own process never imports a candidate and never waits: what children say arrives on
threads and changes widgets.
"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from pathlib import Path
from typing import Any

from workbench import targets
from workbench.errors import WorkbenchError
from workbench.explore import forest, standing
from workbench.explore.children import Child, Event
from workbench.explore.editor import Editor
from workbench.explore.lister import Lister
from workbench.explore.panel import Panel
from workbench.explore.request import Request
from workbench.explore.screen import Screen
from workbench.explore.standing import CONFIRMATION, Standing
from workbench.record import TrialRecord

RACING = "workbench.explore.racing"


class Explorer:
    """What happens when something is pressed, and when a race says something."""

    def __init__(self, target: str, root: Path) -> None:
        self.root = root
        self.target = targets.load(target, root)
        self.panel = Panel(targets.names(root), target)
        self.screen = Screen(self.panel)
        self._editor = Editor(self.panel, self._complain)
        self._lister = Lister(self.screen)
        self._current: Child | None = None
        self._spare: Child | None = None
        # Confirmations that were seen here and are in no ledger: they were spent all the same.
        self._unwritten: Counter[str] = Counter()
        self._wire()
        self._choose_target()

    def close(self) -> None:
        """End all processes and take the page's part away."""
        self._stop()
        if self._spare is not None:
            self._spare.forget()
        self.panel.box.close()

    def _wire(self) -> None:
        panel = self.panel
        panel.target.observe(lambda change: self._choose_target(), "value")
        panel.loops.observe(lambda change: self.screen.loop(), "index")
        for chooser in (panel.shape, panel.distribution):
            chooser.observe(lambda change: self.screen.race(), "value")
        panel.race.on_click(lambda button: self.race())
        panel.cancel.on_click(lambda button: self.cancel())
        panel.keep.on_click(lambda button: self.keep())

    def _choose_target(self) -> None:
        self._stop()
        self._waiting()
        self.panel.busy(racing=False)
        self.screen.clear()
        try:
            self.target = targets.load(self.panel.target.value, self.root)
            self.screen.open(self.target)
            self.screen.race()
        except (WorkbenchError, OSError) as error:
            self.panel.race.disabled = True  # or it would race the target before
            self._complain(str(error))
            return
        self._editor.open(self.target)

    def _stop(self) -> None:
        """End the race that is shown, and hear no more of it."""
        if self._current is not None:
            self._current.forget()
            self._current = None
        self._lister.stop()  # second: until it is forgotten, a race may have one begun

    def _waiting(self) -> Child:
        """The child that imports what the next race needs while a person still types."""
        if self._spare is None or not self._spare.alive:
            self._spare = Child(RACING)
        return self._spare

    def race(self) -> None:
        """Hand the kernel to a child that waits to be asked."""
        self._stop()
        self._current, self._spare = self._waiting(), None
        self.panel.busy(racing=True)
        self.screen.clear()
        self.screen.seen.running = True
        self.screen.race()
        self.screen.phase("starting", 0, 0)
        self._current.ask(dataclasses.asdict(self._request()), self._hear)

    def _request(self) -> Request:
        name, draft = self.target.name, self._editor.draft
        source, file_sha256 = (draft.text, draft.file_sha256) if draft else (None, "")
        asked = (str(self.root), name, self.panel.description.value, source, file_sha256)
        return Request(*asked, unwritten=self._unwritten[name])

    def cancel(self) -> None:
        """End the race; its child says when it has."""
        self.panel.cancel.disabled = True
        self.screen.phase("cancelling", 0, 0)
        if self._current is not None:
            self._current.end()

    def keep(self) -> None:
        """Have the trial written down by the child that judged it."""
        self.panel.writing()
        self.screen.phase("writing", 0, 0)
        if self._current is not None:
            self._current.say("keep")

    def _hear(self, event: Event) -> None:
        """Everything a race says."""
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
        self.screen.race()

    def _on_verdict(self, record: dict[str, Any], doubts: list[str], source: str) -> None:
        found = TrialRecord.from_json(json.dumps(record))
        seen = self.screen.seen
        seen.record, seen.running = found, False
        seen.standing = standing.of_record(found) or seen.standing
        self._unwritten[found.target] += found.confirmation is not None
        self.panel.busy(racing=False)
        self.panel.keep.disabled = False
        self.screen.verdict(found, doubts, self.target)
        self.screen.phase("judged; nothing is written yet", 1, 1)
        if found.combos:
            combo = f"{self.panel.shape.value}/{self.panel.distribution.value}"
            self._lister.list(self.root, self.target.name, combo, source)

    def _on_limits(self, least_ns: dict[str, float]) -> None:
        self.screen.seen.least_ns = least_ns
        self.screen.race()
        self._waiting()  # not before: it would have been in the way

    def _on_kept(self, text: str) -> None:
        found = self.screen.seen.record
        assert found is not None
        self._unwritten[found.target] -= found.confirmation is not None
        self.panel.busy(racing=False)
        self.screen.phase(text, 1, 1)
        self.screen.ledger(self.target)

    def _on_error(self, text: str) -> None:
        self._over()
        self._complain(text)
        self.screen.phase("nothing was written", 0, 1)

    def _on_cancelled(self) -> None:
        self._over()
        self.screen.phase("cancelled; nothing was written", 0, 1)
        self.screen.race()

    def _on_ended(self, text: str) -> None:
        if self.panel.race.disabled:  # without an answer to what it was asked last
            why = text or "its process was killed"
            self._on_error(f"the race ended without an answer: {why}")

    def _over(self) -> None:
        """A race without a verdict is over; one that has its verdict can be kept still."""
        self.screen.seen.running = False
        judged = self.screen.seen.record is not None
        self.panel.busy(racing=False)
        self.panel.keep.disabled = not (judged and self._current and self._current.alive)
        if not judged:
            self._unwritten[self.target.name] += self.screen.seen.again is not None
        self._waiting()

    def _complain(self, text: str) -> None:
        self.screen.say(text, "bad")
