"""Puts what is known of a race on the panel."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from workbench import ledger, overview, scoreboard
from workbench.explore import dial, forest, listing, shares, svg, texts, trajectory
from workbench.explore.panel import ALL, Panel
from workbench.explore.standing import Standing
from workbench.record import TrialRecord
from workbench.scoreboard import Score
from workbench.targets import Target

FOCUS = "performance"
# A kernel with all its helpers has fifty.
LOOPS = 12
WAITING = "Press Race. Every combo is raced; those chosen above are the ones looked at."
BEFORE = "Right answers come first, on the whole battery; then the first pair of processes."
UNTIMED = "Nothing was timed."


@dataclasses.dataclass
class Seen:
    """What is known of the race that is shown.

    Attributes
    ----------
    running : bool
        Whether more is on its way.
    standing, again : Standing or None
        Of the screen, and of its confirmation.
    record : TrialRecord or None
        Once the verdict has fallen.
    least_ns : dict of str to float
        The machine's limit by shape, once it is measured.
    loops : sequence of Loop
        Of the kernel, once it is listed.
    """

    running: bool = False
    standing: Standing | None = None
    again: Standing | None = None
    record: TrialRecord | None = None
    least_ns: dict[str, float] = dataclasses.field(default_factory=dict)
    loops: Sequence[listing.Loop] = ()


class Screen:
    """The panel's pictures and words."""

    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        self.seen = Seen()
        self._published: Score | None = None

    def open(self, target: Target) -> None:
        """Begin with a target that nothing was raced of yet.

        Raises
        ------
        WorkbenchError
            If its ledger or the scoreboard cannot be read.
        """
        self._published = scoreboard.read(target.root).get(target.name)
        combos = self._published.combos if self._published else ()
        shapes = [c.shape for c in combos] or list(target.spec["roofline"]["bytes_per_unit"])
        names = [c.distribution for c in combos]
        for chooser, values in ((self.panel.shape, shapes), (self.panel.distribution, names)):
            chooser.options = [ALL, *((name, name) for name in dict.fromkeys(values))]
        self.say(target.spec["title"])
        self.ledger(target)

    def clear(self) -> None:
        """Forget the race that was shown."""
        self.seen = Seen()
        panel = self.panel
        panel.verdict.value = panel.phase.value = panel.readings.value = panel.code.value = ""
        panel.loops.options = []
        self.race()

    def say(self, words: str, look: str = "soft") -> None:
        """One line where the verdict stands."""
        self.panel.verdict.value = svg.page(texts.said(words, look))

    def phase(self, name: str, done: int, total: int) -> None:
        """How far it is."""
        bar = self.panel.bar
        bar.max, bar.value = max(total, 1), done
        most = "at most " if name == "timing" else ""
        count = f": {done} of {most}{total}" if total > 1 else ""
        self.panel.phase.value = svg.page(texts.said(f"{name}{count}", "soft"))

    def race(self) -> None:
        """Both forests and the dial."""
        seen, panel = self.seen, self.panel
        chosen = (panel.shape.value, panel.distribution.value)
        newest = seen.again or seen.standing
        screen, again = (
            forest.draw(found, *chosen, running=seen.running and found is newest) if found else ""
            for found in (seen.standing, seen.again)
        )
        nothing = BEFORE if seen.running else WAITING if seen.record is None else UNTIMED
        panel.forest.value = svg.page(screen or texts.said(nothing, "soft"))
        head = "<h4>Raced once more, on other data</h4>"
        panel.again.value = svg.page(head + again) if again else ""
        found = shares.read(self._published, seen.standing, seen.least_ns, *chosen)
        panel.dial.value = svg.page(dial.draw(found))

    def verdict(self, record: TrialRecord, doubts: Sequence[str], target: Target) -> None:
        """What the judge said, and what else it measured."""
        self.panel.verdict.value = svg.page(texts.verdict(record, doubts))
        readings = texts.readings(record, target.spec["guardrails"])
        self.panel.readings.value = svg.page(readings)
        self.race()

    def ledger(self, target: Target) -> None:
        """The trajectory."""
        rows = ledger.read(ledger.path(target.folder, FOCUS))
        drawn = trajectory.draw(rows, overview.host_class(target))
        self.panel.trajectory.value = svg.page(drawn)

    def loops(self, found: Sequence[listing.Loop]) -> None:
        """The loops to choose from, and the first of them."""
        self.seen.loops = found[:LOOPS]
        names = [texts.name(loop, i) for i, loop in enumerate(self.seen.loops, 1)]
        self.panel.loops.options = names
        self.panel.loops.index = 0 if names else None
        self.loop()

    def loop(self) -> None:
        """The loop that is chosen."""
        index, loops = self.panel.loops.index, self.seen.loops
        if index is not None and index < len(loops):
            self.panel.code.value = svg.page(texts.loop(loops[index]))

    def note_code(self, words: str) -> None:
        """One line where the machine code stands."""
        self.panel.code.value = svg.page(texts.said(words, "soft"))
