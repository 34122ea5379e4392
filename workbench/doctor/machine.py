"""What the machine has: CPU, cores, counters, fixed addresses, memory."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import re
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

from workbench import host
from workbench.doctor import asking
from workbench.doctor.finding import Finding

# Features that decide how a kernel is lowered: what the kernel calls them, what people do.
FEATURES = {
    "x86_64": {"avx2": "AVX2", "avx512f": "AVX-512", "avx512vbmi": "AVX-512 VBMI"},
    "aarch64": {"asimd": "NEON"},
    "arm64": {"neon": "NEON"},
}


def cpu() -> Iterator[Finding]:
    """Its model, and the features that decide how a kernel is lowered."""
    model, flags = host.cpu()
    yield Finding("cpu", "ok", f"{model} ({platform.machine()})")
    known = FEATURES.get(platform.machine(), {})
    has = [label for flag, label in known.items() if flag in flags]
    lacks = [label for flag, label in known.items() if flag not in flags]
    if not known:
        detail = f"{platform.machine()} is untested: kernels take their portable paths"
        yield Finding("cpu features", "warn", detail, "use x86-64 or aarch64 to compare figures")
    elif lacks:
        detail = f"{', '.join(has) or 'none'}; lacks {', '.join(lacks)}"
        mend = "nothing to mend: kernels take a slower path here"
        yield Finding("cpu features", "warn", detail, mend)
    else:
        yield Finding("cpu features", "ok", ", ".join(has))


def cores() -> Iterator[Finding]:
    """How many there are, and whether a process can be pinned to one."""
    count = os.cpu_count() or 1
    if not hasattr(os, "sched_setaffinity"):
        detail = f"{count}; this system cannot pin a process to a core"
        yield Finding("cores", "warn", detail, "time on Linux: elsewhere drift hits the figures")
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, allowed)  # raises where pinning is forbidden
    detail = f"{count}, of which this process may use {len(allowed)}; pinning works"
    if len(allowed) == 1:
        mend = "give the process a second core, so that other work does not share the timed one"
        yield Finding("cores", "warn", detail, mend)
    else:
        yield Finding("cores", "ok", detail)


def hardware_counters() -> Iterator[Finding]:
    """Whether cycles and instructions can be counted, and why not."""
    from workbench import counters

    name = "hardware counters"
    number = counters.PERF_EVENT_OPEN.get(platform.machine())
    if number is None or sys.platform != "linux":
        detail = "perf_event_open is not on this system: cycles and instructions stay n/a"
        yield Finding(name, "warn", detail, "time on Linux, x86-64 or aarch64")
        return
    attribute = bytearray(counters.ATTRIBUTE_BYTES)
    struct.pack_into("=IIQ", attribute, 0, 0, len(attribute), counters.CPU_CYCLES)
    flags = counters.EXCLUDE_KERNEL_AND_HYPERVISOR
    struct.pack_into("=Q", attribute, counters.FLAGS_OFFSET, flags)
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = (ctypes.c_char * len(attribute)).from_buffer(attribute)
    fd = libc.syscall(number, buffer, 0, -1, -1, 0)
    if fd >= 0:
        os.close(fd)
        yield Finding(
            name, "ok", "perf_event_open is granted: cycles and instructions are recorded"
        )
        return
    code = ctypes.get_errno()
    why = {
        errno.ENOENT: "this (virtual) machine exposes none",
        errno.EOPNOTSUPP: "this (virtual) machine exposes none",
        errno.ENOSYS: "this kernel or sandbox has no perf_event_open",
        errno.EACCES: "permission denied",
        errno.EPERM: "permission denied",
    }.get(code, os.strerror(code))
    mend = "nothing to mend: the figures say n/a"
    if code in (errno.EACCES, errno.EPERM):
        level = asking.text(Path("/proc/sys/kernel/perf_event_paranoid")) or "unknown"
        why = f"{why} (perf_event_paranoid is {level})"
        mend = "sysctl kernel.perf_event_paranoid=2, or a container with CAP_PERFMON"
    yield Finding(name, "warn", f"not granted: {why}", mend)


def addresses() -> Iterator[Finding]:
    """Whether address randomisation can be switched off."""
    from workbench import forkserver

    with forkserver.address_randomisation_off() as granted:
        if granted:
            yield Finding("address randomisation", "ok", "can be switched off for the runners")
            return
    detail = "cannot be switched off: repeated processes differ by 0.1 % instead of 0.02 %"
    mend = "allow the personality system call (docker: --security-opt seccomp=unconfined)"
    yield Finding("address randomisation", "warn", detail, mend)


def memory() -> Iterator[Finding]:
    """Whether processes can share an arena."""
    if hasattr(os, "memfd_create"):
        os.close(os.memfd_create("doctor"))
        yield Finding("memfd", "ok", "arenas can be shared between processes")
    else:
        detail = "this system has no memfd: no arena can be shared, so nothing can be timed"
        yield Finding("memfd", "missing", detail, "time on Linux")
    pages = asking.text(Path("/sys/kernel/mm/transparent_hugepage/enabled"))
    chosen = re.search(r"\[(\w+)\]", pages)
    detail = chosen[1] if chosen else "not offered"
    yield Finding("transparent huge pages", "ok", f"{detail} (no effect on the figures was seen)")
