"""One encode: the command line of a cell, and what came of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from workbench.encoders.clips import Clip
from workbench.encoders.codec import PASSES, Codec
from workbench.encoders.codecs import CODECS
from workbench.encoders.grid import Cell
from workbench.upstreams import ffmpeg

OUTPUT, PASS_LOG = "encoded.mkv", "passes"
# x264, x265 and SVT-AV1 go on without a knob that they do not know, and ffmpeg exits 0.
_NOT_TAKEN = re.compile(
    r"Error parsing option|Unknown option|Invalid value for|has not been used for any stream"
)


@dataclass(frozen=True)
class Encoded:
    """An encode on disk.

    Attributes
    ----------
    path : Path
        The file (Matroska).
    elapsed_ms, cpu_ms : float
        Of all passes.
    bitrate_kbps : float
        Of the packets, without the container, over the clip's duration.
    """

    path: Path
    elapsed_ms: float
    cpu_ms: float
    bitrate_kbps: float


def encode(cell: Cell, clip: Clip, folder: Path, timeout_s: float = ffmpeg.TIMEOUT_S) -> Encoded:
    """Encode a clip as a cell says.

    Raises
    ------
    ffmpeg.Failed
        With ffmpeg's words: also where it left a knob out, or wrote other packets than expected.
    """
    elapsed_ms = cpu_ms = 0.0
    for arguments in commands(cell, clip.path):
        done = ffmpeg.run(arguments, folder=folder, timeout_s=timeout_s)
        if _NOT_TAKEN.search(done.words):
            raise ffmpeg.Failed(f"a knob was not taken: {done.words}")
        elapsed_ms += done.elapsed_ms
        cpu_ms += done.cpu_ms
    path = folder / OUTPUT
    return Encoded(path, elapsed_ms, cpu_ms, 8e-3 * packet_bytes(path, clip) / clip.seconds)


def commands(cell: Cell, clip_path: str, output: str = OUTPUT) -> list[list[str]]:
    """Arguments of ffmpeg, a list a pass, as they are run and as they are shown to a user."""
    codec = CODECS[cell.codec]
    knobs = dict(cell.knobs)
    passes = int(knobs.pop(PASSES, 1))
    whole = [
        *("-protocol_whitelist", ffmpeg.PROTOCOLS, *codec.before_input, "-i", f"file:{clip_path}"),
        *("-an", "-c:v", codec.name, *codec.arguments(cell.rc_mode, cell.preset, cell.quality)),
        *_spell(codec, cell.rc_mode, cell.quality, knobs),
    ]
    if passes == 1:
        return [[*whole, "-f", "matroska", output]]
    log = ("-passlogfile", PASS_LOG)
    return [
        [*whole, "-pass", "1", *log, "-f", "null", "-"],
        [*whole, "-pass", "2", *log, "-f", "matroska", output],
    ]


def _spell(codec: Codec, rc_mode: str, quality: float, knobs: dict[str, str]) -> list[str]:
    """Knobs as options of their own, or as one list of the encoder's own parameters."""
    own = {key: value for key, value in knobs.items() if key in codec.flags or not codec.params}
    rest = {key: value for key, value in knobs.items() if key not in own}
    params = {**codec.parameters(rc_mode, quality), **rest}
    spelt = [part for key, value in own.items() for part in (f"-{key}", value)]
    if params:
        # Inside the list a colon separates.
        pairs = ":".join(
            f"{key}={value.replace(':', chr(92) + ':')}" for key, value in params.items()
        )
        spelt += [f"-{codec.params}", pairs]
    return spelt


def packet_bytes(path: Path, clip: Clip) -> int:
    """Size of all packets; there has to be one a frame, each at its frame's time.

    Raises
    ------
    ffmpeg.Failed
        If a frame is missing, doubled or moved: a score would compare unlike frames.
    """
    import av

    size, times = 0, []
    try:
        with av.open(ffmpeg.url(path)) as container:
            for packet in container.demux(video=0):
                if packet.size:
                    if packet.pts is None:
                        raise ffmpeg.Failed("it wrote a packet without a time")
                    size += packet.size
                    times.append(float(packet.pts * packet.time_base))
    except (ValueError, OSError) as error:  # PyAV's errors are both
        raise ffmpeg.Failed(f"what it wrote cannot be read: {error}") from error
    check_times(times, clip)
    return size


def check_times(times_s: Sequence[float], clip: Clip) -> None:
    """Hold packets' times against the clip's frames, to half a frame.

    Raises
    ------
    ffmpeg.Failed
        Naming the first that is off.
    """
    if len(times_s) != clip.frames:
        raise ffmpeg.Failed(f"{len(times_s)} packets for {clip.frames} frames")
    frame_s = float(1 / Fraction(clip.fps))
    first = min(times_s)
    for i, time_s in enumerate(sorted(times_s)):
        if abs(time_s - first - i * frame_s) > frame_s / 2:
            raise ffmpeg.Failed(f"frame {i} is at {time_s - first:.3f} s, not {i * frame_s:.3f} s")
