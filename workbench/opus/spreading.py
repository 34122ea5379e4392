"""Rotations that spread pulses over their neighbours (RFC 6716, section 4.3.4.3)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from workbench.opus.tables import ONE, SPREAD_FACTORS

__all__ = ["TURNS", "spread_out", "turn"]

# Bins of the widest band; half of it is more pulses than are ever spread.
_LARGEST = 176


def turns() -> NDArray[np.float32]:
    """Cosine and sine at [factor, n, k] for n bins that hold k pulses, k < n / 2."""
    n = np.arange(_LARGEST + 1, dtype=np.float32)[:, None]
    k = np.arange(_LARGEST // 2, dtype=np.float32)
    factors = SPREAD_FACTORS[1:, None, None].astype(np.float32)
    gain = n / np.maximum(n + factors * k, np.float32(1))
    angle = np.pi / 4 * gain.astype(np.float64) ** 2
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1).astype(np.float32)


TURNS = turns()


@njit(error_model="numpy", fastmath={"contract"})
def turn(x: Any, at: int, n: int, stride: int, cosine: Any, sine: Any) -> None:
    """Rotate each pair ``stride`` apart in ``x[at:at + n]``, upwards and back down."""
    for j in range(at, at + n - stride):
        one, two = x[j], x[j + stride]
        x[j] = cosine * one - sine * two
        x[j + stride] = cosine * two + sine * one
    for j in range(at + n - 2 * stride - 1, at - 1, -1):
        one, two = x[j], x[j + stride]
        x[j] = cosine * one - sine * two
        x[j + stride] = cosine * two + sine * one


@njit(error_model="numpy")
def spread_out(x: Any, at: int, n: int, blocks: int, pulses: int, spread: int) -> None:
    """Rotate each of the ``blocks`` in ``x[at:at + n]`` as a decoder does."""
    if spread == 0 or 2 * pulses >= n:
        return
    cosine, sine = TURNS[spread - 1, n, pulses, 0], TURNS[spread - 1, n, pulses, 1]
    size = n // blocks
    stride = 0
    if n >= 8 * blocks:
        # sqrt(n / blocks), rounded
        stride = 1
        while (stride * stride + stride) * blocks + (blocks >> 2) < n:
            stride += 1
    for start in range(at, at + n, size):
        if stride > 0:
            turn(x, start, size, stride, sine, cosine)
        turn(x, start, size, ONE, cosine, sine)
