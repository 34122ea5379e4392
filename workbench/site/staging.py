"""The folder that Sphinx reads: pages and what they link to, at the paths of the repository.

Paths stay, so links do too; the site is laid out like the repository, and a linked file that is no
page lies beside the pages as it is.
"""

from __future__ import annotations

import posixpath
import shutil
from dataclasses import dataclass
from pathlib import Path

from workbench import overview
from workbench import targets as target_folders
from workbench.files import write_whole
from workbench.site import articles, ledgers, listings, navigation, targetpages
from workbench.site.pages import Link, links, pages, tracked


@dataclass(frozen=True)
class Staged:
    """What lies in the folder.

    Attributes
    ----------
    pages : tuple of str
        Paths of all pages, those included that were made.
    files : tuple of str
        Files that are linked and are no pages.
    external : tuple of Link
        Links that leave the repository; nobody fetched them.
    broken : tuple of str
        A line for each link to nothing: page, line, what is not there.
    """

    pages: tuple[str, ...]
    files: tuple[str, ...]
    external: tuple[Link, ...]
    broken: tuple[str, ...]


def stage(root: Path, folder: Path) -> Staged:
    """Fill an empty folder with all that a site of this project is made of.

    Raises
    ------
    Infrastructure
        If the project is no clone, or a target, a ledger or a notebook cannot be read.
    """
    every = tracked(root)
    texts = {name: (root / name).read_text(encoding="utf-8") for name in pages(every)}
    texts |= _made(root, every)
    figures: dict[str, bytes] = {}
    shown = articles.published(root, every)
    for path in shown:
        texts[articles.page_of(path)], drawn = articles.page(root, path)
        figures |= drawn
    linked = {*ledgers.published(every), *shown}
    external: list[Link] = []
    broken: list[str] = []
    waiting = sorted(texts)
    while waiting:
        page = waiting.pop()
        for link in links(page, texts[page]):
            path = link.path
            if link.external:
                external.append(link)
            elif path in texts or path in figures or f"{path}/README.md" in texts:
                continue
            elif listings.inside(path, every):
                texts[f"{path}/README.md"] = listings.page(root, path, every)
                waiting.append(f"{path}/README.md")
            elif path in every:
                linked.add(path)
            else:
                broken.append(f"{page}:{link.line}: link to {link.href}: there is no such file")
    for page, captions in navigation.toctrees(_listed(texts)).items():
        texts[page] += _toctree(page, captions)
    for name, data in figures.items() | {(page, text.encode()) for page, text in texts.items()}:
        _place(folder, name)
        write_whole(folder / name, data)
    for name in linked:
        _place(folder, name)
        shutil.copyfile(root / name, folder / name)
    by_place = sorted(external, key=lambda link: (link.href, link.page, link.line))
    return Staged(
        tuple(sorted(texts)), tuple(sorted(linked)), tuple(by_place), tuple(sorted(broken))
    )


def _made(root: Path, every: list[str]) -> dict[str, str]:
    """The pages of targets and ledgers, which no file of the repository is."""
    found = ledgers.published(every)
    made = {ledgers.page_of(path): ledgers.page(root, path) for path in found}
    if found:
        made[ledgers.INDEX] = ledgers.index(root, found)
    for row in overview.targets(root):
        target = target_folders.load(row["target"], root)
        made[targetpages.page_of(target.name)] = targetpages.page(target, row, every)
    return made


def _listed(texts: dict[str, str]) -> list[str]:
    return [page for page, text in texts.items() if not text.startswith("---\norphan: true")]


def _toctree(page: str, captions: dict[str, list[str]]) -> str:
    """The menu below a page, appended so that no line of it gets another number."""
    blocks = []
    for caption, children in captions.items():
        named = [f":caption: {caption}"] if caption else []
        entries = [posixpath.relpath(child, posixpath.dirname(page) or ".") for child in children]
        blocks.append("\n".join(["", "```{toctree}", ":hidden:", *named, "", *entries, "```", ""]))
    return "\n".join(blocks)


def _place(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
