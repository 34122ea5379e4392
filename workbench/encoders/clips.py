"""Clips as the encoders get them: cut, scaled and stored raw, all in the same way."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from workbench import files
from workbench.encoders import probe
from workbench.errors import Refused
from workbench.upstreams import ffmpeg

# Five seconds at 24 to 30 frames a second: a clip of two misses its bitrate by half.
FRAMES = 120
WIDTH, HEIGHT = 320, 180
# Transfer functions of HDR, as ffmpeg numbers them (ITU-T H.273): PQ and HLG.
HDR_TRANSFERS = {16: "PQ", 18: "HLG"}
PROBE_SECONDS = 60


@dataclass(frozen=True)
class Shape:
    """How clips are cut and scaled.

    Attributes
    ----------
    frames : int
        At most so many, from the beginning.
    width, height : int
        They are made to fit into this box, at their own proportions and even sizes.
    """

    frames: int = FRAMES
    width: int = WIDTH
    height: int = HEIGHT


@dataclass(frozen=True)
class Clip:
    """A raw clip (y4m, 8 bits, 4:2:0).

    Attributes
    ----------
    name : str
        The source's.
    path : str
        Where it lies.
    sha256 : str
        Of the file.
    width, height, frames : int
        Its geometry.
    fps : str
        Frames a second as a fraction, ``30000/1001``.
    """

    name: str
    path: str
    sha256: str
    width: int
    height: int
    frames: int
    fps: str

    @property
    def seconds(self) -> float:
        """Duration."""
        return float(self.frames / Fraction(self.fps))


@dataclass(frozen=True)
class Raw:
    """Geometry of a file of bare frames (4:2:0, 8 bits), which does not say it itself."""

    width: int
    height: int
    fps: str


def prepare(name: str, path: Path, folder: Path, shape: Shape, raw: Raw | None = None) -> Clip:
    """Cut and scale a source into ``folder``, once; a clip that is there is used again.

    Raises
    ------
    Refused
        Saying what is wrong with the source: no video, no frames, HDR, a size that changes.
    """
    source = _digest(path)
    asked = json.dumps([source, vars(shape), vars(raw) if raw else None, ffmpeg.build()])
    key = hashlib.sha256(asked.encode()).hexdigest()[:16]
    note, clip_path = folder / f"{key}.json", folder / f"{key}.y4m"
    if note.exists() and clip_path.exists():
        known = json.loads(note.read_bytes())
        return Clip(**{**known, "name": name, "path": str(clip_path.absolute())})
    seen = look_at(path, raw, shape.frames)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".y4m", delete=False) as draft:
        draft_path = Path(draft.name)
    try:
        before, after = cut(path, shape, str(seen.rate), raw)
        to_y4m = ("-strict", "-1", "-f", "yuv4mpegpipe", ffmpeg.url(draft_path))
        ffmpeg.run([*before, "-map", "0:v:0", *after, *to_y4m])
        width, height, fps, frames = read_header(draft_path)
        if frames == 0:
            raise Refused(f"{path} has no frames: name a clip with at least one")
        with draft_path.open("rb") as clip_file:
            os.fsync(clip_file.fileno())
        draft_path.replace(clip_path)
    except ffmpeg.Failed as error:
        raise Refused(f"{path} cannot be decoded: {error}") from error
    finally:
        draft_path.unlink(missing_ok=True)
    clip = Clip(name, str(clip_path.absolute()), _digest(clip_path), width, height, frames, fps)
    files.write_whole(note, json.dumps(vars(clip)).encode())
    return clip


def cut(path: Path, shape: Shape, fps: str, raw: Raw | None = None) -> tuple[list[str], list[str]]:
    """Options of ffmpeg that open a source, and those that cut and scale it."""
    # Bit-exact flags: else the scaler's result depends on the CPU's instruction set.
    scale = (
        f"scale={shape.width}:{shape.height}:force_original_aspect_ratio=decrease"
        ":force_divisible_by=2:flags=bicubic+accurate_rnd+full_chroma_int+bitexact"
    )
    filters = f"settb={1 / Fraction(fps)},setpts=N,{scale},format=yuv420p,setsar=1"
    before = ["-protocol_whitelist", ffmpeg.PROTOCOLS, *_spell(raw), "-i", ffmpeg.url(path)]
    return before, ["-frames:v", str(shape.frames), "-vf", filters, "-r", fps]


def look_at(path: Path, raw: Raw | None, frames: int) -> probe.Seen:
    """Ask what a source is, in a process of its own: it may be anything.

    Raises
    ------
    Refused
        If it is no clip that can be scored.
    """
    if raw is not None:
        return _take_at_its_word(path, raw)
    command = [sys.executable, "-s", "-P", probe.__file__, str(path.absolute()), str(frames)]
    try:
        done = subprocess.run(
            command,
            env=ffmpeg.environment(),
            capture_output=True,
            text=True,
            timeout=PROBE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Refused(f"{path} could not be read within {PROBE_SECONDS} s") from error
    if done.returncode != 0:
        why = (done.stderr.strip().splitlines() or ["no word"])[-1]
        raise Refused(f"{path} is no video that can be read: {why}")
    seen = probe.Seen(**json.loads(done.stdout))
    if not seen.sizes:
        raise Refused(f"{path} has no frames: name a clip with at least one")
    if len(seen.sizes) > 1:
        spelt = ", then ".join(f"{width}x{height}" for width, height in seen.sizes)
        raise Refused(f"{path} changes its resolution ({spelt}): cut it where it does")
    if seen.transfer in HDR_TRANSFERS:
        kind = HDR_TRANSFERS[seen.transfer]
        raise Refused(f"{path} is HDR ({kind}), which this VMAF model cannot score: tone-map it")
    return seen


def _take_at_its_word(path: Path, raw: Raw) -> probe.Seen:
    size = path.stat().st_size
    a_frame = raw.width * raw.height + 2 * -(raw.width // -2) * -(raw.height // -2)
    if size == 0:
        raise Refused(f"{path} has no frames: name a clip with at least one")
    if size % a_frame:
        raise Refused(
            f"{path} holds {size:,} bytes, which are no whole frames of "
            f"{raw.width}x{raw.height} ({a_frame:,} each)"
        )
    return probe.Seen(raw.fps, "yuv420p", 1, [[raw.width, raw.height]], size // a_frame)


def read_header(path: Path) -> tuple[int, int, str, int]:
    """Width, height, frames a second and number of frames of a y4m file of 4:2:0 at 8 bits."""
    with path.open("rb") as clip:
        header = clip.readline(4096)
        fields = {field[:1]: field[1:].decode() for field in header.split()[1:]}
        width, height = int(fields[b"W"]), int(fields[b"H"])
        marker = len(clip.readline(4096)) or 1
    frame = width * height * 3 // 2 + marker
    fps = str(Fraction(fields[b"F"].replace(":", "/")))
    return width, height, fps, (path.stat().st_size - len(header)) // frame


def _spell(raw: Raw | None) -> tuple[str, ...]:
    if raw is None:
        return ()
    size = f"{raw.width}x{raw.height}"
    return ("-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", size, "-r", raw.fps)


def _digest(path: Path) -> str:
    with path.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()
