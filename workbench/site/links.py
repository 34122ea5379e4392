"""Read a built site: does every link in it lead somewhere."""

from __future__ import annotations

import posixpath
from collections.abc import Collection
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class _Page(HTMLParser):
    """What a page of HTML points to, and what can be pointed to in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.anchors.add(value)
            elif name in ("href", "src") and value and tag != "base":
                self.targets.append(value)


def broken(site: Path, foreign: Collection[str] = ()) -> list[str]:
    """A line for each link inside a site whose file or anchor is not there.

    Links to other sites are not looked at, nor are pages that came as they are (``foreign``): a
    digest's own HTML is made to be read alone.
    """
    names = [path.relative_to(site).as_posix() for path in sorted(site.rglob("*.html"))]
    pages = {
        name: _Page((site / name).read_text(encoding="utf-8"))
        for name in names
        if name not in foreign
    }
    found = []
    for name, page in pages.items():
        for target in dict.fromkeys(page.targets):
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            folder = posixpath.dirname(name)
            path = (
                posixpath.normpath(posixpath.join(folder, unquote(parts.path)))
                if parts.path
                else name
            )
            if not (site / path).is_file():
                found.append(f"{name}: {target}: there is no {path}")
            elif (
                parts.fragment
                and path in pages
                and unquote(parts.fragment) not in pages[path].anchors
            ):
                found.append(f"{name}: {target}: {path} has no such heading")
    return found
