"""Kernels that are written in the page: one text a target, and the file each came from."""

from __future__ import annotations

from workbench import incumbent
from workbench.targets import Target


class Drafts:
    """Texts by target, as long as the page is open."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._files: dict[str, str] = {}

    def read(self, target: Target) -> str:
        """Begin anew from the target's file.

        Raises
        ------
        OSError
            If it cannot be read.
        """
        text = target.kernels_path.read_bytes().decode("utf-8", "replace")
        self._texts[target.name], self._files[target.name] = text, incumbent.sha256(text)
        return text

    def remember(self, name: str, text: str) -> None:
        """Take over what a person wrote; a target whose file was never read here has no text."""
        if name in self._texts:
            self._texts[name] = text

    def text(self, name: str) -> str | None:
        """What was written; None if nothing was begun."""
        return self._texts.get(name)

    def file_sha256(self, name: str) -> str:
        """Digest of the file that the text came from."""
        return self._files[name]
