"""A cycle counter for compiled code: how a query's time is shared out, by measuring it.

A call site takes ``now`` as a global, either `off` or `on`. With `off` the brackets around the
kernel fold away and the compiled query is the plain one.
"""

from __future__ import annotations

from typing import Any

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
