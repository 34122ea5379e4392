"""Comparability class of this machine, and the versions of the tools on it."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import importlib.metadata
import json
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from workbench.errors import Infrastructure

CPUINFO = Path("/proc/cpuinfo")

# Settings that change the code numba generates: they reach the runners, and but for
# `LIBOPUS` nothing else of the environment does.
NUMBA_PASSED = (
    *("NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES", "NUMBA_ENABLE_AVX", "NUMBA_DISABLE_INTEL_SVML"),
    *("NUMBA_OPT", "NUMBA_LOOP_VECTORIZE", "NUMBA_SLP_VECTORIZE", "NUMBA_BOUNDSCHECK"),
)
# Names the file of another libopus than PyAV's.
LIBOPUS = "WORKBENCH_LIBOPUS"
_DISTRIBUTIONS = (
    *("numpy", "numba", "llvmlite", "scipy", "pandas", "pyarrow", "papermill"),
    *("workbench", "pylance", "faiss-cpu", "av", "imageio-ffmpeg"),
)


@dataclass(frozen=True)
class HostClass:
    """What must be equal before two absolute figures are compared.

    Attributes
    ----------
    cpu_model : str
        As the kernel names it.
    cpu_flags_sha256 : str
        Of the CPU's sorted feature flags.
    cores : int
        Logical cores of the machine, whatever this process is pinned to.
    numba, llvmlite, numpy : str
        Versions.
    numba_env : mapping of str to str
        Those of `NUMBA_PASSED` that the environment sets.
    judge_sha256 : str
        Digest of the judge's files.
    libopus_sha256 : str
        Of the libopus that `LIBOPUS` names; empty where it names none, and then no part of `id`.
    """

    cpu_model: str
    cpu_flags_sha256: str
    cores: int
    numba: str
    llvmlite: str
    numpy: str
    judge_sha256: str
    numba_env: Mapping[str, str] = field(default_factory=dict)
    libopus_sha256: str = ""

    @property
    def id(self) -> str:
        """Twelve hex characters that stand for the class in a ledger."""
        parts = dataclasses.asdict(self)
        if not self.libopus_sha256:
            del parts["libopus_sha256"]  # so that a class of before it was known keeps its id
        text = json.dumps(parts, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def current(judge_sha256: str) -> HostClass:
    """Describe this machine, with the judge that is about to measure on it.

    Raises
    ------
    Infrastructure
        If the environment names a libopus that cannot be read.

    Examples
    --------
    >>> current("0" * 64) == current("0" * 64)
    True
    >>> current("0" * 64).id == current("1" * 64).id
    False
    """
    model, flags = cpu()
    return HostClass(
        cpu_model=model,
        cpu_flags_sha256=hashlib.sha256(" ".join(sorted(flags)).encode()).hexdigest(),
        cores=os.cpu_count() or 1,
        numba=importlib.metadata.version("numba"),
        llvmlite=importlib.metadata.version("llvmlite"),
        numpy=importlib.metadata.version("numpy"),
        judge_sha256=judge_sha256,
        numba_env={name: os.environ[name] for name in NUMBA_PASSED if name in os.environ},
        libopus_sha256=_libopus_sha256(),
    )


def cpu() -> tuple[str, frozenset[str]]:
    """Model and feature flags of the CPU.

    Where the kernel does not list them (outside Linux) LLVM's own detection answers.
    """
    text = CPUINFO.read_text(errors="replace") if CPUINFO.is_file() else ""
    about = dict(_fields(text))
    flags = frozenset((about.get("flags") or about.get("Features") or "").split())
    # aarch64 names no model: implementer, part and variant are what tells its CPUs apart.
    parts = [about[key] for key in ("CPU implementer", "CPU part", "CPU variant") if key in about]
    model = about.get("model name") or " ".join(parts)
    if not flags or not model:
        found_model, found_flags = _from_llvm()
        model, flags = model or found_model, flags or found_flags
    return model, flags


def named_libopus() -> Path | None:
    """The file that `LIBOPUS` names, in full: a runner works elsewhere.

    Raises
    ------
    Infrastructure
        If it names anything but a file.
    """
    said = os.environ.get(LIBOPUS)
    if not said:
        return None
    with contextlib.suppress(OSError, RuntimeError):  # a name too long, and the home of nobody
        path = Path(said).expanduser().absolute()
        if path.is_file():
            return path
    raise Infrastructure(
        f"no libopus at {said!r}, where {LIBOPUS} says it is: name the file of one, or unset it"
    )


def _libopus_sha256() -> str:
    """Digest of the libopus that is named; another build of it has another speed."""
    path = named_libopus()
    if path is None:
        return ""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise Infrastructure(
            f"{path}, which {LIBOPUS} names, cannot be read: {error.strerror or error}"
        ) from error


def versions() -> dict[str, str]:
    """Version of Python and of every installed distribution that can change a result.

    A libopus that is named has no version of its own here: it is told by its digest.

    Examples
    --------
    >>> {"python", "numpy", "numba", "llvmlite"} <= set(versions())
    True
    """
    found = {"python": platform.python_version()}
    for name in _DISTRIBUTIONS:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    with contextlib.suppress(Infrastructure):  # `current` says what is wrong; the doctor goes on
        if digest := _libopus_sha256():
            found["libopus_sha256"] = digest
    return found


def _fields(text: str) -> list[tuple[str, str]]:
    """Key and value of the first processor's lines."""
    first = text.split("\n\n", 1)[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return [(key.strip(), value.strip()) for key, _, value in pairs if value.strip()]


def _from_llvm() -> tuple[str, frozenset[str]]:
    from llvmlite import binding

    flags = frozenset(name for name, has in binding.get_host_cpu_features().items() if has)
    model = platform.processor() or str(binding.get_host_cpu_name()) or platform.machine()
    return model, flags
