"""Two encodes of one clip frame by frame, and the frame where they differ most.

A sweep keeps a cell's figures over its frames and not the frames. This encodes and scores a recipe
and the default that it is held against once more.
"""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workbench.encoders import results, sources
from workbench.encoders.clips import Clip, Shape, prepare
from workbench.encoders.codecs import CODECS
from workbench.encoders.encode import encode
from workbench.encoders.grid import Cell, check
from workbench.encoders.score import SCORES, by_frame, score
from workbench.errors import Infrastructure, Usage
from workbench.upstreams import ffmpeg

STEPS = 6
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Asked:
    """What to look at.

    Attributes
    ----------
    recipe, bare : Cell
        Both of one source.
    source_sha256 : str
        Of the clip that the sweep encoded.
    sweep : str
        The sweep's folder or file: its folder may say where the clip is.
    cache : str
        Folder for clips that have to be cut again.
    """

    recipe: Cell
    bare: Cell
    source_sha256: str
    sweep: str
    cache: str


@dataclass(frozen=True)
class Closeup:
    """What was seen.

    Attributes
    ----------
    recipe_vmaf, bare_vmaf : tuple of float
        VMAF of each frame.
    frame : int
        Where they differ most, from 0 on.
    original_png, bare_png, recipe_png : str
        That frame, in base64.
    """

    recipe_vmaf: tuple[float, ...]
    bare_vmaf: tuple[float, ...]
    frame: int
    original_png: str
    bare_png: str
    recipe_png: str


def look(asked: Asked, progress: Progress) -> Closeup:
    """Encode both, score both, and take the frame where they differ most.

    Raises
    ------
    Usage
        If no grid has such a cell, or nobody knows where the clip is.
    Infrastructure
        If the clip is not the sweep's, or an encode fails, in ffmpeg's words.
    """
    check(asked.recipe)
    check(asked.bare)
    progress("the clip", 0, STEPS)
    clip = clip_of(asked)
    with tempfile.TemporaryDirectory(prefix="workbench-") as name:
        encoded, vmaf = {}, {}
        try:
            for i, (word, cell) in enumerate((("default", asked.bare), ("recipe", asked.recipe))):
                folder = Path(name) / word
                folder.mkdir()
                progress(f"encoding the {word}", 1 + 2 * i, STEPS)
                encoded[word] = encode(cell, clip, folder).path
                progress(f"scoring the {word}", 2 + 2 * i, STEPS)
                score(encoded[word], clip, folder, CODECS[cell.codec].pixel_format)
                vmaf[word] = by_frame(folder / SCORES)
            progress("the frame where they differ most", STEPS - 1, STEPS)
            frame = int(np.abs(vmaf["recipe"] - vmaf["default"]).argmax())
            paths = (Path(clip.path), encoded["default"], encoded["recipe"])
            pictures = [picture(path, frame, Path(name) / "frame.png") for path in paths]
        except ffmpeg.Failed as error:
            raise Infrastructure(f"{asked.recipe.source} could not be encoded: {error}") from error
    return Closeup(
        tuple(vmaf["recipe"].tolist()),
        tuple(vmaf["default"].tolist()),
        frame,
        *(base64.b64encode(png).decode() for png in pictures),
    )


def clip_of(asked: Asked) -> Clip:
    """The very clip that the sweep encoded: from its folder, or one of the nine cut again.

    Raises
    ------
    Usage
        If the clip is a user's own and no longer where the sweep had it.
    Infrastructure
        If what can be cut here is not what the sweep had.
    """
    name, folder, cache = asked.recipe.source, Path(asked.sweep), Path(asked.cache)
    shape = Shape()
    if (folder / results.PLAN).is_file():
        plan = results.read_plan(folder)
        kept = Clip(**plan["sources"][name])
        if Path(kept.path).is_file():
            return kept
        shape = Shape(**plan["shape"])
    if name not in sources.NAMES:
        raise Usage(
            f"the clip {name} is not where the sweep had it, and none of {', '.join(sources.NAMES)}"
            ": run the sweep again with --sources"
        )
    (source,) = sources.default(cache / "sources", [name])
    clip = prepare(name, source.path, cache / "clips", shape)
    if clip.sha256 != asked.source_sha256:
        raise Infrastructure(
            f"{name} cut here is not the clip of the sweep ({clip.sha256[:12]}, not "
            f"{asked.source_sha256[:12]}): another ffmpeg, or other frames; run the sweep here"
        )
    return clip


def picture(video: Path, frame: int, path: Path) -> bytes:
    """One frame of a video as a PNG file.

    Raises
    ------
    ffmpeg.Failed
        With ffmpeg's words.
    """
    chosen = ("-vf", f"setpts=N,select=eq(n\\,{frame})", "-frames:v", "1")
    ffmpeg.run(
        [
            *("-protocol_whitelist", ffmpeg.PROTOCOLS, "-i", ffmpeg.url(video), *chosen),
            *("-f", "image2", "-c:v", "png", "-update", "1", ffmpeg.url(path)),
        ]
    )
    return path.read_bytes()
