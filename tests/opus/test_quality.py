"""The perceptual metric: what must count more, less, and not at all."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from workbench.opus import quality, signals, streams
from workbench.opus.quality import quality_db
from workbench.upstreams import libopus

RATE = quality.RATE


def signal(seed: int = 0, seconds: float = 0.5, channels: int = 1) -> NDArray[np.float64]:
    """Harmonics that start twice, over noise of falling spectrum."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(RATE * seconds)) / RATE
    made = []
    for channel in range(channels):
        base = 220 * (1 + channel / 4)
        tone = sum(np.sin(2 * np.pi * base * k * t + k) / k for k in range(1, 30))
        noise = np.cumsum(rng.standard_normal(len(t)))
        noise -= np.convolve(noise, np.ones(200) / 200, "same")
        made.append(0.1 * tone * np.exp(-6 * (t % 0.25)) + 0.002 * noise)
    return np.stack(made, axis=1)


def band_noise(n: int, low_hz: float, high_hz: float, seed: int = 1) -> NDArray[np.float64]:
    """Noise of one band only, with power 1."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(n))
    hertz = np.fft.rfftfreq(n, 1 / RATE)
    noise = np.fft.irfft(np.where((hertz >= low_hz) & (hertz < high_hz), spectrum, 0), n)
    scaled: NDArray[np.float64] = noise / np.sqrt(np.mean(noise**2))
    return scaled


@pytest.mark.parametrize("channels", [1, 2])
def test_identical_signals_get_the_best(channels: int) -> None:
    x = signal(channels=channels)
    assert quality_db(x, x) == quality.BEST_DB
    assert quality_db(x.astype(np.float32), x.astype(np.float32)) == quality.BEST_DB
    assert quality_db(np.zeros((4_800, channels)), np.zeros((4_800, channels))) == quality.BEST_DB


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    level=st.floats(-60, 0),
    step=st.floats(3, 30),
    channels=st.integers(1, 2),
)
def test_more_of_the_same_noise_is_worse(
    seed: int, level: float, step: float, channels: int
) -> None:
    x = signal(seed, 0.1, channels)
    noise = np.random.default_rng(seed).standard_normal(x.shape) * np.std(x)
    less = quality_db(x, x + noise * 10 ** (level / 20))
    more = quality_db(x, x + noise * 10 ** ((level + step) / 20))
    assert quality.WORST_DB <= more < less <= quality.BEST_DB


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), gain=st.floats(1e-3, 1e3))
def test_the_gain_of_both_does_not_count(seed: int, gain: float) -> None:
    x = signal(seed, 0.1)
    y = x + 0.003 * np.random.default_rng(seed).standard_normal(x.shape)
    assert quality_db(gain * x, gain * y) == pytest.approx(quality_db(x, y), abs=1e-6)


def test_small_noise_counts_in_decibels() -> None:
    x = np.random.default_rng(5).standard_normal((24_000, 1))
    noise = np.random.default_rng(6).standard_normal(x.shape)
    scores = [quality_db(x, x + noise * 10 ** (-level / 20)) for level in (0, 10, 20)]
    assert np.diff(scores) == pytest.approx([11, 11], abs=1.5)


def test_noise_far_below_its_masker_does_not_count() -> None:
    x = np.random.default_rng(5).standard_normal((24_000, 1))
    noise = np.random.default_rng(6).standard_normal(x.shape)
    scores = [quality_db(x, x + noise * 10 ** (-level / 20)) for level in (30, 40, 50)]
    assert scores == pytest.approx([quality.BEST_DB] * 3, abs=0.5)
    assert scores[2] == pytest.approx(quality.BEST_DB, abs=1e-3)


def test_noise_under_a_louder_sound_counts_less() -> None:
    n = 24_000
    masker = band_noise(n, 1_000, 1_200)
    # noise of equal power: in the masker's band, just above it, far above it
    scores = [
        quality_db(masker, masker + 0.03 * band_noise(n, low, low + 200, seed=2))
        for low in (1_000, 1_400, 6_000)
    ]
    assert scores[0] > scores[1] > scores[2]


def test_upward_masking_is_wider_than_downward() -> None:
    n = 24_000
    masker = band_noise(n, 3_200, 4_000)
    below, above = (
        quality_db(masker, masker + 0.01 * band_noise(n, low, high, seed=2))
        for low, high in ((2_000, 2_400), (5_600, 6_800))
    )
    assert above > below


def test_noise_before_an_attack_counts_more_than_after_it() -> None:
    n = 24_000
    attack = np.random.default_rng(0).standard_normal(n)
    attack[: n // 2] *= 1e-4
    attack[n // 2 :] *= np.exp(-np.arange(n // 2) / 1_000)
    burst = 0.01 * np.random.default_rng(1).standard_normal(480)
    before, after = attack.copy(), attack.copy()
    before[n // 2 - 700 : n // 2 - 220] += burst
    after[n // 2 + 220 : n // 2 + 700] += burst
    assert quality_db(attack, before) < quality_db(attack, after)


def test_a_wrong_waveform_of_the_right_level_is_better_than_a_hole() -> None:
    n = 24_000
    rest = band_noise(n, 100, 5_000)
    band = band_noise(n, 5_600, 6_800, seed=3)
    x = rest + 0.3 * band
    noise = rest + 0.3 * band_noise(n, 5_600, 6_800, seed=4)
    hole = rest + 0.0 * band
    softer = rest + 0.15 * band_noise(n, 5_600, 6_800, seed=4)
    assert quality_db(x, noise) > quality_db(x, softer) > quality_db(x, hole)


def test_the_delay_is_taken_into_account() -> None:
    x = signal()
    late = np.concatenate([np.zeros((312, 1)), x])
    assert quality_db(x, late, 312) == quality.BEST_DB
    assert quality_db(late, x, -312) == quality.BEST_DB
    assert quality_db(x, late) < 0


def test_channels_are_heard_apart() -> None:
    x = signal(channels=2)
    swapped = x[:, ::-1]
    one = x.copy()
    one[:, 0] += 0.01 * np.random.default_rng(0).standard_normal(len(x))
    assert quality_db(x, swapped) < 5
    alone = [quality_db(x[:, c], one[:, c]) for c in (0, 1)]
    assert min(alone) < quality_db(x, one) < max(alone)


def test_a_single_band_weighs_what_it_spans() -> None:
    weights = quality.band_weights()
    assert weights.shape == (21,)
    assert weights.sum() == pytest.approx(1)
    # 200 Hz at the bottom are two critical bands, 4.4 kHz at the top one
    assert weights[0] > weights[8]
    assert weights[20] < 0.06


@pytest.mark.parametrize(
    ("original", "decoded", "why"),
    [
        (np.zeros(2_000), np.zeros((2_000, 2)), "channels"),
        (np.zeros(500), np.zeros(2_000), "in common"),
        (np.zeros(2_000), np.full(2_000, np.nan), "finite"),
    ],
)
def test_what_cannot_be_compared_is_named(
    original: NDArray[Any], decoded: NDArray[Any], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        quality_db(original, decoded)


def test_segment_and_transition_snr() -> None:
    x = signal()
    y = x.copy()
    y[10_000:10_100] += 0.5
    assert quality.segment_snr_db(x, y, 0, 9_000) == quality.BEST_SNR_DB
    assert quality.segment_snr_db(x, 1.03 * x, 0, 9_000) == pytest.approx(30.5, abs=0.1)
    assert quality.segment_snr_db(x, x + x, 0, 9_000) == pytest.approx(0)
    assert quality.segment_snr_db(x, 200 * x, 0, 9_000) == quality.WORST_DB
    worst = quality.transition_snr_db(x, y, [4_000, 10_050, 20_000])
    assert worst == quality.segment_snr_db(x, y, 10_050 - 960, 10_050 + 960)
    assert worst < 20
    with pytest.raises(ValueError, match="switch"):
        quality.transition_snr_db(x, y, [])


@pytest.mark.parametrize(("kind", "channels"), [("music", 2), ("speech", 1), ("transients", 1)])
def test_real_packets_sound_better_with_every_bit(kind: str, channels: int) -> None:
    pcm = signals.sound(kind, np.random.default_rng(1), 28_800, channels)
    scores = []
    for kbps in (16, 32, 64, 128, 256):
        settings_of = streams.Settings(960, "fullband", channels, kbps * channels, "cbr")
        decoder, decoded = libopus.Decoder(channels), np.zeros_like(pcm)
        for i, packet in enumerate(streams.encode(pcm, settings_of)):
            decoder.decode(packet, decoded[960 * i : 960 * (i + 1)])
        scores.append(quality_db(pcm, decoded, 120))
    assert scores == sorted(scores)
    assert scores[-1] > scores[0] + 10
