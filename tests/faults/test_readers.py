"""Every reader, given what a disk may give back: a true value, or one line that names the file.

``WORKBENCH_FAULT_EXAMPLES`` is the number of damaged files a reader gets.
"""

import dataclasses
import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench import calibration, ledger, record, scoreboard, snapshots, targets, transfer
from workbench.errorrates import verdicts
from workbench.errors import WorkbenchError
from workbench.record import IncumbentRef, TrialRecord
from workbench.snapshots.manifest import TEXTS
from workbench.stats import Calibration, ComboEstimate

EXAMPLES = int(os.environ.get("WORKBENCH_FAULT_EXAMPLES", "80"))
CHECKOUT = Path(__file__).resolve().parents[2]

ROW = ledger.Row(
    **{"commit": "c", "timestamp": "2026-01-01", "status": "keep", "reason": "faster"},
    **{"ratio": 0.5, "ci_low": 0.4, "ci_high": 0.6, "ratio_vs_upstream": 0.5},
    **{"worst_ratio": 0.7, "worst_combo": "a/b", "geomean_ns": 1e3, "peak_rss_mb": 150.0},
    **{"allocations": 0.0, "seconds": 1.5, "host_class": "h", "kernel_sha256": "k"},
    description="naïve",
)
RECORD = TrialRecord(
    **{"id": "20260101T000000000000Z-pq_l2-0123abcd", "timestamp": "2026-01-01"},
    **{"target": "pq_l2", "mode": "trial", "focus": "performance", "description": "naïve"},
    **{"status": "keep", "reason": "faster", "exit_code": 0, "sentence": "keep", "commit": "c"},
    **{"kernel_sha256": "k", "incumbent": IncumbentRef("upstream", None, "u")},
    **{"judge_sha256": "j", "judge_files": {"a": "b"}, "host_class": "h", "host": {"cores": 2}},
    **{"versions": {"numba": "1"}, "seed": 1, "seconds": 1.0, "ratio": 0.5, "d_min": (0.1, 0.2)},
    calibration=Calibration(),
    combos=(ComboEstimate("s", "d", 0.5, 0.4, 0.6, 1.0, 2.0, 2.0),),
)
VERDICT = verdicts.Found(
    **{"kernel": "pq_l2", "condition": "quiet", "variant": "identical", "kept": False},
    **{"reason": "inconclusive", "screened": False, "seconds": 8.0, "geomean_ns": 1e3},
    **{"sigma": 1e-3, "delta": 5e-3, "d_median": (0.1, 0.2), "d_min": (0.1, 0.2)},
    **{"confirm_median": (), "confirm_min": (), "shorter": {"0.5": [[0.1, 0.2]]}},
    **{"crossover_seconds": 1.0, "candidate_pooled": (1.0, 2.0), "incumbent_pooled": (1.0, 2.0)},
    **{"host_class": "h", "timestamp": "2026-01-01"},
)


def published(name):
    return lambda root: shutil.copy(CHECKOUT / name, root / name)


def write_ledger(root):
    for _ in range(2):
        ledger.append(root / "targets" / "pq_l2" / "results.tsv", ROW)


def write_record(root):
    (root / "reports/trials" / RECORD.id).mkdir()
    (root / "reports/trials" / RECORD.id / "trial.json").write_text(RECORD.to_json())


def write_verdicts(root):
    for _ in range(2):
        verdicts.append(root / ".workbench", VERDICT)


def write_calibration(root):
    target = targets.Target("pq_l2", root, root / "targets/pq_l2", {})
    calibration.save(target, "h", Calibration())


def write_manifest(root):
    folder = root / "snapshots/lance/pq_l2"
    np.savez(folder / "s.npz", fixture_a=np.arange(3))
    size = (folder / "s.npz").stat().st_size
    digest = hashlib.sha256((folder / "s.npz").read_bytes()).hexdigest()
    files = {"s.npz": snapshots.RecordedFile(digest, size)}
    texts = dict.fromkeys(TEXTS, "x") | {"upstream": "lance", "target": "pq_l2"}
    (folder / "manifest.json").write_text(snapshots.Manifest(**texts, files=files).to_json())


def write_target(root):
    for file in targets.FILES:
        shutil.copy(CHECKOUT / "targets/pq_l2" / file, root / "targets/pq_l2" / file)


def read_calibration(root):
    target = targets.Target("pq_l2", root, root / "targets/pq_l2", {})
    mine = calibration.load(target, "h")
    assert mine == Calibration() or 0 < mine.sigma < 1
    return calibration.read(target.folder / calibration.FILE)


def read_record(root):
    found = record.read(root / "reports/trials" / RECORD.id / "trial.json")
    json.dumps(dataclasses.asdict(found), allow_nan=False)
    return found


# The file, how a good one is written, and its reader.
READERS = {
    "ledger": (
        "targets/pq_l2/results.tsv",
        write_ledger,
        lambda root: ledger.read(root / "targets/pq_l2/results.tsv"),
    ),
    "record": (f"reports/trials/{RECORD.id}/trial.json", write_record, read_record),
    "campaign": (
        ".workbench/verdicts.jsonl",
        write_verdicts,
        lambda root: verdicts.read(root / ".workbench"),
    ),
    "calibration": ("targets/pq_l2/calibration.json", write_calibration, read_calibration),
    "manifest": (
        "snapshots/lance/pq_l2/manifest.json",
        write_manifest,
        lambda root: snapshots.load("lance", "pq_l2", root),
    ),
    "target": (
        "targets/pq_l2/target.toml",
        write_target,
        lambda root: targets.load("pq_l2", root),
    ),
    "call site": (
        "reports/callsites/pq_l2.json",
        published("reports/callsites/pq_l2.json"),
        lambda root: transfer.read(root, "pq_l2"),
    ),
    "scoreboard": (
        "reports/scoreboard/scoreboard.json",
        published("reports/scoreboard/scoreboard.json"),
        lambda root: [line.vs_upstream.ratio + 0 for line in scoreboard.read(root).values()],
    ),
}
BY_LINE = ("ledger", "campaign")
# Values that a parser passes and whoever uses them does not.
ODD = (None, [], {}, "", "x", "\0", "..", -1, 0, 1 << 70, 10**400, float("nan"), float("inf"))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("readers")
    for name in (
        *("targets/pq_l2", "reports/trials", "reports/callsites", "reports/scoreboard"),
        *("snapshots/lance/pq_l2", ".workbench"),
    ):
        (folder / name).mkdir(parents=True)
    (folder / "pyproject.toml").write_text("[tool.workbench]\n")
    for _, write, _ in READERS.values():
        write(folder)
    return folder


def places(value, way=()):
    """Every value inside a JSON document, as the keys that lead to it."""
    yield way
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in list(items)[:6]:
            yield from places(item, (*way, key))


def replaced(value, way, odd):
    if not way:
        return odd
    if isinstance(value, list):
        return [replaced(v, way[1:], odd) if i == way[0] else v for i, v in enumerate(value)]
    return {k: replaced(v, way[1:], odd) if k == way[0] else v for k, v in value.items()}


def damaged(data, good):
    """Draw a cut, flipped bits, garbage in the middle, or another value in its place."""
    how = data.draw(st.sampled_from(("cut", "flip", "garbage", "value", "nothing like it")))
    at = data.draw(st.integers(0, len(good) - 1))
    if how == "cut":
        return good[:at]
    if how == "flip":
        raw = bytearray(good)
        for bit in data.draw(st.lists(st.integers(0, 8 * len(good) - 1), min_size=1, max_size=4)):
            raw[bit // 8] ^= 1 << bit % 8
        return bytes(raw)
    if how == "garbage":
        return good[:at] + data.draw(st.binary(max_size=40)) + good[at + data.draw(at_most_40) :]
    if how == "value":
        try:
            document = json.loads(good.splitlines()[0] if good.count(b"\n") == 2 else good)
        except ValueError:
            document = {"schema": 1}
        way = data.draw(st.sampled_from(list(places(document))))
        odd = data.draw(st.sampled_from(ODD))
        return json.dumps(replaced(document, way, odd)).encode() + b"\n"
    return data.draw(st.binary(max_size=200))


at_most_40 = st.integers(0, 40)


def check(root, name, raw):
    """Give a reader a file: whatever it raises must be a line that names the file."""
    file, _, read = READERS[name]
    path = root / file
    good = path.read_bytes()
    try:
        path.write_bytes(raw)
        read(root)
        return
    except WorkbenchError as error:
        said = str(error)
    finally:
        path.write_bytes(good)
    # A manifest with another digest makes its archive the wrong one.
    assert (path.parent.name if name == "manifest" else f"{path.parent.name}/{path.name}") in said
    assert " line " in said or name not in BY_LINE


@pytest.mark.parametrize("name", READERS)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_damage_is_refused_by_name_or_read_as_what_it_says(root, name, data):
    check(root, name, damaged(data, (root / READERS[name][0]).read_bytes()))


HOSTILE = {
    "nothing": b"",
    "a hundred thousand brackets": b"[" * 100_000,
    "objects without end": b'{"a":' * 100_000,
    "infinity as a count": b'{"h": {"sigma": 0.1, "sigma_combo": 0.1, "delta": 0.1, '
    b'"processes": Infinity, "geomean_ns": 1}}',
    "an enormous number": b'{"schema_version": 1, "targets": ' + b"9" * 5_000 + b"}",
    "another version": b'{"schema": 99, "schema_version": 99, "targets": []}\n',
    "UTF-16": "{}".encode("utf-16"),
    "only newlines": b"\n\n\n",
    "a hexadecimal number of 5,000 digits": b"title = 0x" + b"f" * 5_000,
}


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("name", READERS)
def test_hostile_files_are_refused_by_name(root, name, raw):
    check(root, name, raw)


@pytest.mark.parametrize("name", READERS)
def test_a_folder_in_a_file_s_place_is_refused_by_name(root, name):
    file, _, read = READERS[name]
    path = root / file
    good = path.read_bytes()
    path.unlink()
    path.mkdir()
    try:
        with pytest.raises(WorkbenchError, match=path.name):
            read(root)
    finally:
        path.rmdir()
        path.write_bytes(good)


@pytest.mark.parametrize("name", READERS)
def test_what_is_whole_is_read(root, name):
    assert READERS[name][2](root)


@pytest.mark.parametrize(
    "odd", ["..", "", ".", "a/b.npz", "\0.npz", "x" * 300 + ".npz", "\ud800.npz"]
)
def test_a_manifest_that_names_no_file_is_refused_by_name(root, odd):
    path = root / READERS["manifest"][0]
    document = json.loads(path.read_text())
    (entry,) = document["files"].values()
    raw = json.dumps({**document, "files": {odd: entry}}).encode()
    good = path.read_bytes()
    path.write_bytes(raw)
    try:
        with pytest.raises(WorkbenchError, match=r"manifest\.json"):
            snapshots.load("lance", "pq_l2", root)
    finally:
        path.write_bytes(good)
