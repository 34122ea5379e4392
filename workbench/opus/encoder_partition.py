"""Shapes of the encoder: a band, or a part of one, as split angles and pulse vectors.

RFC 6716, sections 4.3.4.2 to 4.3.4.4 and 5.3.8, from the encoder's side. A partition of ``n``
normalised coefficients is halved while its bits exceed what one codebook can take; each split costs
an angle, 16,384 standing for a right angle. The splits of a band form a binary tree that is walked
with a stack of its own.

Where ``synthesise`` is on, the coefficients are replaced by what the decoder will have, so that
`encoder_bands` can compare two ways. A partition without pulses becomes zero then: the decoder
folds or makes noise there, which on average has nothing in common with the original.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from workbench.opus import pvq, pvq_rates
from workbench.opus.angles import RIGHT_ANGLE, cosine, count_levels, lean
from workbench.opus.range_coder import encode_range, encode_uint, tell_eighths
from workbench.opus.spreading import TURNS, spread_out, turn
from workbench.opus.tables import LOG2_WIDTHS, ONE, ZERO

__all__ = [
    "STACK",
    "angle_between",
    "encode_angle",
    "encode_partition",
    "gains_of",
    "tilt_of",
]

HALF_PI = np.float32(np.pi / 2)
# Rows of the stack: root and one a split; see `_push` for its columns.
STACK = (8, 10)
PHASE, AT, N, BITS, BLOCKS, LM, OTHER_BITS, BEFORE, ANGLE, FIRST_BITS = range(10)
# Bits a band may keep unspent before its sibling gets them: three.
KEPT = 24


@njit(error_model="numpy")
def angle_between(x: Any, first: int, second: int, n: int) -> Any:
    """Angle of two halves' norms, 0 (all in the first) to `RIGHT_ANGLE`, f32."""
    one, two = np.float32(1e-15), np.float32(1e-15)
    for j in range(n):
        one += x[first + j] * x[first + j]
        two += x[second + j] * x[second + j]
    return np.float32(RIGHT_ANGLE) / HALF_PI * np.float32(np.arctan2(np.sqrt(two), np.sqrt(one)))


@njit(error_model="numpy")
def encode_angle(coder: Any, packet: Any, step: int, levels: int, kind: int) -> None:
    """Write one of ``levels`` + 1 steps: ``kind`` 0 triangular, 1 uniform, 2 stepped (stereo)."""
    half = levels >> 1
    if kind == 1:
        encode_uint(coder, packet, step, levels + 1)
    elif kind == 2:
        total = 3 * (half + 1) + half
        if step <= half:
            encode_range(coder, packet, 3 * step, 3 * step + 3, total)
        else:
            low = 3 * (half + 1) + step - half - 1
            encode_range(coder, packet, low, low + 1, total)
    else:
        total = (half + 1) * (half + 1)
        if step <= half:
            low = step * (step + 1) >> 1
            encode_range(coder, packet, low, low + step + 1, total)
        else:
            counts = levels + 1 - step
            low = total - (counts * (counts + 1) >> 1)
            encode_range(coder, packet, low, low + counts, total)


@njit()
def tilt_of(angle: int, n: int) -> Any:
    """How many eighths more the first of two halves should get, for the least squared error."""
    if angle == 0:
        return -RIGHT_ANGLE
    if angle == RIGHT_ANGLE:
        return RIGHT_ANGLE
    return lean(cosine(angle), cosine(RIGHT_ANGLE - angle), n)


@njit(error_model="numpy")
def gains_of(angle: int) -> Any:
    """Gains of both halves, f32."""
    if angle == 0:
        return np.float32(1), np.float32(0)
    if angle == RIGHT_ANGLE:
        return np.float32(0), np.float32(1)
    scale = np.float32(1 / 32_768)
    return (
        np.float32(cosine(angle)) * scale,
        np.float32(cosine(RIGHT_ANGLE - angle)) * scale,
    )


@njit(error_model="numpy")
def gather_pulses(x: Any, at: int, n: int, blocks: int, pulses: int, spread: int) -> None:
    """Rotate each of the ``blocks`` in ``x[at:at + n]``: what `spread_out` undoes."""
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
        turn(x, start, size, ONE, cosine, -sine)
        if stride > 0:
            turn(x, start, size, stride, sine, -cosine)


@njit(error_model="numpy")
def _push(stack: Any, depth: int, at: int, n: int, bits: int, blocks: int, lm: int) -> None:
    stack[depth, PHASE] = 0
    stack[depth, AT] = at
    stack[depth, N] = n
    stack[depth, BITS] = bits
    stack[depth, BLOCKS] = blocks
    stack[depth, LM] = lm


@njit(error_model="numpy")
def _encode_leaf(
    coder: Any,
    packet: Any,
    x: Any,
    at: int,
    n: int,
    bits: int,
    blocks: int,
    lm: int,
    band: int,
    spread: int,
    left: int,
    gain: Any,
    synthesise: bool,
    vector: Any,
) -> int:
    """Write one pulse vector, or nothing; return what is left of the frame's eighths."""
    row = pvq_rates.row_of(band, lm)
    step = pvq_rates.step_for(row, bits)
    spent = pvq_rates.cost(row, step)
    while left - spent < 0 and step > 0:
        step -= 1
        spent = pvq_rates.cost(row, step)
    left -= spent
    if step == 0:
        if synthesise:
            for j in range(at, at + n):
                x[j] = 0
        return left
    pulses = pvq_rates.pulses_of(step)
    gather_pulses(x, at, n, blocks, pulses, spread)
    squares = pvq.search(x, at, n, pulses, vector, 0)
    index: Any = np.int64(pvq.encode(vector, 0, n, pulses))
    size: Any = np.int64(pvq.size(n, pulses))
    encode_uint(coder, packet, index, size)
    if synthesise:
        pvq.normalise(vector, 0, n, squares, gain, x, at)
        spread_out(x, at, n, blocks, pulses, spread)
    return left


@njit(error_model="numpy")
def encode_partition(
    coder: Any,
    packet: Any,
    x: Any,
    start: int,
    size: int,
    budget: int,
    all_blocks: int,
    frame_lm: int,
    band: int,
    spread: int,
    left: int,
    all_gain: Any,
    careful: bool,
    synthesise: bool,
    stack: Any,
    gains: Any,
    vector: Any,
) -> int:
    """Write the shape of ``x[start : start + size]``, of any norm.

    Parameters
    ----------
    coder, packet : arrays
        The range coder's.
    x : f32[:]
        Coefficients, in the order of blocks; overwritten.
    start, size : int
        Which of them.
    budget, left : int
        Eighths of a bit for this partition, and for the rest of the frame.
    all_blocks, frame_lm, band, spread : int
        Short blocks in it; log2 of the frame in blocks of 2.5 ms; which band; section 4.3.4.3.
    all_gain : float32
        Norm of the synthesis.
    careful : bool
        Do not leave a half nearly silent if it would get no pulse but noise: of transients.
    synthesise : bool
        Replace ``x``.
    stack, gains, vector : i64[STACK], f32[STACK[0]], i32[176]
        Working memory.

    Returns
    -------
    int
        Eighths of a bit left for the rest of the frame.
    """
    depth = 0
    _push(stack, ZERO, start, size, budget, all_blocks, frame_lm)
    gains[0] = all_gain
    while depth >= 0:
        at, n, bits = stack[depth, AT], stack[depth, N], stack[depth, BITS]
        blocks, lm = stack[depth, BLOCKS], stack[depth, LM]
        phase = stack[depth, PHASE]
        if phase == 0 and not pvq_rates.splits(band, lm, bits):
            left = _encode_leaf(
                *(coder, packet, x, at, n, bits, blocks, lm, band, spread, left, gains[depth]),
                *(synthesise, vector),
            )
            depth -= 1
            continue
        half, fewer = n >> 1, (blocks + 1) >> 1
        if phase == 0:
            before = tell_eighths(coder)
            width = LOG2_WIDTHS[band] + ((lm - 1) << 3)
            levels = count_levels(half, bits, width, ZERO)
            true = angle_between(x, at, at + half, half)
            angle = 0
            if levels > 1:
                step: Any = np.int64(true * np.float32(levels) / np.float32(RIGHT_ANGLE) + 0.5)
                step = max(0, min(levels, step))
                if careful and 0 < step < levels:
                    tilt = tilt_of(step * RIGHT_ANGLE // levels, half)
                    if tilt > bits:
                        step = levels
                    elif tilt < -bits:
                        step = 0
                encode_angle(coder, packet, step, levels, 1 if blocks > 1 else 0)
                angle = step * RIGHT_ANGLE // levels
            spent = tell_eighths(coder) - before
            bits -= spent
            left -= spent
            tilt = tilt_of(angle, half)
            if blocks > 1 and angle & (RIGHT_ANGLE - 1):
                if angle > RIGHT_ANGLE // 2:
                    tilt -= tilt >> (5 - lm)
                else:
                    tilt = min(0, tilt + ((half << 3) >> (6 - lm)))
            first = max(0, min(bits, (bits - tilt) >> 1))
            second = bits - first
            stack[depth, ANGLE] = angle
            stack[depth, BEFORE] = left
            stack[depth, FIRST_BITS], stack[depth, OTHER_BITS] = first, second
            stack[depth, PHASE] = 1 if first >= second else 2
            one, two = gains_of(angle)
            depth += 1
            if first >= second:
                _push(stack, depth, at, half, first, fewer, lm - 1)
                gains[depth] = gains[depth - 1] * one
            else:
                _push(stack, depth, at + half, half, second, fewer, lm - 1)
                gains[depth] = gains[depth - 1] * two
        elif phase <= 2:
            # what the first child left goes to the second, unless that one is silent
            first, second = stack[depth, FIRST_BITS], stack[depth, OTHER_BITS]
            angle = stack[depth, ANGLE]
            one, two = gains_of(angle)
            used = stack[depth, BEFORE] - left
            stack[depth, PHASE] = 3
            depth += 1
            if phase == 1:
                unspent = first - used
                if unspent > KEPT and angle != 0:
                    second += unspent - KEPT
                _push(stack, depth, at + half, half, second, fewer, lm - 1)
                gains[depth] = gains[depth - 1] * two
            else:
                unspent = second - used
                if unspent > KEPT and angle != RIGHT_ANGLE:
                    first += unspent - KEPT
                _push(stack, depth, at, half, first, fewer, lm - 1)
                gains[depth] = gains[depth - 1] * one
        else:
            depth -= 1
    return left
