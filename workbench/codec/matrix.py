"""The parity matrix: mode x frame size x bandwidth x channels, measured, written and held."""

from __future__ import annotations

import csv
import dataclasses
import io
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.codec.block import entry
from workbench.codec.cells import CELLS, EACH, Cell, streams_of
from workbench.codec.comparing import blocks
from workbench.codec.race import PASSES, RATE, Race
from workbench.codec.tally import Tally, Totals
from workbench.codec.variants import Variant
from workbench.errors import Infrastructure

Progress = Callable[[str, int, int], None]
# Of the digest, from the project's root.
COMMITTED = Path("reports/0006-opus-parity/data/matrix.csv")
KEY = ("mode", "frame_ms", "bandwidth", "channels")


@dataclass(frozen=True)
class Row:
    """One cell.

    Attributes
    ----------
    mode, bandwidth, channels
        Of the cell.
    frame_ms : float
        The same.
    verdict : str
        ``equal``, ``differs`` or ``open``, as `tally.Totals` says it.
    packets, equal, concealed : int
        All; those with libopus's answer and final range; those that either decoder makes up.
    seconds : float
        Of sound.
    max_abs_err, snr_db : float or None
        Over the packets that both decode; no SNR where they are the same to the bit.
    rt_ratio, rt_low, rt_high : float or None
        libopus's time / the kernel's, with least and largest of `PASSES`; None where open.
    ours_us, libopus_us : float or None
        Microseconds a packet.
    what : str
        The first difference.
    """

    mode: str
    frame_ms: float
    bandwidth: str
    channels: int
    verdict: str
    packets: int
    equal: int
    concealed: int
    seconds: float
    max_abs_err: float | None
    snr_db: float | None
    rt_ratio: float | None
    rt_low: float | None
    rt_high: float | None
    ours_us: float | None
    libopus_us: float | None
    what: str = ""

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What names its cell in any file."""
        return (self.mode, f"{self.frame_ms:g}", self.bandwidth, str(self.channels))

    @property
    def name(self) -> str:
        """The cell in words."""
        return " ".join((*self.key[:3], "stereo" if self.channels == 2 else "mono"))


@dataclass(frozen=True)
class Measured:
    """A whole matrix.

    Attributes
    ----------
    rows : tuple of Row
        In the order of `CELLS`.
    kernel, kernel_sha256, machine : str
        Of what, on what.
    seed, passes : int
        What else it depends on.
    took_s : float
        How long it took, compiling included.
    """

    rows: tuple[Row, ...]
    kernel: str
    kernel_sha256: str
    machine: str
    seed: int
    passes: int
    took_s: float

    @property
    def rt_ratio(self) -> float | None:
        """Geometric mean over the cells that are decoded."""
        logs = [math.log(row.rt_ratio) for row in self.rows if row.rt_ratio]
        return math.exp(sum(logs) / len(logs)) if logs else None

    def as_json(self) -> dict[str, Any]:
        """All of it, and the mean."""
        return {**dataclasses.asdict(self), "rt_ratio": self.rt_ratio}

    def as_csv(self) -> str:
        """A line a cell; empty where nothing is known."""
        text = io.StringIO()
        names = [field.name for field in dataclasses.fields(Row)]
        writer = csv.DictWriter(text, names, lineterminator="\n")
        writer.writeheader()
        for row in self.rows:
            writer.writerow({name: _spelt(getattr(row, name)) for name in names})
        return text.getvalue()


def measure(
    ours: Variant,
    theirs: Variant,
    machine: str = "",
    *,
    seed: int = 0,
    each: int = EACH,
    cells: Sequence[Cell] = CELLS,
    passes: int = PASSES,
    progress: Progress = lambda phase, done, total: None,
) -> Measured:
    """Measure cells, by default all of them.

    Parameters
    ----------
    ours, theirs : Variant
        From `variants.kernel` and `variants.upstream`.
    machine : str
        Kept with the result.
    seed, each : int
        Of the streams, and how many a cell.
    cells : sequence of Cell
        Which.
    passes : int
        How often each is decoded.
    progress : callable
        ``progress(phase, done, total)`` in cells.
    """
    begin = time.monotonic()
    rows = []
    progress("compiling, or loading what was compiled", 0, 0)
    for done, cell in enumerate(cells):
        rows.append(_measure(cell, ours, theirs, seed, each, passes))
        progress(cell.name, done + 1, len(cells))
    took = time.monotonic() - begin
    return Measured(tuple(rows), ours.name, ours.sha256, machine, seed, passes, took)


def _measure(cell: Cell, ours: Variant, theirs: Variant, seed: int, each: int, passes: int) -> Row:
    race, tally = Race(ours, theirs, cell.channels, passes), Tally()
    for packets in streams_of(cell, seed, each):
        race.reset()
        tally.begin()
        for piece in blocks(map(entry, packets)):
            got, truth = race.run(piece, timed=piece.is_celt)
            tally.add(piece, got, truth)
    totals, speed = tally.totals, race.speed()
    return Row(
        mode=cell.mode,
        frame_ms=cell.frame / 48,
        bandwidth=cell.bandwidth,
        channels=cell.channels,
        verdict=totals.verdict,
        packets=totals.packets,
        equal=totals.equal,
        concealed=totals.concealed,
        seconds=totals.samples / RATE,
        max_abs_err=totals.max_abs_err,
        snr_db=totals.snr_db,
        rt_ratio=None if speed is None else speed.rt_ratio,
        rt_low=None if speed is None else speed.low,
        rt_high=None if speed is None else speed.high,
        ours_us=None if speed is None else speed.ours_us,
        libopus_us=None if speed is None else speed.libopus_us,
        what=_what(totals),
    )


def _what(totals: Totals) -> str:
    """Why a cell is not equal."""
    if totals.first is not None:
        return totals.first.what
    return "OPUS_UNIMPLEMENTED (-5)" if totals.open else ""


def _spelt(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def lost(found: Measured, committed: Mapping[tuple[str, ...], str]) -> list[Row]:
    """Cells that a committed matrix calls equal and that are so no longer."""
    return [
        row for row in found.rows if committed.get(row.key) == "equal" and row.verdict != "equal"
    ]


def read_verdicts(path: Path) -> dict[tuple[str, ...], str]:
    """Verdict of each cell of a matrix that was written before.

    Raises
    ------
    Infrastructure
        If it cannot be read, or is no matrix.
    """
    try:
        lines = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
        found = {tuple(line[name] for name in KEY): line["verdict"] for line in lines}
    except OSError as error:
        raise Infrastructure(
            f"{path} cannot be read ({error.strerror}): there is no matrix to check against; "
            f"workbench opus matrix --out {path.parent} makes one"
        ) from error
    except (ValueError, KeyError, csv.Error) as error:
        raise Infrastructure(f"{path} is no parity matrix: {error!r}") from error
    if not found:
        raise Infrastructure(f"{path} is no parity matrix: it has no cells")
    return found
