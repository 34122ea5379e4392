"""A digest's folder: ``reports/NNNN-SLUG``, its parts, and how one is named."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import Usage

NAME = re.compile(r"(?P<number>\d{4})-(?P<slug>[a-z0-9]+(?:-[a-z0-9]+)*)")
# In the order of a digest's one HTML page.
PAGES = ("README.md", "decision.md", "invariants.md", "reproduce.md", "changelog.md")


@dataclass(frozen=True)
class Digest:
    """One digest.

    Attributes
    ----------
    folder : Path
        ``reports/NNNN-SLUG``.
    """

    folder: Path

    @property
    def name(self) -> str:
        """``NNNN-SLUG``."""
        return self.folder.name

    @property
    def data(self) -> Path:
        """What was measured, frozen."""
        return self.folder / "data"

    @property
    def text(self) -> Path:
        """The pages as they are written, with queries in them."""
        return self.folder / "text"

    @property
    def queries(self) -> Path:
        """The functions that the text asks."""
        return self.folder / "queries.py"

    @property
    def declared(self) -> Path:
        """Numbers of the text that come from elsewhere, with their sources."""
        return self.folder / "declared.toml"


def every(root: Path) -> list[Digest]:
    """All digests of a project, by number."""
    folders = (root / "reports").glob("*-*/")
    return [Digest(path) for path in sorted(folders) if NAME.fullmatch(path.name)]


def find(root: Path, names: Iterable[str] = ()) -> list[Digest]:
    """Digests by slug, number or both; all of them without a name.

    Raises
    ------
    Usage
        If there is none of a name.
    """
    known = every(root)
    if not (wanted := list(names)):
        return known
    found = []
    for name in wanted:
        same = [d for d in known if name in (d.name, *d.name.split("-", 1))]
        if not same:
            there = ", ".join(digest.name for digest in known) or "none"
            raise Usage(f"no digest {name!r}; there are: {there}")
        found += same
    return found
