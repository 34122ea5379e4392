"""Linear prediction: autocorrelation, Levinson and Durbin's recursion, analysis and synthesis.

Sums run over many lanes at once, so they are reordered (`reassoc`), which costs a few units in the
last place. The filter's sign is that of the prediction error,
``e[n] = x[n] + sum over k of filter[k] x[n - 1 - k]``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from workbench import simd

__all__ = ["analyse", "correlate", "dot", "find_filter", "stabilise", "synthesise"]

# White noise 40 dB below the signal, and a Gaussian window on the lags, keep the recursion stable.
_NOISE = np.float32(1.0001)
_LAG_WIDTH = np.float32(0.008)
# Below this energy there is nothing to predict; 30 dB of gain are enough.
_LEAST = np.float32(1e-10)
_ENOUGH = np.float32(0.001)


@njit(fastmath={"contract", "reassoc"})
def dot(a: Any, i: int, b: Any, j: int, n: int) -> Any:
    """``sum of a[i + k] b[j + k]``, k < n; 0 of nothing."""
    total = np.float32(0)
    for k in range(n):
        total += a[i + k] * b[j + k]
    return total


@njit()
def correlate(signal: Any, at: int, n: int, lags: int, out: Any, to: int) -> None:
    """Autocorrelation of ``signal[at : at + n]``, zero around it, at lags 0 to ``lags``."""
    for lag in range(lags + 1):
        out[to + lag] = dot(signal, at, signal, at + lag, n - lag)


@njit()
def stabilise(correlation: Any, at: int, lags: int) -> None:
    """Add a floor of noise and narrow the lags, so that `find_filter` gives a stable filter."""
    correlation[at] *= _NOISE
    for lag in range(1, lags + 1):
        width = _LAG_WIDTH * np.float32(lag)
        correlation[at + lag] -= correlation[at + lag] * width * width


@njit(error_model="numpy")
def find_filter(correlation: Any, at: int, order: int, filter_: Any, to: int) -> None:
    """Filter of ``order`` taps with the least prediction error; zeros where there is no signal.

    It ends early, with zeros for the taps that are left, once the error is 30 dB down.
    """
    for k in range(order):
        filter_[to + k] = 0
    energy = correlation[at]
    error = energy
    if not energy > _LEAST:
        return
    for k in range(order):
        total = correlation[at + k + 1]
        for i in range(k):
            total += filter_[to + i] * correlation[at + k - i]
        reflection = -total / error
        filter_[to + k] = reflection
        for i in range((k + 1) >> 1):
            a, b = filter_[to + i], filter_[to + k - 1 - i]
            filter_[to + i] = a + reflection * b
            filter_[to + k - 1 - i] = b + reflection * a
        error -= reflection * reflection * error
        if error <= _ENOUGH * energy:
            return


@njit(fastmath={"contract"})
def analyse(
    signal: Any, at: int, n: int, filter_: Any, first: int, order: int, out: Any, to: int
) -> None:
    """Prediction error of ``signal[at : at + n]``, by a filter whose last tap comes first.

    It reads ``order`` samples before.
    """
    for i in range(n):
        out[to + i] = signal[at + i]
    for k in range(order):
        tap, back = filter_[first + k], at - order + k
        for i in range(n):
            out[to + i] += tap * signal[back + i]


@njit(fastmath={"contract"})
def synthesise(signal: Any, at: int, n: int, filter_: Any, first: int, order: int) -> None:
    """Turn the prediction error in ``signal[at : at + n]`` into the signal that goes on from there.

    The filter's last tap comes first; ``order`` is a multiple of 8.
    """
    for i in range(at, at + n):
        total = simd.splat(simd.f32x8, np.float32(0))
        for k in range(0, order, 8):
            past = simd.load(simd.f32x8, signal, i - order + k)
            total += past * simd.load(simd.f32x8, filter_, first + k)
        signal[i] -= simd.reduce_add(total)
