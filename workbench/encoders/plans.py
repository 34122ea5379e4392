"""From the words of a command to a plan: which grid, which clips."""

from __future__ import annotations

from pathlib import Path

from workbench.encoders import available, grid, score, sources, stratified
from workbench.encoders.clips import Shape
from workbench.encoders.codec import VBR
from workbench.encoders.codecs import SOFTWARE_NAMES
from workbench.encoders.grid import Slices
from workbench.encoders.sweep import Plan
from workbench.errors import Refused, Usage
from workbench.nearest import nearest
from workbench.upstreams import ffmpeg

# The two quickest encoders on three clips of unlike nature: a minute on two cores.
SMALL_SOURCES = ("bikes", "screen", "motion")
SMALL = (
    Slices("libx264", (VBR,), recipes=("bare", "aq-mode=0", "bframes=0", "psy=0", "tune=grain")),
    Slices("libsvtav1", (VBR,), recipes=("bare", "enable-tf=0", "film-grain=8")),
)
GRIDS = ("full", "stratified", "small")


def plan(
    grid_name: str,
    own_sources: Path | None,
    out: Path,
    *,
    retry_failed: bool = False,
    timeout_s: float = ffmpeg.TIMEOUT_S,
    shape: Shape | None = None,
) -> Plan:
    """Settle a sweep before its first slow step.

    Parameters
    ----------
    grid_name : str
        One of `GRIDS`, or the path of a grid file.
    own_sources : Path, optional
        Folder of clips; default the nine, or three of them for ``small``.
    out : Path
        The sweep's folder, where its clips go.

    Raises
    ------
    Usage, Refused, Infrastructure
        For a grid or a source that cannot be used.
    """
    parts = () if grid_name in GRIDS else tuple(_file(grid_name))
    shape = shape or Shape()
    if not 0 < timeout_s <= ffmpeg.LONGEST_S:  # also refuses NaN
        raise Usage(f"--timeout {timeout_s:g}: seconds, above 0 and at most {ffmpeg.LONGEST_S:g}")
    score.require_metrics()
    for name in dict.fromkeys(part.codec for part in parts if part.codec not in SOFTWARE_NAMES):
        why = available.missing(name)
        if why:
            raise Refused(f"{name} is not on this machine: {why}")
    if own_sources is not None:
        chosen = sources.own(own_sources)
    else:
        names = SMALL_SOURCES if grid_name == "small" else sources.NAMES
        chosen = sources.default(out / "sources", names)
    clips = sources.clips(chosen, out / "clips", shape)
    if grid_name == "full":
        cells = grid.full(list(clips))
    elif grid_name == "stratified":
        cells = stratified.sample(grid.full(list(clips)))
    else:
        cells = grid.cells_of(parts or SMALL, list(clips))
    return Plan(cells, clips, shape, grid_name, retry_failed, timeout_s)


def _file(name: str) -> list[Slices]:
    path = Path(name)
    if not path.exists():
        raise Usage(f"no grid {name!r}, and no such file; {nearest(name, GRIDS)}")
    return grid.read(path)
