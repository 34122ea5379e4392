"""Both filters against the plain recursion in float64, in pieces of any length."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from workbench.opus import emphasis

C = 0.8500061035


def lengths():
    return st.lists(st.integers(0, 40) | st.sampled_from([120, 480, 960]), min_size=1, max_size=5)


def draw(n, channels, seed):
    return np.random.default_rng(seed).uniform(-9000, 9000, (channels, n)).astype(np.float32)


@settings(max_examples=60, deadline=None)
@given(lengths(), st.sampled_from([1, 2]), st.integers(0, 99))
def test_deemphasis_is_one_pole(pieces, channels, seed):
    total = sum(pieces)
    x = draw(total, channels, seed)
    padded = np.concatenate([np.full((channels, 8), np.nan, np.float32), x], axis=1)
    pcm = np.full((total + 3) * channels, 7, np.float32)
    memory = np.zeros(2, np.float32)
    at = 0
    for n in pieces:
        for c in range(channels):
            emphasis.deemphasise(padded[c], 8 + at, n, memory, c, pcm, 2 + at, channels)
        at += n
    want = signal.lfilter([1 / 32768], [1, -C], x.astype(float), axis=1)
    got = pcm.reshape(-1, channels)
    assert (got[:2] == 7).all()
    assert (got[2 + total :] == 7).all()
    np.testing.assert_allclose(got[2 : 2 + total].T, want, atol=1.5e-6)


@settings(max_examples=40, deadline=None)
@given(lengths(), st.integers(0, 99))
def test_both_channels_at_once_are_each_alone(pieces, seed):
    total = sum(pieces)
    left, right = draw(total, 2, seed)
    together, apart = np.zeros((2, 2 * total + 2), np.float32)
    one, two = np.zeros((2, 2), np.float32)
    at = 0
    for n in pieces:
        emphasis.deemphasise_both(left, at, right, at, n, one, together, at)
        emphasis.deemphasise(left, at, n, two, 0, apart, at, 2)
        emphasis.deemphasise(right, at, n, two, 1, apart, at, 2)
        at += n
    assert (together == apart).all()
    assert (one == two).all()


@pytest.mark.parametrize("channels", [1, 2])
def test_preemphasis_is_one_zero_and_undone(channels):
    n = 2 * 960
    pcm = np.random.default_rng(3).uniform(-1, 1, (n, channels)).astype(np.float32)
    flat, back = pcm.ravel(), np.zeros(n * channels, np.float32)
    memory, undone = np.zeros(2, np.float32), np.zeros(2, np.float32)
    for c in range(channels):
        buffer = np.zeros(n, np.float32)
        for at in (0, 960):
            emphasis.preemphasise(flat, at, c, channels, 960, memory, buffer, at)
        want = signal.lfilter([32768, -32768 * C], [1], pcm[:, c].astype(float))
        np.testing.assert_allclose(buffer, want, atol=0.01)
        emphasis.deemphasise(buffer, 0, n, undone, c, back, 0, channels)
    np.testing.assert_allclose(back, flat, atol=1e-6)
