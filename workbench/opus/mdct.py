"""Modified discrete cosine transform of CELT, forward and inverse, with its low-overlap window.

RFC 6716 section 4.3.7. A block of N = 120 << lm coefficients stands for 2 N samples, of which the
window keeps N + 120; its slopes are 120 samples long whatever N is. Inside, both directions are one
transform of N numbers to N (type IV), done by a complex Fourier transform of N / 2 points between
two rotations by ``exp(2 pi i (k + 1/8) / (2 N))``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from workbench import simd
from workbench.opus.fourier import PART, transform
from workbench.opus.fourier import SCRATCH as FOURIER_SCRATCH

__all__ = [
    "COSINES",
    "FALLING",
    "MINUS_SINES",
    "OVERLAP",
    "SCRATCH",
    "WINDOW",
    "forward",
    "inverse",
]

OVERLAP = 120
# What the Fourier transform needs, and a block in natural order.
# Typed: a literal in a call would compile the function once more for it.
BLOCK: Any = np.int64(FOURIER_SCRATCH)
SCRATCH = int(BLOCK) + 960
# Where the Fourier transform leaves its result.
RESULT = 2 * PART

WINDOW = np.sin(np.pi / 2 * np.sin(np.pi * (np.arange(120) + 0.5) / 240) ** 2).astype(np.float32)
FALLING = WINDOW[::-1].copy()
# 2 / N by turns with and without a minus, for each size.
SIGNS = np.outer(2 / (120 << np.arange(4)), [1, -1] * 4).astype(np.float32).ravel()


def rotations() -> Any:
    """``exp(2 pi i (k + 1/8) / (2 N))`` complex64[900], k < N / 2, for N = 120, 240, 480, 960."""
    sizes = [np.exp(2j * np.pi * (np.arange(60 << lm) + 0.125) / (240 << lm)) for lm in range(4)]
    return np.concatenate(sizes).astype(np.complex64)


ROTATIONS = rotations()
# Sines with the other sign: so no product need be negated.
COSINES, MINUS_SINES = ROTATIONS.real.copy(), -ROTATIONS.imag


@njit(fastmath={"contract"})
def rotate_in(spectrum: Any, first: int, work: Any, lm: int) -> None:
    """Pairs from both ends, ``s[N - 1 - 2 k] + i s[2 k]``, rotated: the Fourier transform's input.

    The last vector of 60 starts early and computes four pairs again.
    """
    n = 60 << lm
    table = n - 60
    for start in range(0, n, 8):
        k = min(start, n - 8)
        up, down = first + 2 * k, first + 2 * (n - k) - 16
        a, b = simd.load(simd.f32x8, spectrum, up), simd.load(simd.f32x8, spectrum, up + 8)
        c, d = simd.load(simd.f32x8, spectrum, down), simd.load(simd.f32x8, spectrum, down + 8)
        x, y = simd.reverse(simd.odds(c, d)), simd.evens(a, b)
        cos = simd.load(simd.f32x8, COSINES, table + k)
        sin = simd.load(simd.f32x8, MINUS_SINES, table + k)
        simd.store(work, k, x * cos + y * sin)
        simd.store(work, k + PART, y * cos - x * sin)


@njit(fastmath={"contract"})
def rotated(work: Any, k: int, table: int) -> Any:
    """Real part, and imaginary part with the other sign, of eight results rotated."""
    x = simd.load(simd.f32x8, work, RESULT + k)
    y = simd.load(simd.f32x8, work, RESULT + PART + k)
    cos = simd.load(simd.f32x8, COSINES, table + k)
    sin = simd.load(simd.f32x8, MINUS_SINES, table + k)
    return x * cos + y * sin, x * sin - y * cos


@njit()
def rotate_out(work: Any, lm: int, out: Any, at: int) -> None:
    """Rotate, and lay result k out as samples 2 k (real part) and N - 1 - 2 k (minus imaginary)."""
    n = 60 << lm
    table = n - 60
    for k in range(0, n // 2, 8):
        low_even, low_odd = rotated(work, k, table)
        high_even, high_odd = rotated(work, n - 8 - k, table)
        low_odd, high_odd = simd.reverse(low_odd), simd.reverse(high_odd)
        low, high = at + 2 * k, at + 2 * (n - k) - 16
        simd.store(out, low, simd.weave_low(low_even, high_odd))
        simd.store(out, low + 8, simd.weave_high(low_even, high_odd))
        simd.store(out, high, simd.weave_low(high_even, low_odd))
        simd.store(out, high + 8, simd.weave_high(high_even, low_odd))


@njit(fastmath={"contract"})
def overlap(out: Any, at: int) -> None:
    """Weigh the old tail and the new block by the window's slopes; their aliases cancel."""
    for i in range(0, 56, 8):
        j = at + 112 - i
        a, b = simd.load(simd.f32x8, out, at + i), simd.reverse(simd.load(simd.f32x8, out, j))
        rise, fall = simd.load(simd.f32x8, WINDOW, i), simd.load(simd.f32x8, FALLING, i)
        simd.store(out, at + i, a * fall - b * rise)
        simd.store(out, j, simd.reverse(a * rise + b * fall))
    for i in range(56, 60):
        a, b, rise, fall = out[at + i], out[at + 119 - i], WINDOW[i], FALLING[i]
        out[at + i] = a * fall - b * rise
        out[at + 119 - i] = a * rise + b * fall


@njit(inline="always")
def inverse(spectrum: Any, first: int, step: int, lm: int, out: Any, at: int, scratch: Any) -> None:
    """Samples of one block, overlapped with the one before.

    Parameters
    ----------
    spectrum : float32[:]
        Coefficient j is ``spectrum[first + j * step]``, j < N = 120 << lm. Not changed.
    first, step, lm : int
        Short blocks of a transient are interleaved: ``lm`` = 0, ``first`` = block, ``step`` = how
        many there are.
    out : float32[:]
        On entry ``out[at : at + 60]`` is the tail that the block before left. On return
        ``out[at : at + N]`` is finished and ``out[at + N : at + N + 60]`` is the new tail: the
        second half of the window's slope before the aliases are cancelled.
    at : int
        First sample of the block.
    scratch : float32[SCRATCH]
        Overwritten.
    """
    if step == 1:
        rotate_in(spectrum, first, scratch, lm)
    else:
        for j in range(120 << lm):
            scratch[BLOCK + j] = spectrum[first + j * step]
        rotate_in(scratch, BLOCK, scratch, lm)
    transform(scratch, lm)
    rotate_out(scratch, lm, out, at + 60)
    overlap(out, at)


@njit(fastmath={"contract"})
def fold(signal: Any, at: int, lm: int, block: Any, to: int) -> None:
    """Window N + 120 samples and fold the slopes into N: minus at the start, plus at the end.

    Scaled by 2 / N; odd places with the other sign, as the transform of type IV wants them.
    """
    n = 120 << lm
    signs = simd.load(simd.f32x8, SIGNS, 8 * lm)
    for start in range(0, 60, 8):
        i = min(start, 52)
        j = at + 52 - i
        rise, fall = simd.load(simd.f32x8, WINDOW, 60 + i), simd.load(simd.f32x8, FALLING, 60 + i)
        a = simd.load(simd.f32x8, signal, at + 60 + i) * rise
        b = simd.reverse(simd.load(simd.f32x8, signal, j)) * fall
        simd.store(block, to + i, (a - b) * signs)
        a = simd.load(simd.f32x8, signal, j + n) * simd.reverse(rise)
        b = simd.reverse(simd.load(simd.f32x8, signal, at + n + 60 + i) * fall)
        simd.store(block, to + n - 8 - i, (a + b) * signs)
    for i in range(60, n - 60, 8):
        simd.store(block, to + i, simd.load(simd.f32x8, signal, at + 60 + i) * signs)


@njit()
def forward(
    signal: Any, at: int, lm: int, spectrum: Any, first: int, step: int, scratch: Any
) -> None:
    """Coefficients of one block, so scaled that `inverse` of consecutive blocks is the signal.

    Parameters
    ----------
    signal : float32[:]
        Samples ``at`` to ``at + N + 120`` are read, N = 120 << lm.
    at, lm : int
        Where the block and its slopes begin, and its size.
    spectrum : float32[:]
        Coefficient j goes to ``spectrum[first + j * step]``.
    first, step : int
        As for `inverse`.
    scratch : float32[SCRATCH]
        Overwritten.
    """
    n = 120 << lm
    fold(signal, at, lm, scratch, BLOCK)
    rotate_in(scratch, BLOCK, scratch, lm)
    transform(scratch, lm)
    rotate_out(scratch, lm, scratch, BLOCK)
    for j in range(0, n, 2):
        spectrum[first + j * step] = scratch[BLOCK + j]
        spectrum[first + (j + 1) * step] = -scratch[BLOCK + j + 1]
