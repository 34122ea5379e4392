"""The doctor finds out; it never falls ill itself."""

from __future__ import annotations

import ctypes
import errno
import importlib.metadata
import importlib.util
import json
import os
import platform
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from workbench import counters, doctor, host
from workbench.cli.doctor import app
from workbench.doctor import asking, children, machine, media, project
from workbench.doctor.finding import Finding
from workbench.errors import Usage


@pytest.fixture(scope="module")
def findings() -> dict[str, Finding]:
    return {finding.name: finding for finding in doctor.examine()}


def only(check: Iterator[Finding], name: str) -> Finding:
    return next(finding for finding in check if finding.name == name)


def test_everything_of_interest_is_examined(findings: dict[str, Finding]) -> None:
    assert set(findings) >= {
        *("cpu", "cpu features", "cores", "numba", "code alignment", "hardware counters"),
        *("address randomisation", "memfd", "transparent huge pages", "ffmpeg", "libopus"),
        *("pylance", "faiss-cpu", "git", "reports", "confinement"),
    }
    for finding in findings.values():
        assert finding.status in ("ok", "warn", "missing")
        assert finding.detail
        assert bool(finding.mend) == (finding.status != "ok")
        assert "failed" not in finding.detail


def test_the_compiler_is_tried_and_not_only_listed(findings: dict[str, Finding]) -> None:
    assert "compiles in" in findings["numba"].detail
    assert findings["code alignment"].status == "ok"


def test_a_check_that_fails_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Iterator[Finding]:
        yield Finding("half", "ok", "found before it broke")
        raise OSError(errno.EIO, "the disk\nis on fire")

    monkeypatch.setattr(doctor, "CHECKS", {"disk": broken})
    half, failed = doctor.examine()
    assert half.name == "half"
    assert (failed.name, failed.status) == ("disk", "warn")
    assert failed.detail == "the check itself failed: OSError: [Errno 5] the disk"


@pytest.mark.parametrize(
    ("processor", "flags", "status", "words"),
    [
        ("x86_64", {"avx2", "avx512f", "avx512vbmi"}, "ok", "AVX2, AVX-512, AVX-512 VBMI"),
        ("x86_64", {"avx2"}, "warn", "AVX2; lacks AVX-512, AVX-512 VBMI"),
        ("x86_64", {"sse2"}, "warn", "none; lacks AVX2"),
        ("aarch64", {"fp", "asimd"}, "ok", "NEON"),
        ("riscv64", {"v"}, "warn", "untested"),
    ],
)
def test_cpu_features(
    processor: str, flags: set[str], status: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "cpu", lambda: ("A CPU", frozenset(flags)))
    monkeypatch.setattr(platform, "machine", lambda: processor)
    finding = only(machine.cpu(), "cpu features")
    assert finding.status == status
    assert words in finding.detail


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.EACCES, "permission denied (perf_event_paranoid is"),
        (errno.ENOENT, "exposes none"),
        (errno.ENOSYS, "has no perf_event_open"),
        (errno.EINVAL, os.strerror(errno.EINVAL)),
    ],
)
def test_why_there_are_no_hardware_counters(
    code: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_such_call = dict.fromkeys(counters.PERF_EVENT_OPEN, 9999)
    monkeypatch.setattr(counters, "PERF_EVENT_OPEN", no_such_call)
    monkeypatch.setattr(ctypes, "get_errno", lambda: code)
    finding = only(machine.hardware_counters(), "hardware counters")
    assert finding.status == "warn"
    assert words in finding.detail


def test_a_system_without_linux_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "memfd_create", raising=False)
    monkeypatch.delattr(os, "sched_setaffinity", raising=False)
    monkeypatch.setattr(counters, "PERF_EVENT_OPEN", {})
    assert only(machine.memory(), "memfd").status == "missing"
    assert only(machine.cores(), "cores").status == "warn"
    assert only(machine.hardware_counters(), "hardware counters").status == "warn"


def test_what_is_not_installed_is_missing_and_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "version", lambda _name: None)
    monkeypatch.setattr(asking, "pinned", lambda _name: "1.2.3")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    assert only(media.ffmpeg(), "ffmpeg").mend == "pip install imageio-ffmpeg"
    assert only(media.libopus(), "libopus").mend == "pip install av"
    assert [finding.mend for finding in project.upstreams()] == [
        "pip install pylance==1.2.3",
        "pip install faiss-cpu==1.2.3",
    ]


def test_another_version_than_the_pinned_one_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "version", lambda _name: "9.9")
    monkeypatch.setattr(asking, "pinned", lambda name: "9.9" if name == "pylance" else "1.0")
    first, second = project.upstreams()
    assert (first.status, first.detail) == ("ok", "9.9, as pinned")
    assert (second.status, second.mend) == ("warn", "pip install faiss-cpu==1.0")


def test_the_pin_is_read_from_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    requirements = ["numpy>=2.2", "pylance==14.0.2 ; extra == 'lance'", "pylance-extra==1"]
    monkeypatch.setattr(importlib.metadata, "requires", lambda _name: requirements)
    assert asking.pinned("pylance") == "14.0.2"
    assert asking.pinned("numpy") is None


FAKE_FFMPEG = """#!/bin/sh
case "$*" in
  *-version*) echo "ffmpeg version 0.1 fake" ;;
  *-encoders*) echo " V....D libx264 x"; echo " V....D h264_nvenc x"; echo " V....D av1_vaapi x" ;;
  *-filters*) echo " .. libvmaf VV->V x" ;;
  *h264_nvenc*) exit 0 ;;
  *) exit 1 ;;
esac
"""


def test_an_encoder_counts_when_it_encodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("imageio_ffmpeg")
    program = tmp_path / "ffmpeg"
    program.write_text(FAKE_FFMPEG)
    program.chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(program))
    found = {finding.name: finding for finding in media.ffmpeg()}
    assert found["ffmpeg"].detail == "ffmpeg version 0.1"
    assert found["software encoders"].detail.startswith("libx264; lacks libx265")
    assert found["scoring filters"].detail == "libvmaf; lacks xpsnr"
    assert (found["hardware encoders"].status, found["hardware encoders"].detail) == (
        *("ok", "h264_nvenc"),
    )


def test_a_compiler_that_does_not_start_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "COMPILE", "raise ImportError('no LLVM')")
    finding = only(children.compiler(), "numba")
    assert finding.status == "missing"
    assert "ImportError: no LLVM" in finding.detail


def test_an_option_that_llvm_ignores_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = 'print(\'{"answer": 27, "seconds": 0.1, "aligned": false}\')'
    monkeypatch.setattr(children, "COMPILE", fake)
    assert only(children.compiler(), "code alignment").status == "warn"


def test_what_confines_a_kernel_is_tried(findings: dict[str, Finding]) -> None:
    assert "limits (6 GB of memory" in findings["confinement"].detail
    assert "no new ones" in findings["confinement"].detail


def test_a_layer_that_is_not_in_force_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    layers = [["limits", True, "6 GB"], ["seccomp", False, "Unable to find libseccomp"]]
    monkeypatch.setattr(children, "CONFINE", f"print({json.dumps(json.dumps(layers))})")
    finding = only(children.confinement(), "confinement")
    assert finding.status == "warn"
    assert finding.detail == "limits (6 GB) in force, but not seccomp: Unable to find libseccomp"
    assert "libseccomp2" in finding.mend
    monkeypatch.setattr(children, "CONFINE", "raise SystemExit('no such system')")
    finding = only(children.confinement(), "confinement")
    assert (finding.status, finding.mend) == ("warn", "use Linux")
    assert "no such system" in finding.detail


def test_no_git_no_project_no_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(project, "find_root", lambda: tmp_path)
    assert {finding.name: finding.status for finding in project.checkout()} == {
        **{"git": "missing", "reports": "missing"}
    }

    def nowhere() -> Path:
        raise Usage("no workbench project here")

    monkeypatch.setattr(project, "find_root", nowhere)
    assert only(project.checkout(), "project").status == "missing"


def test_the_command_prints_a_table_or_one_object(
    findings: dict[str, Finding], monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = Finding("odd [name]", "missing", "[/red] not markup", "mend [it]")
    monkeypatch.setattr(doctor, "examine", lambda: [*findings.values(), odd])
    runner = CliRunner()
    table = runner.invoke(app, [])
    assert table.exit_code == 0
    assert "code alignment" in table.stdout
    answer = json.loads(runner.invoke(app, ["--json"]).stdout)
    assert [finding["name"] for finding in answer["findings"]] == [*findings, "odd [name]"]
    assert answer["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))


@pytest.mark.benchmark
def test_cost_of_an_examination(capsys: pytest.CaptureFixture[str]) -> None:
    start = time.perf_counter()
    doctor.examine()
    with capsys.disabled():
        print(f"\n  examine: {time.perf_counter() - start:.2f} s", end="")  # noqa: T201 - a benchmark prints
