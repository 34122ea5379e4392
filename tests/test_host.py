"""Two figures are compared only between equal host classes."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import platform
import re
import time
from pathlib import Path

import pytest

from workbench import host
from workbench.errors import Infrastructure

DIGEST = "0" * 64


def test_the_class_is_stable_and_short() -> None:
    first, second = host.current(DIGEST), host.current(DIGEST)
    assert first == second
    assert re.fullmatch(r"[0-9a-f]{12}", first.id)
    assert first.cpu_model
    assert first.cores == os.cpu_count()


@pytest.mark.parametrize("name", [f.name for f in dataclasses.fields(host.HostClass)])
def test_every_field_makes_a_class_of_its_own(name: str) -> None:
    here = host.current(DIGEST)
    changed = {"cores": 99, "numba_env": {"NUMBA_OPT": "0"}}.get(name, "else")
    assert dataclasses.replace(here, **{name: changed}).id != here.id  # type: ignore[arg-type]  # one field at a time, of its own type


def test_only_numba_settings_that_reach_a_runner_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/somewhere")
    monkeypatch.setenv("NUMBA_DEBUG", "0")
    here = host.current(DIGEST)
    assert here.numba_env.keys() <= set(host.NUMBA_PASSED)
    monkeypatch.setenv("NUMBA_CPU_NAME", "x86-64")
    there = host.current(DIGEST)
    assert there.numba_env["NUMBA_CPU_NAME"] == "x86-64"
    assert there.id != here.id


def test_a_libopus_that_is_named_makes_a_class_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(host.LIBOPUS, raising=False)
    here = host.current(DIGEST)
    fields = dataclasses.asdict(here)
    assert fields.pop("libopus_sha256") == ""
    # as it was before it was known: no ledger's rows become another machine's
    text = json.dumps(fields, sort_keys=True)
    assert here.id == hashlib.sha256(text.encode()).hexdigest()[:12]
    assert "libopus_sha256" not in host.versions()
    seen = {here.id}
    for content in (b"one", b"another"):
        (tmp_path / "libopus.so").write_bytes(content)
        monkeypatch.setenv(host.LIBOPUS, str(tmp_path / "libopus.so"))
        there, digest = host.current(DIGEST), hashlib.sha256(content).hexdigest()
        assert there.libopus_sha256 == host.versions()["libopus_sha256"] == digest
        seen.add(there.id)
    assert len(seen) == 3


def test_a_libopus_that_is_not_there_is_said_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(host.LIBOPUS, str(tmp_path))
    with pytest.raises(Infrastructure, match="where WORKBENCH_LIBOPUS says it is"):
        host.current(DIGEST)
    assert "libopus_sha256" not in host.versions()  # the doctor goes on and names it


@pytest.mark.skipif(not Path("/proc/self/mem").is_file(), reason="root reads all other files")
def test_a_libopus_that_cannot_be_read_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(host.LIBOPUS, "/proc/self/mem")  # a file whose reading fails, for root too
    with pytest.raises(Infrastructure, match="which WORKBENCH_LIBOPUS names, cannot be read"):
        host.current(DIGEST)


def test_the_class_does_not_depend_on_what_this_process_is_pinned_to() -> None:
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("no affinity on this system")
    cores = os.sched_getaffinity(0)
    before = host.current(DIGEST).id
    os.sched_setaffinity(0, {min(cores)})
    try:
        assert host.current(DIGEST).id == before
    finally:
        os.sched_setaffinity(0, cores)


X86 = """processor : 0
model name\t: AMD EPYC
flags\t\t: sse2 avx2

processor : 1
model name\t: another
flags\t\t: none
"""
ARM = "processor : 0\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\nCPU part\t: 0xd40\n"


@pytest.mark.parametrize(
    ("text", "model", "flags"),
    [
        (X86, "AMD EPYC", frozenset(("sse2", "avx2"))),
        (ARM, "0x41 0xd40", frozenset(("fp", "asimd"))),
    ],
)
def test_cpuinfo(
    text: str, model: str, flags: frozenset[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text(text)
    monkeypatch.setattr(host, "CPUINFO", path)
    assert host.cpu() == (model, flags)


def test_without_cpuinfo_llvm_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "CPUINFO", tmp_path / "gone")
    model, flags = host.cpu()
    assert model
    assert flags


def test_versions_are_of_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    found = host.versions()
    assert found["python"] == platform.python_version()
    assert {"numpy", "numba", "llvmlite", "scipy", "pandas", "pyarrow"} <= found.keys()
    monkeypatch.setattr(host, "_DISTRIBUTIONS", ("numpy", "no-such-thing"))
    assert host.versions().keys() == {"python", "numpy"}


@pytest.mark.benchmark
def test_cost_of_knowing_the_host(capsys: pytest.CaptureFixture[str]) -> None:
    start = time.perf_counter()
    host.current(DIGEST)
    middle = time.perf_counter()
    host.versions()
    end = time.perf_counter()
    told = f"current {(middle - start) * 1e3:.1f} ms, versions {(end - middle) * 1e3:.1f} ms"
    with capsys.disabled():
        print(f"\n  {told}", end="")  # noqa: T201 - a benchmark prints
