"""Concealment beside libopus's own: the sound, and the state that the next packet finds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg, signal

from workbench.opus import decoder, memory, periodicity, prediction, signals, streams
from workbench.opus.mdct import SCRATCH
from workbench.opus.quality import quality_db, segment_snr_db
from workbench.upstreams import libopus


def snr_db(got, want):
    noise = np.sum((got.astype(float) - want) ** 2)
    return 10 * np.log10(np.sum(want.astype(float) ** 2) / noise) if noise else np.inf


# ---- parts -----------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 24), st.integers(0, 99))
def test_the_predictor_solves_the_normal_equations(order, seed):
    rng = np.random.default_rng(seed)
    x = signal.lfilter([1], [1, -0.6, 0.2], rng.standard_normal(600)).astype(np.float32)
    correlation, taps = np.zeros(30, np.float32), np.zeros(30, np.float32)
    prediction.correlate(x, 50, 500, order, correlation, 2)
    exact = np.correlate(x[50:550].astype(float), x[50:550].astype(float), "full")[499:]
    np.testing.assert_allclose(correlation[2 : 3 + order], exact[: order + 1], rtol=0, atol=0.02)
    prediction.stabilise(correlation, 2, order)
    prediction.find_filter(correlation, 2, order, taps, 1)
    stable = correlation[2 : 3 + order].astype(float)
    want = linalg.solve_toeplitz(stable[:-1], -stable[1:])
    np.testing.assert_allclose(taps[1 : 1 + order], want, atol=2e-4)
    assert taps[0] == 0
    assert (taps[1 + order :] == 0).all()


def test_silence_has_no_predictor():
    taps = np.ones(24, np.float32)
    prediction.find_filter(np.zeros(25, np.float32), 0, 24, taps, 0)
    assert (taps == 0).all()


def test_analysis_is_a_filter_and_synthesis_undoes_it():
    rng = np.random.default_rng(5)
    x = rng.standard_normal(300).astype(np.float32)
    poles = signal.tf2zpk([1], np.r_[1, rng.uniform(-0.03, 0.03, 24)])[1]
    assert (np.abs(poles) < 1).all()
    taps = rng.uniform(-0.03, 0.03, 24).astype(np.float32)
    error, back = np.zeros(300, np.float32), x.copy()
    prediction.analyse(x, 24, 276, taps[::-1].copy(), 0, 24, error, 24)
    want = signal.lfilter(np.r_[1, taps], [1], x.astype(float))
    np.testing.assert_allclose(error[24:], want[24:], atol=2e-6)
    back[24:] = error[24:]
    prediction.synthesise(back, 24, 276, taps[::-1].copy(), 0, 24)
    np.testing.assert_allclose(back, x, atol=2e-5)


@settings(max_examples=40, deadline=None)
@given(st.integers(104, 700), st.integers(1, 2), st.integers(0, 99))
def test_the_period_of_pulses_is_found(period, channels, seed):
    rng = np.random.default_rng(seed)
    apart = periodicity.LOOK_BACK + 50
    history = np.zeros(channels * apart, np.float32)
    shape = rng.standard_normal(period)
    repeated = np.tile(shape, 40)[-periodicity.LOOK_BACK :]
    repeated = signal.lfilter([0.3], [1, -0.7], repeated)
    for c in range(channels):
        history[c * apart :][: periodicity.LOOK_BACK] = 1000 * repeated
    scratch = np.full(SCRATCH, np.nan, np.float32)
    found = periodicity.find_period(
        history, periodicity.LOOK_BACK, apart, channels, np.resize(scratch, memory.SCRATCH)
    )
    # a multiple repeats as well, where it is short enough
    nearest = max(1, round(found / period)) * period
    assert periodicity.SHORTEST <= found <= periodicity.LONGEST
    assert abs(found - nearest) <= 3


@pytest.mark.parametrize("channels", [1, 2])
def test_silence_has_some_period(channels):
    history = np.zeros(channels * 3000, np.float32)
    scratch = np.zeros(memory.SCRATCH, np.float32)
    found = periodicity.find_period(history, 3000, 3000, channels, scratch)
    assert periodicity.SHORTEST <= found <= periodicity.LONGEST


# ---- beside libopus --------------------------------------------------------------------------

# Packets that are lost, of 50 frames of 20 ms or 60 of 5.
LOSSES = {
    "single": range(6, 60, 5),
    "first": (2,),
    "burst": (8, 9, 10, 11, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36),
    "spaced": range(5, 60, 2),
    "tenth": (4, 9, 17, 18, 31, 40),
}


def play(packets, frame, channels):
    """What ours makes of packets; a lost one is empty."""
    state, found = decoder.setup(channels, frame), []
    for packet in packets:
        pcm = np.full((960, channels), np.nan, np.float32)
        given_ = np.frombuffer(packet or b"\0", np.uint8)
        samples, _ = decoder.decode(state, given_, len(packet), pcm)
        assert samples == frame
        found.append(pcm[:frame])
    return np.concatenate(found)


def play_libopus(packets, frame, channels):
    opus, found = libopus.Decoder(channels), []
    for packet in packets:
        pcm = np.zeros((frame, channels), np.float32)
        assert opus.decode(packet or None, pcm) == frame
        found.append(pcm)
    return np.concatenate(found)


def arrivals(kind, frame, channels, lost, seed=1):
    rng = np.random.default_rng([seed, frame, channels])
    count = 40 if frame == 960 else 60
    sound = signals.sound(kind, rng, count * frame, channels)
    made = streams.encode(sound, streams.Settings(frame, "fullband", channels, 64 * channels))
    return sound, [b"" if i in lost else packet for i, packet in enumerate(made)]


CASES = [
    *(("speech", 960, channels, name) for channels in (1, 2) for name in LOSSES),
    *(("music", 240, channels, name) for channels in (1, 2) for name in LOSSES),
    *((kind, 480, 2, "tenth") for kind in ("transients", "noise", "tones", "pauses")),
    *((kind, 120, 1, "spaced") for kind in ("speech", "silence", "clipping")),
]


@pytest.mark.parametrize(("kind", "frame", "channels", "losses"), CASES)
def test_losses_sound_as_with_libopus(kind, frame, channels, losses):
    sound, packets = arrivals(kind, frame, channels, LOSSES[losses])
    got, want = (f(packets, frame, channels) for f in (play, play_libopus))
    assert np.isfinite(got).all()
    if np.abs(want).max() < 1e-30:
        assert not got.any()
        return
    # nearly always above 70; where two periods are as good, the last bit decides between them
    assert snr_db(got, want) > 35
    delay = libopus.Encoder(channels, "restricted_celt").get("lookahead")
    gap = quality_db(sound, got, delay) - quality_db(sound, want, delay)
    assert abs(gap) < 0.1


def test_after_a_loss_the_sound_comes_back():
    lost = (10, 11, 12)
    sound, packets = arrivals("music", 960, 1, lost)
    _, whole = arrivals("music", 960, 1, ())
    got, want = play(packets, 960, 1), play(whole, 960, 1)
    assert (got[: 10 * 960] == want[: 10 * 960]).all()
    assert segment_snr_db(want, got, 20 * 960, 30 * 960) > 20
    # and there is no click at either end of the gap
    steps = np.abs(np.diff(got[:, 0]))
    for edge in (10 * 960, 13 * 960):
        assert steps[edge - 3 : edge + 3].max() <= 2 * steps.max() / 3 + steps[: edge - 10].max()
    assert np.isfinite(sound).all()


def test_a_long_loss_fades_to_the_background():
    lost = range(10, 40)
    _, packets = arrivals("speech", 960, 1, lost)
    got, want = play(packets, 960, 1), play_libopus(packets, 960, 1)
    early, late = (np.sqrt(np.mean(got[a * 960 : (a + 2) * 960] ** 2)) for a in (8, 37))
    assert 0 < late < early / 3
    np.testing.assert_allclose(got, want, atol=1e-4)


def test_a_packet_of_one_byte_stands_for_its_frame():
    _, packets = arrivals("music", 480, 1, ())
    dtx = list(packets)
    for i in (20, 21, 22, 30):
        dtx[i] = packets[i][:1]
    got = play(dtx, 480, 1)
    assert snr_db(got, play_libopus(dtx, 480, 1)) > 50


def test_before_any_packet_there_is_silence():
    state, pcm = decoder.setup(2, 960), np.ones((960, 2), np.float32)
    samples, final = decoder.decode(state, np.zeros(1, np.uint8), 0, pcm)
    assert (samples, final) == (960, 0)
    assert not pcm.any()
