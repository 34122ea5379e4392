"""What this machine has and lacks for the workbench, and how to mend it."""

from __future__ import annotations

import ctypes
import errno
import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from workbench import host
from workbench.errors import WorkbenchError
from workbench.targets import find_root

Status = Literal["ok", "warn", "missing"]

# Features that decide how a kernel is lowered: what the kernel calls them, what people do.
FEATURES = {
    "x86_64": {"avx2": "AVX2", "avx512f": "AVX-512", "avx512vbmi": "AVX-512 VBMI"},
    "aarch64": {"asimd": "NEON"},
    "arm64": {"neon": "NEON"},
}
# For CI and thin clients: a check that takes longer than this is itself a finding.
CHILD_SECONDS = 20


@dataclass(frozen=True)
class Finding:
    """One thing looked for.

    Attributes
    ----------
    name : str
        What was looked for.
    status : str
        ``ok``, ``warn`` (works, with a drawback) or ``missing``.
    detail : str
        What was found.
    mend : str
        What to do about it; empty when there is nothing to do.
    """

    name: str
    status: Status
    detail: str
    mend: str = ""


def examine() -> list[Finding]:
    """Run every check, side by side; a check that fails is a finding, never an exception.

    Examples
    --------
    >>> {finding.status for finding in examine()} <= {"ok", "warn", "missing"}
    True
    """
    with ThreadPoolExecutor(len(CHECKS)) as pool:
        running = {name: pool.submit(_guarded, name, check) for name, check in CHECKS.items()}
        return [finding for check in running.values() for finding in check.result()]


def _guarded(name: str, check: Callable[[], Iterator[Finding]]) -> list[Finding]:
    found: list[Finding] = []
    try:
        found.extend(check())
    except Exception as error:  # whatever a broken machine raises is what was to be found out
        what = str(error).splitlines() or [""]
        detail = f"the check itself failed: {type(error).__name__}: {what[0]}"
        found.append(Finding(name, "warn", detail, "report it with this line"))
    return found


def _cpu() -> Iterator[Finding]:
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


def _cores() -> Iterator[Finding]:
    cores = os.cpu_count() or 1
    if not hasattr(os, "sched_setaffinity"):
        detail = f"{cores}; this system cannot pin a process to a core"
        yield Finding("cores", "warn", detail, "time on Linux: elsewhere drift hits the figures")
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, allowed)  # raises where pinning is forbidden
    detail = f"{cores}, of which this process may use {len(allowed)}; pinning works"
    if len(allowed) == 1:
        mend = "give the process a second core, so that other work does not share the timed one"
        yield Finding("cores", "warn", detail, mend)
    else:
        yield Finding("cores", "ok", detail)


# Run in a process of its own: LLVM options are global and cannot be taken back.
_COMPILE = """
import json, sys, time
option, mark = sys.argv[1:]
from llvmlite import binding
binding.set_option("x", option)
from numba import njit
start = time.perf_counter()
@njit
def total(a):
    s = 0
    for i in range(a):
        if i % 3:
            s += i
    return s
answer = total(10)
seconds = time.perf_counter() - start
aligned = any(mark in text for text in total.inspect_asm().values())
print(json.dumps({"answer": answer, "seconds": seconds, "aligned": aligned}))
"""


def _compiler() -> Iterator[Finding]:
    from workbench.runner import ALIGNMENT_MARK, ALIGNMENT_OPTION

    versions = {name: _version(name) for name in ("numba", "llvmlite", "numpy")}
    tools = ", ".join(f"{name} {version or 'missing'}" for name, version in versions.items())
    command = [sys.executable, "-c", _COMPILE, ALIGNMENT_OPTION, ALIGNMENT_MARK]
    environment = {k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"}
    child = _run(command, environment)
    if child.returncode:
        last = (child.stderr.strip().splitlines() or ["no message"])[-1]
        mend = "reinstall: pip install --force-reinstall numba"
        yield Finding("numba", "missing", f"{tools}; a tiny function did not compile: {last}", mend)
        return
    told = json.loads(child.stdout)
    if told["answer"] != 27:
        yield Finding("numba", "missing", f"{tools}; a tiny function is wrong", "reinstall numba")
    else:
        yield Finding("numba", "ok", f"{tools}; compiles in {told['seconds']:.2f} s")
    if told["aligned"]:
        yield Finding("code alignment", "ok", f"{ALIGNMENT_OPTION} is honoured")
    else:
        detail = f"LLVM ignores {ALIGNMENT_OPTION}: a neutral edit may seem 2 % slower"
        yield Finding("code alignment", "warn", detail, "install the llvmlite that numba asks for")


def _counters() -> Iterator[Finding]:
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
        level = _text(Path("/proc/sys/kernel/perf_event_paranoid")) or "unknown"
        why = f"{why} (perf_event_paranoid is {level})"
        mend = "sysctl kernel.perf_event_paranoid=2, or a container with CAP_PERFMON"
    yield Finding(name, "warn", f"not granted: {why}", mend)


def _addresses() -> Iterator[Finding]:
    from workbench import forkserver

    with forkserver.address_randomisation_off() as granted:
        if granted:
            yield Finding("address randomisation", "ok", "can be switched off for the runners")
            return
    detail = "cannot be switched off: repeated processes differ by 0.1 % instead of 0.02 %"
    mend = "allow the personality system call (docker: --security-opt seccomp=unconfined)"
    yield Finding("address randomisation", "warn", detail, mend)


# In a process of its own too: what confines it stays.
_CONFINE = """
import json, sys
from pathlib import Path
folder, package, max_bytes = sys.argv[1:]
sys.path.insert(0, package)
from workbench import sandbox
layers = sandbox.confine([], Path(folder), int(max_bytes))
print(json.dumps([[layer.name, layer.in_force, layer.detail] for layer in layers]))
"""
_MEND_LAYER = {
    "landlock": "Linux 5.13 or newer with landlock among its security modules, and landlockpy",
    "seccomp": "install libseccomp2 with the system's packages, and pyseccomp",
}


def _confinement() -> Iterator[Finding]:
    from workbench import forkserver

    name = "confinement"
    told = str(Path(__file__).resolve().parent.parent), str(forkserver.MAX_RUNNER_BYTES)
    with tempfile.TemporaryDirectory() as folder:
        child = _run([sys.executable, "-c", _CONFINE, folder, *told])
    if child.returncode:
        last = (child.stderr.strip().splitlines() or ["no message"])[-1]
        yield Finding(name, "warn", f"a process could not confine itself: {last}", "use Linux")
        return
    layers = json.loads(child.stdout)
    held = "; ".join(f"{layer} ({detail})" for layer, in_force, detail in layers if in_force)
    lacking = {layer: detail for layer, in_force, detail in layers if not in_force}
    if not lacking:
        yield Finding(name, "ok", f"kernels are held by {held}")
        return
    without = "; ".join(f"{layer}: {why}" for layer, why in lacking.items())
    mend = "; ".join(_MEND_LAYER.get(layer, "use Linux") for layer in lacking)
    yield Finding(name, "warn", f"{held or 'nothing'} in force, but not {without}", mend)


def _memory() -> Iterator[Finding]:
    if hasattr(os, "memfd_create"):
        os.close(os.memfd_create("doctor"))
        yield Finding("memfd", "ok", "arenas can be shared between processes")
    else:
        detail = "this system has no memfd: no arena can be shared, so nothing can be timed"
        yield Finding("memfd", "missing", detail, "time on Linux")
    pages = _text(Path("/sys/kernel/mm/transparent_hugepage/enabled"))
    chosen = re.search(r"\[(\w+)\]", pages)
    detail = chosen[1] if chosen else "not offered"
    yield Finding("transparent huge pages", "ok", f"{detail} (no effect on the figures was seen)")


def _ffmpeg() -> Iterator[Finding]:
    if _version("imageio-ffmpeg") is None:
        detail = "imageio-ffmpeg is not installed: no encoder can be swept"
        yield Finding("ffmpeg", "missing", detail, "pip install imageio-ffmpeg")
        return
    import imageio_ffmpeg

    from workbench.encoders.codecs import CODECS, SOFTWARE_NAMES
    from workbench.encoders.score import FILTERS

    program = imageio_ffmpeg.get_ffmpeg_exe()
    version = _run([program, "-hide_banner", "-version"]).stdout.split("\n")[0]
    yield Finding("ffmpeg", "ok", " ".join(version.split()[:3]))
    listed = set(_run([program, "-hide_banner", "-encoders"]).stdout.split())
    yield _listed("software encoders", SOFTWARE_NAMES, listed)
    filters = set(_run([program, "-hide_banner", "-filters"]).stdout.split())
    yield _listed("scoring filters", FILTERS, filters)
    hardware = [name for name in CODECS if name not in SOFTWARE_NAMES and name in listed]
    working = [name for name in hardware if _encodes(program, name)]
    detail = ", ".join(working) or "none on this machine"
    mend = "" if working else "nothing to mend without such a GPU and its driver"
    yield Finding("hardware encoders", "ok" if working else "warn", detail, mend)


def _listed(name: str, wanted: tuple[str, ...], listed: set[str]) -> Finding:
    has = [item for item in wanted if item in listed]
    lacks = [item for item in wanted if item not in listed]
    if not lacks:
        return Finding(name, "ok", ", ".join(has))
    detail = f"{', '.join(has) or 'none'}; lacks {', '.join(lacks)}"
    return Finding(name, "warn", detail, "unset IMAGEIO_FFMPEG_EXE to use the wheel's own ffmpeg")


def _encodes(program: str, encoder: str) -> bool:
    """Whether one frame can be encoded; an encoder that is compiled in may lack its hardware."""
    device, upload = [], "null"
    if encoder.endswith("_vaapi"):
        device = ["-init_hw_device", "vaapi=gpu", "-filter_hw_device", "gpu"]
        upload = "format=nv12,hwupload"
    source = ["-f", "lavfi", "-i", "color=size=256x256:rate=1", "-frames:v", "1", "-vf", upload]
    command = [program, "-hide_banner", "-v", "quiet", *device, *source]
    return _run([*command, "-c:v", encoder, "-f", "null", "-"]).returncode == 0


def _libopus() -> Iterator[Finding]:
    if host.LIBOPUS not in os.environ and importlib.util.find_spec("av") is None:
        detail = "PyAV, which carries it, is not installed"
        yield Finding("libopus", "missing", detail, "pip install av")
        return
    from workbench.upstreams import libopus  # here, because it is only looked for

    try:
        version = libopus.version()
    except WorkbenchError as error:
        mend = "install PyAV from its wheel: pip install av==18.1.0"
        yield Finding("libopus", "missing", str(error), mend)
        return
    named = os.environ.get(host.LIBOPUS)
    where = f"at {named}" if named else f"in PyAV {_version('av')}"
    yield Finding("libopus", "ok", f"{version}, {where}")


def _upstreams() -> Iterator[Finding]:
    for distribution, purpose in (("pylance", "the real Lance"), ("faiss-cpu", "a peer")):
        has, wanted = _version(distribution), _pinned(distribution)
        install = f"pip install {distribution}" + (f"=={wanted}" if wanted else "")
        if has is None:
            detail = f"not installed ({purpose}; snapshots and figures of it cannot be renewed)"
            yield Finding(distribution, "missing", detail, install)
        elif wanted is not None and has != wanted:
            detail = f"{has}, where {wanted} is pinned: its snapshots may drift"
            yield Finding(distribution, "warn", detail, install)
        else:
            yield Finding(distribution, "ok", f"{has}{', as pinned' if wanted else ''}")


def _project() -> Iterator[Finding]:
    try:
        answer = _run(["git", "--version"])
        yield Finding("git", "ok", answer.stdout.strip().removeprefix("git version "))
    except OSError:
        detail = "not found: no trial can prove that its judge is the committed one"
        yield Finding("git", "missing", detail, "install git")
    try:
        reports = find_root() / "reports"
    except WorkbenchError as error:
        yield Finding("project", "missing", str(error), "git clone the workbench and cd into it")
        return
    try:
        with tempfile.TemporaryFile(dir=reports):
            pass
    except OSError as error:
        detail = f"reports/ cannot be written: {error.strerror}"
        yield Finding("reports", "missing", detail, "mkdir -p reports; chmod u+w reports")
    else:
        yield Finding("reports", "ok", "reports/ can be written")


CHECKS: dict[str, Callable[[], Iterator[Finding]]] = {
    "cpu": _cpu,
    "cores": _cores,
    "numba": _compiler,
    "hardware counters": _counters,
    "address randomisation": _addresses,
    "confinement": _confinement,
    "memfd": _memory,
    "ffmpeg": _ffmpeg,
    "libopus": _libopus,
    "pylance": _upstreams,
    "project": _project,
}


def _run(
    command: list[str], environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=CHILD_SECONDS,
        check=False,
    )


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _pinned(distribution: str) -> str | None:
    """Version that this package asks for exactly, in any of its extras."""
    try:
        requirements = importlib.metadata.requires("workbench") or []
    except importlib.metadata.PackageNotFoundError:
        requirements = []
    for requirement in requirements:
        exact = re.match(rf"{re.escape(distribution)}\s*==\s*([\w.]+)", requirement)
        if exact:
            return exact[1]
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
