"""Pulses for bits and bits for pulses: RFC 6716, sections 4.3.4.1 and 4.3.4.4.

A partition of a band has ``n = width << lm`` bins, where the band is ``width`` bins wide in a
block of 2.5 ms; ``lm`` is that of the frame, or less after splits, down to -1 (half the width).
How many pulses it may have is given by a ``step`` of 0 to 40: one pulse a step up to 8, then eight
steps an octave, up to 128 pulses, as far as the codebook's size stays below 2**32. A step costs
the logarithm of that size in eighths of a bit, rounded up.

The text is silent about the steps and about when to split; both are those of the reference
decoder (celt/rate.h, celt/bands.c).

All tables are computed here from V(n, k).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from workbench.opus.pvq import codebook_sizes
from workbench.opus.tables import BAND_EDGES, BANDS

__all__ = [
    "COSTS",
    "LARGEST_STEPS",
    "PARTITIONS",
    "STEPS",
    "STEP_ROOM",
    "WHOLE_UP_TO",
    "cost",
    "largest_step",
    "pulses_of",
    "row_of",
    "splits",
    "step_for",
]

MOST_STEPS = 40
# Columns of `COSTS` and of `STEPS`. No step costs more than 256 eighths.
COST_ROOM = MOST_STEPS + 1
STEP_ROOM = 258
NEVER = 32_767


@njit(inline="always")
def pulses_of(step: int) -> Any:
    """Pulses of a step.

    Examples
    --------
    >>> [pulses_of(step) for step in (0, 7, 8, 9, 16, 17, 40)]
    [0, 7, 8, 9, 16, 18, 128]
    """
    octave = step >> 3
    return step if octave == 0 else (8 + (step & 7)) << (octave - 1)


def eighths(size: int) -> int:
    """Bound log2(``size``) from above in eighths of a bit, as the reference decoder does.

    The mantissa has 15 bits behind the point and is squared for each binary digit; whatever does
    not fit is rounded up (log2_frac in celt/cwrs.c). So 4,573,910, whose logarithm is 176.99997
    eighths, costs 178: an exact ceiling would decode other streams.

    Examples
    --------
    >>> eighths(1), eighths(12), eighths(4_573_910)
    (0, 29, 178)
    """
    whole = size.bit_length() - 1
    found = 8 * whole
    mantissa = up(size << 15, whole)
    for weight in (8, 4, 2, 1):
        if mantissa >> 16:
            found += weight
            mantissa = up(mantissa, 1)
        mantissa = up(mantissa * mantissa, 15)
    return found + (mantissa > 1 << 15)


def up(value: int, bits: int) -> int:
    """Shift right, rounding up."""
    return -(-value >> bits)


def costs_of(sizes: list[int]) -> list[int]:
    """Cost of every step that a row of codebook sizes has, in eighths of a bit."""
    steps = [step for step in range(COST_ROOM) if pulses_of.py_func(step) < len(sizes)]
    return [eighths(sizes[pulses_of.py_func(step)]) for step in steps]


def nearest_steps(costs: list[int]) -> list[int]:
    """Step whose cost is nearest to each budget of 0, 1, 2 ... eighths; the lower one of two.

    The two are the last step that costs less than the budget and the first that does not. That
    matters where several steps cost the same: vectors of two entries have such.
    """
    last = len(costs) - 1
    steps = []
    for budget in range(STEP_ROOM):
        below = max((step for step, cost in enumerate(costs) if cost < budget), default=0)
        above = min((step for step, cost in enumerate(costs) if cost >= budget), default=last)
        closer = budget - costs[below] <= costs[above] - budget
        steps.append(below if closer else above)
    return steps


def tables() -> tuple[NDArray[Any], ...]:
    """The five tables below."""
    sizes = codebook_sizes().astype(object)
    bins = np.array([np.diff(BAND_EDGES) << (lm + 1) >> 1 for lm in range(-1, 4)])
    lengths, rows = np.unique(bins, return_inverse=True)
    costs = [costs_of([size for size in sizes[n] if 0 < size < 1 << 32]) for n in lengths]
    largest = np.array([len(row) - 1 for row in costs])
    room = [row + [0] * (COST_ROOM - len(row)) for row in costs]
    limits = np.array([row[-1] for row in costs])[rows].reshape(bins.shape) + 11
    limits[(bins <= 2) | (np.arange(-1, 4)[:, None] < 0)] = NEVER
    return (
        rows.astype(np.uint8).ravel(),
        limits.astype(np.int16).ravel(),
        largest.astype(np.uint8),
        np.array(room, np.int16).ravel(),
        np.array([nearest_steps(row) for row in costs], np.uint8).ravel(),
    )


# Of a partition, at ``(lm + 1) * 21 + band``: its row in the other tables, and the largest budget
# that leaves it whole. Of a row: its largest step; what step ``s`` costs, at ``row * 41 + s``; the
# step that a budget buys, at ``row * 258 + budget``.
PARTITIONS, WHOLE_UP_TO, LARGEST_STEPS, COSTS, STEPS = tables()


@njit(inline="always")
def row_of(band: int, lm: int) -> Any:
    """Row of the tables for a partition: ``band`` 0..20, ``lm`` -1..3."""
    return np.int64(PARTITIONS[np.uint64((lm + 1) * BANDS + band)])


@njit(error_model="numpy")
def largest_step(row: int) -> Any:
    """The last step of a row: 40, or where 32 bits end."""
    return np.int64(LARGEST_STEPS[np.uint64(row)])


@njit(inline="always")
def cost(row: int, step: int) -> Any:
    """Eighths of a bit that an index costs; ``step`` up to the row's largest."""
    return np.int64(COSTS[np.uint64(row * COST_ROOM + step)])


@njit(inline="always")
def step_for(row: int, budget: int) -> Any:
    """Step whose cost is nearest to a budget in eighths of a bit, of two the cheaper one."""
    within = min(max(budget, 0), STEP_ROOM - 1)
    return np.int64(STEPS[np.uint64(row * STEP_ROOM + within)])


@njit(inline="always")
def splits(band: int, lm: int, budget: int) -> Any:
    """Whether a partition is split: its budget is 1.5 bits above what its largest codebook costs.

    One of two bins never is, nor one that was split once more than its frame has blocks of 2.5 ms
    (``lm`` is -1).
    """
    return budget > np.int64(WHOLE_UP_TO[np.uint64((lm + 1) * BANDS + band)])
