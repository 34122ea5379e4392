"""Shapes of all bands of a frame (RFC 6716, section 4.3.4; RFC 8251, section 8).

See `workbench.opus.partition` for ``x``, and `workbench.opus.plan` for ``plan``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from workbench.opus.angles import RIGHT_ANGLE, cosine, count_levels, decode_angle, lean
from workbench.opus.partition import FOLDS, SCRATCH, decode_partition
from workbench.opus.plan import (
    BALANCE,
    CODED,
    DUAL,
    INTENSITY,
    LEFT,
    MASKS,
    SHAPE_BITS,
    TF,
)
from workbench.opus.range_coder import (
    SIZE,
    decode_bit,
    decode_bits,
    quotient,
    tell_eighths,
)
from workbench.opus.tables import BAND_EDGES, BIT, LOG2_WIDTHS, SEQUENCIES

__all__ = ["decode_bands", "haar", "in_bin_order", "in_block_order"]

_ROOT_HALF = np.float32(np.sqrt(0.5))
_UNIT = np.float32(1 / 32768)
# Energy of a channel below which it is not told apart from the other.
_INDISTINCT = np.float32(6e-4)
_KEPT = 24
# A band's budget at most.
_MOST = 16383
# Of the symbols of section 4.3.4.3, the one that spreads most.
_AGGRESSIVE = 3


@njit(error_model="numpy")
def haar(x: Any, at: int, n: int, stride: int) -> None:
    """One level of the Haar transform, of ``stride`` interleaved vectors of ``n`` bins."""
    for j in range(at, at + n * stride, 2 * stride):
        for i in range(j, j + stride):
            one, two = _ROOT_HALF * x[i], _ROOT_HALF * x[i + stride]
            x[i] = one + two
            x[i + stride] = one - two


@njit(error_model="numpy")
def in_block_order(x: Any, at: int, n: int, blocks: int, sequency: int) -> None:
    """Put ``blocks`` interleaved vectors of ``n`` bins one behind the other.

    With ``sequency``, in the order of sign changes of the Hadamard functions that made them.
    """
    for block in range(blocks):
        place = SEQUENCIES[blocks - 2 + block] if sequency else block
        for j in range(n):
            x[SCRATCH + place * n + j] = x[at + j * blocks + block]
    for j in range(n * blocks):
        x[at + j] = x[SCRATCH + j]


@njit(error_model="numpy")
def in_bin_order(x: Any, at: int, n: int, blocks: int, sequency: int) -> None:
    """Undo `in_block_order`."""
    for block in range(blocks):
        place = SEQUENCIES[blocks - 2 + block] if sequency else block
        for j in range(n):
            x[SCRATCH + j * blocks + block] = x[at + place * n + j]
    for j in range(n * blocks):
        x[at + j] = x[SCRATCH + j]


@njit(inline="always")
def _merge_pairs(mask: int) -> Any:
    """Halve a mask: each two bits become one, set if either was."""
    mask = (mask | mask >> 1) & 0x55
    mask = (mask | mask >> 1) & 0x33
    return (mask | mask >> 2) & 0x0F


@njit(inline="always")
def _double_bits(mask: int) -> Any:
    """Double a mask: each bit becomes two."""
    mask = (mask | mask << 2) & 0x33
    mask = (mask | mask << 1) & 0x55
    return mask * 3


@njit(error_model="numpy")
def _decode_single(coder: Any, packet: Any, plan: Any, x: Any, at: int, fold_out: int) -> None:
    """Read the only bin of a band: its sign, if there is a bit for it."""
    value = np.float32(1)
    if plan[LEFT] >= BIT:
        if decode_bits(coder, packet, 1):
            value = np.float32(-1)
        plan[LEFT] -= BIT
    x[at] = value
    if fold_out >= 0:
        x[fold_out] = value


@njit(error_model="numpy")
def _decode_vector(
    coder: Any,
    packet: Any,
    plan: Any,
    x: Any,
    vector: Any,
    at: int,
    n: int,
    bits: int,
    blocks: int,
    fold: int,
    lm: int,
    band: int,
    spread: int,
    gain: Any,
    fill: int,
    fold_out: int,
) -> Any:
    """Read one channel of a band of more than one bin, at the time-frequency resolution it has.

    Other than for `decode_partition`, bins are in the order of frequency, and ``fold_out`` says
    where to leave them, scaled to mean energy 1, for bands above. What is at ``fold`` is kept.
    """
    change = plan[TF + band]
    sequency = 1 if blocks == 1 else 0
    merged = max(change, 0)
    length = n // blocks
    divided = 0
    while divided < -change and (length >> divided) & 1 == 0:
        divided += 1
    if fold >= 0 and (merged > 0 or divided > 0 or blocks > 1):
        copy = SCRATCH + 192
        for j in range(n):
            x[copy + j] = x[fold + j]
        fold = copy
    for level in range(merged):
        if fold >= 0:
            haar(x, fold, n >> level, 1 << level)
        fill = _merge_pairs(fill)
    blocks >>= merged
    length <<= merged
    for _ in range(divided):
        if fold >= 0:
            haar(x, fold, length, blocks)
        fill |= fill << blocks
        blocks <<= 1
        length >>= 1
    if blocks > 1 and fold >= 0:
        in_block_order(x, fold, length >> merged, blocks << merged, sequency)

    mask = decode_partition(
        *(coder, packet, plan, x, vector, at, n, bits, blocks, fold, lm, band, spread, gain, fill)
    )

    if blocks > 1:
        in_bin_order(x, at, length >> merged, blocks << merged, sequency)
    for _ in range(divided):
        blocks >>= 1
        length <<= 1
        mask |= mask >> blocks
        haar(x, at, length, blocks)
    for level in range(merged):
        mask = _double_bits(mask)
        haar(x, at, n >> level, 1 << level)
    blocks <<= merged
    if fold_out >= 0:
        scale = np.sqrt(np.float32(n))
        for j in range(n):
            x[fold_out + j] = scale * x[at + j]
    return mask & (1 << blocks) - 1


@njit(error_model="numpy", fastmath={"reassoc", "contract"})
def _merge_stereo(x: Any, at: int, other: int, n: int, middle: Any) -> None:
    """Turn middle (of norm 1) and side into two channels of norm 1."""
    product, energy = np.float32(0), np.float32(0)
    for j in range(n):
        product += x[at + j] * x[other + j]
        energy += x[other + j] * x[other + j]
    product *= middle
    energy += middle * middle
    left, right = energy - 2 * product, energy + 2 * product
    if left < _INDISTINCT or right < _INDISTINCT:
        for j in range(n):
            x[other + j] = x[at + j]
        return
    to_left, to_right = np.float32(1) / np.sqrt(left), np.float32(1) / np.sqrt(right)
    for j in range(n):
        one, two = middle * x[at + j], x[other + j]
        x[at + j] = to_left * (one - two)
        x[other + j] = to_right * (one + two)


@njit(error_model="numpy")
def _decode_pair(
    coder: Any,
    packet: Any,
    plan: Any,
    x: Any,
    vector: Any,
    at: int,
    other: int,
    n: int,
    bits: int,
    blocks: int,
    fold: int,
    lm: int,
    band: int,
    spread: int,
    fill: int,
    fold_out: int,
    inversion: int,
) -> Any:
    """Read both channels of a band of more than one bin as middle and side.

    ``inversion`` is 0 where channels must not be told to have opposite signs.
    """
    all_fill = fill
    before = tell_eighths(coder)
    width = LOG2_WIDTHS[band] + 8 * lm
    levels = 1
    if band < plan[INTENSITY]:
        levels = count_levels(n, bits, width, 1)
    angle, inverted = 0, 0
    if levels > 1:
        angle = decode_angle(coder, packet, levels, n, blocks, 1)
    elif bits > 2 * BIT and plan[LEFT] > 2 * BIT:
        inverted = decode_bit(coder, packet, 2) & inversion
    spent = tell_eighths(coder) - before
    bits -= spent
    plan[LEFT] -= spent
    all_blocks = (1 << blocks) - 1
    if angle == 0:
        fill &= all_blocks
        middle, side, more = 32767, 0, -RIGHT_ANGLE
    elif angle == RIGHT_ANGLE:
        fill &= all_blocks << blocks
        middle, side, more = 0, 32767, RIGHT_ANGLE
    else:
        middle, side = cosine(angle), cosine(RIGHT_ANGLE - angle)
        more = lean(middle, side, n)
    mid, sid = np.float32(middle) * _UNIT, np.float32(side) * _UNIT

    if n == 2:
        # The side is orthogonal to the middle: a sign says which way.
        has_sign = angle != 0 and angle != RIGHT_ANGLE
        first, second = at, other
        if angle > RIGHT_ANGLE // 2:
            first, second = other, at
        turned = np.float32(1)
        if has_sign:
            bits -= BIT
            plan[LEFT] -= BIT
            if decode_bits(coder, packet, 1):
                turned = np.float32(-1)
        mask = _decode_vector(
            *(coder, packet, plan, x, vector, first, n, bits, blocks, fold, lm, band, spread),
            *(np.float32(1), all_fill, fold_out),
        )
        x[second] = -turned * x[first + 1]
        x[second + 1] = turned * x[first]
        for j in range(2):
            one, two = mid * x[at + j], sid * x[other + j]
            x[at + j] = one - two
            x[other + j] = one + two
    else:
        for_middle = max(0, min(bits, bits - more >> 1))
        for_side = bits - for_middle
        left = plan[LEFT]
        middle_first = for_middle >= for_side
        mask = 0
        for turn in range(2):
            if (turn == 0) == middle_first:
                if turn == 1:
                    unspent = for_side - (left - plan[LEFT])
                    if unspent > _KEPT and angle != RIGHT_ANGLE:
                        for_middle += unspent - _KEPT
                mask |= _decode_vector(
                    *(coder, packet, plan, x, vector, at, n, for_middle, blocks, fold, lm, band),
                    *(spread, np.float32(1), fill, fold_out),
                )
            else:
                if turn == 1:
                    unspent = for_middle - (left - plan[LEFT])
                    if unspent > _KEPT and angle != 0:
                        for_side += unspent - _KEPT
                mask |= _decode_vector(
                    *(coder, packet, plan, x, vector, other, n, for_side, blocks, -1, lm, band),
                    *(spread, sid, fill >> blocks, -1),
                )
        _merge_stereo(x, at, other, n, mid)
    if inverted:
        for j in range(other, other + n):
            x[j] = -x[j]
    return mask


@njit(error_model="numpy")
def _foldable(
    plan: Any, channels: int, lm: int, band: int, from_band: int, fold: int, n: int
) -> Any:
    """Masks, of each channel, of the bands that ``fold:fold + n`` lies in."""
    first = from_band - 1
    while BAND_EDGES[first] << lm > fold:
        first -= 1
    last = from_band
    while last < band and BAND_EDGES[last] << lm < fold + n:
        last += 1
    mask, other_mask = np.int64(0), np.int64(0)
    for below in range(first, last):
        mask |= plan[MASKS + 2 * below]
        other_mask |= plan[MASKS + 2 * below + 1]
    return mask, other_mask


@njit(error_model="numpy")
def decode_bands(
    coder: Any,
    packet: Any,
    plan: Any,
    x: Any,
    vector: Any,
    start: int,
    end: int,
    channels: int,
    lm: int,
    transient: int,
    spread: int,
    reserved: int,
    inversion: int,
) -> None:
    """Read the shapes of bands ``start`` to ``end``.

    Parameters
    ----------
    coder, packet, plan, x, vector
        See `workbench.opus.partition.decode_partition`.
    reserved : int
        Eighths at the end of the frame that are not for shapes.
    inversion : int
        0 to ignore that a channel has the opposite sign (RFC 8251, section 9).

    Notes
    -----
    Channel c, bin j ends up at ``x[960 * c + j]``, each band of norm 1, and ``plan[MASKS + 2 *
    band + c]`` says which short blocks of a band are not empty.
    """
    blocks = 1 << lm if transient else 1
    total = 8 * BIT * coder[SIZE] - reserved
    dual, intensity, coded = plan[DUAL], plan[INTENSITY], plan[CODED]
    balance = plan[BALANCE]
    origin = BAND_EDGES[start] << lm
    from_band = 0
    deep = True
    for band in range(start, end):
        first_bin = BAND_EDGES[band] << lm
        n = (BAND_EDGES[band + 1] << lm) - first_bin
        at, other = first_bin, 960 + first_bin
        used = tell_eighths(coder)
        if band > start:
            balance -= used
        left = total - used - 1
        plan[LEFT] = left
        bits = 0
        if band < coded:
            # A third of the balance, half of it for the last band but one, all for the last.
            takers = min(3, coded - band)
            part = quotient(abs(balance), takers)
            part = -part if balance < 0 else part
            bits = max(0, min(_MOST, left + 1, plan[SHAPE_BITS + band] + part))
        if (first_bin - n >= origin or band == start + 1) and (deep or from_band == 0):
            from_band = band
        if band == start + 1:
            # The second band of a hybrid frame is wider than the first (RFC 8251, section 8).
            first_n = first_bin - origin
            for j in range(n - first_n):
                for fold in range(FOLDS, FOLDS + 960 * channels, 960):
                    x[fold + first_n + j] = x[fold + 2 * first_n - n + j]
        fold, other_fold = -1, -1
        mask = other_mask = (1 << blocks) - 1
        if from_band != 0 and (spread != _AGGRESSIVE or blocks > 1 or plan[TF + band] < 0):
            source = max(0, (BAND_EDGES[from_band] << lm) - origin - n)
            fold, other_fold = FOLDS + source, FOLDS + 960 + source
            mask, other_mask = _foldable(plan, channels, lm, band, from_band, source + origin, n)
        fold_out, other_out = -1, -1
        if band < end - 1:
            fold_out = FOLDS + first_bin - origin
            other_out = fold_out + 960
        if dual and band == intensity:
            dual = 0
            for j in range(first_bin - origin):
                x[FOLDS + j] = np.float32(0.5) * (x[FOLDS + j] + x[FOLDS + 960 + j])
        if n == 1:
            mask = other_mask = 1
            _decode_single(coder, packet, plan, x, at, fold_out)
            if channels == 2:
                _decode_single(coder, packet, plan, x, other, other_out if dual else -1)
        elif dual:
            mask = _decode_vector(
                *(coder, packet, plan, x, vector, at, n, bits >> 1, blocks, fold, lm, band),
                *(spread, np.float32(1), mask, fold_out),
            )
            other_mask = _decode_vector(
                *(coder, packet, plan, x, vector, other, n, bits >> 1, blocks, other_fold, lm),
                *(band, spread, np.float32(1), other_mask, other_out),
            )
        elif channels == 2:
            mask = other_mask = _decode_pair(
                *(coder, packet, plan, x, vector, at, other, n, bits, blocks, fold, lm, band),
                *(spread, mask | other_mask, fold_out, inversion),
            )
        else:
            mask = other_mask = _decode_vector(
                *(coder, packet, plan, x, vector, at, n, bits, blocks, fold, lm, band),
                *(spread, np.float32(1), mask | other_mask, fold_out),
            )
        plan[MASKS + 2 * band] = mask & 255
        plan[MASKS + 2 * band + 1] = other_mask & 255
        balance += plan[SHAPE_BITS + band] + used
        deep = bits > n * BIT
