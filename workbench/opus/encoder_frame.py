"""One frame: what is decided about it, and in what order it is written.

The order is that of RFC 6716, table 56.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from workbench.opus.allocation import allocate, code_boosts, code_resolutions, find_capacities
from workbench.opus.analysis_bits import choose_boosts, choose_trim, weigh_bands
from workbench.opus.analysis_resolution import choose_resolutions
from workbench.opus.analysis_shapes import apart, choose_spread, first_blended
from workbench.opus.analysis_transients import rises, strength_of, unmasked
from workbench.opus.encoder_bands import encode_bands
from workbench.opus.encoder_energy import coarse_bits, measure, normalise_bands
from workbench.opus.encoder_input import OVERLAP, ROOM, transform
from workbench.opus.encoder_state import (
    AMPLITUDE,
    AVERAGE,
    BITRATE,
    BLENDED,
    BYTES,
    CHANNELS,
    CODED_BANDS,
    ENERGY,
    ERROR,
    FRAME,
    LM,
    LONG_ENERGY,
    MASK,
    OLD,
    SPREADING,
    TRANSIENTS,
)
from workbench.opus.energy import encode_coarse, encode_final, encode_fine
from workbench.opus.plan import CODED, DUAL, INTENSITY, TF
from workbench.opus.range_coder import encode_bit, encode_bits, encode_icdf, tell, tell_eighths
from workbench.opus.tables import BANDS, ICDF, SPREAD, TRIM

__all__ = ["encode_frame"]

NORMAL = 2
SUDDEN = np.float32(200)


@njit(error_model="numpy")
def equivalent_rate(settings: Any) -> int:
    """Bit rate that would sound as well with frames of 20 ms, which need fewer headers."""
    lm, channels = settings[LM], settings[CHANNELS]
    headers = (40 * channels + 20) * ((400 >> lm) - 50)
    return min((settings[BYTES] - 1) * 400 << (3 - lm), settings[BITRATE]) - headers


@njit(error_model="numpy")
def find_energies(state: Any, end: int, row: int) -> None:
    """Measure the bands of the spectrum; energies go to a row of the levels."""
    settings, spectrum, levels = state[0], state[5], state[7]
    for channel in range(settings[CHANNELS]):
        start = channel * settings[FRAME]
        measure(spectrum, start, settings[LM], end, levels[AMPLITUDE], levels[row], channel)


@njit(error_model="numpy")
def detect(state: Any) -> Any:
    """Strength of the strongest transient of both channels, and which channel has it."""
    settings, signal, scratch = state[0], state[3], state[9]
    most, which = np.float32(0), 0
    for channel in range(settings[CHANNELS]):
        found = unmasked(signal, channel * ROOM, settings[FRAME] + OVERLAP, scratch)
        if found > most:
            most, which = found, channel
    return most, which


@njit(error_model="numpy")
def encode_frame(state: Any, packet: Any, end: int) -> None:
    """Write a frame that is not silent."""
    settings, coder, plan, _, _, spectrum, shapes, levels, weights = state[:9]
    scratch, saved, stack, gains, vector, knobs = state[9:]
    channels, lm, size = settings[CHANNELS], settings[LM], settings[BYTES] - 1
    energy, old, error = levels[ENERGY], levels[OLD], levels[ERROR]
    amplitude = levels[AMPLITUDE]
    budget = 8 * size
    rate = equivalent_rate(settings)
    encode_bit(coder, packet, 0, 15)
    if tell(coder) + 16 <= budget:
        encode_bit(coder, packet, 0, 1)  # no pitch filter

    found, which = detect(state)
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
    coded = plan[CODED]
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
