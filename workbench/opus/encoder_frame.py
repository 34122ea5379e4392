"""One frame: what is decided about it, and in what order it is written.

The order is that of RFC 6716, table 56.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from workbench.opus.allocation import allocate, code_boosts, code_resolutions, find_capacities
from workbench.opus.analysis_bits import disturbance, find_sensitivity, move_wishes
from workbench.opus.analysis_pitch import PAST, find_pitch
from workbench.opus.analysis_pitch import ROOM as RAW
from workbench.opus.analysis_resolution import choose_resolutions
from workbench.opus.analysis_shapes import apart, first_blended
from workbench.opus.analysis_transients import strength_of, unmasked
from workbench.opus.encoder_bands import encode_bands
from workbench.opus.encoder_energy import coarse_bits, measure, normalise_bands
from workbench.opus.encoder_input import GAIN_STEP, filter_pitch, transform
from workbench.opus.encoder_state import (
    AMPLITUDE,
    APART,
    BITRATE,
    BLENDED,
    BYTES,
    CODED,
    CODED_BANDS,
    END,
    ENERGY,
    ERROR,
    FRAME,
    GAIN,
    KEPT_WISHES,
    LM,
    MASK,
    MASKER,
    OLD,
    PERIOD,
    RESERVE,
    SENSITIVITY,
    TAPS,
    TRANSIENTS,
    WISHES,
)
from workbench.opus.energy import encode_coarse, encode_final, encode_fine
from workbench.opus.plan import BOOSTS, DUAL, INTENSITY, TF
from workbench.opus.plan import CODED as FIRST_SKIPPED
from workbench.opus.range_coder import (
    FIELDS,
    bit_length,
    encode_bit,
    encode_bits,
    encode_icdf,
    encode_uint,
    tell,
    tell_eighths,
)
from workbench.opus.tables import BANDS, ICDF, ONE, SHORT_BLOCK, SPREAD, TAPSET, TRIM, ZERO

__all__ = ["encode_frame"]

# Pulses are always spread as far: what the reference decides by the shapes cost 0.1 dB.
NORMAL = 2
# What `unmasked` finds where something begins.
SUDDEN = np.float32(200)
# Typed, as `ONE` is. Of a bit, minus log2 of how likely a 1 is.
_RARE: Any = np.int64(15)
_EIGHTH: Any = np.int64(3)
# Of the pitch filter: octaves of periods, bits of the gain.
_OCTAVES: Any = np.int64(6)
_GAIN_BITS: Any = np.int64(3)
# Where the search of the trim begins, and how often boosts are moved.
FIRST_TRIM: Any = np.int64(7)
ROUNDS = 4


@njit(error_model="numpy")
def equivalent_rate(settings: Any) -> Any:
    """Bit rate that would sound as well with frames of 20 ms, which need fewer headers."""
    lm, channels = settings[LM], settings[CODED]
    headers = (40 * channels + 20) * ((400 >> lm) - 50)
    return min((settings[BYTES] - 1) * 400 << (3 - lm), settings[BITRATE]) - headers


@njit(error_model="numpy")
def detect(state: Any) -> Any:
    """Strength of the strongest transient of both channels, and which channel has it."""
    settings, raw, scratch = state[0], state[14], state[9]
    most, which = np.float32(0), 0
    for channel in range(settings[CODED]):
        start = channel * RAW + PAST - SHORT_BLOCK
        found = unmasked(raw, start, settings[FRAME] + SHORT_BLOCK, scratch)
        if found > most:
            most, which = found, channel
    return most, which


@njit(error_model="numpy")
def encode_pitch(state: Any, packet: Any, found: Any) -> None:
    """Decide about the pitch filter, write it, and filter the frame."""
    settings, coder, scratch, raw = state[0], state[1], state[9], state[14]
    size, channels = settings[BYTES] - 1, settings[CODED]
    last, old_gain = settings[PERIOD], np.float32(settings[GAIN]) * GAIN_STEP
    period: Any = SHORT_BLOCK
    gain: Any = 0
    room = tell(coder) + 16 <= 8 * size
    if room and size > 12 * channels:
        known = last if settings[GAIN] else 0
        period, alike = find_pitch(raw, channels, settings[FRAME], known, scratch)
        wish = np.float32(0.6) * alike
        # a new period must be clear, a filter that is on may go on
        least = np.float32(0.3)
        if abs(period - last) * 10 > period:
            least += np.float32(0.2)
            if strength_of(found) > np.float32(0.98):
                wish = np.float32(0)
        if size < 35:
            least += np.float32(0.1 if size >= 25 else 0.2)
        if old_gain > np.float32(0.4):
            least -= np.float32(0.1 if old_gain <= np.float32(0.55) else 0.2)
        if wish >= max(np.float32(0.2), least):
            if abs(wish - old_gain) < np.float32(0.1):
                wish = old_gain
            gain = max(1, min(8, np.int64(wish / GAIN_STEP + np.float32(0.5))))
    before, after = filter_pitch(state, period, gain, ZERO)
    if gain > 0 and after > before:
        gain = 0
        filter_pitch(state, period, ZERO, ZERO)
    settings[PERIOD], settings[GAIN], settings[TAPS] = period, gain, 0
    if not room:
        return
    if gain == 0:
        encode_bit(coder, packet, ZERO, ONE)
        return
    encode_bit(coder, packet, ONE, ONE)
    octave = bit_length(period + 1) - 5
    encode_uint(coder, packet, octave, _OCTAVES)
    encode_bits(coder, packet, period + 1 - (16 << octave), 4 + octave)
    encode_bits(coder, packet, gain - 1, _GAIN_BITS)
    encode_icdf(coder, packet, 0, ICDF, TAPSET, 2)


@njit(error_model="numpy")
def go_back(coder: Any, saved: Any) -> None:
    """Take back what was written since the coder was saved; it will be written over."""
    for field in range(FIELDS):
        coder[field] = saved[field]


@njit(error_model="numpy")
def try_allocation(state: Any, packet: Any, trim: int, may_reserve: bool) -> Any:
    """Write boosts, trim and allocation; return how much is heard of the noise that is left."""
    settings, coder, plan, levels, weights = state[0], state[1], state[2], state[7], state[8]
    channels, lm, end, size = settings[CODED], settings[LM], settings[END], settings[BYTES] - 1
    for band in range(end):
        plan[BOOSTS + band] = weights[WISHES, band]
    unclaimed = code_boosts(coder, packet, 1, plan, 0, end, channels, lm)
    plan[INTENSITY], plan[DUAL] = settings[BLENDED], settings[APART]
    if tell_eighths(coder) + 48 <= unclaimed:
        encode_icdf(coder, packet, trim, ICDF, TRIM, 7)
    else:
        trim = 5
    total = 64 * size - tell_eighths(coder) - 1
    settings[RESERVE] = 8 if may_reserve and total >= (lm + 2) << 3 else 0
    total -= settings[RESERVE]
    before = settings[CODED_BANDS]
    allocate(coder, packet, 1, plan, 0, end, channels, lm, trim, total, before, end - 1)
    return disturbance(plan, channels, end, lm, levels[SENSITIVITY])


@njit(error_model="numpy")
def search_allocation(state: Any, packet: Any, may_reserve: bool) -> None:
    """Find the trim and the boosts whose noise is heard least, and write them.

    Everything is written to be tried, and taken back by the coder's state alone.
    """
    settings, coder, plan, levels = state[0], state[1], state[2], state[7]
    weights, saved = state[8], state[10]
    channels, lm, end = settings[CODED], settings[LM], settings[END]
    for field in range(FIELDS):
        saved[field] = coder[field]
    best, least = FIRST_TRIM, try_allocation(state, packet, FIRST_TRIM, may_reserve)
    for step in (-1, 1):
        trim = FIRST_TRIM + step
        while 0 <= trim <= 10:
            go_back(coder, saved)
            found = try_allocation(state, packet, trim, may_reserve)
            if found >= least:
                break
            best, least = trim, found
            trim += step
    go_back(coder, saved)
    least = try_allocation(state, packet, best, may_reserve)
    for _ in range(ROUNDS):
        for band in range(end):
            weights[KEPT_WISHES, band] = weights[WISHES, band]
        move_wishes(plan, channels, end, lm, levels[SENSITIVITY], levels[MASK], weights)
        go_back(coder, saved)
        found = try_allocation(state, packet, best, may_reserve)
        if found >= least:
            for band in range(end):
                weights[WISHES, band] = weights[KEPT_WISHES, band]
            go_back(coder, saved)
            try_allocation(state, packet, best, may_reserve)
            return
        least = found


@njit(error_model="numpy")
def encode_frame(state: Any, packet: Any) -> None:
    """Write a frame that is not silent."""
    settings, coder, plan, _, _, spectrum, shapes, levels, weights = state[:9]
    scratch, saved, stack, gains, vector, _ = state[9:]
    channels, lm, size = settings[CODED], settings[LM], settings[BYTES] - 1
    energy, old, error = levels[ENERGY], levels[OLD], levels[ERROR]
    amplitude = levels[AMPLITUDE]
    budget = 8 * size
    rate = equivalent_rate(settings)
    encode_bit(coder, packet, ZERO, _RARE)
    if channels == 1:
        # a decoder goes on from the louder of two channels
        for band in range(BANDS):
            old[band] = max(old[band], old[BANDS + band])
    end = settings[END]
    found, which = detect(state)
    encode_pitch(state, packet, found)
    strength = strength_of(found)
    may_be_short = lm > 0 and tell(coder) + 3 <= budget
    transient = may_be_short and found > SUDDEN
    short = 1 if transient else 0
    transform(state, 1 << lm if transient else 1)
    for channel in range(channels):
        start = channel * settings[FRAME]
        measure(spectrum, start, lm, end, amplitude, energy, channel)
        normalise_bands(spectrum, start, lm, end, amplitude, channel, shapes)
    if may_be_short:
        encode_bit(coder, packet, short, _EIGHTH)

    select = 0
    if size >= 15 * channels:
        start = which * settings[FRAME]
        select = choose_resolutions(
            shapes, plan, start, end, lm, short, strength, size, scratch, weights
        )
    else:
        for band in range(BANDS):
            plan[TF + band] = short
    intra = 0
    if tell(coder) + 3 <= budget:
        anew = coarse_bits(energy, old, channels, end, lm, ONE)
        if anew < coarse_bits(energy, old, channels, end, lm, ZERO):
            intra = 1
        encode_bit(coder, packet, intra, _EIGHTH)
    fall: Any = np.float32(min(16.0, 0.125 * size))
    encode_coarse(coder, packet, energy, old, error, 0, end, channels, lm, intra, fall)
    code_resolutions(coder, packet, 1, plan, 0, end, short, lm, select)
    if tell(coder) + 4 <= budget:
        encode_icdf(coder, packet, NORMAL, ICDF, SPREAD, 5)
    find_capacities(plan, channels, lm)
    settings[APART] = 0
    if channels == 2:
        settings[BLENDED] = first_blended(rate, end, settings[BLENDED])
        settings[APART] = 1 if lm > 0 and apart(shapes, lm) else 0
    find_sensitivity(energy, channels, end, lm, levels[MASKER], levels[SENSITIVITY])
    for band in range(end):
        weights[WISHES, band] = 0
    search_allocation(state, packet, transient and lm >= 2)
    reserve, before = settings[RESERVE], settings[CODED_BANDS]
    coded = plan[FIRST_SKIPPED]
    settings[CODED_BANDS] = min(before + 1, max(before - 1, coded)) if before else coded
    encode_fine(coder, packet, plan, old, error, 0, end, channels)
    encode_bands(
        *(coder, packet, shapes, channels, lm, end, transient, NORMAL, plan, amplitude),
        *(8 * budget - reserve, True, scratch, saved, stack, gains, vector),
    )
    if reserve:
        first = 1 if settings[TRANSIENTS] < 2 else 0
        encode_bits(coder, packet, first, ONE)
    settings[TRANSIENTS] = settings[TRANSIENTS] + 1 if transient else 0
    encode_final(coder, packet, plan, old, error, 0, end, channels)
    for band in range(end, BANDS):
        old[band] = old[BANDS + band] = 0
    if channels == 1:
        for band in range(BANDS):
            old[BANDS + band] = old[band]
