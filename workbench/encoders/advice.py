"""A cell as a user wants it: its command lines, and real encodes of the user's own clip."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from workbench.encoders import grid, sources
from workbench.encoders.clips import Clip, Shape, cut, prepare
from workbench.encoders.codec import BARE
from workbench.encoders.encode import commands
from workbench.encoders.grid import Cell
from workbench.encoders.measure import Failure, Row, Task, address, measure
from workbench.encoders.score import require_metrics
from workbench.encoders.search import Point
from workbench.errors import Infrastructure
from workbench.upstreams import ffmpeg

CUT = "clip.y4m"


def cell_of(row: pd.Series | Mapping[str, Any], source: str = "input") -> Cell:
    """The cell that a row of a sweep describes.

    Raises
    ------
    Usage
        If no grid has such a cell: a row's knobs become options of ffmpeg.
    """
    cell = Cell(
        source,
        str(row["codec"]),
        str(row["rc_mode"]),
        str(row["preset"]),
        float(row["quality"]),
        str(row["knob_combo"]) or BARE,
    )
    grid.check(cell)
    return cell


def command_lines(cell: Cell, clip: str = "input.mp4", output: str = "output.mkv") -> list[str]:
    """What to type to get a cell's encode, a line a pass."""
    return [shlex.join(["ffmpeg", *arguments]) for arguments in commands(cell, clip, output)]


@dataclass(frozen=True)
class Own:
    """A user's clip, cut as a sweep's.

    Attributes
    ----------
    path : Path
        As it came.
    clip : Clip
        What is encoded and scored.
    shape : Shape
        How it was cut.
    """

    path: Path
    clip: Clip
    shape: Shape

    def encode(self, cell: Cell) -> Row:
        """Encode it once for real, and score it.

        Raises
        ------
        Infrastructure
            If the encode fails, in ffmpeg's words.
        """
        build = ffmpeg.build()
        found = measure(Task(cell, self.clip, address(cell, self.clip, build), build))
        if isinstance(found, Failure):
            raise Infrastructure(f"{self.path} could not be encoded so: {found.error}")
        return found

    def command_lines(self, cell: Cell) -> list[str]:
        """What to type to get that very encode: first the cut, then a line a pass."""
        raw = sources.source_of(self.path).raw
        before, after = cut(self.path, self.shape, self.clip.fps, raw)
        to_y4m = ["-strict", "-1", "-f", "yuv4mpegpipe", CUT]
        first = shlex.join(["ffmpeg", *before, "-map", "0:v:0", *after, *to_y4m])
        return [first, *command_lines(cell, CUT)]


def own(path: Path, folder: Path, shape: Shape) -> Own:
    """Cut a user's clip into a folder.

    Raises
    ------
    Usage, Refused
        If it cannot be used.
    """
    require_metrics()
    source = sources.source_of(path)
    return Own(path, prepare(source.name, source.path, folder, shape, source.raw), shape)


@dataclass(frozen=True)
class Trying:
    """Encodes of one clip, for a search.

    Attributes
    ----------
    own : Own
        The clip.
    codec, rc_mode, preset : str
        What stays the same.
    """

    own: Own
    codec: str
    rc_mode: str
    preset: str

    def __call__(self, quality: float, knob_combo: str) -> Point:
        """Encode and score once."""
        name = self.own.clip.name
        row = self.own.encode(
            Cell(name, self.codec, self.rc_mode, self.preset, quality, knob_combo)
        )
        return Point(quality, knob_combo, row["bitrate_kbps"], row["vmaf_score"])
