"""Scores, held against another program's and against plain arithmetic on decoded frames."""

import json
import math
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from workbench.encoders import score as scoring
from workbench.encoders.encode import encode
from workbench.encoders.grid import Cell
from workbench.encoders.score import read, score
from workbench.upstreams import ffmpeg

X264 = Cell("clip", "libx264", "cqp", "medium", 32.0)


@pytest.fixture(scope="module")
def scored(clip, tmp_path_factory):
    folder = tmp_path_factory.mktemp("scored")
    encoded = encode(X264, clip, folder)
    return encoded, score(encoded.path, clip, folder, "yuv420p"), folder


def test_ffmpeg_quality_metrics_finds_the_same(scored, clip, tmp_path):
    metrics = pytest.importorskip("ffmpeg_quality_metrics")
    encoded, scores, _ = scored
    peer = metrics.FfmpegQualityMetrics(
        clip.path, str(encoded.path), ffmpeg_path=str(ffmpeg.executable()), tmp_dir=str(tmp_path)
    )
    found = peer.calculate(
        ["vmaf", "psnr"], vmaf_options={"model_path": "vmaf_v0.6.1.json", "n_threads": 1}
    )
    vmaf = np.array([frame["vmaf"] for frame in found["vmaf"]])
    assert len(vmaf) == scores.frames
    assert vmaf.mean() == pytest.approx(scores.vmaf_score, abs=1e-3)
    assert vmaf.min() == pytest.approx(scores.vmaf_min, abs=1e-3)
    psnr = np.mean([frame["psnr_y"] for frame in found["psnr"]])
    assert psnr == pytest.approx(scores.psnr_y_db, abs=0.01)  # it prints two digits


def test_psnr_is_that_of_the_decoded_frames(scored, clip, decoded):
    encoded, scores, _ = scored
    want = decoded(Path(clip.path), clip.width, clip.height).astype(float)
    got = decoded(encoded.path, clip.width, clip.height).astype(float)
    squares = np.mean((want - got) ** 2, axis=(1, 2))
    assert scores.psnr_y_db == pytest.approx(np.mean(10 * np.log10(255**2 / squares)), abs=1e-4)


def test_quantiles_are_in_order_and_of_the_frames(scored):
    _, scores, folder = scored
    frames = json.loads((folder / scoring.SCORES).read_bytes())["frames"]
    vmaf = sorted(frame["metrics"]["vmaf"] for frame in frames)
    assert scores.vmaf_min == vmaf[0]
    assert scores.vmaf_median == pytest.approx((vmaf[11] + vmaf[12]) / 2)
    assert vmaf[0] <= scores.vmaf_p1 <= scores.vmaf_p5 <= scores.vmaf_p25 <= scores.vmaf_median
    assert scores.vmaf_min <= scores.vmaf_harmonic <= scores.vmaf_score <= vmaf[-1]
    pooled = json.loads((folder / scoring.SCORES).read_bytes())["pooled_metrics"]["vmaf"]
    assert scores.vmaf_score == pytest.approx(pooled["mean"], abs=1e-5)
    assert scores.vmaf_harmonic == pytest.approx(pooled["harmonic_mean"], abs=1e-5)


def test_a_second_model_is_there_and_does_not_reward_sharpening(clip, tmp_path):
    ffmpeg.run(
        [
            *("-i", ffmpeg.url(Path(clip.path)), "-vf", "unsharp=5:5:0.8", "-c:v", "libx264"),
            *("-qp", "20", "sharper.mkv"),
        ],
        folder=tmp_path,
    )
    scores = score(tmp_path / "sharper.mkv", clip, tmp_path, "yuv420p")
    assert scores.vmaf_neg < scores.vmaf_score - 1


def test_a_clip_scored_against_itself_is_at_the_top(clip, tmp_path):
    scores = score(Path(clip.path), clip, tmp_path, "yuv420p")
    assert scores.vmaf_score > 95
    assert scores.psnr_y_db == 60  # as far as libvmaf counts at eight bits
    assert scores.xpsnr_y_db is None


def test_xpsnr_weighs_by_the_original(clip, tmp_path, make):
    """Its weights come of the original's detail: a blurred encode has none to weigh by."""
    blurred = make(
        "blurred.mkv", "-i", ffmpeg.url(Path(clip.path)), "-vf", "boxblur=4", "-c:v", "ffv1"
    )
    scores = score(blurred, clip, tmp_path, "yuv420p")
    said = {}
    for name, order in (("original first", "[1:v][0:v]"), ("encode first", "[0:v][1:v]")):
        done = subprocess.run(
            [
                *(ffmpeg.executable(), "-hide_banner", "-i", blurred, "-i", clip.path),
                *("-lavfi", f"{order}xpsnr", "-f", "null", "-"),
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        said[name] = float(re.search(r"XPSNR +y: *(\S+)", done.stderr)[1])
    assert scores.xpsnr_y_db == pytest.approx(said["original first"], abs=1e-3)
    assert abs(said["original first"] - said["encode first"]) > 1


def test_a_frame_out_of_place_would_show(clip, tmp_path):
    """One frame late is what unequal timestamps do; the score must fall."""
    ffmpeg.run(
        [
            *("-i", ffmpeg.url(Path(clip.path)), "-vf", "tpad=start=1:start_mode=clone"),
            *("-frames:v", str(clip.frames), "-c:v", "ffv1", "late.mkv"),
        ],
        folder=tmp_path,
    )
    straight = score(Path(clip.path), clip, tmp_path, "yuv420p")
    late = score(tmp_path / "late.mkv", clip, tmp_path, "yuv420p")
    assert late.frames == straight.frames
    assert late.vmaf_score < straight.vmaf_score - 5


def test_matroskas_milliseconds_do_not_move_frames(make, tmp_path):
    """At 24000/1001 a frame lasts 41.708 ms: by times alone one more would be compared."""
    from workbench.encoders.clips import Shape, prepare

    source = make(
        "s.mkv", *("-f", "lavfi", "-i", "testsrc2=size=128x96:rate=24000/1001"), "-t", "2"
    )
    ntsc = prepare("ntsc", source, tmp_path / "clips", Shape(48, 128, 96))
    assert ntsc.fps == "24000/1001"
    encoded = encode(Cell("ntsc", "libx264", "cqp", "ultrafast", 20.0), ntsc, tmp_path)
    scores = score(encoded.path, ntsc, tmp_path, "yuv420p")
    assert scores.frames == ntsc.frames == 48
    assert scores.vmaf_p1 > 80


def test_fewer_frames_than_the_clips_are_not_scored(clip, tmp_path):
    ffmpeg.run(
        ["-i", ffmpeg.url(Path(clip.path)), *("-frames:v", "20", "-c:v", "ffv1", "cut.mkv")],
        folder=tmp_path,
    )
    with pytest.raises(ffmpeg.Failed, match="20 and 20 frames were compared, not 24"):
        score(tmp_path / "cut.mkv", clip, tmp_path, "yuv420p")


@pytest.fixture
def written(tmp_path):
    """Logs as libvmaf and xpsnr write them, of given VMAF scores."""

    def write(vmaf, said=None, psnr=40.0):
        frames = [{"metrics": {"vmaf": v, "vmaf_neg": v, "psnr_y": psnr}} for v in vmaf]
        scores, xpsnr = tmp_path / "scores.json", tmp_path / "xpsnr.log"
        scores.write_text(json.dumps({"frames": frames}))
        count = len(vmaf)
        xpsnr.write_text(
            f"XPSNR average, {count} frames  y: 41.5  u: inf  v: inf\n" if said is None else said
        )
        return scores, xpsnr

    return write


def test_logs_are_summed_up(written):
    scores = read(*written([100.0, 50.0]), 2, 7.0)
    assert scores.vmaf_score == 75
    assert scores.vmaf_harmonic == pytest.approx(2 / (1 / 101 + 1 / 51) - 1)
    assert scores.vmaf_p25 == 62.5
    assert (scores.psnr_y_db, scores.xpsnr_y_db, scores.score_cpu_ms) == (40, 41.5, 7)


def test_nothing_different_has_no_decibels(written):
    scores = read(*written([99.0], "XPSNR average, 1 frames  y: inf  u: inf", math.inf), 1, 0.0)
    assert scores.psnr_y_db is None
    assert scores.xpsnr_y_db is None


@pytest.mark.parametrize(
    ("vmaf", "said", "frames", "why"),
    [
        ([90.0], None, 2, "1 and 1 frames were compared, not 2"),
        (
            [90.0, 90.0],
            "XPSNR average, 1 frames  y: 40.0",
            2,
            "2 and 1 frames were compared, not 2",
        ),
        ([90.0], "n: 1 XPSNR y: 41\n", 1, "xpsnr wrote no mean"),
        ([90.0, math.nan], None, 2, "a score is not a number"),
    ],
)
def test_logs_that_do_not_fit_are_a_failure(written, vmaf, said, frames, why):
    with pytest.raises(ffmpeg.Failed, match=why):
        read(*written(vmaf, said), frames, 0.0)


def test_a_log_cut_short_is_a_failure(written):
    scores, xpsnr = written([90.0])
    scores.write_text(scores.read_text()[:-9])
    with pytest.raises(ffmpeg.Failed, match="libvmaf wrote no scores"):
        read(scores, xpsnr, 1, 0.0)
