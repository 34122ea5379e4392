"""Does a digest say what its data says: every difference, by file and line."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Sequence

from workbench.digest.build import DRAWN_WITH, FIGURES, Built, Fault, leftovers

REBUILD = "`workbench digest build`"


def check(built: Built) -> list[Fault]:
    """Faults of the text, and where the committed files are not what was built from it."""
    faults = list(built.faults)
    if not faults:  # a page with holes differs everywhere
        faults += _differences(built)
    return faults


def _differences(built: Built) -> Iterator[Fault]:
    folder = built.digest.folder
    same_pixels = not drawn_elsewhere(built)
    for name, data in built.files.items():
        path = folder / name
        if name == DRAWN_WITH or (name.startswith(FIGURES) and path.is_file() and not same_pixels):
            continue
        if not path.is_file():
            yield Fault(path, 1, f"is not there: {REBUILD}")
        elif (old := path.read_bytes()) == data:
            continue
        elif name.startswith(FIGURES):
            yield Fault(path, 1, f"is not what data/ draws: {REBUILD}")
        else:
            before = old.decode("utf-8", "replace").splitlines()
            for line, said, says in changes(before, data.decode().splitlines()):
                yield Fault(path, line, f"there is {said!r}, data/ says {says!r}")
    for path in leftovers(built):
        yield Fault(path, 1, "no query draws it: remove it, or ask for it in text/")


def drawn_elsewhere(built: Built) -> str:
    """Which packages drew the committed figures, where others are here; empty where they are."""
    path = built.digest.folder / DRAWN_WITH
    try:
        theirs, ours = json.loads(path.read_bytes()), json.loads(built.files[DRAWN_WITH])
    except (OSError, ValueError, KeyError):
        return ""
    if theirs == ours:
        return ""
    return ", ".join(f"{name} {version}" for name, version in theirs.items())


def changes(before: Sequence[str], after: Sequence[str]) -> Iterator[tuple[int, str, str]]:
    """Line of the first text, what it says there, and what the second says instead.

    Examples
    --------
    >>> list(changes(["a", "it takes 0.42 of it"], ["a", "it takes 0.41 of it"]))
    [(2, '0.42', '0.41')]
    """
    lines = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for how, i, j, k, m in lines.get_opcodes():
        if how == "equal":
            continue
        if j - i != m - k:
            yield i + 1, "\n".join(before[i:j]), "\n".join(after[k:m])
            continue
        for line, (old, new) in enumerate(zip(before[i:j], after[k:m], strict=True), i + 1):
            mine, theirs = old.split(), new.split()
            within = difflib.SequenceMatcher(None, mine, theirs, autojunk=False)
            for kind, a, b, c, d in within.get_opcodes():
                if kind != "equal":
                    yield line, " ".join(mine[a:b]), " ".join(theirs[c:d])
