"""What this machine can move and do at most, measured: the limit a kernel is held against."""

# mypy: disable-error-code="call-arg"
# numba passes the intrinsics of simd their first argument itself.

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

from workbench import simd

# The vector that a target's operations are counted in.
VECTORS = {
    "f32": simd.f32x16,
    "f64": simd.f64x8,
    "i32": simd.i32x16,
    "i64": simd.i64x8,
    "u8": simd.u8x64,
}
# Eight chains of two operations a step: enough to fill two pipes of latency four.
CHAINS, STEPS = 8, 50_000
LINE_BYTES = 256
SWEPT_BYTES = 1 << 24
REPEATS = 9


@dataclass(frozen=True)
class Limits:
    """The machine's ceilings as measured in one process, on one core.

    Attributes
    ----------
    bytes_per_ns : mapping of int to float
        Footprint in bytes to the bandwidth of reading a buffer of that size again and again.
    operations_per_ns : float
        Of one arithmetic.
    """

    bytes_per_ns: Mapping[int, float]
    operations_per_ns: float

    def least_ns(self, n_bytes: float, n_operations: float) -> float:
        """The time that no kernel beats: the later of its memory and its arithmetic.

        Examples
        --------
        >>> Limits({4096: 100.0}, 50.0).least_ns(4096, 1000)
        40.96
        """
        footprint = min(self.bytes_per_ns, key=lambda size: abs(np.log(size / n_bytes)))
        memory_ns = n_bytes / self.bytes_per_ns[footprint]
        return max(memory_ns, n_operations / self.operations_per_ns)


def measure(footprints: Iterable[float], arithmetic: str) -> Limits:
    """Measure the bandwidth at each footprint in bytes, and one arithmetic of `VECTORS`."""
    sizes = sorted({int(size) for size in footprints})
    return Limits({size: bytes_per_ns(size) for size in sizes}, operations_per_ns(arithmetic))


def least_ns(spec: Mapping[str, Any], shapes: Iterable[str]) -> dict[str, float]:
    """The time no kernel beats, by shape, from this machine's bandwidth and arithmetic now.

    Parameters
    ----------
    spec : mapping
        ``[roofline]`` of a target.toml.
    shapes : iterable of str
        Some of its shapes.
    """
    wanted = set(shapes)
    n_bytes, n_operations = spec["bytes_per_unit"], spec["operations_per_unit"]
    found = measure((n_bytes[shape] for shape in wanted), spec["arithmetic"])
    return {shape: found.least_ns(n_bytes[shape], n_operations[shape]) for shape in wanted}


def bytes_per_ns(footprint: int) -> float:
    """Fastest of several sweeps over one buffer (of at least 4 kB), 64 bytes a load."""
    size = max(footprint, 4096) // LINE_BYTES * LINE_BYTES
    buffer = np.ones(size + LINE_BYTES, np.uint8)
    begin = -buffer.ctypes.data % LINE_BYTES  # unaligned loads take two cache lines: half as fast
    buffer = buffer[begin : begin + size]
    sweeps = max(1, SWEPT_BYTES // buffer.nbytes)
    return sweeps * buffer.nbytes / _fastest_ns(lambda: _sweep(buffer, sweeps))


def operations_per_ns(arithmetic: str) -> float:
    """Operations of independent chains: a fused multiply-add counts as two, so do add and xor."""
    vector = VECTORS[arithmetic]
    start = np.full(2 * vector.lanes, 0.5 if vector.is_float else 3, vector.element.name)
    chains = _chains(arithmetic)
    return 2 * CHAINS * vector.lanes * STEPS / _fastest_ns(lambda: chains(start, STEPS))


def _fastest_ns(call: Callable[[], Any]) -> float:
    call()
    times = []
    for _ in range(REPEATS):
        begin_ns = time.perf_counter_ns()
        call()
        times.append(time.perf_counter_ns() - begin_ns)
    return float(min(times))


@njit
def _sweep(buffer: Any, sweeps: int) -> Any:
    """Read all of the buffer ``sweeps`` times; no sweep equals another, and the sum keeps all."""
    a = b = c = d = simd.splat(simd.u8x64, 0)
    for sweep in range(sweeps):
        a += sweep
        for i in range(0, len(buffer), LINE_BYTES):
            a ^= simd.load(simd.u8x64, buffer, i)
            b ^= simd.load(simd.u8x64, buffer, i + 64)
            c ^= simd.load(simd.u8x64, buffer, i + 128)
            d ^= simd.load(simd.u8x64, buffer, i + 192)
        a, b, c, d = b, c, d, a
    return simd.reduce_add((a + b) + (c + d))


@functools.cache
def _chains(arithmetic: str) -> Callable[..., Any]:
    vector = VECTORS[arithmetic]
    lanes = vector.lanes
    if vector.is_float:
        step = njit(lambda value, x, y: simd.fma(value, x, y))
    else:  # two operations that no compiler can fold over the steps
        step = njit(lambda value, x, y: (value + x) ^ y)

    @njit
    def chains(start: Any, steps: int) -> Any:
        x, y = simd.load(vector, start, 0), simd.load(vector, start, lanes)
        a = b = c = d = e = f = g = h = x
        b, c, d, e, f, g, h = b + 1, c + 2, d + 3, e + 4, f + 5, g + 6, h + 7
        for _ in range(steps):
            a, b, c, d = step(a, x, y), step(b, x, y), step(c, x, y), step(d, x, y)
            e, f, g, h = step(e, x, y), step(f, x, y), step(g, x, y), step(h, x, y)
        return simd.reduce_add(((a + b) + (c + d)) + ((e + f) + (g + h)))

    compiled: Callable[..., Any] = chains
    return compiled
