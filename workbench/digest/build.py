"""Every file of a digest, made in memory from text/, queries.py and data/; then written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from workbench.digest import declared
from workbench.digest.asking import Asking, Unanswered
from workbench.digest.folder import PAGES, Digest
from workbench.digest.numbers import QUERY, spans, typed
from workbench.errors import Infrastructure
from workbench.files import write_whole

NOTE = "<!-- Built from text/{page} by `workbench digest build`: change that, not this. -->\n"
FIGURES = "figures"
# Other versions of these draw other pixels; reports/constraints.txt pins them.
DRAWN_WITH = f"{FIGURES}/drawn-with.json"
DRAWERS = ("kiwisolver", "matplotlib", "numpy", "pillow")


@dataclass(frozen=True)
class Fault:
    """Something that must not be published: where, and what is wrong."""

    path: Path
    line: int
    message: str


@dataclass(frozen=True)
class Built:
    """What a digest's text and data make.

    Attributes
    ----------
    digest : Digest
        Of which.
    files : dict of str to bytes
        Pages and figures, by path in the digest's folder; none where there is a fault.
    faults : tuple of Fault
        Queries without an answer, and typed numbers.
    """

    digest: Digest
    files: dict[str, bytes]
    faults: tuple[Fault, ...]


def render(digest: Digest) -> Built:
    """Make all pages and figures; nothing is written.

    Raises
    ------
    Infrastructure
        If a file of the digest cannot be read, or is not what it should be.
    """
    sources = _sources(digest)
    if faults := list(_typed(digest, sources)):  # known at once, where queries may take a minute
        return Built(digest, {}, tuple(faults))
    asking = Asking(digest)
    files: dict[str, bytes] = {}
    for page, text in sources.items():
        files[page] = (NOTE.format(page=page) + _fill(digest, page, text, asking, faults)).encode()
    if faults:
        return Built(digest, {}, tuple(faults))
    for file, drawing in sorted(asking.drawn.items()):
        files[f"{FIGURES}/{file}"] = drawing.picture.png()
    if asking.drawn:
        versions = {name: version(name) for name in DRAWERS}
        files[DRAWN_WITH] = (json.dumps(versions, indent=1) + "\n").encode()
    return Built(digest, files, ())


def write(built: Built) -> list[Path]:
    """Write what is other than before; figures that nobody asks for go. Returns what changed."""
    folder, changed = built.digest.folder, []
    for name, data in built.files.items():
        path = folder / name
        if not path.is_file() or path.read_bytes() != data:
            path.parent.mkdir(exist_ok=True)
            write_whole(path, data)
            changed.append(path)
    for path in leftovers(built):
        path.unlink()
        changed.append(path)
    return changed


def leftovers(built: Built) -> list[Path]:
    """Figures of the folder that no query draws."""
    folder = built.digest.folder
    there = sorted((folder / FIGURES).glob("*"))
    return [path for path in there if path.relative_to(folder).as_posix() not in built.files]


def _sources(digest: Digest) -> dict[str, str]:
    texts = {}
    for page in PAGES:
        path = digest.text / page
        try:
            texts[page] = path.read_text(encoding="utf-8")
        except FileNotFoundError as error:
            raise Infrastructure(
                f"{path} is not there: a digest has text/ with {', '.join(PAGES)} "
                "(`workbench digest new SLUG` makes them)"
            ) from error
        except UnicodeDecodeError as error:
            raise Infrastructure(f"{path} is not UTF-8: {error.reason}") from error
    return texts


def _typed(digest: Digest, sources: dict[str, str]) -> Iterator[Fault]:
    entries = declared.read(digest.declared)
    phrases = [phrase for entry in entries for phrase in entry.phrases]
    for page, text in sources.items():
        for found in typed(text, phrases):
            yield Fault(
                digest.text / page,
                found.line,
                f"{found.number!r} is typed (... {found.around} ...): make it a query, or declare "
                "it with its source in declared.toml",
            )
    for phrase in phrases:
        if not any(any(spans(text, phrase)) for text in sources.values()):
            line = _line_of(digest.declared, phrase)
            yield Fault(digest.declared, line, f"{phrase!r} is declared, and no text has it")


def _line_of(path: Path, phrase: str) -> int:
    lines = path.read_text(encoding="utf-8").splitlines()
    return next((number for number, line in enumerate(lines, 1) if phrase in line), 1)


def _fill(digest: Digest, page: str, text: str, asking: Asking, faults: list[Fault]) -> str:
    """A page with the answers of its queries."""
    parts, end = [], 0
    for found in QUERY.finditer(text):
        parts.append(text[end : found.start()])
        end = found.end()
        if found["asked"] is None:
            continue  # a remark
        try:
            parts.append(asking.answer(found["asked"]))
        except Unanswered as error:
            line = text.count("\n", 0, found.start()) + 1
            faults.append(Fault(digest.text / page, line, str(error)))
    return "".join([*parts, text[end:]])
