"""What stands where in the menu: by a page's path, so that a new page needs no entry anywhere."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable

START = "Start"
GUIDES = "Guides"
TARGETS = "Targets"
REPORTS = "Results"
DECISIONS = "Decisions"
MORE = "More"
CAPTIONS = (START, GUIDES, TARGETS, REPORTS, DECISIONS, MORE)

# The order of those that are read in one; the others follow by name.
FIRST = (
    *("docs/README.md", "docs/tutorial.md", "docs/commands.md", "docs/errors.md"),
    "docs/coming-from.md",
    *("docs/glossary.md", "docs/harness.md", "docs/research.md", "docs/adding-a-target.md"),
    "docs/explore.md",
    *("docs/encoders.md", "docs/digests.md", "docs/deliverables.md", "docs/record.md"),
    *("docs/statistics.md", "docs/robustness.md", "docs/exploits.md", "docs/design.md"),
)
TO_START = FIRST[:6]


def toctrees(pages: Iterable[str]) -> dict[str, dict[str, list[str]]]:
    """For each page with children: its captions, and the pages below each, in order.

    Examples
    --------
    >>> toctrees(["README.md", "docs/targets/README.md", "targets/a/README.md"])
    {'README.md': {'Targets': ['docs/targets/README.md']}, \
'docs/targets/README.md': {'': ['targets/a/README.md']}}
    """
    every = set(pages)
    trees: dict[str, dict[str, list[str]]] = {}
    for page in sorted(every - {"README.md"}, key=_order):
        parent, caption = _place(page, every)
        trees.setdefault(parent, {}).setdefault(caption, []).append(page)
    if "README.md" in trees:
        top = trees["README.md"]
        trees["README.md"] = {name: top[name] for name in CAPTIONS if name in top}
    return trees


def _order(page: str) -> tuple[int, str]:
    return (FIRST.index(page) if page in FIRST else len(FIRST), page)


def _place(page: str, every: set[str]) -> tuple[str, str]:
    """The parent of a page, and the caption that it stands below there."""
    candidates = []
    if match := re.match(r"targets/([^/]+)/(README)?", page):
        candidates = ["docs/targets/README.md" if match[2] else f"targets/{match[1]}/README.md"]
    elif match := re.match(r"docs/targets/(.+)\.md", page):
        candidates = [f"targets/{match[1]}/README.md", "docs/targets/README.md"]
    else:
        folder = posixpath.dirname(page)
        while folder:
            candidates.append(f"{folder}/README.md")
            folder = posixpath.dirname(folder)
    for parent in candidates:
        if parent in every and parent not in (page, "docs/README.md"):
            return parent, ""
    return "README.md", _caption(page)


def _caption(page: str) -> str:
    if page in TO_START:
        return START
    for start, caption in {
        "docs/targets/": TARGETS,
        "docs/decisions/": DECISIONS,
        "docs/": GUIDES,
        "targets/": TARGETS,
        "notebooks/": REPORTS,
        "reports/": REPORTS,
    }.items():
        if page.startswith(start):
            return caption
    return MORE
