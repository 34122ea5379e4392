"""The transform against its definition in float64, and against itself: overlap cancels aliases."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import fft

from workbench.opus import fourier, mdct

LEVELS = range(4)
EACH_SIZE = pytest.mark.parametrize("lm", LEVELS)


def basis(n):
    """The 2 n samples of each of n coefficients, float64[2 n, n], RFC 6716 section 4.3.7."""
    t, k = np.arange(2 * n)[:, None], np.arange(n)[None, :]
    return np.cos(np.pi / n * (t + 0.5 + n / 2) * (k + 0.5))


def window(n):
    """Zeros, a slope of 120, ones, the same downwards, zeros: float64[2 n]."""
    slope = np.sin(np.pi / 2 * np.sin(np.pi * (np.arange(120) + 0.5) / 240) ** 2)
    half = np.concatenate([np.zeros(n // 2 - 60), slope, np.ones(n // 2 - 60)])
    return np.concatenate([half, half[::-1]])


def synthesise(spectra, lms):
    """Overlap-add of whole windowed blocks, from the definition."""
    out, at = np.zeros(sum(120 << lm for lm in lms) + 120), 0
    for spectrum, lm in zip(spectra, lms, strict=True):
        n = 120 << lm
        block = window(n) * (basis(n) @ spectrum)
        kept = slice(n // 2 - 60, 3 * n // 2 + 60)
        out[at : at + n + 120] += block[kept]
        at += n
    return out[:at]


def run_inverse(spectra, lms):
    """The same blocks through the kernel."""
    total = sum(120 << lm for lm in lms)
    out, scratch, at = np.zeros(total + 120, np.float32), np.empty(mdct.SCRATCH, np.float32), 0
    scratch[:] = np.nan
    for spectrum, lm in zip(spectra, lms, strict=True):
        mdct.inverse(spectrum.astype(np.float32), 0, 1, lm, out, at, scratch)
        at += 120 << lm
    return out[:total]


def draw(lms, seed=1):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(120 << lm).astype(np.float32).astype(float) for lm in lms]


@EACH_SIZE
def test_the_complex_transform_is_numpys(lm):
    n, rng = 60 << lm, np.random.default_rng(lm)
    x = rng.standard_normal(n) + 1j * rng.standard_normal(n)
    work = np.full(fourier.SCRATCH, np.nan, np.float32)
    work[:n], work[fourier.PART : fourier.PART + n] = x.real, x.imag
    fourier.transform(work, lm)
    real, imag = (work[i * fourier.PART :][:n].astype(float) for i in (2, 3))
    want = np.fft.ifft(x) * n
    np.testing.assert_allclose(real + 1j * imag, want, atol=3e-7 * np.abs(want).max())


@EACH_SIZE
def test_a_block_is_its_definition(lm):
    lms = [lm, lm, lm]
    spectra = draw(lms)
    want = synthesise(spectra, lms)
    np.testing.assert_allclose(run_inverse(spectra, lms), want, atol=4e-7 * np.abs(want).max())


@EACH_SIZE
def test_every_coefficient_has_its_basis_function(lm):
    n = 120 << lm
    functions = basis(n)[n // 2 : 3 * n // 2]
    out, scratch = np.zeros(n + 120, np.float32), np.empty(mdct.SCRATCH, np.float32)
    for k in range(0, n, 7):
        spectrum = np.zeros(n, np.float32)
        spectrum[k] = 1
        out[:] = 0
        mdct.inverse(spectrum, 0, 1, lm, out, 0, scratch)
        np.testing.assert_allclose(out[120:n], functions[60 : n - 60, k], atol=2e-6)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=6), st.integers(0, 99))
def test_sizes_may_follow_one_another_in_any_order(lms, seed):
    spectra = draw(lms, seed)
    want = synthesise(spectra, lms)
    np.testing.assert_allclose(run_inverse(spectra, lms), want, atol=4e-7 * np.abs(want).max())


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=6), st.integers(0, 99))
def test_forward_then_inverse_is_the_signal(lms, seed):
    total = sum(120 << lm for lm in lms)
    signal = np.random.default_rng(seed).standard_normal(total + 120).astype(np.float32)
    scratch, at, spectra = np.empty(mdct.SCRATCH, np.float32), 0, []
    for lm in lms:
        spectra.append(np.zeros(120 << lm, np.float32))
        mdct.forward(signal, at, lm, spectra[-1], 0, 1, scratch)
        at += 120 << lm
    got = run_inverse(spectra, lms)
    # before the first block's slope there was no block
    np.testing.assert_allclose(got[120:], signal[120:total], atol=3e-6)


@EACH_SIZE
def test_forward_is_its_definition(lm):
    n = 120 << lm
    signal = np.random.default_rng(lm).standard_normal(n + 127).astype(np.float32)
    padded = np.zeros(2 * n)
    padded[n // 2 - 60 : 3 * n // 2 + 60] = signal[7:]
    want = 2 / n * basis(n).T @ (window(n) * padded)
    got, scratch = np.zeros(n, np.float32), np.empty(mdct.SCRATCH, np.float32)
    mdct.forward(signal, 7, lm, got, 0, 1, scratch)
    np.testing.assert_allclose(got, want, atol=4e-7)


def test_the_middle_is_scipys_transform_of_type_iv():
    n = 960
    (spectrum,) = draw([3])
    alternating = spectrum * (-1.0) ** np.arange(n)
    want = -fft.dst(alternating, type=4) / 2
    got, scratch = np.zeros(n + 120, np.float32), np.empty(mdct.SCRATCH, np.float32)
    mdct.inverse(spectrum.astype(np.float32), 0, 1, 3, got, 0, scratch)
    np.testing.assert_allclose(got[120:n], want[60 : n - 60], atol=4e-7 * np.abs(want).max())


@pytest.mark.parametrize("blocks", [2, 4, 8])
def test_interleaved_blocks_are_the_same_as_separate_ones(blocks):
    spectra = draw([0] * blocks)
    mixed = np.zeros(3 + 120 * blocks, np.float32)
    mixed[3:] = np.stack(spectra, axis=1).ravel()
    out, scratch = np.zeros(120 * blocks + 120, np.float32), np.empty(mdct.SCRATCH, np.float32)
    back = np.zeros_like(mixed)
    for b in range(blocks):
        mdct.inverse(mixed, 3 + b, blocks, 0, out, 120 * b, scratch)
    assert (out[: 120 * blocks] == run_inverse(spectra, [0] * blocks)).all()
    for b in range(blocks):
        mdct.forward(np.ones(240, np.float32), 0, 0, back, 3 + b, blocks, scratch)
    assert (back[3:].reshape(120, blocks) == back[3::blocks][:, None]).all()


@EACH_SIZE
def test_nothing_outside_the_block_is_written(lm):
    n = 120 << lm
    (spectrum,) = draw([lm])
    out, scratch = np.full(n + 400, 7, np.float32), np.empty(mdct.SCRATCH + 8, np.float32)
    out[100:160], scratch[-8:] = 0, 5
    mdct.inverse(spectrum.astype(np.float32), 0, 1, lm, out, 100, scratch)
    assert (out[:100] == 7).all()
    assert (out[100 + n + 60 :] == 7).all()
    assert (scratch[-8:] == 5).all()
    signal, coefficients = np.ones(n + 120, np.float32), np.full(n + 2, 7, np.float32)
    mdct.forward(signal, 0, lm, coefficients, 1, 1, scratch)
    assert coefficients[0] == coefficients[-1] == 7
    assert (scratch[-8:] == 5).all()
