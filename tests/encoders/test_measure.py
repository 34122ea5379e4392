"""A cell from end to end: what its name depends on, its row, and its failure."""

import dataclasses
import json
import math
import shutil
from pathlib import Path

import pytest

from workbench.encoders import measure as measuring
from workbench.encoders import score as scoring
from workbench.encoders.codecs import CODECS
from workbench.encoders.grid import Cell
from workbench.encoders.measure import Failure, Task, address, measure
from workbench.errors import WorkbenchError
from workbench.upstreams import ffmpeg

CELL = Cell("bikes", "libx264", "vbr", "medium", 100.0, "aq-mode=0")


def task(cell, clip, **changes):
    build = ffmpeg.build()
    return dataclasses.replace(Task(cell, clip, address(cell, clip, build), build), **changes)


@pytest.mark.parametrize(
    "change",
    [
        {"codec": "libx265", "preset": "fast"},
        {"rc_mode": "cbr"},
        {"preset": "slow"},
        {"quality": 101.0},
        {"knob_combo": "aq-mode=3"},
        {"knob_combo": "bare"},
        {"duplicate": 1},
    ],
)
def test_what_a_result_depends_on_changes_its_address(change, clip):
    assert address(dataclasses.replace(CELL, **change), clip, "b") != address(CELL, clip, "b")


def test_clip_build_and_models_change_it_too(clip, monkeypatch):
    was = address(CELL, clip, "b")
    assert address(CELL, dataclasses.replace(clip, sha256="other"), "b") != was
    assert address(CELL, clip, "c") != was
    monkeypatch.setattr(scoring, "MODEL", "vmaf_v0.6.2")
    assert address(CELL, clip, "b") != was
    monkeypatch.undo()
    monkeypatch.setattr(scoring, "MODEL_NEG", "other")
    assert address(CELL, clip, "b") != was


def test_a_table_that_spells_a_mode_otherwise_is_another_result(clip, monkeypatch):
    was = address(CELL, clip, "b")
    codec = CODECS["libx264"]
    monkeypatch.setitem(CODECS, "libx264", dataclasses.replace(codec, fixed=("-threads", "2")))
    assert address(CELL, clip, "b") != was


def test_names_and_places_do_not(clip):
    elsewhere = dataclasses.replace(clip, name="other", path="/elsewhere/clip.y4m")
    renamed = dataclasses.replace(CELL, source="other")
    assert address(renamed, elsewhere, "b") == address(CELL, clip, "b")


def test_a_row_has_the_agreed_fields_and_is_json(clip):
    row = measure(task(CELL, clip))
    assert not isinstance(row, Failure), row
    agreed = {"source", "codec", "rc_mode", "preset", "quality", "knob_combo", "is_bare_default"}
    agreed |= {"bitrate_kbps", "vmaf_score", "encode_time_ms"}
    assert agreed <= set(row)
    assert row["vmaf_model"] == "vmaf_v0.6.1"
    assert row["schema_version"] == 3
    assert row["is_bare_default"] is False
    assert row["frames"] == clip.frames
    assert all(math.isfinite(value) for value in row.values() if isinstance(value, float))
    assert json.loads(json.dumps(row, allow_nan=False)) == row


def test_the_same_cell_twice_has_the_same_bits_and_scores(clip):
    first, second = (measure(task(CELL, clip)) for _ in range(2))
    for column in ("cell_id", "bitrate_kbps", "vmaf_score", "vmaf_neg", "psnr_y_db", "xpsnr_y_db"):
        assert first[column] == second[column]


def test_nothing_is_left_behind(clip, tmp_path, monkeypatch):
    monkeypatch.setattr(measuring.tempfile, "tempdir", str(tmp_path))
    measure(task(CELL, clip))
    measure(task(dataclasses.replace(CELL, preset="nosuch"), clip))
    assert list(tmp_path.iterdir()) == []


def test_a_failure_has_ffmpegs_words(clip):
    asked = task(dataclasses.replace(CELL, preset="nosuch"), clip)
    found = measure(asked)
    assert isinstance(found, Failure)
    assert (found.cell_id, found.cell) == (asked.cell_id, asked.cell)
    assert found.error.startswith("x264 [error]: invalid preset 'nosuch'")


def test_too_slow_is_a_failure(clip):
    slow = dataclasses.replace(CELL, preset="slower")
    found = measure(task(slow, clip, timeout_s=0.02))
    assert isinstance(found, Failure)
    assert found.error.startswith("stopped after 0.02 s")


def test_another_build_is_not_measured_with(clip):
    with pytest.raises(WorkbenchError, match="this worker's ffmpeg is build"):
        measure(task(CELL, clip, build="another"))


def test_another_clip_is_not_measured(clip, tmp_path):
    copy = tmp_path / "copy.y4m"
    shutil.copy(clip.path, copy)
    moved = dataclasses.replace(clip, path=str(copy))
    assert not isinstance(measure(task(CELL, moved)), Failure)
    copy.write_bytes(Path(clip.path).read_bytes()[:-1] + b"x")
    with pytest.raises(WorkbenchError, match="is not the one the sweep began with"):
        measure(task(CELL, moved))
    copy.unlink()
    with pytest.raises(WorkbenchError, match="does not see the clip"):
        measure(task(CELL, moved))
