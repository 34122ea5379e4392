"""What may be given as a source, and what becomes of it; the odd files are ffmpeg's own."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from workbench.encoders import clips, probe
from workbench.encoders.clips import Raw, Shape, prepare
from workbench.errors import Refused
from workbench.upstreams import ffmpeg

SMALL = Shape(frames=8, width=64, height=64)
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")


def picture(size="64x48", frames=8, rate="25"):
    # Not testsrc2, which makes odd sizes even.
    source = f"testsrc=size={size}:rate={rate}"
    return ("-f", "lavfi", "-i", source, "-frames:v", str(frames))


def refused(path, folder, raw=None):
    with pytest.raises(Refused) as caught:
        prepare(path.stem, path, folder / "clips", SMALL, raw)
    assert str(path) in str(caught.value)
    assert not list(folder.glob("clips/*"))
    return str(caught.value).removeprefix(str(path))


def test_a_clip_is_what_its_header_and_its_record_say(make, tmp_path):
    path = make("source.mp4", *picture("128x96", frames=12, rate="30000/1001"), *H264)
    clip = prepare("a", path, tmp_path / "clips", SMALL)
    assert (clip.width, clip.height, clip.frames, clip.fps) == (64, 48, 8, "30000/1001")
    assert clips.read_header(Path(clip.path)) == (64, 48, "30000/1001", 8)
    assert clip.seconds == pytest.approx(8 * 1001 / 30000)
    header = Path(clip.path).read_bytes()[:80].split(b"\n")[0]
    assert header.startswith(b"YUV4MPEG2 W64 H48 F30000:1001 Ip A1:1 C420")


def test_a_clip_is_cut_once_and_the_same_to_the_byte(make, tmp_path, monkeypatch):
    path = make("source.mkv", *picture(), *H264)
    first = prepare("a", path, tmp_path / "one", SMALL)
    again = prepare("a", path, tmp_path / "two", SMALL)
    assert Path(first.path).read_bytes() == Path(again.path).read_bytes()
    assert first.sha256 == again.sha256
    monkeypatch.setattr(ffmpeg, "run", None)  # it would fail if it were asked
    renamed = path.rename(tmp_path / "renamed.mkv")
    assert prepare("b", renamed, tmp_path / "one", SMALL) == dataclasses.replace(first, name="b")


def test_another_shape_is_another_clip(make, tmp_path):
    path = make("source.mkv", *picture(), *H264)
    cut = {
        prepare("a", path, tmp_path / "clips", shape).sha256
        for shape in (SMALL, Shape(7, 64, 64), Shape(8, 32, 64), Shape(8, 64, 32))
    }
    assert len(cut) == 4


def test_another_ffmpeg_cuts_again(make, tmp_path, monkeypatch):
    path = make("source.mkv", *picture(), *H264)
    first = prepare("a", path, tmp_path / "clips", SMALL)
    monkeypatch.setattr(ffmpeg, "build", lambda: "another")
    assert prepare("a", path, tmp_path / "clips", SMALL).path != first.path


@pytest.mark.parametrize("size", ["65x49", "63x48", "64x47", "61x33"])
def test_odd_sizes_become_even_ones(size, make, tmp_path):
    path = make("odd.mkv", *picture(size), "-c:v", "ffv1", "-pix_fmt", "yuv444p")
    clip = prepare("odd", path, tmp_path / "clips", SMALL)
    assert clip.width % 2 == clip.height % 2 == 0
    assert clip.frames == 8


def test_a_source_shorter_than_the_cut_is_taken_whole(make, tmp_path):
    path = make("short.mkv", *picture(frames=3), *H264)
    assert prepare("short", path, tmp_path / "clips", SMALL).frames == 3


@pytest.mark.parametrize(
    "name",
    [
        *("-leading dash.mp4", "two words.mp4", 'it\'s "quoted".mp4', "%03d.mp4", "a:b|c;d.mp4"),
        *("ünïcødé 影.mp4", "$(touch ran).mp4", "new\nline.mp4", "[brackets]*?.mp4"),
    ],
)
def test_any_name_is_only_a_name(name, make, tmp_path, monkeypatch):
    path = make(name, *picture(), *H264)
    monkeypatch.chdir(tmp_path)
    clip = prepare("odd name", Path(name), tmp_path / "clips: 'of' %d", SMALL)
    assert clip.frames == 8
    assert {p.name for p in tmp_path.iterdir()} == {name, "clips: 'of' %d"}
    assert path.exists()


def test_frames_at_uneven_times_are_all_kept_in_order(make, tmp_path, decoded):
    uneven = "setpts='(N+2*gt(N,3)+5*gt(N,5))/25/TB'"
    path = make("uneven.mkv", *picture(), "-vf", uneven, "-fps_mode", "vfr", *H264)
    clip = prepare("uneven", path, tmp_path / "clips", SMALL)
    assert clip.frames == 8
    np.testing.assert_array_equal(
        decoded(Path(clip.path), 64, 48), decoded(path, 64, 48)
    )  # the size fits: scaling changes nothing


def test_bare_frames_are_read_by_their_geometry(make, tmp_path):
    path = make("bare.yuv", *picture(), "-f", "rawvideo", "-pix_fmt", "yuv420p")
    clip = prepare("bare", path, tmp_path / "clips", SMALL, Raw(64, 48, "12.5"))
    assert (clip.width, clip.height, clip.frames, clip.fps) == (64, 48, 8, "25/2")
    frames = np.frombuffer(path.read_bytes(), np.uint8).reshape(8, -1)
    stored = Path(clip.path).read_bytes()
    assert all(frame.tobytes() in stored for frame in frames)


@pytest.mark.parametrize("size", [100, 64 * 48 * 3 // 2 + 1, 65 * 49 * 3])
def test_bare_frames_of_another_geometry_are_refused(size, tmp_path):
    path = tmp_path / "bare.yuv"
    path.write_bytes(b"x" * size)
    said = refused(path, tmp_path, Raw(64, 48, "25"))
    assert said == f" holds {size:,} bytes, which are no whole frames of 64x48 (4,608 each)"


def test_bare_frames_may_have_odd_sizes(make, tmp_path):
    path = make("bare.yuv", *picture("65x49"), "-f", "rawvideo", "-pix_fmt", "yuv420p")
    assert prepare("bare", path, tmp_path / "clips", SMALL, Raw(65, 49, "25")).frames == 8


def test_no_bare_frames_are_none(tmp_path):
    path = tmp_path / "bare.yuv"
    path.touch()
    said = refused(path, tmp_path, Raw(64, 48, "25"))
    assert said == " has no frames: name a clip with at least one"


def test_words_are_no_video(tmp_path):
    path = tmp_path / "words.mp4"
    path.write_text("This is a letter, not a film.\n" * 50)
    assert refused(path, tmp_path).startswith(" is no video that can be read: ")


def test_an_empty_file_is_no_video(tmp_path):
    path = tmp_path / "empty.mkv"
    path.touch()
    assert refused(path, tmp_path).startswith(" is no video that can be read: ")


def test_a_header_without_frames_has_no_frames(tmp_path):
    path = tmp_path / "none.y4m"
    path.write_bytes(b"YUV4MPEG2 W64 H48 F25:1 Ip A1:1 C420jpeg\n")
    assert refused(path, tmp_path) == " has no frames: name a clip with at least one"


def test_sound_is_no_video(make, tmp_path):
    path = make("sound.mp4", "-f", "lavfi", "-i", "sine=duration=0.5", "-c:a", "aac")
    assert refused(path, tmp_path).endswith("it has no video stream")


def test_a_size_that_changes_is_named(make, tmp_path):
    parts = [
        make(f"{size}.h264", *picture(size, frames=4), *H264).read_bytes()
        for size in ("64x48", "96x64")
    ]
    path = tmp_path / "changes.h264"
    path.write_bytes(b"".join(parts))
    assert refused(path, tmp_path) == (
        " changes its resolution (64x48, then 96x64): cut it where it does"
    )
    # What comes after the cut does not matter.
    assert prepare("a", path, tmp_path / "cut", Shape(4, 64, 64)).frames == 4


@pytest.mark.parametrize(("transfer", "kind"), [("smpte2084", "PQ"), ("arib-std-b67", "HLG")])
def test_hdr_is_named(transfer, kind, make, tmp_path):
    path = make(
        "hdr.mkv",
        *picture(),
        # As a filter: given as an option, the frames' own overrule it.
        *("-vf", f"setparams=color_trc={transfer}:color_primaries=bt2020:colorspace=bt2020nc"),
        *("-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le"),
        *("-x265-params", "log-level=error"),
    )
    assert refused(path, tmp_path) == (
        f" is HDR ({kind}), which this VMAF model cannot score: tone-map it"
    )


def test_ten_bits_without_hdr_are_taken(make, tmp_path):
    path = make("ten.mkv", *picture(), "-c:v", "ffv1", "-pix_fmt", "yuv422p10le")
    assert prepare("ten", path, tmp_path / "clips", SMALL).frames == 8


def test_a_playlist_that_calls_the_network_is_refused(tmp_path):
    path = tmp_path / "list.mp4"
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n")
    assert "is no video that can be read" in refused(path, tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile fine.ts\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:0.3,\nfine.ts\n#EXT-X-ENDLIST\n",
    ],
)
def test_a_list_of_other_files_is_refused(text, make, tmp_path):
    make("fine.ts", *picture(), *H264)
    path = tmp_path / "list.mp4"
    path.write_text(text)
    assert refused(path, tmp_path).startswith(" is no video that can be read: ")


def test_a_probe_that_takes_too_long_is_stopped(make, tmp_path, monkeypatch):
    sleeper = tmp_path / "sleeper.py"
    sleeper.write_text("import time; time.sleep(60)")
    monkeypatch.setattr(probe, "__file__", str(sleeper))
    monkeypatch.setattr(clips, "PROBE_SECONDS", 0.2)
    path = make("fine.mkv", *picture(), *H264)
    assert refused(path, tmp_path) == " could not be read within 0.2 s"


def test_a_probe_has_limits(tmp_path):
    hungry = tmp_path / "hungry.py"
    text = Path(probe.__file__).read_text()
    hungry.write_text(text.replace("return json.dumps", "bytearray(5 << 30); return json.dumps"))
    path = tmp_path / "clip.y4m"
    frame = b"FRAME\n" + bytes(64 * 48 * 3 // 2)
    path.write_bytes(b"YUV4MPEG2 W64 H48 F25:1 Ip A1:1 C420jpeg\n" + frame)
    command = [sys.executable, "-s", "-P", str(hungry), str(path), "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "MemoryError" in done.stderr


def test_a_clip_half_written_is_not_taken(make, tmp_path, monkeypatch):
    path = make("source.mkv", *picture(), *H264)
    folder = tmp_path / "clips"

    def dies(_path, _data):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(clips.files, "write_whole", dies)
        with pytest.raises(KeyboardInterrupt):
            prepare("a", path, folder, SMALL)
    # The clip is there and its record is not: it is cut again.
    assert prepare("a", path, folder, SMALL).frames == 8
    assert sorted(p.suffix for p in folder.iterdir()) == [".json", ".y4m"]
    (note,) = folder.glob("*.json")
    assert json.loads(note.read_bytes())["frames"] == 8
