"""One cell from end to end, in whatever process and on whatever machine: encode, score, row."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import hashlib
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.encoders.clips import Clip
from workbench.encoders.codecs import CODECS
from workbench.encoders.encode import commands, encode
from workbench.encoders.grid import Cell
from workbench.encoders.score import MODEL, graph, score
from workbench.errors import WorkbenchError
from workbench.upstreams import ffmpeg

SCHEMA_VERSION = 3
Row = dict[str, Any]


@dataclass(frozen=True)
class Task:
    """What a worker needs to measure a cell.

    Attributes
    ----------
    cell : Cell
        Which.
    clip : Clip
        Its source, where the worker finds it.
    cell_id : str
        Address of its result.
    build : str
        The ffmpeg it was addressed for.
    timeout_s : float
        For each run of ffmpeg.
    scratch : str or None
        Folder for what is encoded; None is the machine's own for temporary files.
    """

    cell: Cell
    clip: Clip
    cell_id: str
    build: str
    timeout_s: float = ffmpeg.TIMEOUT_S
    scratch: str | None = None


@dataclass(frozen=True)
class Failure:
    """A cell that could not be measured, in ffmpeg's own words."""

    cell_id: str
    cell: Cell
    error: str


def address(cell: Cell, clip: Clip, build: str) -> str:
    """Name a cell's result by everything it depends on, so that it is never measured twice."""
    scoring = graph(clip.fps, CODECS[cell.codec].pixel_format)
    parts = [clip.sha256, commands(cell, "clip"), cell.duplicate, build, scoring]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:20]


def measure(task: Task) -> Row | Failure:
    """Encode and score a cell; what ffmpeg says goes wrong is a result too.

    Raises
    ------
    WorkbenchError, OSError
        If this machine is not fit for the sweep: not what it began with, no room, no folder.
    """
    cell, clip = task.cell, task.clip
    check_place(task)
    try:
        with tempfile.TemporaryDirectory(prefix="workbench-", dir=task.scratch) as name:
            folder = Path(name)
            encoded = encode(cell, clip, folder, task.timeout_s)
            pixel_format = CODECS[cell.codec].pixel_format
            scores = score(encoded.path, clip, folder, pixel_format, task.timeout_s)
    except ffmpeg.Failed as error:
        return Failure(task.cell_id, cell, str(error))
    return {
        "schema_version": SCHEMA_VERSION,
        "cell_id": task.cell_id,
        "source": cell.source,
        "codec": cell.codec,
        "rc_mode": cell.rc_mode,
        "preset": cell.preset,
        "quality": cell.quality,
        "knob_combo": cell.knob_combo,
        "is_bare_default": cell.is_bare_default,
        "duplicate": cell.duplicate,
        "bitrate_kbps": encoded.bitrate_kbps,
        "encode_time_ms": encoded.elapsed_ms,
        "encode_cpu_ms": encoded.cpu_ms,
        **dataclasses.asdict(scores),
        "vmaf_model": MODEL,
        "source_sha256": clip.sha256,
        "ffmpeg_build": task.build,
        "timestamp": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def check_place(task: Task) -> None:
    """Refuse to measure with another ffmpeg or another clip than the cell is named for.

    Raises
    ------
    WorkbenchError
        On a machine that has not what the sweep's has.
    """
    if ffmpeg.build() != task.build:
        raise WorkbenchError(f"this worker's ffmpeg is build {ffmpeg.build()}, not {task.build}")
    path = Path(task.clip.path)
    if not path.is_file():
        raise WorkbenchError(f"this worker does not see the clip {path}")
    if _digest(path, path.stat().st_mtime_ns) != task.clip.sha256:
        raise WorkbenchError(f"the clip {path} is not the one the sweep began with")


@functools.lru_cache(maxsize=64)
def _digest(path: Path, modified_ns: int) -> str:
    with path.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()
