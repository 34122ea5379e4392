"""Columns of a picture, held against the same in the plainest code."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.codec import columns
from workbench.codec.columns import HOP, MOST, WINDOW, Columns, Drawing


def drawn(ours, truth, is_open, cuts) -> Columns:
    drawing = Drawing(ours.shape[1])
    for a, b in zip([0, *cuts], [*cuts, len(ours)], strict=True):
        drawing.add(ours[a:b], truth[a:b], is_open[a:b])
    return drawing.finish()


def naive(ours, truth, is_open, each: int):
    """Peaks, and power by one transform a hop."""
    ours = np.where(is_open[:, None], 0, ours)
    difference = np.where(is_open[:, None], 0, ours - truth)
    rows = []
    for begin in range(0, len(ours), each * HOP):
        part = slice(begin, begin + each * HOP)
        power = []
        for sound in (ours, truth, difference):
            mixed = np.concatenate([sound.mean(axis=1), np.zeros(WINDOW)])
            hops = range(begin, min(begin + each * HOP, len(ours)), HOP)
            shape = np.hanning(WINDOW + 1)[:-1]
            found = [np.abs(np.fft.rfft(mixed[h : h + WINDOW] * shape)) ** 2 for h in hops]
            halves = np.mean(found, axis=0)[1:].reshape(-1, 2).sum(axis=1)
            power.append(halves / (WINDOW / 4) ** 2)
        rows.append((np.abs(difference[part]).max(), truth[part].max(), power, is_open[part].any()))
    return rows


@settings(max_examples=25)
@given(
    n=st.integers(1, 12_000),
    channels=st.integers(1, 2),
    cuts=st.lists(st.integers(0, 12_000), max_size=5),
    seed=st.integers(0, 99),
)
def test_columns_are_those_of_plain_code_wherever_blocks_end(n, channels, cuts, seed) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.normal(0, 0.2, (n, channels)).astype(np.float32)
    ours = truth + rng.normal(0, 1e-6, truth.shape).astype(np.float32)
    is_open = np.repeat(rng.random(n // 960 + 1) < 0.2, 960)[:n]
    found = drawn(ours, truth, is_open, sorted(cut for cut in cuts if cut < n))
    want = naive(ours, truth, is_open, 1)
    assert len(found.peak) == len(want)
    for i, (peak, high, power, flag) in enumerate(want):
        assert found.peak[i] == pytest.approx(peak, rel=1e-5, abs=1e-9)
        last = i == len(want) - 1  # silence is added up to its end
        assert found.high[1, i] == pytest.approx(max(high, 0) if last else high)
        assert np.allclose(found.power[:, i], power, rtol=1e-3, atol=1e-12)
        assert found.open[i] == flag


def test_a_long_stream_has_as_many_columns_as_fit_and_loses_no_peak() -> None:
    rng = np.random.default_rng(0)
    drawing, peaks = Drawing(1), []
    for _ in range(50):
        truth = rng.normal(0, 0.1, (48_000, 1)).astype(np.float32)
        difference = np.zeros_like(truth)
        difference[rng.integers(48_000)] = rng.random() * 1e-3
        peaks.append(float(difference.max()))
        drawing.add(truth + difference, truth, np.zeros(48_000, bool))
    found = drawing.finish()
    assert MOST // 2 < len(found.peak) <= MOST
    assert found.seconds * len(found.peak) == pytest.approx(50, abs=found.seconds)
    assert found.peak.max() == pytest.approx(max(peaks), rel=1e-3)
    assert np.count_nonzero(found.peak > 1e-6) >= 40
    # white noise: the mean power does not depend on how many hops a column has
    total = found.power[1].sum(axis=1)
    assert total[:-1].mean() == pytest.approx(total[:-1].max(), rel=0.3)


def test_a_full_scale_sine_is_0_dbfs_in_its_bin() -> None:
    t = np.arange(48_000) / columns.RATE
    sine = np.sin(2 * np.pi * 1_000 * t).astype(np.float32)[:, None]
    found = drawn(sine, sine, np.zeros(len(t), bool), [])
    level = 10 * np.log10(found.power[0, 10])
    assert level.argmax() == 9  # 900 to 1,000 Hz
    assert level.max() == pytest.approx(0, abs=1.3)  # its side bins are in the next
    assert found.power[2].max() == 0


def test_what_is_not_a_number_is_drawn_as_silence() -> None:
    truth = np.zeros((960, 1), np.float32)
    found = drawn(np.full_like(truth, np.nan), truth, np.zeros(960, bool), [])
    assert np.isfinite(found.power).all()
    assert np.isfinite(found.low).all()
