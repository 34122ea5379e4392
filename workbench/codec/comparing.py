"""One file through both decoders."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from workbench.codec.block import BLOCK_ROWS, Block, Entry, block, entry
from workbench.codec.columns import Columns, Drawing
from workbench.codec.demux import open_source
from workbench.codec.race import PASSES, RATE, Race, Speed
from workbench.codec.tally import UNIMPLEMENTED, Tally, Totals
from workbench.codec.variants import Variant
from workbench.errors import Infrastructure

# Matroska counts in milliseconds; the shortest packet has 2.5.
GAP_S = 2.4e-3

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Comparison:
    """What one file says of a kernel.

    Attributes
    ----------
    file, container : str
        Its name and format.
    channels, pre_skip, trim : int
        Of the output; samples that a player drops at either end. They are compared like all
        others: everything here counts in packets.
    gain_db : float
        Of the header; neither side applies it.
    kernel, kernel_sha256 : str
        What was held against libopus.
    verdict : str
        ``equal``, ``differs`` or ``open``, see `Totals.verdict`.
    notes : tuple of str
        What a reader must know of the file.
    totals : Totals or None
        None of a file whose packets hold several streams.
    speed : Speed or None
        None where there was nothing that both decode.
    columns : Columns or None
        For the picture.
    """

    file: str
    container: str
    channels: int
    pre_skip: int
    trim: int
    gain_db: float
    kernel: str
    kernel_sha256: str
    verdict: str
    notes: tuple[str, ...]
    totals: Totals | None
    speed: Speed | None
    columns: Columns | None = field(repr=False, default=None)

    def as_json(self) -> dict[str, Any]:
        """All but the picture; a number that JSON has not is null."""
        found = dataclasses.asdict(dataclasses.replace(self, columns=None))
        del found["columns"]
        cleaned: dict[str, Any] = _finite(found)
        return cleaned


def compare(
    path: Path,
    ours: Variant,
    theirs: Variant,
    *,
    passes: int = PASSES,
    progress: Progress = lambda phase, done, total: None,
) -> Comparison:
    """Decode a file's packets on both sides.

    Parameters
    ----------
    path : Path
        An Ogg or Matroska file.
    ours, theirs : Variant
        From `variants.kernel` and `variants.upstream`.
    passes : int
        How often, for the times.
    progress : callable
        ``progress(phase, done, total)`` in seconds of sound.

    Raises
    ------
    Infrastructure
        If there is no packet to be had.
    """
    with open_source(path) as source:
        head, trim = source.head, 0
        notes = []
        clock = Clock()
        if source.others:
            notes.append(f"the first of {source.others + 1} Opus streams")
        total = math.ceil(source.seconds or 0)

        def entries() -> Iterator[Entry]:
            nonlocal trim
            for packet in source.packets():
                trim = packet.trim
                found = entry(packet.data, packet.time_s)
                clock.add(found)
                yield found

        tally = drawing = race = None
        if head.is_plain:
            race = Race(ours, theirs, head.channels, passes)
            tally, drawing = Tally(), Drawing(head.channels)
            done = 0
            progress("compiling, or loading what was compiled", 0, 0)
            for piece in blocks(entries()):
                got, truth = race.run(piece, timed=piece.is_celt)
                tally.add(piece, got, truth)
                drawing.add(got.pcm, truth.pcm, _open_rows(piece, got.samples))
                done += piece.total
                progress(path.name, done // RATE, max(total, done // RATE))
            if not tally.totals.packets:
                why = source.broken or "it ends behind its header"
                raise Infrastructure(f"{path}: no packet can be read ({why})")
        else:
            notes.append(
                f"{head.streams} streams in a packet, {head.channels} channels (mapping family "
                f"{head.family}): multistream is open"
            )
        if source.broken:
            notes.append(f"the file breaks off: {source.broken}")
        elif source.seconds and tally and clock.seconds < 0.99 * source.seconds - 0.1:
            notes.append(
                f"the file ends early: {clock.seconds:.1f} s of the {source.seconds:.1f} s it names"
            )
        if clock.gaps:
            notes.append(f"{clock.gaps} gaps in its timestamps, {clock.missing:.2f} s in all")
        return Comparison(
            file=str(path),
            container=source.container,
            channels=head.channels,
            pre_skip=head.pre_skip,
            trim=trim,
            gain_db=head.gain_db,
            kernel=ours.name,
            kernel_sha256=ours.sha256,
            verdict=tally.totals.verdict if tally else "open",
            notes=tuple(notes),
            totals=tally.totals if tally else None,
            speed=race.speed() if race else None,
            columns=drawing.finish() if drawing else None,
        )


class Clock:
    """Follows a stream's timestamps: what lasted how long, and what is missing between packets."""

    def __init__(self) -> None:
        self.seconds = self.missing = 0.0
        self.gaps = 0
        self._next: float | None = None

    def add(self, one: Entry) -> None:
        """Note the next packet."""
        if one.time_s is not None:
            gap = 0.0 if self._next is None else one.time_s - self._next
            if gap > GAP_S:
                self.gaps += 1
                self.missing += gap
            self._next = one.time_s + one.rows / RATE
            self.seconds = max(self.seconds, self._next)
        else:
            self._next = None


def blocks(entries: Iterable[Entry]) -> Iterator[Block]:
    """Cut a stream into blocks of up to a second, where CELT begins and ends too."""
    held: list[Entry] = []
    rows = 0
    for one in entries:
        other = held and (one.config.mode == "CELT") != (held[0].config.mode == "CELT")
        if other or rows + one.rows > BLOCK_ROWS or len(held) == BLOCK_ROWS:
            yield block(held)
            held, rows = [], 0
        held.append(one)
        rows += one.rows
    if held:
        yield block(held)


def _open_rows(piece: Block, samples: Any) -> Any:
    """Which rows of a block ours did not decode."""
    lasts = np.array([one.rows for one in piece.entries])
    return np.repeat(np.asarray(samples) == UNIMPLEMENTED, lasts)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
