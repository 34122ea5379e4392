"""Evidence is loaded whole or refused by name, and recorded on purpose only."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from workbench import snapshots, targets
from workbench.cli.snapshots import app
from workbench.errors import Infrastructure, Usage
from workbench.snapshots import drifting, recording

ROOT = targets.find_root()
FOLDER = Path("snapshots/lance/pq_l2")
ARCHIVE = FOLDER / "128x16x256-uniform.npz"

Evidence = dict[str, dict[str, np.ndarray]]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of its own, with the real snapshot and the real target."""
    shutil.copytree(ROOT / FOLDER, tmp_path / FOLDER)
    shutil.copytree(ROOT / "targets/pq_l2", tmp_path / "targets/pq_l2")
    return tmp_path


def evidence() -> Evidence:
    """What a tiny upstream answers: one shape, two cases."""
    codes = np.arange(6, dtype=np.uint8).reshape(3, 2)
    case = {
        "fixture_codes": np.asfortranarray(codes),
        "request_query": np.ones((1, 4), np.float32),
        "output_out": np.array([[1.0, 2.0, 1e6]], np.float32),
    }
    return {
        "4x2x256": {"fixture_codebook": np.full((2, 256, 2), 0.5, np.float16)},
        "4x2x256-flat": case,
        "4x2x256-steep": dict(case),
    }


@pytest.fixture
def upstream(project: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Evidence], None]:
    """Replace Lance by an upstream that answers what it is given, recorded once already."""
    module = types.ModuleType("tiny_upstream")
    monkeypatch.setitem(sys.modules, "tiny_upstream", module)
    monkeypatch.setattr(recording, "UPSTREAMS", {"lance": "tiny_upstream"})
    vars(module)["DISTRIBUTION"] = "numpy"

    def answers(files: Evidence) -> None:
        vars(module)["RECORDERS"] = {"pq_l2": lambda: files}

    answers(evidence())
    snapshots.record("lance", "pq_l2", project)
    return answers


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


# -- the committed snapshot


def test_three_shapes_and_three_distributions_of_4096_rows_and_4_queries() -> None:
    cases = list(snapshots.load("lance", "pq_l2").cases())
    assert len({case.shape for case in cases}) == 3
    assert len({case.name for case in cases}) == 9
    for case in cases:
        dim, sub_vectors, centroids = map(int, case.shape.split("x"))
        layout = {
            name: (array.shape, array.dtype)
            for name, array in {**case.fixture, **case.requests, **case.outputs}.items()
        }
        assert layout == {
            "codebook": ((sub_vectors, centroids, dim // sub_vectors), np.float32),
            "codes": ((4_096, sub_vectors), np.uint8),
            "query": ((4, dim), np.float32),
            "out": ((4, 4_096), np.float32),
        }
        assert all(array.flags.c_contiguous for array in case.fixture.values())


def test_sizes_stay_within_two_megabytes_a_target_and_thirty_in_all() -> None:
    for folder in ROOT.glob("snapshots/*/*/"):
        assert sum(path.stat().st_size for path in folder.rglob("*.*")) <= 2_000_000
    assert sum(p.stat().st_size for p in ROOT.glob("snapshots/**/*.*")) <= 30_000_000


def test_the_manifest_names_the_pinned_version_and_the_command_that_recorded_it() -> None:
    manifest = snapshots.load("lance", "pq_l2").manifest
    pins = (ROOT / "pyproject.toml").read_text()
    assert f"pylance=={manifest.version}" in pins
    assert targets.load("pq_l2").spec["upstream"]["version"] == manifest.version
    assert manifest.command == "workbench snapshot record lance pq_l2"
    assert snapshots.Manifest.from_json(manifest.to_json()) == manifest


def test_recorded_lists_every_snapshot() -> None:
    assert "lance/pq_l2" in snapshots.recorded()


# -- damage is refused by name, with the way out


def tamper(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


@pytest.mark.parametrize("damage", [tamper, truncate, Path.unlink])
@pytest.mark.parametrize("file", [ARCHIVE, FOLDER / "768x96x256.npz"], ids=lambda f: f.name)
def test_a_damaged_archive_is_refused_by_name(
    project: Path, file: Path, damage: Callable[[Path], None]
) -> None:
    damage(project / file)
    with pytest.raises(Infrastructure) as refusal:
        snapshots.load("lance", "pq_l2", project)
    assert str(refusal.value).startswith(str(file))
    assert f"git checkout -- {file}" in str(refusal.value)


def edit(**changes: Any) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return damage


@pytest.mark.parametrize(
    "damage",
    [
        truncate,
        lambda path: path.write_bytes(b"\xff\xfe\x00"),
        lambda path: path.write_text("[]"),
        edit(schema=99),
        edit(files=None),
        edit(files={"../../secret.npz": {"sha256": "0", "bytes": 1}}),
        edit(files={ARCHIVE.name: {"sha256": "0"}}),
        edit(target="pq_dot"),
        edit(surprise=1),
    ],
    ids=["torn", "binary", "list", "future", "no files", "escapes", "no size", "moved", "unknown"],
)
def test_a_damaged_manifest_is_refused_by_name(
    project: Path, damage: Callable[[Path], None]
) -> None:
    damage(project / FOLDER / "manifest.json")
    with pytest.raises(
        Infrastructure, match=r"^snapshots/lance/pq_l2/manifest.json .*git checkout"
    ):
        snapshots.load("lance", "pq_l2", project)


def test_a_missing_manifest_is_refused_by_name(project: Path) -> None:
    (project / FOLDER / "manifest.json").unlink()
    with pytest.raises(Infrastructure, match=r"manifest.json is missing: restore it with git"):
        snapshots.load("lance", "pq_l2", project)


def test_an_archive_outside_the_manifest_is_refused_by_name(project: Path) -> None:
    shutil.copy(project / ARCHIVE, project / FOLDER / "extra.npz")
    with pytest.raises(Infrastructure, match=r"pq_l2/extra.npz is not in its manifest"):
        snapshots.load("lance", "pq_l2", project)


def test_an_unknown_snapshot_suggests_near_names() -> None:
    with pytest.raises(Usage, match="did you mean lance/pq_l2"):
        snapshots.load("lance", "pq_l3")
    with pytest.raises(Usage, match="did you mean lance"):
        snapshots.drift("lanse")


# -- recording


def test_recording_twice_gives_the_same_bytes(
    project: Path, upstream: Callable[[Evidence], None]
) -> None:
    first = contents(project / FOLDER)
    snapshots.record("lance", "pq_l2", project)
    assert contents(project / FOLDER) == first


def test_recording_replaces_the_folder_and_loads_again(
    project: Path, upstream: Callable[[Evidence], None]
) -> None:
    snapshot = snapshots.load("lance", "pq_l2", project)
    assert sorted(snapshot.files) == [
        "4x2x256-flat.npz",
        "4x2x256-steep.npz",
        "4x2x256.npz",
    ]
    assert set(contents(project / FOLDER)) == {*snapshot.files, "manifest.json"}
    flat, steep = snapshot.cases()
    assert (flat.name, steep.name) == ("4x2x256/flat", "4x2x256/steep")
    assert flat.fixture["codebook"].dtype == np.float32
    assert flat.fixture["codes"].tolist() == [[0, 1], [2, 3], [4, 5]]
    assert flat.fixture["codes"].flags.c_contiguous


def test_a_recording_that_is_cut_short_leaves_no_half_file_and_no_half_snapshot(
    project: Path, upstream: Callable[[Evidence], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = evidence()
    changed["4x2x256-flat"]["output_out"] = np.zeros((1, 3), np.float32)
    upstream(changed)
    done = []

    def third_fails(fileno: int) -> None:
        done.append(fileno)
        if len(done) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", third_fails)
    with pytest.raises(KeyboardInterrupt):
        snapshots.record("lance", "pq_l2", project)
    assert not [path for path in (project / FOLDER).iterdir() if path.name.startswith(".")]
    with pytest.raises(Infrastructure, match=r"4x2x256-flat.npz does not have the sha256"):
        snapshots.load("lance", "pq_l2", project)


def test_nothing_records_an_unknown_target(upstream: Callable[[Evidence], None]) -> None:
    with pytest.raises(Usage, match="did you mean lance/pq_l2"):
        snapshots.record("lance", "pq_l1")
    with pytest.raises(Usage, match="there are: lance"):
        snapshots.record("opus", "pq_l2")


def test_an_upstream_that_is_not_installed_is_named(
    project: Path, upstream: Callable[[Evidence], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str) -> Any:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", absent)
    with pytest.raises(Infrastructure, match=r"numpy is not installed: .*'\.\[lance\]'"):
        snapshots.record("lance", "pq_l2", project)


def test_the_wheel_hash_ignores_what_the_installer_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    def file(path: str, digest: str | None) -> importlib.metadata.PackagePath:
        found = importlib.metadata.PackagePath(path)
        found.hash = importlib.metadata.FileHash(f"sha256={digest}") if digest else None
        found.size = 3
        return found

    wheel = [file("a/b.py", "x"), file("a/c.so", "y")]
    installer = [file("a-1.dist-info/INSTALLER", "z"), file("a/__pycache__/b.pyc", None)]

    def digest_of(files: list[importlib.metadata.PackagePath]) -> str:
        monkeypatch.setattr(importlib.metadata, "files", lambda _: files)
        return snapshots.wheel_sha256("a")

    assert digest_of([*wheel, *installer]) == digest_of(wheel[::-1])
    assert digest_of([file("a/b.py", "x"), file("a/c.so", "changed")]) != digest_of(wheel)


def test_a_library_inside_a_distribution_is_named_by_its_own_version_and_hash(
    project: Path, upstream: Callable[[Evidence], None]
) -> None:
    plain = snapshots.load("lance", "pq_l2", project).manifest
    assert plain.library_sha256 is None
    assert "library_sha256" not in json.loads((project / FOLDER / "manifest.json").read_text())
    vars(sys.modules["tiny_upstream"]).update(release=lambda: "3.2.1", library_sha256=lambda: "ab")
    manifest = snapshots.record("lance", "pq_l2", project)
    assert (manifest.version, manifest.library_sha256) == ("3.2.1", "ab")
    assert snapshots.load("lance", "pq_l2", project).manifest == manifest
    text = (project / FOLDER / "manifest.json").read_text().replace('"ab"', "7")
    (project / FOLDER / "manifest.json").write_text(text)
    with pytest.raises(Infrastructure, match="library_sha256 is no text"):
        snapshots.load("lance", "pq_l2", project)


# -- drift


def nudge(by: float) -> Callable[[Evidence], None]:
    def change(files: Evidence) -> None:
        out = files["4x2x256-flat"]["output_out"] + np.array([[by, 0, 0]])
        files["4x2x256-flat"]["output_out"] = out.astype(np.float32)

    return change


def other_code(files: Evidence) -> None:
    files["4x2x256-flat"]["fixture_codes"] = np.full((3, 2), 9, np.uint8)


def not_a_number(files: Evidence) -> None:
    files["4x2x256-flat"]["output_out"] = np.full((1, 3), np.nan, np.float32)


def other_shape(files: Evidence) -> None:
    files["4x2x256-flat"]["output_out"] = np.zeros((1, 4), np.float32)


def other_arrays(files: Evidence) -> None:
    files["4x2x256-flat"]["output_more"] = np.zeros(1, np.float32)


def no_file(files: Evidence) -> None:
    del files["4x2x256-flat"]


@pytest.mark.parametrize(
    ("change", "status", "why"),
    [
        (nudge(0.0), "identical", ""),
        (nudge(5e-5), "within tolerance", "output_out differs by up to 4.99e-05"),
        (nudge(5e-4), "drifted", "output_out[0, 0] is"),
        (other_code, "drifted", "fixture_codes[0, 0] is 9"),
        (not_a_number, "drifted", "output_out[0, 0] is nan"),
        (other_shape, "drifted", "output_out"),
        (other_arrays, "drifted", "became"),
        (no_file, "drifted", "no longer recorded"),
    ],
)
def test_drift_says_what_changed_in_which_file(
    project: Path,
    upstream: Callable[[Evidence], None],
    change: Callable[[Evidence], None],
    status: str,
    why: str,
) -> None:
    before = contents(project)
    files = evidence()
    change(files)
    upstream(files)
    (report,) = snapshots.drift("lance", project)
    found = {file.file: file for file in report.files}
    assert found["4x2x256-flat.npz"].status == status
    assert why in found["4x2x256-flat.npz"].why
    assert found["4x2x256.npz"].status == found["4x2x256-steep.npz"].status == "identical"
    assert report.drifted == (status == "drifted")
    assert contents(project) == before


def test_sound_may_drift_as_far_as_its_target_allows_and_all_else_not_at_all() -> None:
    oracle = {"kind": "parity", "pcm": "pcm", "atol": 1e-4, "min_snr_db": 90}
    sound = np.sin(np.arange(960, dtype=np.float32))[None]
    old = {"output_pcm": sound, "output_ranges": np.array([[7]], np.uint32)}

    def drift(**new: Any) -> tuple[str, float, str]:
        return drifting._compare(old, {**old, **new}, oracle)

    assert drift()[0] == "identical"
    status, error, why = drift(output_pcm=sound + np.float32(1e-6))
    assert status == "within tolerance"
    assert 0 < error < 2e-6
    assert why.startswith("output_pcm differs by up to")
    assert "off by" in drift(output_pcm=sound + np.float32(2e-4))[2]
    assert "90 dB are asked for" in drift(output_pcm=sound + np.float32(5e-5))[2]
    assert drift(output_ranges=np.array([[8]], np.uint32))[0] == "drifted"


def test_drift_reports_a_file_that_was_not_recorded_before(
    project: Path, upstream: Callable[[Evidence], None]
) -> None:
    upstream({**evidence(), "8x2x256": {"fixture_codebook": np.zeros(1, np.float16)}})
    (report,) = snapshots.drift(None, project)
    assert [f.why for f in report.files if f.status != "identical"] == ["not recorded before"]


def test_without_any_evidence_drift_says_so(tmp_path: Path) -> None:
    for upstream in (None, "lance"):
        with pytest.raises(Infrastructure, match="no evidence"):
            snapshots.drift(upstream, tmp_path)


# -- the command line


@pytest.mark.parametrize(
    ("by", "exit_code"), [(0.0, 0), (5e-5, 0), (5e-4, 1)], ids=["same", "near", "far"]
)
def test_drift_exits_1_only_beyond_tolerance(
    project: Path,
    upstream: Callable[[Evidence], None],
    monkeypatch: pytest.MonkeyPatch,
    by: float,
    exit_code: int,
) -> None:
    monkeypatch.setattr(targets, "find_root", lambda: project)
    files = evidence()
    nudge(by)(files)
    upstream(files)
    plain = CliRunner().invoke(app, ["drift"])
    assert plain.exit_code == exit_code
    assert "pq_l2/4x2x256-flat.npz" in plain.stdout
    parsed = CliRunner().invoke(app, ["drift", "lance", "--json"])
    assert parsed.exit_code == exit_code
    assert json.loads(parsed.stdout)["drifted"] == bool(exit_code)


def test_snapshot_record_says_what_it_wrote(
    project: Path, upstream: Callable[[Evidence], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(targets, "find_root", lambda: project)
    result = CliRunner().invoke(app, ["snapshot", "record", "lance", "pq_l2"])
    assert result.exit_code == 0
    assert "recorded snapshots/lance/pq_l2" in result.stdout


def test_the_command_module_imports_no_arrays() -> None:
    code = "import sys, workbench.cli.snapshots; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
