"""The kernel on files that ffmpeg's libopus encoder made, in many settings."""

from __future__ import annotations

import pytest

from workbench.codec import comparing

# name: options, channels
SETTINGS = {
    "2.5ms.opus": ("-frame_duration 2.5 -b:a 96k", 2),
    "2.5ms.webm": ("-frame_duration 2.5 -b:a 256k -vbr off", 2),
    "5ms.mka": ("-frame_duration 5 -b:a 64k -vbr constrained", 1),
    "10ms.ogg": ("-frame_duration 10 -b:a 48k", 1),
    "10ms.webm": ("-frame_duration 10 -b:a 160k -vbr off", 2),
    "20ms.opus": ("-b:a 128k", 2),
    "20ms-16k.ogg": ("-b:a 16k -vbr on", 1),
    "20ms-24k.mka": ("-b:a 24k -vbr off", 2),
    "20ms-256k.opus": ("-b:a 256k -vbr constrained", 2),
    "40ms.opus": ("-frame_duration 40 -b:a 80k", 2),
    "60ms.webm": ("-frame_duration 60 -b:a 48k", 1),
    "narrow.opus": ("-cutoff 4000 -b:a 24k", 1),
    "wide.webm": ("-cutoff 8000 -b:a 32k", 2),
    "superwide.mka": ("-cutoff 12000 -b:a 48k", 2),
    "fast.ogg": ("-compression_level 0 -b:a 96k", 2),
}
KINDS = ("speech", "music", "transients", "silence")


@pytest.mark.parametrize("name", SETTINGS)
def test_celt_files_are_equal_packet_by_packet(encode, ours, upstream, name: str) -> None:
    options, channels = SETTINGS[name]
    path = encode(
        name, "-application", "lowdelay", *options.split(), kinds=KINDS, channels=channels
    )
    found = comparing.compare(path, ours, upstream, passes=1)
    totals = found.totals
    assert totals is not None
    assert totals.first is None
    assert found.verdict == "equal"
    assert totals.modes["CELT"] == totals.packets == totals.held == totals.equal
    assert totals.parity > 0
    assert totals.max_abs_err is not None
    assert totals.max_abs_err <= 1e-4
    assert totals.snr_db is None or totals.snr_db >= 90


@pytest.mark.parametrize(
    ("name", "options", "mode"),
    [
        ("voip-60ms.opus", "-application voip -b:a 12k -frame_duration 60", "SILK"),
        ("voip-20ms.webm", "-application voip -b:a 22k", "hybrid"),
        ("voip-10ms.mka", "-application voip -b:a 24k -frame_duration 10", "hybrid"),
        ("audio-96k.ogg", "-application audio -b:a 96k", "CELT"),
        ("audio-12k.opus", "-application audio -b:a 12k -frame_duration 40", "SILK"),
    ],
)
def test_what_is_not_celt_is_counted_apart(
    encode, ours, upstream, name: str, options: str, mode: str
) -> None:
    path = encode(name, *options.split(), kinds=("speech",), channels=1)
    totals = comparing.compare(path, ours, upstream, passes=1).totals
    assert totals is not None
    assert totals.modes[mode] > 0
    assert totals.modes["SILK"] + totals.modes["hybrid"] == totals.open
    assert totals.held == totals.modes["CELT"] == totals.equal
    assert totals.first is None
