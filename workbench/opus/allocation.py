"""How a frame's bits are shared out (RFC 6716, section 4.3.3): the same rule in both directions.

Everything is in eighths of a bit. ``encode`` is 1 where the few flags of the rule are written, None
where they are read; what an encoder may choose comes in by the arguments, what was chosen comes out
in ``plan`` (`workbench.opus.plan`). ``lm`` is log2(frame size / 120).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from workbench.opus.plan import (
    BALANCE,
    BOOSTS,
    CAPACITIES,
    CODED,
    DUAL,
    FINE_BITS,
    INTENSITY,
    LOWER,
    PRIORITY,
    SHAPE_BITS,
    SPAN,
    TF,
    THRESHOLD,
)
from workbench.opus.range_coder import (
    SIZE,
    code_bit,
    code_uint,
    quotient,
    tell,
    tell_eighths,
)
from workbench.opus.tables import (
    ALLOCATION,
    BAND_EDGES,
    BIT,
    CAPS,
    LOG2_COUNTS,
    LOG2_WIDTHS,
    MAX_FINE_BITS,
    QUALITIES,
    TF_ADJUSTMENTS,
)

__all__ = ["allocate", "code_boosts", "code_resolutions", "find_capacities"]

# A literal in a call would have the function compiled once more for it.
_NONE: Any = np.int64(0)
_EVEN: Any = np.int64(1)
# Steps between two qualities, as a power of two.
_STEPS = 6
# Fine bits get so many eighths a bin and channel less than an even share (less log2(bins) / 2).
_FINE_OFFSET = 21
# Bands from here on may be skipped because they get little.
_FIRST_SHALLOW = 17


@njit(inline="always")
def find_capacities(plan: Any, channels: int, lm: int) -> None:
    """Set what each band can use at most."""
    for band in range(len(LOG2_WIDTHS)):
        bins = BAND_EDGES[band + 1] - BAND_EDGES[band] << lm
        plan[CAPACITIES + band] = (CAPS[lm, channels - 1, band] + 64) * channels * bins >> 2


@njit()
def code_resolutions(
    coder: Any,
    packet: Any,
    encode: Any,
    plan: Any,
    start: int,
    end: int,
    transient: int,
    lm: int,
    select: int,
) -> None:
    """Code the change of time-frequency resolution of each band (section 4.3.4.5).

    ``plan[TF + band]`` becomes the change, levels of the Haar transform; to write, it holds 0 or 1,
    the column of the table, and ``select`` says which table.
    """
    budget = 8 * coder[SIZE]
    logp = 2 if transient else 4
    reserved = 1 if lm > 0 and tell(coder) + logp + 1 <= budget else 0
    current, any_change = 0, 0
    for band in range(start, end):
        if tell(coder) + logp <= budget - reserved:
            current ^= code_bit(coder, packet, encode, plan[TF + band] ^ current, logp)
            any_change |= current
        plan[TF + band] = current
        logp = 4 if transient else 5
    here = TF_ADJUSTMENTS[lm, transient, 0, any_change]
    if reserved and here != TF_ADJUSTMENTS[lm, transient, 1, any_change]:
        select = code_bit(coder, packet, encode, select, _EVEN)
    else:
        select = 0
    for band in range(start, end):
        plan[TF + band] = TF_ADJUSTMENTS[lm, transient, select, plan[TF + band]]


@njit()
def code_boosts(
    coder: Any,
    packet: Any,
    encode: Any,
    plan: Any,
    start: int,
    end: int,
    channels: int,
    lm: int,
) -> Any:
    """Code the boosts of bands.

    To write, ``plan[BOOSTS + band]`` holds how many are wanted; it becomes what they add.

    Returns
    -------
    int
        Eighths of a bit of the frame that no boost has claimed.
    """
    budget = 8 * BIT * coder[SIZE]
    first_logp: Any = np.int64(6)
    used = tell_eighths(coder)
    for band in range(start, end):
        bins = channels * (BAND_EDGES[band + 1] - BAND_EDGES[band]) << lm
        quantum = min(BIT * bins, max(6 * BIT, bins))
        wanted = plan[BOOSTS + band]
        logp, boost, more, count = first_logp, 0, 1, 0
        while more and used + BIT * logp < budget and boost < plan[CAPACITIES + band]:
            more = code_bit(coder, packet, encode, 1 if count < wanted else 0, logp)
            used = tell_eighths(coder)
            if more:
                count += 1
                boost += quantum
                budget -= quantum
                logp = 1
        plan[BOOSTS + band] = boost
        if boost > 0:
            first_logp = max(2, first_logp - 1)
    return budget


@njit(inline="always")
def _tilt(band: int, end: int, channels: int, lm: int, trim: int) -> Any:
    """What the trim adds to a band; single bins, whose energy says most of them, get a bit less."""
    width = BAND_EDGES[band + 1] - BAND_EDGES[band]
    tilt = channels * width * (trim - 5 - lm) * (end - band - 1) * (BIT << lm) >> 6
    return tilt - channels * BIT if width << lm == 1 else tilt


@njit(inline="always")
def _static(band: int, quality: int, channels: int, lm: int, tilt: int) -> Any:
    """A band's share at a quality, tilted."""
    width = BAND_EDGES[band + 1] - BAND_EDGES[band]
    share = channels * width * ALLOCATION[quality, band] << lm >> 2
    return max(0, share + tilt) if share > 0 else share


@njit()
def _demand(plan: Any, start: int, end: int, floor: int, step: int) -> Any:
    """What all bands take ``step`` 64ths of the way up.

    From the top down, bands below their threshold take a bit a channel if they have that, until
    one reaches it; from there on all take what they have, to their capacity.
    """
    total: Any = 0
    reached = False
    for band in range(end - 1, start - 1, -1):
        bits = plan[LOWER + band] + (step * plan[SPAN + band] >> _STEPS)
        reached |= bits >= plan[THRESHOLD + band]
        if reached:
            total += min(bits, plan[CAPACITIES + band])
        elif bits >= floor:
            total += floor
    return total


@njit(error_model="numpy")
def _bracket(
    plan: Any, start: int, end: int, channels: int, lm: int, trim: int, total: int
) -> None:
    """Find two neighbouring qualities between which ``total`` lies: `LOWER` and `SPAN`."""
    floor = channels * BIT
    for band in range(start, end):
        width = BAND_EDGES[band + 1] - BAND_EDGES[band]
        plan[THRESHOLD + band] = max(floor, 3 * (width << lm) * BIT >> 4)
        # A place for the tilt, until it is known what belongs here.
        plan[SHAPE_BITS + band] = _tilt(band, end, channels, lm, trim)
        plan[SPAN + band] = 0
    low, high = 1, QUALITIES - 1
    while low <= high:
        middle = low + high >> 1
        for band in range(start, end):
            share = _static(band, middle, channels, lm, plan[SHAPE_BITS + band])
            plan[LOWER + band] = share + plan[BOOSTS + band]
        if _demand(plan, start, end, floor, _NONE) > total:
            high = middle - 1
        else:
            low = middle + 1
    for band in range(start, end):
        tilt, boost = plan[SHAPE_BITS + band], plan[BOOSTS + band]
        below = _static(band, low - 1, channels, lm, tilt)
        if low < QUALITIES:
            above = _static(band, low, channels, lm, tilt)
        else:
            above = max(0, plan[CAPACITIES + band] + tilt)
        if low > 1:
            below += boost
        plan[LOWER + band] = below
        plan[SPAN + band] = max(0, above + boost - below)


@njit(inline="always")
def _interpolate(plan: Any, start: int, end: int, floor: int, total: int) -> Any:
    """Go as far between the two qualities as ``total`` allows; return what that takes."""
    low, high = 0, 1 << _STEPS
    for _ in range(_STEPS):
        middle = low + high >> 1
        if _demand(plan, start, end, floor, middle) > total:
            high = middle
        else:
            low = middle
    taken: Any = 0
    reached = False
    for band in range(end - 1, start - 1, -1):
        bits = plan[LOWER + band] + (low * plan[SPAN + band] >> _STEPS)
        reached |= bits >= plan[THRESHOLD + band]
        if not reached:
            bits = floor if bits >= floor else 0
        bits = min(bits, plan[CAPACITIES + band])
        plan[SHAPE_BITS + band] = bits
        taken += bits
    return taken


@njit(inline="always")
def _worth_coding(
    band: int, start: int, lm: int, bits: int, width: int, previous: int, bandwidth: int
) -> Any:
    """Whether an encoder codes a band rather than skip it, as the reference decides.

    ``previous`` is how many bands the frame before coded (some hysteresis), ``bandwidth`` the last
    band that has a signal.
    """
    if band <= start + 1:
        return 1
    depth = 0
    if band >= _FIRST_SHALLOW:
        depth = 7 if band < previous else 9
    enough = bits > depth * (width << lm) * BIT >> 4 and band <= bandwidth
    return 1 if enough else 0


@njit(inline="always")
def _share_rest(plan: Any, start: int, coded: int, left: int) -> None:
    """Add what is left to the coded bands, evenly by bin, and the last few eighths from below."""
    bins = BAND_EDGES[coded] - BAND_EDGES[start]
    each = quotient(left, bins)
    left -= each * bins
    for band in range(start, coded):
        width = BAND_EDGES[band + 1] - BAND_EDGES[band]
        extra = min(left, width)
        plan[SHAPE_BITS + band] += each * width + extra
        left -= extra


@njit(error_model="numpy")
def _split_fine(plan: Any, start: int, end: int, channels: int, lm: int) -> None:
    """Split each band's bits into those that refine its energy and those for its shape."""
    coded, intensity, dual = plan[CODED], plan[INTENSITY], plan[DUAL]
    balance = 0
    for band in range(start, coded):
        bins = BAND_EDGES[band + 1] - BAND_EDGES[band] << lm
        bits = plan[SHAPE_BITS + band] + balance
        if bins > 1:
            excess = max(bits - plan[CAPACITIES + band], 0)
            bits -= excess
            joint = channels == 2 and bins > 2 and not dual and band < intensity
            freedom = channels * bins + (1 if joint else 0)
            log = freedom * (LOG2_WIDTHS[band] + BIT * lm)
            offset = (log >> 1) - freedom * _FINE_OFFSET
            if bins == 2:
                offset += freedom * BIT >> 2
            # The second and third bit come a little earlier than the rest.
            if bits + offset < freedom * 2 * BIT:
                offset += log >> 2
            elif bits + offset < freedom * 3 * BIT:
                offset += log >> 3
            rounded = max(0, bits + offset + (freedom * BIT >> 1))
            fine = quotient(rounded, freedom) >> 3
            if channels * fine > bits >> 3:
                fine = bits >> (channels + 2)
            fine = min(fine, MAX_FINE_BITS)
            plan[PRIORITY + band] = 1 if fine * freedom * BIT >= bits + offset else 0
            bits -= channels * fine * BIT
        else:
            # A single bin has a sign, and energy for all the rest.
            excess = max(0, bits - channels * BIT)
            bits -= excess
            fine = np.int64(0)
            plan[PRIORITY + band] = 1
        if excess > 0:
            more = min(excess >> (channels + 2), MAX_FINE_BITS - fine)
            fine += more
            plan[PRIORITY + band] = 1 if more * channels * BIT >= excess - balance else 0
            excess -= more * channels * BIT
        balance = excess
        plan[SHAPE_BITS + band] = bits
        plan[FINE_BITS + band] = fine
    plan[BALANCE] = balance
    for band in range(coded, end):
        fine = plan[SHAPE_BITS + band] >> (channels + 2)
        plan[FINE_BITS + band] = fine
        plan[SHAPE_BITS + band] = 0
        plan[PRIORITY + band] = 1 if fine < 1 else 0


@njit(error_model="numpy")
def allocate(
    coder: Any,
    packet: Any,
    encode: Any,
    plan: Any,
    start: int,
    end: int,
    channels: int,
    lm: int,
    trim: int,
    total: int,
    previous: int,
    bandwidth: int,
) -> None:
    """Share out what is left of a frame among its bands.

    Parameters
    ----------
    coder, packet
        The range coder's state and its buffer.
    encode : int or None
        1 to write the flags for skipped bands, intensity and dual stereo, None to read them.
    plan : i64[PLAN]
        In: `CAPACITIES`, `BOOSTS`; to write, also `INTENSITY` and `DUAL`, the wish.
        Out: `SHAPE_BITS`, `FINE_BITS`, `PRIORITY`, `BALANCE`, `INTENSITY`, `DUAL`, `CODED`.
    start, end : int
        Bands of the frame.
    trim : int
        0 to 10, by default 5; above it low bands get more of the bits, below it high ones.
    total : int
        Eighths of a bit there are.
    previous, bandwidth : int
        For an encoder's choice of bands to skip: see `_worth_coding`.
    """
    floor = channels * BIT
    total = max(total, 0)
    # A bit that ends the skipping, and room for the two parameters of stereo, are set aside.
    for_skip = BIT if total >= BIT else 0
    total -= for_skip
    for_intensity: Any = 0
    for_dual = 0
    if channels == 2:
        for_intensity = LOG2_COUNTS[end - start]
        if for_intensity > total:
            for_intensity = 0
        else:
            total -= for_intensity
            for_dual = BIT if total >= BIT else 0
            total -= for_dual
    _bracket(plan, start, end, channels, lm, trim, total)
    taken = _interpolate(plan, start, end, floor, total)
    last_kept = start
    for band in range(start, end):
        if plan[BOOSTS + band] > 0:
            last_kept = band

    coded = end
    while coded - 1 > last_kept:
        band = coded - 1
        left = total - taken
        bins = BAND_EDGES[coded] - BAND_EDGES[start]
        each = quotient(left, bins)
        rest = max(left - each * bins - (BAND_EDGES[band] - BAND_EDGES[start]), 0)
        width = BAND_EDGES[coded] - BAND_EDGES[band]
        bits = plan[SHAPE_BITS + band] + each * width + rest
        # With less than this the band is skipped without a word.
        if bits >= max(plan[THRESHOLD + band], floor + BIT):
            keep: Any = np.int64(0)
            if encode is not None:
                keep = _worth_coding(band, start, lm, bits, width, previous, bandwidth)
            if code_bit(coder, packet, encode, keep, _EVEN):
                break
            taken += BIT
            bits -= BIT
        taken -= plan[SHAPE_BITS + band] + for_intensity
        if for_intensity > 0:
            for_intensity = LOG2_COUNTS[band - start]
        taken += for_intensity
        kept = floor if bits >= floor else 0
        plan[SHAPE_BITS + band] = kept
        taken += kept
        coded -= 1
    if coded - 1 <= last_kept:
        total += for_skip
    plan[CODED] = coded

    intensity, dual = 0, 0
    if for_intensity > 0:
        wish = min(plan[INTENSITY], coded) - start
        intensity = start + code_uint(coder, packet, encode, wish, coded + 1 - start)
    if intensity <= start:
        total += for_dual
    elif for_dual > 0:
        dual = code_bit(coder, packet, encode, plan[DUAL], _EVEN)
    plan[INTENSITY], plan[DUAL] = intensity, dual

    _share_rest(plan, start, coded, total - taken)
    _split_fine(plan, start, end, channels, lm)
