"""Has a kernel's machine code listed after its race, beside everything else."""

from __future__ import annotations

from pathlib import Path

from workbench.explore import listing
from workbench.explore.children import Child, Event
from workbench.explore.screen import Screen

COMPILING = "workbench.explore.compiling"


class Lister:
    """At most one listing at a time; what it finds is put on the screen."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._child: Child | None = None

    def list(self, root: Path, target: str, combo: str, source: str) -> None:
        """Compile once more; `workbench.explore.compiling.listings` says what is asked."""
        self.stop()
        self._screen.note_code("compiling once more for the listing ...")
        self._child = Child(COMPILING)
        asked = {"root": str(root), "target": target, "combo": combo, "source": source}
        self._child.ask(asked, self._hear)

    def stop(self) -> None:
        """End the one that goes on; it has nothing to put away."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    def _hear(self, event: Event) -> None:
        if event["event"] == "listing":
            found = listing.ranked(event["functions"])
            if not found:
                self._screen.note_code("no loop was compiled")
            self._screen.loops(found)
        elif event["text"] and not self._screen.seen.loops:
            self._screen.note_code(f"no listing: {event['text']}")
