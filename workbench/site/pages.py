"""Which files of the repository are pages, and what a page links to."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workbench import git
from workbench.errors import Infrastructure

# What speaks to those who work on the repository, a run's, and texts that digests are built from.
NO_PAGES = re.compile(
    r"\.|tests/|workbench/|reports/(trials|sweeps|ports)/|reports/[^/]+/text/|.*/lessons\.md"
)


@dataclass(frozen=True)
class Link:
    """A link of a page.

    Attributes
    ----------
    page : str
        Path in the repository.
    line : int
        Where its paragraph begins, from 1.
    href : str
        As it is written.
    """

    page: str
    line: int
    href: str

    @property
    def external(self) -> bool:
        """Whether it leaves the repository."""
        return re.match(r"[a-z][a-z0-9+.-]*:", self.href) is not None

    @property
    def path(self) -> str:
        """What it points to, as a path in the repository.

        Examples
        --------
        >>> Link("docs/design.md", 3, "../README.md#start").path
        'README.md'
        """
        from urllib.parse import unquote

        place = unquote(self.href.split("#")[0])
        if not place:
            return self.page
        return posixpath.normpath(posixpath.join(posixpath.dirname(self.page), place))


def tracked(root: Path) -> list[str]:
    """The files of a clone that git has, or would have.

    Raises
    ------
    Infrastructure
        If the folder is no clone.
    """
    options = ("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    listed = git.ask(root, *options)
    if listed is None:
        raise Infrastructure(f"{root} is no git repository: a site is made inside a clone")
    return sorted(name for name in set(listed.split("\0")) if name and (root / name).is_file())


def pages(files: list[str]) -> list[str]:
    """Those of them that are pages.

    Examples
    --------
    >>> pages(["README.md", "docs/a.md", "tests/notes.md", "workbench/gate.py"])
    ['README.md', 'docs/a.md']
    """
    return [name for name in files if name.endswith(".md") and not NO_PAGES.match(name)]


def links(page: str, text: str) -> Iterator[Link]:
    """The links and pictures of a Markdown text, code left out."""
    from markdown_it import MarkdownIt

    for token in MarkdownIt("commonmark").enable("table").parse(text):
        for child in token.children or ():
            href = child.attrs.get("href") or child.attrs.get("src")
            if href and token.map:
                yield Link(page, token.map[0] + 1, str(href))
