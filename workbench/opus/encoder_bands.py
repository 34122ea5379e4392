"""All bands of a frame: time-frequency changes, stereo, and what each band may spend.

RFC 6716, sections 4.3.4 and 5.3.7 to 5.3.8, from the encoder's side. The spectrum is f32[channels *
size], channel after channel, each band of norm 1; it is used up.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from workbench.opus.angles import RIGHT_ANGLE, count_levels
from workbench.opus.bands import haar
from workbench.opus.encoder_partition import encode_angle, encode_partition, gains_of, tilt_of
from workbench.opus.plan import BALANCE, CODED, DUAL, INTENSITY, SHAPE_BITS, TF
from workbench.opus.range_coder import FIELDS, encode_bit, encode_bits, tell_eighths
from workbench.opus.tables import BAND_EDGES, BANDS, LOG2_WIDTHS, ONE, SEQUENCIES, TWO

__all__ = ["SCRATCH", "encode_bands"]

ROOT_HALF = np.float32(np.sqrt(0.5))
LARGEST = 176
# Floats of scratch: a band to reorder, and two channels' originals of a band.
SCRATCH = 3 * LARGEST
KEPT = 24
QUIET = np.float32(1e-10)


@njit(error_model="numpy")
def gather_blocks(
    x: Any, at: int, n: int, stride: int, hadamard: bool, back: bool, scratch: Any
) -> None:
    """Order ``n * stride`` coefficients by block instead of frequency, or ``back``.

    Blocks that Haar's transform made of one long block are ordered by sequency.
    """
    for i in range(stride):
        block = SEQUENCIES[stride - 2 + i] if hadamard else i
        for j in range(n):
            if back:
                scratch[j * stride + i] = x[at + block * n + j]
            else:
                scratch[block * n + j] = x[at + j * stride + i]
    for j in range(n * stride):
        x[at + j] = scratch[j]


@njit(error_model="numpy")
def _encode_band(
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
    change: int,
    left: int,
    careful: bool,
    synthesise: bool,
    gain: Any,
    scratch: Any,
    stack: Any,
    gains: Any,
    vector: Any,
) -> int:
    """Write one channel of a band; return what is left of the frame's eighths."""
    if n == 1:
        return _encode_signs(coder, packet, x, at, at, ONE, left)
    long_block = blocks == 1
    each = n // blocks
    merged = max(0, change)
    divided = 0
    for level in range(merged):
        haar(x, at, n >> level, 1 << level)
    blocks >>= merged
    each <<= merged
    while divided < -change and each & 1 == 0:
        haar(x, at, each, blocks)
        blocks <<= 1
        each >>= 1
        divided += 1
    if blocks > 1:
        gather_blocks(x, at, each >> merged, blocks << merged, long_block, False, scratch)
    left = encode_partition(
        *(coder, packet, x, at, n, bits, blocks, lm, band, spread, left, gain, careful),
        *(synthesise, stack, gains, vector),
    )
    if synthesise:
        if blocks > 1:
            gather_blocks(x, at, each >> merged, blocks << merged, long_block, True, scratch)
        for _ in range(divided):
            blocks >>= 1
            each <<= 1
            haar(x, at, each, blocks)
        for level in range(merged):
            haar(x, at, n >> level, 1 << level)
    return left


@njit(error_model="numpy")
def _encode_signs(
    coder: Any, packet: Any, x: Any, first: int, second: int, channels: int, left: int
) -> int:
    """A band of one coefficient has only a sign in each channel."""
    for channel in range(channels):
        at = second if channel else first
        negative = 0
        if left >= 8:
            negative = 1 if x[at] < 0 else 0
            encode_bits(coder, packet, negative, ONE)
            left -= 8
        x[at] = np.float32(-1) if negative else np.float32(1)
    return left


@njit(error_model="numpy")
def _blend(x: Any, first: int, second: int, n: int, one: Any, two: Any) -> None:
    """Replace the first channel by the mix that intensity stereo sends, of norm 1 or less."""
    norm = np.float32(1e-15) + np.sqrt(np.float32(1e-15) + one * one + two * two)
    one, two = one / norm, two / norm
    for j in range(n):
        x[first + j] = one * x[first + j] + two * x[second + j]


@njit(error_model="numpy")
def _to_middle_and_side(x: Any, first: int, second: int, n: int) -> None:
    for j in range(n):
        one, two = ROOT_HALF * x[first + j], ROOT_HALF * x[second + j]
        x[first + j] = one + two
        x[second + j] = two - one


@njit(error_model="numpy")
def _from_middle_and_side(x: Any, first: int, second: int, n: int, middle: Any, side: Any) -> None:
    """Left and right of norm 1, of a middle of norm 1 and a side that has its gain."""
    common = np.float32(0)
    for j in range(n):
        common += x[first + j] * x[second + j]
    common *= middle
    one = middle * middle + side * side - 2 * common
    two = middle * middle + side * side + 2 * common
    if one < np.float32(6e-4) or two < np.float32(6e-4):
        for j in range(n):
            x[second + j] = x[first + j]
        return
    one, two = np.float32(1) / np.sqrt(one), np.float32(1) / np.sqrt(two)
    for j in range(n):
        m, s = middle * x[first + j], x[second + j]
        x[first + j] = one * (m - s)
        x[second + j] = two * (m + s)


@njit(error_model="numpy")
def _stereo_angle(x: Any, first: int, second: int, n: int) -> Any:
    """Angle between middle and side of two channels of norm 1."""
    middle, side = np.float32(1e-15), np.float32(1e-15)
    for j in range(n):
        one, two = x[first + j], x[second + j]
        middle += (one + two) * (one + two)
        side += (one - two) * (one - two)
    ratio = np.float32(np.arctan2(np.sqrt(side), np.sqrt(middle)))
    return ratio * np.float32(RIGHT_ANGLE / (np.pi / 2))


@njit(error_model="numpy")
def _encode_pair(
    coder: Any,
    packet: Any,
    x: Any,
    first: int,
    second: int,
    n: int,
    bits: int,
    blocks: int,
    lm: int,
    band: int,
    spread: int,
    change: int,
    left: int,
    careful: bool,
    synthesise: bool,
    intensity: bool,
    rounding: int,
    amplitude: Any,
    scratch: Any,
    stack: Any,
    gains: Any,
    vector: Any,
) -> int:
    """Write both channels of a band as middle and side, or as one mix.

    ``rounding`` is 0 to round the angle to the nearest step, -1 down, 1 up.
    """
    if n == 1:
        return _encode_signs(coder, packet, x, first, second, TWO, left)
    one, two = amplitude[band], amplitude[BANDS + band]
    if one < QUIET or two < QUIET:
        # a channel without sound has no shape of its own
        source, target = (first, second) if one > two else (second, first)
        for j in range(n):
            x[target + j] = x[source + j]
    before = tell_eighths(coder)
    width = LOG2_WIDTHS[band] + (lm << 3)
    levels = 1 if intensity else count_levels(n, bits, width, ONE)
    true = _stereo_angle(x, first, second, n)
    angle = 0
    inverted = False
    if levels > 1:
        scaled = true * np.float32(levels) / np.float32(RIGHT_ANGLE)
        step: Any = np.int64(scaled + np.float32(0.5))
        if rounding != 0:
            # biased towards the ends, where only one of both is sent
            bias = np.float32(2) if true > RIGHT_ANGLE // 2 else np.float32(-2)
            step = np.int64(np.floor(scaled + bias / np.float32(levels)))
            step = max(0, min(levels - 1, step)) + (1 if rounding > 0 else 0)
        step = max(0, min(levels, step))
        encode_angle(coder, packet, step, levels, 2 if n > 2 else 1)
        angle = step * RIGHT_ANGLE // levels
        if angle == 0:
            _blend(x, first, second, n, one, two)
        else:
            _to_middle_and_side(x, first, second, n)
    else:
        inverted = true > RIGHT_ANGLE // 2
        if inverted:
            for j in range(n):
                x[second + j] = -x[second + j]
        _blend(x, first, second, n, one, two)
        if bits > 16 and left > 16:
            encode_bit(coder, packet, 1 if inverted else 0, TWO)
        else:
            inverted = False
    spent = tell_eighths(coder) - before
    bits -= spent
    left -= spent
    middle_gain, side_gain = gains_of(angle)
    if n == 2:
        sign_bits = 8 if 0 < angle < RIGHT_ANGLE else 0
        left -= sign_bits
        large, small = (second, first) if angle > RIGHT_ANGLE // 2 else (first, second)
        negative = False
        if sign_bits:
            # the smaller one is orthogonal to the larger one: one of two directions
            negative = x[large] * x[small + 1] - x[large + 1] * x[small] < 0
            encode_bits(coder, packet, 1 if negative else 0, ONE)
        left = _encode_band(
            *(coder, packet, x, large, n, bits - sign_bits, blocks, lm, band, spread, change),
            *(left, careful, synthesise, np.float32(1), scratch, stack, gains, vector),
        )
        if synthesise:
            sign = np.float32(-1) if negative else np.float32(1)
            x[small] = -sign * x[large + 1]
            x[small + 1] = sign * x[large]
            for j in range(n):
                m, s = middle_gain * x[first + j], side_gain * x[second + j]
                x[first + j], x[second + j] = m - s, m + s
    else:
        tilt = tilt_of(angle, n)
        for_middle = max(0, min(bits, (bits - tilt) >> 1))
        for_side = bits - for_middle
        middle_first = for_middle >= for_side
        start = left
        for turn in range(2):
            if (turn == 0) == middle_first:
                left = _encode_band(
                    *(coder, packet, x, first, n, for_middle, blocks, lm, band, spread, change),
                    *(left, careful, synthesise, np.float32(1), scratch, stack, gains, vector),
                )
                unspent = for_middle - (start - left)
                if turn == 0 and unspent > KEPT and angle != 0:
                    for_side += unspent - KEPT
            else:
                left = _encode_band(
                    *(coder, packet, x, second, n, for_side, blocks, lm, band, spread, change),
                    *(left, careful, synthesise, side_gain, scratch, stack, gains, vector),
                )
                unspent = for_side - (start - left)
                if turn == 0 and unspent > KEPT and angle != RIGHT_ANGLE:
                    for_middle += unspent - KEPT
        if synthesise:
            _from_middle_and_side(x, first, second, n, middle_gain, side_gain)
    if synthesise and inverted:
        for j in range(n):
            x[second + j] = -x[second + j]
    return left


@njit(error_model="numpy")
def _likeness(x: Any, first: int, second: int, n: int, one: Any, two: Any, originals: Any) -> Any:
    """How much of the originals is in both channels, by their amplitudes."""
    least = min(one, two) / np.float32(3)
    left, right = np.float32(0), np.float32(0)
    for j in range(n):
        left += x[first + j] * originals[LARGEST + j]
        right += x[second + j] * originals[2 * LARGEST + j]
    return (one + least) * left + (two + least) * right


@njit(error_model="numpy")
def encode_bands(
    coder: Any,
    packet: Any,
    x: Any,
    channels: int,
    lm: int,
    end: int,
    transient: bool,
    spread: int,
    plan: Any,
    amplitude: Any,
    total: int,
    search_angles: bool,
    scratch: Any,
    saved: Any,
    stack: Any,
    gains: Any,
    vector: Any,
) -> None:
    """Write the shapes of all bands.

    Parameters
    ----------
    coder, packet : arrays
        The range coder's.
    x : f32[channels * (120 << lm)]
        Normalised spectrum, used up.
    channels, lm, end : int
        What the frame is; ``end`` is the number of its bands.
    transient : bool
        Whether it has short blocks.
    spread : int
        Section 4.3.4.3.
    plan : i64[PLAN]
        What the allocation left there.
    amplitude : f32[42]
        Of each channel's bands.
    total : int
        Eighths of a bit up to which bands may be written.
    search_angles : bool
        Try two steps of each stereo angle, and keep the one whose synthesis is nearer.
    scratch, saved, stack, gains, vector : f32[SCRATCH], i64[FIELDS], and of `encode_partition`
        Working memory.
    """
    size = 120 << lm
    coded, intensity, balance = plan[CODED], plan[INTENSITY], plan[BALANCE]
    dual = plan[DUAL] == 1
    blocks = 1 << lm if transient else 1
    for band in range(end):
        first = BAND_EDGES[band] << lm
        n = (BAND_EDGES[band + 1] << lm) - first
        second = size + first
        now = tell_eighths(coder)
        if band > 0:
            balance -= now
        left = total - now - 1
        bits = 0
        if band < coded:
            sharing = min(3, coded - band)
            share = balance // sharing if balance >= 0 else -(-balance // sharing)
            bits = max(0, min(16_383, min(left + 1, plan[SHAPE_BITS + band] + share)))
        change = plan[TF + band]
        if dual and band == intensity:
            dual = False
        if channels == 1:
            _encode_band(
                *(coder, packet, x, first, n, bits, blocks, lm, band, spread, change, left),
                *(transient, False, np.float32(1), scratch, stack, gains, vector),
            )
        elif dual:
            left = _encode_band(
                *(coder, packet, x, first, n, bits // 2, blocks, lm, band, spread, change, left),
                *(transient, False, np.float32(1), scratch, stack, gains, vector),
            )
            _encode_band(
                *(coder, packet, x, second, n, bits // 2, blocks, lm, band, spread, change, left),
                *(transient, False, np.float32(1), scratch, stack, gains, vector),
            )
        elif not search_angles or band >= intensity or n == 1:
            _encode_pair(
                *(coder, packet, x, first, second, n, bits, blocks, lm, band, spread, change),
                *(left, transient, False, band >= intensity, 0, amplitude, scratch, stack),
                *(gains, vector),
            )
        else:
            for j in range(n):
                scratch[LARGEST + j] = x[first + j]
                scratch[2 * LARGEST + j] = x[second + j]
            for field in range(FIELDS):
                saved[field] = coder[field]
            one, two = amplitude[band], amplitude[BANDS + band]
            down_likeness = np.float32(0)
            for trial in range(3):
                rounding = 1 if trial == 1 else -1
                _encode_pair(
                    *(coder, packet, x, first, second, n, bits, blocks, lm, band, spread),
                    *(change, left, transient, True, False, rounding, amplitude, scratch),
                    *(stack, gains, vector),
                )
                likeness = _likeness(x, first, second, n, one, two, scratch)
                if trial == 0:
                    down_likeness = likeness
                elif trial == 2 or likeness > down_likeness:
                    break
                # what is written behind the saved state will be written again
                for field in range(FIELDS):
                    coder[field] = saved[field]
                for j in range(n):
                    x[first + j] = scratch[LARGEST + j]
                    x[second + j] = scratch[2 * LARGEST + j]
        balance += plan[SHAPE_BITS + band] + now
