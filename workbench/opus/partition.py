"""The shape of a band, or of one channel of it: halves of halves, and in the end pulses.

RFC 6716, sections 4.3.4.1 to 4.3.4.4. Spectra, what bands are folded from, and working memory are
parts of one array, ``x`` f32[`FLOATS`]; a place in it is an integer, and -1 stands for none.
Halving is a walk through a binary tree: down to one half at once, while the other waits in
``plan`` with what there is to know about it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from workbench.opus import pvq, pvq_rates
from workbench.opus.angles import RIGHT_ANGLE, cosine, count_levels, decode_angle, lean
from workbench.opus.plan import LEFT, SEED, WAITING
from workbench.opus.range_coder import decode_uint, tell_eighths
from workbench.opus.spreading import spread_out
from workbench.opus.tables import LOG2_WIDTHS

__all__ = ["FLOATS", "FOLDS", "SCRATCH", "SPECTRA", "decode_partition", "make_noise", "rescale"]

# Both channels' spectra, and both channels' normalised bands for later ones to be folded from.
SPECTRA = 0
FOLDS = 2 * 960
# Two bands to reorder, and gains of halves that wait.
SCRATCH = FOLDS + 2 * 960
_GAINS = SCRATCH + 2 * 192
FLOATS = _GAINS + 8

# What is known of a half that waits.
_AT, _BITS, _FOLD, _FILL, _SHIFT, _N, _BLOCKS, _LM = range(8)
# What its sibling was given, and what was left of the frame then; whether it may inherit.
_GIVEN, _BEFORE, _INHERITS = 8, 9, 10
_RECORD = 12
# Eighths that a half keeps of what it leaves unspent.
_KEPT = 24

_UNIT = np.float32(1 / 32768)
_TINY = np.float32(1e-15)
# Noise added to what is folded.
_DITHER = np.float32(1 / 256)


@njit(inline="always")
def next_noise(seed: int) -> Any:
    """Next number of 32 bits of the generator that the standard's noise is made of."""
    return seed * 1664525 + 1013904223 & 0xFFFFFFFF


@njit(error_model="numpy", fastmath={"reassoc", "contract"})
def rescale(x: Any, at: int, n: int, gain: Any) -> None:
    """Give ``x[at:at + n]`` the norm ``gain``."""
    energy: Any = _TINY
    for j in range(at, at + n):
        energy += x[j] * x[j]
    factor = gain / np.sqrt(energy)
    for j in range(at, at + n):
        x[j] *= factor


@njit(inline="always")
def make_noise(plan: Any, x: Any, at: int, n: int) -> None:
    """Fill ``x[at:at + n]`` with noise of any norm."""
    seed = plan[SEED]
    for j in range(at, at + n):
        seed = next_noise(seed)
        x[j] = np.float32(np.int32(seed) >> 20)
    plan[SEED] = seed


@njit()
def _fold(plan: Any, x: Any, at: int, n: int, fold: int) -> None:
    """Fill ``x[at:at + n]`` with ``x[fold:fold + n]`` and a little noise."""
    seed = plan[SEED]
    for j in range(n):
        seed = next_noise(seed)
        x[at + j] = x[fold + j] + (_DITHER if seed & 0x8000 else -_DITHER)
    plan[SEED] = seed


@njit()
def _blocks_hit(vector: Any, n: int, blocks: int) -> Any:
    """One bit for each block of the vector that has a pulse."""
    if blocks == 1:
        return 1
    size = n // blocks
    mask = 0
    for block in range(blocks):
        any_pulse: Any = np.int32(0)
        for j in range(block * size, block * size + size):
            any_pulse |= vector[j]
        mask |= (1 if any_pulse != 0 else 0) << block
    return mask


@njit(error_model="numpy")
def _decode_leaf(
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
) -> Any:
    """Read pulses, or make up what there are no pulses for; return which blocks are not empty."""
    row = pvq_rates.row_of(band, lm)
    step = pvq_rates.step_for(row, bits)
    left = plan[LEFT] - pvq_rates.cost(row, step)
    while left < 0 and step > 0:
        left += pvq_rates.cost(row, step)
        step -= 1
        left -= pvq_rates.cost(row, step)
    plan[LEFT] = left
    if step > 0:
        pulses = pvq_rates.pulses_of(step)
        count: Any = np.int64(pvq.size(n, pulses))
        index = decode_uint(coder, packet, count)
        squares = pvq.decode(np.uint32(index), n, pulses, vector, 0)
        pvq.normalise(vector, 0, n, squares, gain, x, at)
        spread_out(x, at, n, blocks, pulses, spread)
        return _blocks_hit(vector, n, blocks)
    all_blocks = (1 << blocks) - 1
    fill &= all_blocks
    if fill == 0:
        for j in range(at, at + n):
            x[j] = 0
        return 0
    if fold < 0:
        make_noise(plan, x, at, n)
        fill = all_blocks
    else:
        _fold(plan, x, at, n, fold)
    rescale(x, at, n, gain)
    return fill


@njit(error_model="numpy")
def decode_partition(
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
) -> Any:
    """Read ``x[at:at + n]``, of norm ``gain``, ordered by short blocks.

    Parameters
    ----------
    coder, packet, plan
        The range coder's state, its buffer, and the frame's plan: `LEFT` and `SEED` change.
    x : f32[FLOATS]
    vector : i32[176]
        Working memory.
    bits : int
        Eighths of a bit to spend.
    blocks : int
        Short blocks that ``n`` bins belong to.
    fold : int
        Where to fold from if no pulse can be had, or -1.
    lm, band, spread : int
    gain : float32
    fill : int
        A bit for each block that there is something to fold from.

    Returns
    -------
    int
        A bit for each block that is not empty.
    """
    waiting = WAITING
    mask, shift = 0, 0
    while True:
        while pvq_rates.splits(band, lm, bits):
            n >>= 1
            lm -= 1
            together = blocks
            if together == 1:
                fill = fill & 1 | fill << 1
            blocks = blocks + 1 >> 1
            before = tell_eighths(coder)
            levels = count_levels(n, bits, LOG2_WIDTHS[band] + 8 * lm, 0)
            angle = 0
            if levels > 1:
                angle = decode_angle(coder, packet, levels, n, together, 0)
            spent = tell_eighths(coder) - before
            bits -= spent
            plan[LEFT] -= spent
            if angle == 0:
                fill &= (1 << blocks) - 1
                middle, side, more = 32767, 0, -RIGHT_ANGLE
            elif angle == RIGHT_ANGLE:
                fill &= (1 << blocks) - 1 << blocks
                middle, side, more = 0, 32767, RIGHT_ANGLE
            else:
                middle, side = cosine(angle), cosine(RIGHT_ANGLE - angle)
                more = lean(middle, side, n)
                # Short blocks: the quieter half gets more than it deserves, the earlier above all.
                if together > 1 and angle > RIGHT_ANGLE // 2:
                    more -= more >> (4 - lm)
                elif together > 1:
                    more = min(0, more + (n << 3 >> (5 - lm)))
            first = max(0, min(bits, bits - more >> 1))
            second = bits - first
            other_fold = fold + n if fold >= 0 else -1
            plan[waiting + _N], plan[waiting + _BLOCKS] = n, blocks
            plan[waiting + _LM] = lm
            plan[waiting + _BEFORE] = plan[LEFT]
            which = _GAINS + (waiting - WAITING) // _RECORD
            if first >= second:
                plan[waiting + _AT], plan[waiting + _BITS] = at + n, second
                plan[waiting + _FOLD], plan[waiting + _FILL] = other_fold, fill >> blocks
                plan[waiting + _SHIFT] = shift + (together >> 1)
                plan[waiting + _GIVEN], plan[waiting + _INHERITS] = first, angle != 0
                x[which] = gain * (np.float32(side) * _UNIT)
                gain *= np.float32(middle) * _UNIT
                bits = first
            else:
                plan[waiting + _AT], plan[waiting + _BITS] = at, first
                plan[waiting + _FOLD], plan[waiting + _FILL] = fold, fill
                plan[waiting + _SHIFT] = shift
                plan[waiting + _GIVEN], plan[waiting + _INHERITS] = second, angle != RIGHT_ANGLE
                x[which] = gain * (np.float32(middle) * _UNIT)
                gain *= np.float32(side) * _UNIT
                at += n
                bits, fold, fill = second, other_fold, fill >> blocks
                shift += together >> 1
            waiting += _RECORD
        hit = _decode_leaf(
            *(coder, packet, plan, x, vector, at, n, bits, blocks),
            *(fold, lm, band, spread, gain, fill),
        )
        mask |= hit << shift
        if waiting == WAITING:
            return mask
        waiting -= _RECORD
        at, bits = plan[waiting + _AT], plan[waiting + _BITS]
        fold, fill, shift = plan[waiting + _FOLD], plan[waiting + _FILL], plan[waiting + _SHIFT]
        n, blocks, lm = plan[waiting + _N], plan[waiting + _BLOCKS], plan[waiting + _LM]
        gain = x[_GAINS + (waiting - WAITING) // _RECORD]
        unspent = plan[waiting + _GIVEN] - (plan[waiting + _BEFORE] - plan[LEFT])
        if unspent > _KEPT and plan[waiting + _INHERITS]:
            bits += unspent - _KEPT
