"""What one call costs besides time: allocations, hardware cycles and instructions, peak memory."""

from __future__ import annotations

import ctypes
import os
import platform
import struct
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

PERF_EVENT_OPEN = {"x86_64": 298, "aarch64": 241}
# struct perf_event_attr (linux/perf_event.h): type, size, config, then flags at byte 40.
ATTRIBUTE_BYTES, FLAGS_OFFSET = 128, 40
EXCLUDE_KERNEL_AND_HYPERVISOR = 1 << 5 | 1 << 6
CPU_CYCLES, INSTRUCTIONS = 0, 1


def allocations(call: Callable[[], object]) -> int:
    """How often numba's runtime allocates during one call.

    Needs ``NUMBA_NRT_STATS=1`` from the start of the process. Counts numba's own allocations;
    memory a libc function takes for itself stays invisible.
    """
    from numba.core.runtime import nrt

    runtime: Any = nrt.rtsys
    before = runtime.get_allocation_stats().alloc
    call()
    return int(runtime.get_allocation_stats().alloc - before)


def peak_rss_mb(pid: int) -> float:
    """Peak resident memory of a live process in MiB (VmHWM; never VmPeak, which is virtual)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return float("nan")


class HardwareCounters:
    """Cycles and instructions of this process through perf_event_open, where it is granted.

    Many virtual machines do not expose the counters; `count` then gives None.
    """

    def __enter__(self) -> HardwareCounters:
        self._fds = [_open_counter(CPU_CYCLES), _open_counter(INSTRUCTIONS)]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for fd in self._fds:
            if fd is not None:
                os.close(fd)

    def count(self, call: Callable[[], object]) -> tuple[int | None, int | None]:
        """Run ``call`` and return (cycles, instructions), each None where it is not granted."""
        before = [_read_counter(fd) for fd in self._fds]
        call()
        after = [_read_counter(fd) for fd in self._fds]
        cycles, instructions = (
            None if a is None or b is None else b - a for a, b in zip(before, after, strict=True)
        )
        return cycles, instructions


def _open_counter(event: int) -> int | None:
    number = PERF_EVENT_OPEN.get(platform.machine())
    if number is None:
        return None
    attribute = bytearray(ATTRIBUTE_BYTES)
    struct.pack_into("=IIQ", attribute, 0, 0, ATTRIBUTE_BYTES, event)
    struct.pack_into("=Q", attribute, FLAGS_OFFSET, EXCLUDE_KERNEL_AND_HYPERVISOR)
    buffer = (ctypes.c_char * ATTRIBUTE_BYTES).from_buffer(attribute)
    fd = ctypes.CDLL(None, use_errno=True).syscall(number, buffer, 0, -1, -1, 0)
    return fd if fd >= 0 else None


def _read_counter(fd: int | None) -> int | None:
    return None if fd is None else int(struct.unpack("=Q", os.read(fd, 8))[0])
