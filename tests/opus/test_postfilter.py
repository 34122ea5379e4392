"""The comb against its recursion in float64, one sample after the other."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.opus import postfilter

PAST = 1026
GAINS = st.sampled_from([0.0, *(0.09375 * (i + 1) for i in range(8))])
PERIODS = st.integers(0, 40) | st.integers(15, 1022) | st.integers(0, 1100)
RISE = np.sin(np.pi / 2 * np.sin(np.pi * (np.arange(120) + 0.5) / 240) ** 2) ** 2
TAPS = (
    (0.3066406250, 0.2170410156, 0.1296386719),
    (0.4638671875, 0.2680664062, 0.0),
    (0.7998046875, 0.1000976562, 0.0),
)


def recursion(y, n, periods, gains, tapsets):
    """``y[PAST : PAST + n]`` filtered; ``y`` is float64 and changed."""
    same = periods[0] == periods[1] and gains[0] == gains[1] and tapsets[0] == tapsets[1]
    for i in range(n):
        rise = 1.0 if same or i >= 120 else RISE[i]
        for period, gain, tapset, share in zip(
            periods, gains, tapsets, (1 - rise, rise), strict=True
        ):
            at = PAST + i - min(max(period, 15), 1022)
            middle, near, far = TAPS[tapset]
            past = middle * y[at] + near * (y[at - 1] + y[at + 1]) + far * (y[at - 2] + y[at + 2])
            y[PAST + i] += share * gain * past


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([120, 240, 840, 960]) | st.integers(0, 300),
    st.tuples(PERIODS, PERIODS) | PERIODS.map(lambda p: (p, p)),
    st.tuples(GAINS, GAINS) | GAINS.map(lambda g: (g, g)),
    st.tuples(st.integers(0, 2), st.integers(0, 2)) | st.integers(0, 2).map(lambda t: (t, t)),
    st.integers(0, 99),
)
def test_the_comb_is_its_recursion(n, periods, gains, tapsets, seed):
    buffer = np.random.default_rng(seed).uniform(-1, 1, PAST + n + 3).astype(np.float32)
    want, before = buffer.astype(float), buffer.copy()
    recursion(want, n, periods, gains, tapsets)
    postfilter.comb(buffer, PAST, n, *periods, *gains, *tapsets)
    assert (buffer[:PAST] == before[:PAST]).all()
    assert (buffer[PAST + n :] == before[PAST + n :]).all()
    np.testing.assert_allclose(buffer, want, atol=3e-6 * max(1, np.abs(want).max()))


def test_no_gain_changes_no_bit():
    buffer = np.random.default_rng(1).uniform(-1, 1, PAST + 960).astype(np.float32)
    before = buffer.copy()
    postfilter.comb(buffer, PAST, 960, 100, 200, 0.0, 0.0, 0, 2)
    assert (buffer == before).all()
    # without a new filter the old one is gone after the slope
    postfilter.comb(buffer, PAST, 960, 100, 200, 0.75, 0.0, 0, 2)
    assert (buffer[PAST + 120 :] == before[PAST + 120 :]).all()
    assert (buffer[PAST : PAST + 100] != before[PAST : PAST + 100]).all()
