"""The real libopus: which file, both coders, controls, packets, losses, several streams."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from workbench import snapshots
from workbench.errors import Infrastructure
from workbench.upstreams import libopus
from workbench.upstreams.libopus import controls, loading

pytest.importorskip("av")

BAD_ARG, SMALL, INVALID = -1, -2, -4
FRAME = 960


def tone(samples: int, channels: int = 1, rate: int = 48_000) -> NDArray[np.float32]:
    """A chord in noise: nothing that a codec codes as silence."""
    t = np.arange(samples)[:, None] / rate
    noise = np.random.default_rng(3).standard_normal((samples, channels))
    chord = np.sin(2 * np.pi * t * np.array([220, 331])[:channels]) * 0.4
    return (chord + 0.01 * noise).astype(np.float32)


def encode(
    signal: NDArray[np.float32], frame: int = FRAME, encoder: Any = None, **values: Any
) -> list[bytes]:
    encoder = encoder or libopus.Encoder(signal.shape[1], "restricted_celt")
    encoder.set(**values)
    buffer = np.empty(1275, np.uint8)
    cuts = range(0, len(signal) - frame + 1, frame)
    return [buffer[: encoder.encode(signal[i : i + frame], buffer)].tobytes() for i in cuts]


def decode(packets: list[bytes | None], decoder: Any, frame: int = FRAME) -> NDArray[np.float32]:
    pcm = np.zeros((len(packets) * frame, decoder.channels), np.float32)
    at = 0
    for packet in packets:
        at += decoder.decode(packet, pcm[at : at + frame])
    return pcm[:at]


def test_it_is_the_library_that_everything_was_recorded_from() -> None:
    assert libopus.version() == libopus.VERSION == "libopus 1.6.1"
    path = libopus.library_path()
    assert libopus.library_sha256() == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_installed_libopus_returns_the_recorded_evidence() -> None:
    (report,) = snapshots.drift("libopus")
    assert report.recorded == (report.installed,) == ("1.6.1",)
    assert not report.drifted, report.files


def test_evidence_is_encoded_where_none_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(*_: Any) -> Any:
        raise Infrastructure("not recorded")

    monkeypatch.setattr(snapshots, "load", nothing)
    files = libopus.RECORDERS["opus_celt"]()
    monkeypatch.undo()
    assert files.keys() == {
        name.removesuffix(".npz") for name in snapshots.load("libopus", "opus_celt").files
    }
    for name, case in files.items():
        assert (case["request_packets"][0, :, 0] >= 128).all(), name
    refused = files["damaged-cut_flipped_and_malformed"]["output_samples"]
    assert set(refused.ravel().tolist()) == {INVALID, 240}
    assert SMALL in files["damaged-little_room"]["output_samples"]


def test_importing_it_loads_neither_the_library_nor_av() -> None:
    code = (
        "import sys, workbench.upstreams.libopus as opus\n"
        "loaded = open('/proc/self/maps').read() if sys.platform == 'linux' else ''\n"
        "assert 'av' not in sys.modules and 'libopus-' not in loaded\n"
        "opus.library()\n"
        "assert 'av' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_another_file_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other opus.so"
    other.write_bytes(libopus.library_path().read_bytes())
    monkeypatch.setenv("WORKBENCH_LIBOPUS", str(other))
    assert libopus.library_path() == other
    assert libopus.version() == libopus.VERSION
    monkeypatch.setenv("WORKBENCH_LIBOPUS", str(tmp_path / "none.so"))
    with pytest.raises(Infrastructure, match="WORKBENCH_LIBOPUS says it is"):
        libopus.library()


def test_what_is_no_libopus_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = tmp_path / "libopus.so"
    text.write_text("not a library")
    monkeypatch.setenv("WORKBENCH_LIBOPUS", str(text))
    with pytest.raises(Infrastructure, match="is no libopus"):
        libopus.library()
    monkeypatch.delenv("WORKBENCH_LIBOPUS")
    monkeypatch.setattr(loading, "VERSION", "libopus 1.7")
    loading.load.cache_clear()
    with pytest.raises(Infrastructure, match=r"is libopus 1\.6\.1, where libopus 1\.7 is wanted"):
        libopus.library()
    loading.load.cache_clear()


def test_without_pyav_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORKBENCH_LIBOPUS", raising=False)
    monkeypatch.setattr(loading, "DISTRIBUTION", "no_such_package")
    with pytest.raises(Infrastructure, match=r"pip install -e '\.\[media\]'"):
        libopus.library_path()


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("frame", [120, 240, 480, 960])
def test_what_is_encoded_comes_back(channels: int, frame: int) -> None:
    signal = tone(48 * FRAME, channels)
    encoder = libopus.Encoder(channels, "restricted_celt")
    packets = encode(signal, frame, encoder, bitrate=256_000, complexity=10, vbr=0)
    found = decode([*packets], libopus.Decoder(channels), frame)
    delay = encoder.get("lookahead")
    assert delay == 120  # only the overlap: nothing of SILK
    want, got = signal[:-delay][FRAME:], found[delay:][FRAME:]
    error = np.mean(np.square(want - got)) / np.mean(np.square(want))
    assert -10 * np.log10(error) > 25


def test_the_final_range_of_both_sides_is_equal_on_every_packet() -> None:
    signal = tone(20 * FRAME, 2)
    encoder, decoder = libopus.Encoder(2, "audio"), libopus.Decoder(2)
    buffer, pcm = np.empty(1275, np.uint8), np.empty((FRAME, 2), np.float32)
    seen = set()
    for i in range(20):
        size = encoder.encode(signal[i * FRAME : (i + 1) * FRAME], buffer)
        assert decoder.decode(buffer[:size], pcm) == FRAME
        assert decoder.final_range == encoder.final_range
        seen.add(decoder.final_range)
    assert len(seen) == 20


@pytest.mark.parametrize("rate", [8_000, 12_000, 16_000, 24_000, 48_000])
def test_it_decodes_at_every_rate(rate: int) -> None:
    packets = encode(tone(12 * FRAME), bitrate=96_000)
    frame = rate // 50
    found = decode([*packets], libopus.Decoder(1, rate), frame)
    spectrum = np.abs(np.fft.rfft(found[4 * frame :, 0]))
    peak = np.argmax(spectrum) * rate / (len(found) - 4 * frame)
    assert peak == pytest.approx(220, abs=5)


def test_a_reset_decoder_answers_as_a_new_one() -> None:
    packets = encode(tone(12 * FRAME, 2))
    decoder = libopus.Decoder(2)
    first = decode([*packets], decoder)
    assert decode([*packets], decoder).tobytes() != first.tobytes()
    decoder.reset()
    assert decode([*packets], decoder).tobytes() == first.tobytes()


# A value each that the control takes and that is not its default.
SETTABLE = {
    "application": "restricted_lowdelay",
    "bitrate": 48_000,
    "max_bandwidth": "wideband",
    "vbr": 0,
    "complexity": 3,
    "inband_fec": 1,
    "packet_loss_perc": 20,
    "dtx": 1,
    "vbr_constraint": 0,
    "force_channels": 1,
    "signal": "voice",
    "lsb_depth": 16,
    "expert_frame_duration": 5004,
    "prediction_disabled": 1,
    "phase_inversion_disabled": 1,
}


@pytest.mark.parametrize("name", SETTABLE)
def test_a_control_of_the_encoder_keeps_what_it_is_given(name: str) -> None:
    encoder, value = libopus.Encoder(2), SETTABLE[name]
    encoder.set(**{name: value})
    named = controls.CHOICES.get(name, {}).get(str(value), value)
    assert encoder.get(name) == named


def test_controls_of_the_decoder() -> None:
    decoder = libopus.Decoder(2)
    assert decoder.get("sample_rate") == 48_000
    quiet, loud = encode(tone(8 * FRAME, 2)), libopus.Decoder(2)
    loud.set(gain=256 * 6)  # 6 dB in 1/256
    assert loud.get("gain") == 1536
    ratio = np.abs(decode([*quiet], loud)).sum() / np.abs(decode([*quiet], decoder)).sum()
    assert ratio == pytest.approx(10 ** (6 / 20), rel=1e-3)
    assert decoder.get("bandwidth") == controls.BANDWIDTHS["fullband"]
    assert decoder.get("last_packet_duration") == FRAME


def test_a_control_that_is_misspelt_or_refused_is_named() -> None:
    encoder = libopus.Encoder(1)
    with pytest.raises(ValueError, match="did you mean bitrate"):
        encoder.set(bitrates=1)
    with pytest.raises(ValueError, match="did you mean fullband"):
        encoder.set(bandwidth="fulband")
    with pytest.raises(ValueError, match="can be read, not set"):
        encoder.set(lookahead=1)
    with pytest.raises(libopus.OpusError, match=r"complexity=11: invalid argument") as caught:
        encoder.set(complexity=11)
    assert caught.value.code == BAD_ARG


def test_errors_have_the_words_of_libopus() -> None:
    pcm = np.zeros((FRAME, 2), np.float32)
    with pytest.raises(libopus.OpusError, match=r"corrupted stream \(OPUS_INVALID_PACKET, -4\)"):
        libopus.Decoder(2).decode(b"\xff\xff", pcm)  # code 3 with 63 frames
    with pytest.raises(libopus.OpusError, match="buffer too small"):
        libopus.Decoder(2).decode(encode(tone(FRAME, 2))[0], pcm[:480])
    with pytest.raises(libopus.OpusError, match="invalid argument"):
        libopus.Encoder(2).encode(pcm[:100], np.empty(1275, np.uint8))
    with pytest.raises(libopus.OpusError, match="invalid argument"):
        libopus.Decoder(3)


@pytest.mark.parametrize(
    "pcm",
    [
        np.zeros((FRAME, 1), np.float32),
        np.zeros((FRAME, 2)),
        np.zeros((2, FRAME), np.float32).T,
        np.zeros(2 * FRAME, np.float32),
    ],
    ids=["channels", "float64", "transposed", "flat"],
)
def test_buffers_that_libopus_would_overrun_are_refused(pcm: NDArray[Any]) -> None:
    with pytest.raises(ValueError, match="pcm"):
        libopus.Decoder(2).decode(b"\xf8\xff\xfe", pcm)


def test_packets_are_taken_apart() -> None:
    packets = encode(tone(4 * FRAME, 2), bitrate=64_000, vbr=1)
    one = libopus.parse(packets[0])
    assert one.toc == packets[0][0] == 0xFC  # fullband CELT, 20 ms, stereo, code 0
    assert one.sizes == (len(packets[0]) - 1,)
    assert one.offsets == (one.payload_offset,) == (1,)
    assert libopus.bandwidth(packets[0]) == controls.BANDWIDTHS["fullband"]
    assert (libopus.channels(packets[0]), libopus.frame_samples(packets[0])) == (2, FRAME)
    assert not libopus.has_lbrr(packets[0])
    merged = libopus.repacketise(packets)
    parts = libopus.parse(merged)
    assert [merged[o : o + n] for o, n in zip(parts.offsets, parts.sizes, strict=True)] == [
        packet[1:] for packet in packets
    ]
    assert (merged[0] & 3, libopus.n_frames(merged)) == (3, 4)
    assert libopus.n_samples(merged) == 4 * FRAME
    assert libopus.repacketise([merged], 1, 2) == packets[1]


def test_a_merged_packet_decodes_as_its_parts_do() -> None:
    packets = encode(tone(6 * FRAME, 2))
    together = np.empty((6 * FRAME, 2), np.float32)
    assert libopus.Decoder(2).decode(libopus.repacketise(packets), together) == len(together)
    assert together.tobytes() == decode([*packets], libopus.Decoder(2)).tobytes()


def test_padding_goes_in_and_out() -> None:
    (packet,) = encode(tone(FRAME))
    padded = libopus.pad(packet, len(packet) + 400)
    assert len(padded) == len(packet) + 400
    assert libopus.parse(padded).sizes == libopus.parse(packet).sizes
    assert libopus.unpad(padded) == packet
    with pytest.raises(libopus.OpusError):
        libopus.pad(packet, len(packet) - 1)


@pytest.mark.parametrize(
    ("packet", "code"),
    [(b"", BAD_ARG), (b"\xff", INVALID), (b"\xff\x00", INVALID), (b"\xfe\xff", INVALID)],
)
def test_what_is_no_packet_is_refused(packet: bytes, code: int) -> None:
    with pytest.raises(libopus.OpusError) as caught:
        libopus.n_samples(packet) if not packet else libopus.parse(packet)
    assert caught.value.code == code


def test_a_lost_packet_is_concealed_in_the_length_asked_for() -> None:
    packets: list[bytes | None] = [*encode(tone(12 * FRAME, 2))]
    whole = decode(packets, libopus.Decoder(2))
    packets[8] = None
    patched = decode(packets, libopus.Decoder(2))
    assert patched.shape == whole.shape
    lost = slice(8 * FRAME, 9 * FRAME)
    assert (patched[: lost.start] == whole[: lost.start]).all()
    assert np.abs(patched[lost]).max() > 0.1  # the chord goes on
    assert not (patched[lost] == whole[lost]).all()


def test_an_in_band_copy_stands_in_for_a_lost_packet() -> None:
    encoder = libopus.Encoder(1, "voip")
    signal = tone(40 * FRAME) * np.sin(np.arange(40 * FRAME)[:, None] / 4_000)
    packets = encode(
        signal.astype(np.float32),
        encoder=encoder,
        inband_fec=1,
        packet_loss_perc=30,
        bitrate=24_000,
        force_mode="silk",
    )
    at = next(i for i in range(20, 40) if libopus.has_lbrr(packets[i]))

    def rest(fec: bool) -> float:
        decoder, pcm = libopus.Decoder(1), np.empty((FRAME, 1), np.float32)
        decode([*packets[: at - 1]], decoder)
        assert decoder.decode(packets[at] if fec else None, pcm, fec=fec) == FRAME
        whole = decode([*packets], libopus.Decoder(1))[(at - 1) * FRAME : at * FRAME]
        return float(np.square(pcm - whole).sum())

    assert rest(fec=True) < rest(fec=False)


def test_six_channels_go_through_four_streams() -> None:
    signal = np.hstack([tone(10 * FRAME) * (0.2 + 0.1 * i) for i in range(6)])
    encoder = libopus.MultistreamEncoder(6)
    assert (encoder.streams, encoder.coupled) == (4, 2)
    assert sorted(encoder.mapping) == [0, 1, 2, 3, 4, 5]
    encoder.set(bitrate=400_000)
    buffer = np.empty(4 * 1275, np.uint8)
    decoder = libopus.MultistreamDecoder(encoder.streams, encoder.coupled, encoder.mapping)
    pcm = np.empty((FRAME, 6), np.float32)
    for i in range(10):
        size = encoder.encode(signal[i * FRAME : (i + 1) * FRAME], buffer)
        assert decoder.decode(buffer[:size], pcm) == FRAME
        assert decoder.final_range == encoder.final_range
    power = np.sqrt(np.mean(np.square(pcm), axis=0))
    assert np.corrcoef(power[:5], np.arange(5))[0, 1] > 0.99  # the sixth is for low tones only
    with pytest.raises(libopus.OpusError):
        libopus.MultistreamDecoder(1, 2, [0])


def test_compiled_code_gets_the_same_from_a_state_that_was_copied() -> None:
    from workbench.upstreams.libopus import compiled

    packets = encode(tone(12 * FRAME, 2), bitrate=96_000)
    plain = libopus.Decoder(2)
    state, final = libopus.Decoder(2).state.copy(), np.zeros(1, np.uint32)
    got, want = (np.zeros((FRAME, 2), np.float32) for _ in range(2))

    def answer(data: NDArray[np.uint8], length: int, room: int = FRAME) -> tuple[int, int]:
        samples, value = compiled.decode_float(state, final, data, length, got, room)
        return int(samples), int(value)

    for turn in range(2):
        for packet in packets:
            data = np.frombuffer(packet, np.uint8)
            samples = plain.decode(packet, want)
            assert answer(data, len(data)) == (samples, plain.final_range)
            np.testing.assert_array_equal(got, want)
        plain.reset()
        assert compiled.reset(state, final) == 0, turn
    data = np.frombuffer(packets[0], np.uint8)
    assert answer(data, len(data), 480) == (SMALL, 0)
    assert answer(data, -1) == answer(data, len(data) + 1) == (BAD_ARG, 0)
    assert answer(data, len(data), FRAME + 1) == (BAD_ARG, 0)
    assert answer(np.full(2, 255, np.uint8), 2) == (INVALID, 0)
    assert answer(data, 0) == (plain.decode(None, want), plain.final_range)


def test_compiled_code_can_be_cached(tmp_path: Path) -> None:
    folder = tmp_path / "cached.py"
    folder.write_text(
        "import numpy as np\n"
        "from numba import njit\n"
        "from workbench.upstreams import libopus\n"
        "from workbench.upstreams.libopus import compiled\n"
        "@njit(cache=True)\n"
        "def lost(state, final, packet, pcm):\n"
        "    return compiled.decode_float(state, final, packet, 0, pcm, len(pcm))\n"
        "state, final = libopus.Decoder(1).state, np.zeros(1, np.uint32)\n"
        "pcm = np.ones((960, 1), np.float32)\n"
        "assert lost(state, final, np.zeros(0, np.uint8), pcm)[0] == 960\n"
        "assert not pcm.any()\n"
        "print(sum(lost.stats.cache_hits.values()))\n"
    )
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    command = [sys.executable, "-W", "error", str(folder)]
    runs = [subprocess.check_output(command, env=environment, text=True) for _ in range(2)]
    assert [run.strip() for run in runs] == ["0", "1"]
