"""Sounds that are what they are called, and streams that cover what CELT can be."""

from __future__ import annotations

import collections
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from workbench.opus import signals, streams
from workbench.opus.streams import Settings
from workbench.upstreams import libopus

pytest.importorskip("av")


@pytest.fixture(scope="module")
def grid() -> list[streams.Stream]:
    return list(streams.grid(np.random.default_rng(5)))


def sound(kind: str, samples: int = 24_000, channels: int = 1, **more: Any) -> NDArray[np.float32]:
    return signals.sound(kind, np.random.default_rng(2), samples, channels, **more)


@pytest.mark.parametrize("kind", signals.KINDS)
@pytest.mark.parametrize("samples", [120, 5_000])
def test_a_seed_says_a_sound_again(kind: str, samples: int) -> None:
    first, second = (sound(kind, samples, 2) for _ in range(2))
    assert first.shape == (samples, 2)
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
    assert first.tobytes() == second.tobytes()


def test_sounds_are_as_loud_as_their_kind() -> None:
    loudest = {kind: float(np.abs(sound(kind)).max()) for kind in signals.KINDS}
    assert loudest["silence"] == 0
    assert loudest["clipping"] == 1
    assert loudest["overdriven"] > 3
    assert 0 < loudest["faint"] < 2e-5
    rest = [loudest[k] for k in ("speech", "music", "transients", "noise", "sweep", "tones")]
    assert min(rest) > 0.09
    assert max(rest) <= 1


def repetition(found: NDArray[np.float32]) -> float:
    """How much the loud blocks of 25 ms repeat themselves at the best lag of a voice's."""
    blocks = found[: len(found) // 1_200 * 1_200, 0].astype(float).reshape(-1, 1_200)
    energy = np.square(blocks).sum(axis=1)
    best = []
    for block in blocks[energy > energy.mean() / 2]:
        pairs = [(block[lag:], block[:-lag]) for lag in range(180, 600, 2)]
        best.append(max(float(a @ b / np.sqrt((a @ a) * (b @ b) + 1e-12)) for a, b in pairs))
    return float(np.median(best))


def test_speech_has_a_pitch_and_transients_have_none() -> None:
    found = {
        kind: [
            repetition(signals.sound(kind, np.random.default_rng(seed), 24_000))
            for seed in range(5)
        ]
        for kind in ("speech", "transients")
    }
    assert np.median(found["speech"]) > 0.8
    assert np.median(found["transients"]) < 0.5


def test_pauses_are_digital_silence_within_music() -> None:
    quiet = sound("pauses")[:, 0] == 0
    assert 0.1 < quiet.mean() < 0.9
    assert np.diff(quiet.astype(int)).nonzero()[0].size > 4


def test_stereo_is_what_it_is_called() -> None:
    pairs = {kind: sound("music", channels=2, stereo=kind).T for kind in signals.STEREO}
    assert not pairs.pop("left")[1].any()
    likeness = {kind: float(np.corrcoef(*pair)[0, 1]) for kind, pair in pairs.items()}
    assert [likeness["same"], likeness["panned"]] == pytest.approx([1, 1])
    assert likeness["inverted"] == pytest.approx(-1)
    assert 0.3 < likeness["wide"] < 0.999
    assert abs(likeness["apart"]) < 0.3
    assert likeness["delayed"] < 0.999


def test_a_kind_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="no sound 'hum'; there are: speech, music"):
        sound("hum")
    with pytest.raises(ValueError, match="no stereo 'mid'; there are: same"):
        sound("music", channels=2, stereo="mid")


@pytest.mark.parametrize("frame", streams.FRAMES)
@pytest.mark.parametrize("bandwidth", streams.BANDWIDTHS)
@pytest.mark.parametrize("channels", [1, 2])
def test_packets_are_of_the_settings_that_were_asked_for(
    frame: int, bandwidth: str, channels: int
) -> None:
    settings = Settings(frame, bandwidth, channels, kbps=96, rate_control="cbr")
    found = streams.stream(np.random.default_rng(0), "music", settings, 8)
    assert len(found.packets) == 8
    for packet in found.packets:
        assert packet[0] >= 128  # CELT and nothing else
        assert libopus.frame_samples(packet) == frame
        assert libopus.channels(packet) == channels
        assert libopus.controls.BANDWIDTHS[bandwidth] == libopus.bandwidth(packet)
        assert len(packet) == frame * 96_000 // 48_000 // 8


def test_rate_controls_differ() -> None:
    sizes = {}
    for control in streams.RATE_CONTROLS:
        settings = Settings(kbps=64, rate_control=control)
        found = streams.stream(np.random.default_rng(0), "transients", settings, 50)
        sizes[control] = np.array([len(packet) for packet in found.packets])
    assert set(sizes["cbr"]) == {160}
    assert sizes["vbr"].std() > sizes["cvbr"].std() > 0
    assert sizes["cvbr"].mean() == pytest.approx(160, rel=0.1)


def test_merged_packets_use_every_code() -> None:
    rng = np.random.default_rng(0)
    even = streams.stream(rng, "music", Settings(240, rate_control="cbr"), 24).packets
    uneven = streams.stream(rng, "music", Settings(240, rate_control="vbr"), 24).packets
    for packets, codes in ((even, (0, 1, 3)), (uneven, (0, 2, 3))):
        for frames, code in zip((1, 2, 5), codes, strict=True):
            merged = streams.merge(packets, frames)
            assert len(merged) == 24 // frames
            found = {packet[0] & 3 for packet in merged}
            assert code in found
            assert found <= {code, 1}  # two of sizes that vary may be equal
            assert {libopus.n_frames(packet) for packet in merged} == {frames}
            padded = streams.merge(packets, frames, 300)
            assert {packet[0] & 3 for packet in padded} == {3}
            assert {packet[1] & 0x40 for packet in padded} == {0x40}
    assert {p[1] & 0x80 for p in streams.merge(even, 5)} == {0}
    assert {p[1] & 0x80 for p in streams.merge(uneven, 5)} == {0x80}


def test_settings_take_turns_in_one_stream() -> None:
    each = [Settings(960, channels=2), Settings(120, "narrowband"), Settings(480, "wideband")]
    found = streams.switching(np.random.default_rng(0), "music", each, 30_000, run=3)
    headers = [packet[0] & 0xFC for packet in found.packets]
    want = [0xFC, 0xFC, 0xFC, 0x80, 0x80, 0x80, 0xB0, 0xB0, 0xB0]
    assert headers[:9] == want
    assert headers[9:12] == want[:3]


def test_the_grid_covers_every_cell_and_every_value(grid: list[streams.Stream]) -> None:
    cells = collections.Counter(
        (s.settings.frame, s.settings.bandwidth, s.settings.channels) for s in grid
    )
    assert len(cells) == 4 * 4 * 2
    assert set(cells.values()) == {10}
    assert len({s.name for s in grid}) == len(grid)
    assert {s.kind.split("-")[0] for s in grid} == set(signals.KINDS)
    assert {k for s in grid for k in s.kind.split("-")[1:2]} >= set(signals.STEREO)
    pairs = {(s.settings.kbps, s.settings.rate_control) for s in grid}
    assert len(pairs) == len(streams.RATES_KBPS) * len(streams.RATE_CONTROLS)
    assert {s.settings.complexity for s in grid} == set(range(11))
    assert {packet[0] & 3 for s in grid for packet in s.packets} == {0, 1, 2, 3}


def test_libopus_decodes_all_of_the_grid_and_no_packet_leaves_celt(
    grid: list[streams.Stream],
) -> None:
    pcm = np.empty((5_760, 2), np.float32)
    for one in grid:
        decoder = libopus.Decoder(2)
        for packet in one.packets:
            assert packet[0] >= 128
            assert decoder.decode(packet, pcm) == libopus.n_samples(packet)


def test_a_seed_makes_the_same_grid_twice(grid: list[streams.Stream]) -> None:
    again = list(streams.grid(np.random.default_rng(5)))
    assert [s.packets for s in again] == [s.packets for s in grid]
