"""Work of a known length: how calibration slows a kernel by a known share."""

from __future__ import annotations

import time
from typing import Any

from numba import njit

TURNS = 200_000


@njit
def spin(turns: Any) -> Any:
    """Do ``turns`` multiplications, each waiting for the one before.

    Counted in turns and not in time, so that a rival for the core stretches it as it stretches
    the kernel. A congruential generator, because LLVM folds a sum or a power into its result.
    """
    value = 1
    for _ in range(turns):
        value = value * 6364136223846793005 + 1442695040888963407
    return value


def turn_ns() -> float:
    """How long one turn takes here: the fastest of nine runs."""
    spin(1)
    times = []
    for _ in range(9):
        begin_ns = time.perf_counter_ns()
        spin(TURNS)
        times.append(time.perf_counter_ns() - begin_ns)
    return min(times) / TURNS
