"""How near an encode is to its clip: VMAF, VMAF NEG, PSNR and XPSNR, frame by frame."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workbench.encoders.clips import Clip
from workbench.errors import Infrastructure
from workbench.upstreams import ffmpeg

MODEL, MODEL_NEG = "vmaf_v0.6.1", "vmaf_v0.6.1neg"
SCORES, XPSNR_LOG = "scores.json", "xpsnr.log"
FILTERS = ("libvmaf", "xpsnr")
XPSNR_MEAN = re.compile(r"XPSNR average, (\d+) frames\s+y: *(\S+)")


@dataclass(frozen=True)
class Scores:
    """An encode's scores over its frames.

    Attributes
    ----------
    vmaf_score, vmaf_neg : float
        Means; the second does not reward enhancement (Netflix 2020).
    vmaf_p1, vmaf_p5, vmaf_p25, vmaf_median, vmaf_min, vmaf_harmonic : float
        Quantiles, least and harmonic mean of the frames' VMAF.
    psnr_y_db, xpsnr_y_db : float or None
        Of luma; None where nothing differs. libvmaf counts PSNR to 60 dB, at ten bits to 72.
    frames : int
        Compared.
    score_cpu_ms : float
        What scoring cost.
    """

    vmaf_score: float
    vmaf_neg: float
    vmaf_p1: float
    vmaf_p5: float
    vmaf_p25: float
    vmaf_median: float
    vmaf_min: float
    vmaf_harmonic: float
    psnr_y_db: float | None
    xpsnr_y_db: float | None
    frames: int
    score_cpu_ms: float


def require_metrics() -> None:
    """Ask once, before a sweep, whether this ffmpeg can score at all.

    Raises
    ------
    Infrastructure
        Naming the filters it lacks.
    """
    lacking = [name for name in FILTERS if name not in ffmpeg.filters()]
    if lacking:
        raise Infrastructure(
            f"{ffmpeg.executable()} was built without {' and '.join(lacking)}: "
            "unset IMAGEIO_FFMPEG_EXE, or name an ffmpeg that has them"
        )


def score(
    encoded: Path, clip: Clip, folder: Path, pixel_format: str, timeout_s: float = ffmpeg.TIMEOUT_S
) -> Scores:
    """Decode an encode and compare it with its clip.

    Both get timestamps by frame number in the clip's own rate: Matroska's milliseconds alone made
    49 frames of 48 and 6 points of VMAF.

    Parameters
    ----------
    pixel_format : str
        In which both are compared: the encode's own, so that ten bits stay ten.

    Raises
    ------
    ffmpeg.Failed
        With ffmpeg's words, or because not every frame was compared.
    """
    done = ffmpeg.run(
        [
            *("-protocol_whitelist", ffmpeg.PROTOCOLS, "-threads", "1", "-i", ffmpeg.url(encoded)),
            *("-protocol_whitelist", ffmpeg.PROTOCOLS, "-i", ffmpeg.url(Path(clip.path))),
            *(
                "-filter_complex_threads",
                "1",
                "-lavfi",
                graph(clip.fps, pixel_format),
                "-f",
                "null",
                "-",
            ),
        ],
        folder=folder,
        timeout_s=timeout_s,
    )
    return read(folder / SCORES, folder / XPSNR_LOG, clip.frames, done.cpu_ms)


def graph(fps: str, pixel_format: str) -> str:
    """The filters: libvmaf has the encode first, xpsnr the original, whose weights it takes."""
    same = f"settb={1 / Fraction(fps)},setpts=N,format={pixel_format},split=2"
    models = f"version={MODEL}\\\\:name=vmaf|version={MODEL_NEG}\\\\:name=vmaf_neg"
    return (
        f"[0:v]{same}[d1][d2];[1:v]{same}[r1][r2];"
        f"[d1][r1]libvmaf=model={models}:feature=name=psnr:n_threads=1:shortest=1"
        f":log_fmt=json:log_path={SCORES};"
        f"[r2][d2]xpsnr=stats_file={XPSNR_LOG}:shortest=1"
    )


def read(scores: Path, xpsnr: Path, frames: int, cpu_ms: float) -> Scores:
    """Sum up what libvmaf and xpsnr wrote.

    Raises
    ------
    ffmpeg.Failed
        If they compared another number of frames, or wrote no such thing.
    """
    try:
        found = json.loads(scores.read_bytes())["frames"]
        vmaf = _of_frames(found)
        vmaf_neg, psnr_y = _mean(found, "vmaf_neg"), _mean(found, "psnr_y")
    except (OSError, ValueError, KeyError, ZeroDivisionError) as error:
        raise ffmpeg.Failed(f"libvmaf wrote no scores: {error!r}") from error
    said = XPSNR_MEAN.search(xpsnr.read_text(encoding="utf-8"))
    if said is None:
        raise ffmpeg.Failed("xpsnr wrote no mean")
    if not len(found) == int(said[1]) == frames:
        raise ffmpeg.Failed(f"{len(found)} and {said[1]} frames were compared, not {frames}")
    if not (np.isfinite(vmaf).all() and math.isfinite(vmaf_neg)):
        raise ffmpeg.Failed("a score is not a number")
    p1, p5, p25, median = np.quantile(vmaf, [0.01, 0.05, 0.25, 0.5]).tolist()
    return Scores(
        vmaf_score=float(vmaf.mean()),
        vmaf_neg=vmaf_neg,
        vmaf_p1=p1,
        vmaf_p5=p5,
        vmaf_p25=p25,
        vmaf_median=median,
        vmaf_min=float(vmaf.min()),
        # As libvmaf has it: of the scores plus one, so that a frame of 0 does not make it 0.
        vmaf_harmonic=float(1 / np.mean(1 / (vmaf + 1)) - 1),
        psnr_y_db=_finite(psnr_y),
        xpsnr_y_db=_finite(float(said[2])),
        frames=len(found),
        score_cpu_ms=cpu_ms,
    )


def by_frame(scores: Path) -> NDArray[np.float64]:
    """VMAF of each frame, from what libvmaf wrote in a run of `score`."""
    return _of_frames(json.loads(scores.read_bytes())["frames"])


def _of_frames(frames: Sequence[dict[str, dict[str, float]]]) -> NDArray[np.float64]:
    return np.array([frame["metrics"]["vmaf"] for frame in frames])


def _mean(frames: Sequence[dict[str, dict[str, float]]], metric: str) -> float:
    return math.fsum(frame["metrics"][metric] for frame in frames) / len(frames)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
