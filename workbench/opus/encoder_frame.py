"""One frame: what is decided about it, and in what order it is written.

The order is that of RFC 6716, table 56.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from workbench.opus.allocation import allocate, code_boosts, code_resolutions, find_capacities
from workbench.opus.analysis_bits import choose_boosts, choose_trim, weigh_bands
from workbench.opus.analysis_pitch import PAST, find_pitch
from workbench.opus.analysis_pitch import ROOM as RAW
from workbench.opus.analysis_resolution import choose_resolutions
from workbench.opus.analysis_shapes import apart, choose_spread, first_blended
from workbench.opus.analysis_transients import rises, strength_of, unmasked
from workbench.opus.encoder_bands import encode_bands
from workbench.opus.encoder_energy import coarse_bits, measure, normalise_bands
from workbench.opus.encoder_input import GAIN_STEP, filter_pitch, transform
from workbench.opus.encoder_state import (
    AMPLITUDE,
    AVERAGE,
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
    LM,
    LONG_ENERGY,
    MASK,
    OLD,
    PERIOD,
    SPREADING,
    TAPS,
    TRANSIENTS,
)
from workbench.opus.energy import encode_coarse, encode_final, encode_fine
from workbench.opus.plan import CODED as FIRST_SKIPPED
from workbench.opus.plan import DUAL, INTENSITY, TF
from workbench.opus.range_coder import (
    bit_length,
    encode_bit,
    encode_bits,
    encode_icdf,
    encode_uint,
    tell,
    tell_eighths,
)
from workbench.opus.tables import BANDS, ICDF, SHORT_BLOCK, SPREAD, TAPSET, TRIM

__all__ = ["encode_frame"]

NORMAL = 2
SUDDEN = np.float32(200)


@njit(error_model="numpy")
def equivalent_rate(settings: Any) -> int:
    """Bit rate that would sound as well with frames of 20 ms, which need fewer headers."""
    lm, channels = settings[LM], settings[CODED]
    headers = (40 * channels + 20) * ((400 >> lm) - 50)
    return min((settings[BYTES] - 1) * 400 << (3 - lm), settings[BITRATE]) - headers


@njit(error_model="numpy")
def find_energies(state: Any, end: int, row: int) -> None:
    """Measure the bands of the spectrum; energies go to a row of the levels."""
    settings, spectrum, levels = state[0], state[5], state[7]
    for channel in range(settings[CODED]):
        start = channel * settings[FRAME]
        measure(spectrum, start, settings[LM], end, levels[AMPLITUDE], levels[row], channel)


@njit(error_model="numpy")
def detect(state: Any) -> Any:
    """Strength of the strongest transient of both channels, and which channel has it."""
    settings, raw, scratch = state[0], state[15], state[9]
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
    settings, coder, scratch, raw = state[0], state[1], state[9], state[15]
    knobs = state[14]
    size, channels = settings[BYTES] - 1, settings[CODED]
    last, old_gain = settings[PERIOD], np.float32(settings[GAIN]) * GAIN_STEP
    period, gain = SHORT_BLOCK, 0
    room = tell(coder) + 16 <= 8 * size
    if room and size > 12 * channels and knobs[0] == 0:
        known = last if settings[GAIN] else 0
        period, alike = find_pitch(raw, channels, settings[FRAME], known, scratch)
        wish = (np.float32(0.7) + knobs[1]) * alike
        # a new period must be clear, a filter that is on may go on
        least = np.float32(0.2) + knobs[2]
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
    before, after = filter_pitch(state, period, gain, 0)
    if gain > 0 and after > before * (np.float32(1) + knobs[3]):
        gain = 0
        filter_pitch(state, period, 0, 0)
    settings[PERIOD], settings[GAIN], settings[TAPS] = period, gain, 0
    if not room:
        return
    if gain == 0:
        encode_bit(coder, packet, 0, 1)
        return
    encode_bit(coder, packet, 1, 1)
    octave = bit_length(period + 1) - 5
    encode_uint(coder, packet, octave, 6)
    encode_bits(coder, packet, period + 1 - (16 << octave), 4 + octave)
    encode_bits(coder, packet, gain - 1, 3)
    encode_icdf(coder, packet, 0, ICDF, TAPSET, 2)


@njit(error_model="numpy")
def encode_frame(state: Any, packet: Any) -> None:
    """Write a frame that is not silent."""
    settings, coder, plan, _, _, spectrum, shapes, levels, weights = state[:9]
    scratch, saved, stack, gains, vector, _knobs, _ = state[9:]
    channels, lm, size = settings[CODED], settings[LM], settings[BYTES] - 1
    energy, old, error = levels[ENERGY], levels[OLD], levels[ERROR]
    amplitude = levels[AMPLITUDE]
    budget = 8 * size
    rate = equivalent_rate(settings)
    encode_bit(coder, packet, 0, 15)
    if channels == 1:
        # a decoder goes on from the louder of two channels
        for band in range(BANDS):
            old[band] = max(old[band], old[BANDS + band])
    end = settings[END]
    found, which = detect(state)
    encode_pitch(state, packet, found)
    strength = strength_of(found)
    may_be_short = lm > 0 and tell(coder) + 3 <= budget
    transform(state, 1)
    find_energies(state, end, LONG_ENERGY)
    transient = may_be_short and found > SUDDEN
    if may_be_short and not transient and rises(levels[LONG_ENERGY], old, channels, end):
        transient = True
        strength = np.float32(0.2)
    short = 1 if transient else 0
    if transient:
        transform(state, 1 << lm)
        for i in range(2 * BANDS):
            levels[LONG_ENERGY, i] += np.float32(0.5) * np.float32(lm)
    find_energies(state, end, ENERGY)
    for channel in range(channels):
        start = channel * settings[FRAME]
        normalise_bands(spectrum, start, lm, end, amplitude, channel, shapes)
    if may_be_short:
        encode_bit(coder, packet, short, 3)

    weigh_bands(energy, channels, end, weights[3], levels[MASK])
    choose_boosts(
        *(energy, levels[LONG_ENERGY], channels, end, lm, transient, size, plan, weights[4]),
        levels[MASK],
    )
    select = 0
    if size >= 15 * channels:
        start = which * settings[FRAME]
        select = choose_resolutions(
            *(shapes, plan, start, end, lm, short, strength, size, weights[4]),
            *(scratch, weights),
        )
    else:
        for band in range(BANDS):
            plan[TF + band] = short
    for channel in range(channels):
        for band in range(end):
            at = channel * BANDS + band
            # an energy that stays keeps its error: steady errors are heard less than changing ones
            if abs(energy[at] - old[at]) < np.float32(2):
                energy[at] -= np.float32(0.25) * max(
                    np.float32(-0.5), min(np.float32(0.5), error[at])
                )
    intra = 0
    if tell(coder) + 3 <= budget:
        anew = coarse_bits(energy, old, channels, end, lm, 1)
        if anew < coarse_bits(energy, old, channels, end, lm, 0):
            intra = 1
        encode_bit(coder, packet, intra, 3)
    fall = np.float32(min(16.0, 0.125 * size))
    encode_coarse(coder, packet, energy, old, error, 0, end, channels, lm, intra, fall)
    code_resolutions(coder, packet, 1, plan, 0, end, short, lm, select)
    spread = NORMAL
    if tell(coder) + 4 <= budget:
        if not transient and size >= 10 * channels:
            spread, settings[AVERAGE] = choose_spread(
                shapes, channels, end, lm, weights[3], settings[AVERAGE], settings[SPREADING]
            )
        encode_icdf(coder, packet, spread, ICDF, SPREAD, 5)
    settings[SPREADING] = spread
    find_capacities(plan, channels, lm)
    unclaimed = code_boosts(coder, packet, 1, plan, 0, end, channels, lm)
    plan[INTENSITY] = plan[DUAL] = 0
    if channels == 2:
        settings[BLENDED] = first_blended(rate, end, settings[BLENDED])
        plan[INTENSITY] = settings[BLENDED]
        plan[DUAL] = 1 if lm > 0 and apart(shapes, lm) else 0
    trim = 5
    if tell_eighths(coder) + 48 <= unclaimed:
        trim = choose_trim(energy, shapes, channels, end, lm, strength, rate)
        encode_icdf(coder, packet, trim, ICDF, TRIM, 7)
    total = 8 * budget - tell_eighths(coder) - 1
    reserve = 8 if transient and lm >= 2 and total >= (lm + 2) << 3 else 0
    before = settings[CODED_BANDS]
    allocate(
        *(coder, packet, 1, plan, 0, end, channels, lm, trim, total - reserve, before, end - 1),
    )
    coded = plan[FIRST_SKIPPED]
    settings[CODED_BANDS] = min(before + 1, max(before - 1, coded)) if before else coded
    encode_fine(coder, packet, plan, old, error, 0, end, channels)
    encode_bands(
        *(coder, packet, shapes, channels, lm, end, transient, spread, plan, amplitude),
        *(8 * budget - reserve, True, scratch, saved, stack, gains, vector),
    )
    if reserve:
        first = 1 if settings[TRANSIENTS] < 2 else 0
        encode_bits(coder, packet, first, 1)
    settings[TRANSIENTS] = settings[TRANSIENTS] + 1 if transient else 0
    encode_final(coder, packet, plan, old, error, 0, end, channels)
    for band in range(end, BANDS):
        old[band] = old[BANDS + band] = 0
    if channels == 1:
        for band in range(BANDS):
            old[BANDS + band] = old[band]
