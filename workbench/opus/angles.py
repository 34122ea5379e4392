"""Angles that split a vector in two, or a band in middle and side (RFC 6716, section 4.3.4.4).

An angle is 0 (all in the first half) to `RIGHT_ANGLE`. The integer functions are those of the
reference decoder (celt/bands.c), which the allocation depends on to the last bit.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from workbench.opus.range_coder import (
    bit_length,
    decode_frequency,
    decode_uint,
    quotient,
    take_range,
)

__all__ = ["RIGHT_ANGLE", "cosine", "count_levels", "decode_angle", "lean"]

RIGHT_ANGLE = 16384
# Even number of steps in a right angle that ``q`` eighths of a bit are worth.
_LEVELS = np.array(
    [1 if q < 4 else (math.floor(2 ** (q / 8)) + 1) // 2 * 2 for q in range(65)], np.int64
)
# A level gets so many eighths less than an even share: of halves, and of two bins in stereo.
_OFFSET, _OFFSET_OF_TWO = 4, 16


@njit(inline="always")
def _times(a: int, b: int) -> Any:
    """Product of two numbers with 15 bits behind the point, rounded."""
    return 16384 + a * b >> 15


@njit()
def cosine(angle: int) -> Any:
    """Cosine with 15 bits behind the point, of an angle strictly between 0 and `RIGHT_ANGLE`."""
    square = 4096 + angle * angle >> 13
    inner = _times(square, 8277 + _times(-626, square))
    return 32768 - square + _times(square, inner - 7651)


@njit(inline="always")
def _log_tangent(sine: int, cosine: int) -> Any:
    """log2 of the quotient, 11 bits behind the point."""
    sine_bits, cosine_bits = bit_length(sine), bit_length(cosine)
    sine <<= 15 - sine_bits
    cosine <<= 15 - cosine_bits
    return (
        (sine_bits - cosine_bits << 11)
        + _times(sine, _times(sine, -2597) + 7932)
        - _times(cosine, _times(cosine, -2597) + 7932)
    )


@njit(inline="always")
def lean(middle: int, side: int, n: int) -> Any:
    """Eighths of a bit that the first half, ``n`` bins, gets more; given gains of both."""
    return _times(n - 1 << 7, _log_tangent(side, middle))


@njit(error_model="numpy")
def count_levels(n: int, bits: int, width: int, stereo: int) -> Any:
    """Steps of the angle between vectors of ``n`` bins; 1 if there is none.

    ``width`` is log2 of the bins of all of the band, in eighths.
    """
    of_two = 1 if stereo and n == 2 else 0
    offset = (width >> 1) - (_OFFSET_OF_TWO if of_two else _OFFSET)
    freedom = 2 * n - 1 - of_two
    share = max(bits + freedom * offset, 0)
    each = min(quotient(share, freedom), bits - width - 32, 64)
    return _LEVELS[each] if each > 0 else 1


@njit(error_model="numpy")
def decode_angle(coder: Any, packet: Any, levels: int, n: int, blocks: int, stereo: int) -> Any:
    """Read an angle of ``levels`` steps.

    Middle and side more than two bins wide: steps up to half the right angle are three times as
    likely. Halves of several short blocks, and two bins in stereo: all alike. Else a triangle.
    """
    half = levels >> 1
    step: Any = 0
    if stereo and n > 2:
        likely = 3 * (half + 1)
        total = likely + half
        at = decode_frequency(coder, total)
        if at < likely:
            step = quotient(at, 3)
            take_range(coder, packet, 3 * step, 3 * step + 3, total)
        else:
            step = at - likely + half + 1
            take_range(coder, packet, at, at + 1, total)
    elif stereo or blocks > 1:
        step = decode_uint(coder, packet, levels + 1)
    else:
        total = (half + 1) * (half + 1)
        at = decode_frequency(coder, total)
        if at < half * (half + 1) >> 1:
            step = np.int64(math.sqrt(8 * at + 1)) - 1 >> 1
            low = step * (step + 1) >> 1
            counts = step + 1
        else:
            step = 2 * (levels + 1) - np.int64(math.sqrt(8 * (total - at - 1) + 1)) >> 1
            counts = levels + 1 - step
            low = total - (counts * (counts + 1) >> 1)
        take_range(coder, packet, low, low + counts, total)
    return quotient(step * RIGHT_ANGLE, levels)
