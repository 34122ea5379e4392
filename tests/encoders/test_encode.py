"""What is checked of an encode before a score is believed, and how it fails."""

import pytest

from workbench.encoders import encode as encoding
from workbench.encoders.clips import Clip
from workbench.encoders.codecs import CODECS
from workbench.encoders.encode import check_times, commands, encode, packet_bytes
from workbench.encoders.grid import Cell
from workbench.upstreams import ffmpeg

X264 = Cell("clip", "libx264", "cqp", "ultrafast", 30.0)


def clip_of(frames, fps="25"):
    return Clip("clip", "clip.y4m", "", 64, 48, frames, fps)


def test_frames_in_any_order_of_packets_are_in_place():
    check_times([0.0, 0.12, 0.04, 0.08], clip_of(4))
    # Matroska rounds to milliseconds, and may begin late.
    check_times([5.0, 5.033, 5.067, 5.1], clip_of(4, "30000/1001"))


@pytest.mark.parametrize(
    ("times", "said"),
    [
        ([0.0, 0.04, 0.08], "3 packets for 4 frames"),
        ([0.0, 0.04, 0.08, 0.12, 0.16], "5 packets for 4 frames"),
        ([], "0 packets for 4 frames"),
        ([0.0, 0.04, 0.04, 0.12], r"frame 2 is at 0\.040 s, not 0\.080 s"),
        ([0.0, 0.04, 0.12, 0.16], r"frame 2 is at 0\.120 s, not 0\.080 s"),
        ([0.0, 0.03, 0.061, 0.09], r"frame 3 is at 0\.090 s, not 0\.120 s"),
    ],
)
def test_a_frame_that_is_missing_doubled_or_moved_is_named(times, said):
    with pytest.raises(ffmpeg.Failed, match=said):
        check_times(times, clip_of(4))


def test_bitrate_is_that_of_the_packets_alone(clip, tmp_path):
    encoded = encode(X264, clip, tmp_path)
    ffmpeg.run(
        [*("-i", "encoded.mkv", "-c", "copy", "-bsf:v", "h264_mp4toannexb"), "bare.h264"],
        folder=tmp_path,
    )
    # In bare H.264 a start code stands for each length, and headers are repeated.
    kbps = 8e-3 * (tmp_path / "bare.h264").stat().st_size / clip.seconds
    assert encoded.bitrate_kbps == pytest.approx(kbps, rel=0.02)
    assert 8e-3 * encoded.path.stat().st_size / clip.seconds > encoded.bitrate_kbps
    assert encoded.cpu_ms > 0
    assert encoded.elapsed_ms > 0


def test_an_encode_that_wrote_nothing_is_a_failure(clip, tmp_path):
    nothing = tmp_path / "nothing.mkv"
    nothing.touch()
    with pytest.raises(ffmpeg.Failed, match="what it wrote cannot be read"):
        packet_bytes(nothing, clip)
    with pytest.raises(ffmpeg.Failed, match="what it wrote cannot be read"):
        packet_bytes(tmp_path / "missing.mkv", clip)


@pytest.mark.parametrize(
    ("codec", "recipe", "said"),
    [
        ("libx264", "nosuch=1", "a knob was not taken.*nosuch"),
        ("libx264", "bframes=many", "a knob was not taken.*bframes"),
        ("libx265", "nosuch=1", "a knob was not taken.*nosuch"),
        ("libx265", "bframes=many", "a knob was not taken.*bframes"),
        ("libsvtav1", "nosuch=1", "a knob was not taken.*nosuch"),
        ("libsvtav1", "aq-mode=many", "a knob was not taken.*aq-mode"),
        ("libvpx-vp9", "nosuch=1", "Unrecognized option 'nosuch'"),
        ("libaom-av1", "nosuch=1", "Cannot find aom option nosuch"),
        ("libvvenc", "nosuch=1", "Unknown vvenc option: nosuch"),
    ],
)
def test_a_knob_that_an_encoder_does_not_take_is_a_failure(codec, recipe, said, tiny, tmp_path):
    wrong = Cell("clip", codec, "vbr", CODECS[codec].preset, 100.0, recipe)
    with pytest.raises(ffmpeg.Failed, match=said):
        encode(wrong, tiny, tmp_path)


def test_an_encode_stops_at_its_time(five_seconds, tmp_path):
    slow = Cell("clip", "libaom-av1", "cqp", "0", 24.0)
    with pytest.raises(ffmpeg.Failed, match=r"stopped after 0\.2 s"):
        encode(slow, five_seconds, tmp_path, timeout_s=0.2)


def test_a_command_opens_files_alone_and_has_no_sound():
    (arguments,) = commands(X264, "/clips/a b.y4m")
    assert arguments[:4] == ["-protocol_whitelist", "file,pipe", "-i", "file:/clips/a b.y4m"]
    assert "-an" in arguments
    assert arguments[-1] == encoding.OUTPUT


def test_a_device_comes_before_its_input():
    (arguments,) = commands(Cell("clip", "h264_vaapi", "cqp", "4", 30.0), "clip.y4m")
    assert arguments.index("-vaapi_device") < arguments.index("-i")
