"""Which text is raced: the file's, or one that is written in the page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from workbench import incumbent
from workbench.explore.panel import CELL, Panel
from workbench.targets import Target


@dataclass(frozen=True)
class Draft:
    """A kernel that is written in the page, and the digest of the file's text it came from."""

    text: str
    file_sha256: str


class Editor:
    """The part of the panel that a kernel is written in; each target keeps its draft.

    Parameters
    ----------
    panel : Panel
        Whose widgets these are.
    complain : callable
        Takes one line when a file cannot be read.
    """

    def __init__(self, panel: Panel, complain: Callable[[str], None]) -> None:
        self._panel, self._complain = panel, complain
        self._target: Target | None = None
        self._drafts: dict[str, Draft] = {}
        panel.source.observe(lambda change: self._show(), "value")
        panel.text.observe(lambda change: self._write(change["new"]), "value")
        panel.reload.on_click(lambda button: self._read())

    @property
    def draft(self) -> Draft | None:
        """What was written for the target; None if its file is to be raced."""
        if self._panel.source.value != CELL or self._target is None:
            return None
        return self._drafts.get(self._target.name)

    def open(self, target: Target) -> None:
        """Go on with a target where it was left."""
        self._target = target
        self._show()

    def _show(self) -> None:
        here = self._panel.source.value == CELL
        if here and self.draft is None:
            self._read()
        self._panel.text.value = self.draft.text if self.draft else ""
        self._panel.show_text(here)

    def _read(self) -> None:
        """Begin anew from the target's file."""
        if self._target is None:
            return
        path = self._target.kernels_path
        try:
            text = path.read_bytes().decode("utf-8", "replace")
        except OSError as error:
            self._complain(f"{path} cannot be read: {error.strerror}")
            return
        self._drafts[self._target.name] = Draft(text, incumbent.sha256(text))
        self._panel.text.value = text

    def _write(self, text: str) -> None:
        if self.draft is not None and self._target is not None:
            self._drafts[self._target.name] = replace(self.draft, text=text)
