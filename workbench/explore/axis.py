"""A logarithmic axis of ratios, without matplotlib, whose import alone takes a second."""

from __future__ import annotations

import math
from collections.abc import Iterable

WIDE = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.2, 1.5, 2, 3, 5, 10, 20)
SPARSE = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20)
MOST = 7


def ticks(low: float, high: float) -> list[float]:
    """Round ratios inside (low, high), at most `MOST` of them.

    Examples
    --------
    >>> ticks(0.35, 1.1)
    [0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]
    >>> ticks(0.991, 1.009)
    [0.995, 1.0, 1.005]
    """
    if high / low > 1.6:
        inside = [tick for tick in WIDE if low <= tick <= high]
        return inside if len(inside) <= MOST else [t for t in SPARSE if low <= t <= high]
    power = 10.0 ** math.floor(math.log10(high - low))
    steps = (power * share for share in (0.1, 0.2, 0.25, 0.5, 1, 2, 2.5))
    step = next((s for s in steps if (high - low) / s < MOST - 1), power)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [round(i * step, 9) for i in range(first, last + 1)]


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
