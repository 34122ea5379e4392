"""The symbols of a CELT frame, from its first to its last (RFC 6716, section 4.3, table 56)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from workbench.opus.allocation import allocate, code_boosts, code_resolutions, find_capacities
from workbench.opus.bands import decode_bands
from workbench.opus.collapse import fill_collapsed
from workbench.opus.energy import allow_for_loss, decode_coarse, decode_final, decode_fine
from workbench.opus.memory import END, GAIN_NEXT, LOST, PERIOD_NEXT, SILENT, TAPSET_NEXT
from workbench.opus.plan import BOOSTS
from workbench.opus.range_coder import (
    SIZE,
    TOTAL,
    decode_bit,
    decode_bits,
    decode_icdf,
    decode_uint,
    tell,
    tell_eighths,
)
from workbench.opus.tables import BANDS, BIT, DEEPEST_ENERGY, ICDF, SPREAD, TAPSET, TRIM

__all__ = ["decode_symbols"]

_GAIN_STEP = np.float32(3 / 32)
# What the spread and the trim are where they are not coded.
_NORMAL_SPREAD, _NO_TRIM = 2, 5


@njit()
def _decode_postfilter(coder: Any, packet: Any, numbers: Any, floats: Any, budget: int) -> None:
    """Read the post-filter that this frame ends with (section 4.3.7.1)."""
    period: Any = 0
    tapset, gain = 0, np.float32(0)
    if tell(coder) + 16 <= budget and decode_bit(coder, packet, 1):
        octave = decode_uint(coder, packet, 6)
        period = (16 << octave) + decode_bits(coder, packet, 4 + octave) - 1
        gain = _GAIN_STEP * np.float32(decode_bits(coder, packet, 3) + 1)
        if tell(coder) + 2 <= budget:
            tapset = decode_icdf(coder, packet, ICDF, TAPSET, 2)
    numbers[PERIOD_NEXT], numbers[TAPSET_NEXT] = period, tapset
    floats[GAIN_NEXT] = gain


@njit(error_model="numpy")
def decode_symbols(
    coder: Any,
    packet: Any,
    plan: Any,
    numbers: Any,
    energies: Any,
    x: Any,
    vector: Any,
    floats: Any,
    channels: int,
    lm: int,
    inversion: int,
) -> Any:
    """Read a frame of at least two bytes, on which the range decoder was started.

    ``energies`` and ``x`` become its energies and its spectrum with bands of norm 1, ``numbers``
    and ``floats`` get the next post-filter. For the rest of the arguments see
    `workbench.opus.bands.decode_bands`.

    Returns
    -------
    int
        1 if it is made of short blocks.
    """
    end = numbers[END]
    budget = 8 * coder[SIZE]
    if channels == 1:
        for band in range(BANDS):
            energies[band] = max(energies[band], energies[BANDS + band])
    silent = decode_bit(coder, packet, 15)
    if silent:
        # as if all bits were used, so that nothing more is read
        coder[TOTAL] += budget - tell(coder)
    numbers[SILENT] = silent
    _decode_postfilter(coder, packet, numbers, floats, budget)
    transient, intra = 0, 0
    if lm > 0 and tell(coder) + 3 <= budget:
        transient = decode_bit(coder, packet, 3)
    if tell(coder) + 3 <= budget:
        intra = decode_bit(coder, packet, 3)
    if not intra and numbers[LOST] > 0:
        allow_for_loss(energies, 0, end, lm, numbers[LOST])
    if silent:
        for at in range(channels * BANDS):
            energies[at] = DEEPEST_ENERGY
        return 0

    decode_coarse(coder, packet, energies, 0, end, channels, lm, intra)
    code_resolutions(coder, packet, None, plan, 0, end, transient, lm, 0)
    spread = _NORMAL_SPREAD
    if tell(coder) + 4 <= budget:
        spread = decode_icdf(coder, packet, ICDF, SPREAD, 5)
    find_capacities(plan, channels, lm)
    for band in range(BANDS):
        plan[BOOSTS + band] = 0
    unclaimed = code_boosts(coder, packet, None, plan, 0, end, channels, lm)
    trim = _NO_TRIM
    if tell_eighths(coder) + 6 * BIT <= unclaimed:
        trim = decode_icdf(coder, packet, ICDF, TRIM, 7)
    bits = BIT * budget - tell_eighths(coder) - 1
    reserved = BIT if transient and lm >= 2 and bits >= (lm + 2) * BIT else 0
    bits -= reserved
    allocate(coder, packet, None, plan, 0, end, channels, lm, trim, bits, 0, 0)
    decode_fine(coder, packet, plan, energies, 0, end, channels)
    decode_bands(
        *(coder, packet, plan, x, vector, 0, end, channels, lm, transient, spread, reserved),
        inversion,
    )
    collapsed = 0
    if reserved:
        collapsed = decode_bits(coder, packet, 1)
    decode_final(coder, packet, plan, energies, 0, end, channels)
    if collapsed:
        fill_collapsed(plan, x, energies, 0, end, channels, lm)
    return transient
