"""The cells of a sweep."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench.encoders import codecs
from workbench.encoders.codec import BARE, WITH_RECIPES
from workbench.encoders.codecs import CODECS, SOFTWARE_NAMES
from workbench.errors import Usage
from workbench.nearest import nearest

# An encoder without CBR frees a ninth of the grid: that many cells are encoded twice.
DUPLICATES_A_SLICE = 78 / 17
KNOWN_KEYS = ("codec", "rc_modes", "presets", "recipes", "qualities")


@dataclass(frozen=True, order=True)
class Cell:
    """One encode.

    Attributes
    ----------
    source : str
        Name of the clip.
    codec, rc_mode, preset : str
        As in `codecs`.
    quality : float
        A quantiser under cqp, kbps otherwise.
    knob_combo : str
        ``knob=value,knob=value`` with sorted keys, or ``bare``.
    duplicate : int
        0, or which further encode of the very same this is.
    """

    source: str
    codec: str
    rc_mode: str
    preset: str
    quality: float
    knob_combo: str = BARE
    duplicate: int = 0

    @property
    def knobs(self) -> tuple[tuple[str, str], ...]:
        """Names and values."""
        if self.knob_combo == BARE:
            return ()
        pairs = (pair.partition("=") for pair in self.knob_combo.split(","))
        return tuple((name, value) for name, _, value in pairs)

    @property
    def is_bare_default(self) -> bool:
        """Whether all knobs are the encoder's own."""
        return self.knob_combo == BARE


@dataclass(frozen=True)
class Slices:
    """A part of a grid: some cells of one codec, for every source.

    Attributes
    ----------
    codec : str
        Name.
    rc_modes, presets, recipes, qualities : sequence
        Empty: those of the full grid.
    """

    codec: str
    rc_modes: Sequence[str] = ()
    presets: Sequence[str] = ()
    recipes: Sequence[str] = ()
    qualities: Sequence[float] = ()


def full(sources: Sequence[str], names: Sequence[str] = SOFTWARE_NAMES) -> list[Cell]:
    """Every recipe of every codec on every source, and duplicates."""
    cells = cells_of([Slices(name) for name in names], sources)
    return sorted([*cells, *duplicates(cells)], key=_shuffled)


def cells_of(parts: Iterable[Slices], sources: Sequence[str]) -> list[Cell]:
    """Cells of some parts, each once, in an order that mixes them.

    Mixed, so that an estimate of what is left is good from the beginning, and a sweep that is
    stopped has something of everything.
    """
    found = {cell for part in parts for cell in _cells(part, sources)}
    return sorted(found, key=_shuffled)


def duplicates(cells: Sequence[Cell]) -> list[Cell]:
    """Second encodes of some cells of each slice, for the noise of encoding the same twice."""
    slices: dict[tuple[str, str, str], list[Cell]] = {}
    for cell in cells:
        slices.setdefault((cell.source, cell.codec, cell.rc_mode), []).append(cell)
    found: list[Cell] = []
    for i, (_, members) in enumerate(sorted(slices.items()), 1):
        count = round(i * DUPLICATES_A_SLICE) - len(found)
        found += sorted(members, key=_shuffled)[: max(count, 0)]
    return [dataclasses.replace(cell, duplicate=1) for cell in found]


def _cells(part: Slices, sources: Sequence[str]) -> Iterator[Cell]:
    codec = codecs.codec(part.codec)
    for rc_mode in part.rc_modes or codec.modes:
        mode = codec.mode(rc_mode)
        for recipe in part.recipes or (BARE, *codec.recipes_of(rc_mode)):
            chosen = mode.qualities
            if recipe != BARE:
                if recipe not in codec.recipes_of(rc_mode):
                    continue  # asked for several modes, and one has it not
                chosen = tuple(mode.qualities[i] for i in WITH_RECIPES)
            for quality in part.qualities or chosen:
                for preset in part.presets or (codec.preset,):
                    for source in sources:
                        yield Cell(source, part.codec, rc_mode, preset, float(quality), recipe)


def _shuffled(cell: Cell) -> bytes:
    return hashlib.sha256(repr(cell).encode()).digest()


def read(path: Path) -> list[Slices]:
    """Read a grid file: a ``[[slices]]`` table a part, with ``codec`` and, as wanted, the rest.

    Raises
    ------
    Usage
        Naming what is unknown and the nearest known.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Usage(f"{path} is no grid: {error}") from error
    parts = table.get("slices")
    if not isinstance(parts, list) or not parts or set(table) != {"slices"}:
        raise Usage(f"{path} is no grid: it needs [[slices]] tables, and nothing else")
    return [_part(path, number, part) for number, part in enumerate(parts, 1)]


def check(cell: Cell) -> None:
    """Refuse a cell that no grid has: a row of a file may say anything.

    Raises
    ------
    Usage
        Naming what is unknown and the nearest known.
    """
    codec = codecs.codec(cell.codec)
    codec.mode(cell.rc_mode)
    for kind, name, names in (
        ("preset", cell.preset, codec.presets),
        ("recipe", cell.knob_combo, (BARE, *codec.recipes_of(cell.rc_mode))),
    ):
        if name not in names:
            raise Usage(f"{codec.name} has no {kind} {name!r}; {nearest(name, names)}")
    if not _is_quality(cell.quality):
        raise Usage(f"{cell.quality!r} is neither a quantiser nor kbps")


def _part(path: Path, number: int, part: object) -> Slices:
    where = f"{path}, slices {number}"
    if not isinstance(part, dict) or not isinstance(part.get("codec"), str):
        raise Usage(f"{where}: it needs a codec; {nearest('', CODECS)}")
    codec = codecs.codec(part["codec"])
    for key in part:
        if key not in KNOWN_KEYS:
            raise Usage(f"{where}: no key {key!r}; {nearest(key, KNOWN_KEYS)}")
    for key in ("rc_modes", "presets", "recipes"):
        if not isinstance(part.get(key, []), list) or not all(
            isinstance(name, str) for name in part.get(key, [])
        ):
            raise Usage(f"{where}: {key} has to be a list of names, not {part[key]!r}")
    rc_modes = part.get("rc_modes") or list(codec.modes)
    known = {
        "presets": codec.presets,
        "recipes": [BARE, *dict.fromkeys(r for mode in rc_modes for r in codec.recipes_of(mode))],
    }
    for key, names in known.items():
        for name in part.get(key, []):
            if name not in names:
                kind = key.removesuffix("s")
                raise Usage(f"{where}: {codec.name} has no {kind} {name!r}; {nearest(name, names)}")
    qualities = part.get("qualities", [])
    if not isinstance(qualities, list) or not all(_is_quality(value) for value in qualities):
        raise Usage(
            f"{where}: qualities has to be a list of quantisers or kbps above 0, not {qualities!r}"
        )
    return Slices(**part)


def _is_quality(value: object) -> bool:
    return isinstance(value, int | float) and value is not True and 0 < value < math.inf
