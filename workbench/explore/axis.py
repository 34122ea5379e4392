"""Ticks and places on an axis, without matplotlib, whose import alone takes a second."""

from __future__ import annotations

import math
from collections.abc import Iterable

# The first of them that is not too many is taken.
ROUND = (
    (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.2, 1.5, 2, 3, 5, 10, 20),
    (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1, 1.5, 2, 3, 5, 10, 20),
    (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20),
)
MOST = 7


def ticks(low: float, high: float) -> list[float]:
    """Round ratios inside (low, high), at most `MOST` of them.

    Examples
    --------
    >>> ticks(0.35, 1.1)
    [0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]
    >>> ticks(0.35, 1.25)
    [0.4, 0.5, 0.6, 0.8, 1]
    >>> ticks(0.991, 1.009)
    [0.995, 1.0, 1.005]
    """
    if high / low > 1.6:
        inside = [[tick for tick in some if low <= tick <= high] for some in ROUND]
        return next((some for some in inside if len(some) <= MOST), inside[-1])
    power = 10.0 ** math.floor(math.log10(high - low))
    steps = (power * share for share in (0.1, 0.2, 0.25, 0.5, 1, 2, 2.5))
    step = next((s for s in steps if (high - low) / s < MOST - 1), power)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [round(i * step, 9) for i in range(first, last + 1)]


def round_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers between two, evenly spaced.

    Examples
    --------
    >>> round_ticks(71, 98)
    [75.0, 80.0, 85.0, 90.0, 95.0]
    """
    raw = max((high - low) / most, 1e-9)
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(m * size for m in (1, 2, 5, 10) if m * size >= raw)
    return [round(k * step, 9) for k in range(math.ceil(low / step), math.floor(high / step) + 1)]


def log_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers between two positive ones, for a logarithmic axis.

    Examples
    --------
    >>> log_ticks(60, 420)
    [70.0, 100.0, 150.0, 200.0, 300.0]
    """
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found = [m * 10.0**k for k in powers for m in (1, 1.5, 2, 3, 5, 7)]
    inside = [number for number in found if low <= number <= high]
    return inside[:: max(1, math.ceil(len(inside) / most))]


def spell(values: Iterable[float]) -> list[str]:
    """Ticks as text, all with as many decimals.

    Examples
    --------
    >>> spell([0.995, 1.0])
    ['0.995', '1.000']
    """
    every = list(values)
    decimals = max((len(f"{tick:g}".partition(".")[2]) for tick in every), default=0)
    return [f"{tick:.{decimals}f}" for tick in every]


def padded(low: float, high: float, share: float = 0.06) -> tuple[float, float]:
    """Widen a range of ratios by a share of its length on the logarithmic axis."""
    room = max(share * math.log(high / low), 2e-4)
    return low * math.exp(-room), high * math.exp(room)


def place(value: float, low: float, high: float, begin: float, end: float) -> float:
    """Where a ratio lies between two pixels; kept inside.

    Examples
    --------
    >>> place(1.0, 0.5, 2.0, 0, 100)
    50.0
    """
    share = math.log(value / low) / math.log(high / low) if value > 0 else 0.0
    return begin + (end - begin) * min(max(share, 0.0), 1.0)
