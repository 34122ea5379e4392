"""A cycle counter for compiled code: how a query's time is shared out, by measuring it.

A call site takes ``now`` as a global, either `off` or `on`. With `off` the brackets around the
kernel fold away and the compiled query is the plain one.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic


@njit(inline="always")
def off() -> int:
    """No time at all."""
    return 0


@intrinsic
def _cycles(typing_context: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        counter = builder.module.declare_intrinsic(
            "llvm.readcyclecounter", (), ir.FunctionType(ir.IntType(64), ())
        )
        return builder.call(counter, ())

    return types.int64(), generate


@njit
def on() -> int:
    """Ticks of the time stamp counter; only differences on one core mean anything."""
    ticks: int = _cycles()  # type: ignore[call-arg]  # numba passes the typing context
    return ticks


def per_ns(seconds: float = 0.02) -> float:
    """Ticks in a nanosecond, against the system's clock."""
    now: Any = on
    now()  # compiles
    begin_ns, begin = time.perf_counter_ns(), now()
    while time.perf_counter_ns() - begin_ns < seconds * 1e9:
        pass
    end_ns, end = time.perf_counter_ns(), now()
    return float(end - begin) / (end_ns - begin_ns)


def of_a_bracket() -> float:
    """Ticks that a bracket around nothing measures: what each call's share must be freed of."""

    @njit
    def empty_brackets(found: Any) -> None:
        for i in range(len(found)):
            begin = now()
            found[i] = now() - begin

    now: Any = on
    found = np.zeros(10_000, np.int64)
    for _ in range(2):  # the first run compiles
        empty_brackets(found)
    return float(np.median(found))
