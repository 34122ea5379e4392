"""What an encoder finds out about a frame before it writes a bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from workbench.opus import analysis_bits, encoder_energy
from workbench.opus.analysis_pitch import PAST, ROOM, WORK, find_pitch
from workbench.opus.analysis_resolution import choose_resolutions
from workbench.opus.analysis_shapes import apart, first_blended
from workbench.opus.analysis_transients import strength_of, unmasked
from workbench.opus.encoder_state import WEIGHTS, WISHES
from workbench.opus.energy import encode_coarse
from workbench.opus.plan import PLAN, SHAPE_BITS, TF
from workbench.opus.range_coder import FIELDS, start_encoder, tell_eighths
from workbench.opus.tables import BAND_EDGES, BANDS

N = 1_080


def found_in(signal: NDArray[Any]) -> float:
    return float(unmasked(signal.astype(np.float32), 0, N, np.zeros(N // 2, np.float32)))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 999), gain=st.floats(1, 30_000))
def test_a_click_is_sudden_and_noise_is_not(seed: int, gain: float) -> None:
    rng = np.random.default_rng(seed)
    noise = gain * rng.standard_normal(N)
    click = 1e-4 * noise
    at = int(rng.integers(300, 900))
    click[at : at + 100] += noise[at : at + 100]
    assert found_in(click) > 200 > found_in(noise)
    assert strength_of(np.float32(found_in(click))) > strength_of(np.float32(found_in(noise)))


def test_silence_is_not_sudden() -> None:
    assert found_in(np.zeros(N)) < 200


@settings(max_examples=30, deadline=None)
@given(
    period=st.integers(40, 220),
    frame=st.sampled_from([480, 960]),
    channels=st.integers(1, 2),
    seed=st.integers(0, 999),
)
def test_the_period_of_pulses_is_found(period: int, frame: int, channels: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    raw = np.zeros((2, ROOM), np.float32)
    shape = rng.standard_normal(30) * np.exp(-np.arange(30) / 5)
    pulses = np.zeros(ROOM)
    pulses[int(rng.integers(period)) :: period] = 1_000
    raw[:] = np.convolve(pulses, shape)[:ROOM]
    work = np.zeros(WORK, np.float32)
    got, alike = find_pitch(raw.ravel(), channels, frame, 0, work)
    assert got == period
    assert alike > 0.9


def test_noise_has_no_period() -> None:
    raw = np.random.default_rng(0).standard_normal(2 * ROOM).astype(np.float32)
    for frame in (120, 960):
        assert find_pitch(raw, 2, frame, 0, np.zeros(WORK, np.float32))[1] < 0.3
    assert PAST + 960 == ROOM


def test_a_tone_wants_resolution_in_frequency_and_a_click_in_time() -> None:
    lm, end = 3, BANDS
    wanted = {}
    for name in ("tone", "click"):
        # coefficients of a long block: one each band, or all alike with alternating signs
        shapes = np.zeros(960, np.float32)
        for band in range(end):
            low, high = BAND_EDGES[band] << lm, BAND_EDGES[band + 1] << lm
            if name == "tone":
                shapes[low] = 1
            else:
                shapes[low:high] = (-1.0) ** np.arange(high - low) / np.sqrt(high - low)
        plan = np.zeros(PLAN, np.int64)
        work, table = np.zeros(176, np.float32), np.zeros((WEIGHTS, BANDS + 1), np.int64)
        args = (shapes, plan, 0, end, lm, 0, np.float32(0.5), 160, work, table)
        assert choose_resolutions(*args) == 0
        wanted[name] = plan[TF : TF + end].sum()
    assert wanted["tone"] == 0
    assert wanted["click"] > end // 2


def test_more_of_the_rate_keeps_more_bands_apart() -> None:
    first = [first_blended(rate, BANDS, 0) for rate in range(0, 200_000, 1_000)]
    assert first == sorted(first)
    assert first[0] == 0
    assert first[-1] == BANDS
    # a threshold is only left by a margin
    kept = first_blended(80_000, BANDS, 0)
    assert first_blended(78_500, BANDS, kept) == kept


def test_like_channels_go_together_and_unlike_ones_apart() -> None:
    rng = np.random.default_rng(1)
    sparse = rng.standard_normal(1_920) * (rng.random(1_920) < 0.1)
    unlike = sparse.astype(np.float32)
    like = np.concatenate([unlike[:960], unlike[:960]])
    assert apart(unlike, 3)
    assert not apart(like, 3)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 9_999),
    channels=st.integers(1, 2),
    lm=st.integers(0, 3),
    intra=st.integers(0, 1),
)
def test_what_energies_cost_is_known_before_they_are_written(
    seed: int, channels: int, lm: int, intra: int
) -> None:
    rng = np.random.default_rng(seed)
    energy = rng.uniform(-5, 8, 2 * BANDS).astype(np.float32)
    old = (energy + rng.normal(0, 2, 2 * BANDS)).astype(np.float32)
    guess = encoder_energy.coarse_bits(energy, old, channels, BANDS, lm, intra)
    coder, packet = np.zeros(FIELDS, np.int64), np.zeros(1_275, np.uint8)
    start_encoder(coder, packet, 0, 1_275)
    before = tell_eighths(coder)
    error, fall = np.zeros(2 * BANDS, np.float32), np.float32(16)
    args = (old.copy(), error, 0, BANDS, channels, lm, intra, fall)
    assert encode_coarse(coder, packet, energy, *args) == 0
    assert (tell_eighths(coder) - before) / 8 == pytest.approx(guess, abs=0.5)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 9_999), channels=st.integers(1, 2), lm=st.integers(0, 3))
def test_boosts_move_to_where_they_are_heard_most(seed: int, channels: int, lm: int) -> None:
    rng = np.random.default_rng(seed)
    bins = channels * np.diff(BAND_EDGES) << lm
    sensitivity = (10 ** rng.uniform(-2, 1, BANDS)).astype(np.float32)
    plan = np.zeros(PLAN, np.int64)
    plan[SHAPE_BITS : SHAPE_BITS + BANDS] = rng.integers(0, 24, BANDS) * bins
    before = analysis_bits.disturbance(plan, channels, BANDS, lm, sensitivity)
    depths = np.zeros(2 * BANDS + 2, np.float32)
    weights = np.full((WEIGHTS, BANDS + 1), 1_000, np.int64)
    analysis_bits.move_wishes(plan, channels, BANDS, lm, sensitivity, depths, weights)
    moved = weights[WISHES, :BANDS] - 1_000
    quanta = np.minimum(8 * bins, np.maximum(48, bins))
    plan[SHAPE_BITS : SHAPE_BITS + BANDS] += moved * quanta
    # no bits come from nowhere but those of rounding
    assert abs((moved * quanta).sum()) <= quanta.sum() / 2 + 8 * 0.7 * bins.max()
    if (np.abs(moved) > 1).any() and (plan[SHAPE_BITS : SHAPE_BITS + BANDS] >= 0).all():
        after = analysis_bits.disturbance(plan, channels, BANDS, lm, sensitivity)
        assert after < before * 1.02


def test_a_band_masks_its_neighbours_and_what_follows() -> None:
    energy = np.full(2 * BANDS, -20, np.float32)
    energy[8] = 8
    masker, sensitivity = np.zeros(2 * BANDS + 2, np.float32), np.zeros(BANDS, np.float32)
    analysis_bits.find_sensitivity(energy, 1, BANDS, 0, masker, sensitivity)
    first = masker.copy()
    assert first[8] > first[9] > first[12] > first[20]
    assert first[9] > first[7]
    energy[8] = -20
    analysis_bits.find_sensitivity(energy, 1, BANDS, 0, masker, sensitivity)
    assert first[8] > masker[8] > first[8] / 10
