"""Recommendations from a sweep that was really measured, verified on a clip."""

import dataclasses
import json
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from workbench import cli
from workbench.analysis.axes import ENCODER
from workbench.analysis.recommend import candidates
from workbench.analysis.regressions import regressions
from workbench.analysis.structural import STRUCTURAL, classify
from workbench.analysis.sweep import load as sweep_of
from workbench.encoders import advice, advising, plans, results, sources, sweep
from workbench.encoders.clips import Shape
from workbench.encoders.codec import BARE
from workbench.encoders.codecs import CODECS, SOFTWARE_NAMES
from workbench.encoders.encode import packet_bytes
from workbench.encoders.grid import Cell
from workbench.errors import Usage
from workbench.upstreams import ffmpeg

TINY = Shape(frames=12, width=96, height=64)


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A folder with a real sweep of two clips: the default and no B-frames, by x264."""
    folder = tmp_path_factory.mktemp("sweep")
    clips = sources.clips(sources.default(folder, ["pan", "screen"]), folder / "clips", TINY)
    cells = [
        Cell(name, "libx264", "cqp", "medium", quality, recipe)
        for name in clips
        for recipe in (BARE, "bframes=0")
        for quality in (26.0, 30.0, 34.0)
    ]
    sweep.run(sweep.Plan(cells, clips, TINY, "test"), folder, workers=1)
    return folder


@pytest.fixture
def made(tmp_path):
    """A frame of nine sources on which one recipe is best and loses on eight of them."""
    rng = np.random.default_rng(3)
    rows = []
    for source in range(9):
        for recipe in (BARE, "bframes=8", "psy=0"):
            for quality in range(20, 32):
                kbps = 1000 * 0.9 ** (quality - 20) * (0.97 if recipe != BARE else 1)
                vmaf = 95 - (quality - 20) - (0.5 if recipe == "psy=0" and source else 0)
                vmaf += 0.01 * rng.random() + (0.4 if recipe == "bframes=8" else 0)
                vmaf += 60 if recipe == "psy=0" and source == 0 else 0
                rows.append((f"s{source}", recipe, quality, kbps, vmaf))
    frame = pd.DataFrame(
        rows, columns=["source", "knob_combo", "quality", "bitrate_kbps", "vmaf_score"]
    ).assign(codec="libx264", rc_mode="cqp", preset="medium", encode_time_ms=10.0)
    frame["is_bare_default"] = frame["knob_combo"] == BARE
    path = tmp_path / "cells.parquet"
    frame.to_parquet(path)
    return path


def test_the_cheapest_that_reaches_the_target_is_picked_and_verified(measured, capsys):
    asked = advising.Asked("libx264", "cqp", target_vmaf=40.0)
    found = advising.from_sweep(asked, measured)
    frame, _ = advising.cells(asked, measured)
    means = frame.groupby(["knob_combo", "quality"], observed=True)["vmaf_score"].mean()
    assert means[found.cell.knob_combo, found.cell.quality] >= 40.0
    assert found.commands == advice.command_lines(found.cell)

    clip = next((measured / "sources").glob("pan.y4m"), None) or next(measured.glob("pan.y4m"))
    arguments = ["--sweep", str(measured), "--codec", "libx264", "--rc-mode", "cqp"]
    command = ["recommend", *arguments, "--target-vmaf", "40", "--clip", str(clip), "--json"]
    code = cli.run(command)
    said = json.loads(capsys.readouterr().out)
    assert said["verified"]["vmaf_score"] > 0
    assert code == (0 if said["holds"] else 1)


@pytest.mark.parametrize("name", ["whole film.mp4", "bare_160x96_12.5.yuv"])
def test_the_command_lines_reproduce_the_verified_encode(name, tmp_path, make):
    """From the clip as it came, larger and longer than what is encoded of it."""
    picture = ("-f", "lavfi", "-i", "testsrc2=size=160x96:rate=25/2", "-frames:v", "20")
    raw = ("-f", "rawvideo", "-pix_fmt", "yuv420p") if name.endswith(".yuv") else ()
    path = make(name, *picture, *raw)
    cell = Cell("input", "libx264", "vbr", "ultrafast", 60.0, "passes=2")
    own = advice.own(path, tmp_path / "cut", TINY)
    row = own.encode(cell)
    for line in own.command_lines(cell):
        words = shlex.split(line)
        assert words[0] == "ffmpeg"
        done = subprocess.run(
            [ffmpeg.executable(), *words[1:]], cwd=tmp_path, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
    clip = dataclasses.replace(own.clip, path=str(tmp_path / advice.CUT))
    assert (tmp_path / advice.CUT).read_bytes() == Path(own.clip.path).read_bytes()
    kbps = 8e-3 * packet_bytes(tmp_path / "output.mkv", clip) / clip.seconds
    assert kbps == row["bitrate_kbps"]


def test_a_structural_recipe_is_passed_over_and_said_so(made):
    asked = advising.Asked("libx264", "cqp", target_vmaf=90.0)
    found = advising.from_sweep(asked, made)
    assert found.cell.knob_combo == "bframes=8"
    assert set(found.passed_over["knob_combo"]) == {"psy=0"}
    assert "structural" in found.as_text()
    allowed = advising.from_sweep(
        advising.Asked("libx264", "cqp", target_vmaf=90.0, allow_structural=True), made
    )
    assert allowed.cell.knob_combo == "psy=0"


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        (advising.Asked("libx264", "cqp"), "name one target"),
        (advising.Asked("libx264", "cqp", 199.9), "nothing meets the target; the nearest has"),
        (advising.Asked("libx265", "cqp", 90), "no codec 'libx265'; did you mean libx264"),
        (advising.Asked("libx264", "cbr", 90), "no rc_mode 'cbr'"),
        (advising.Asked("libx264", "cqp", 90, preset="slow"), "no preset 'slow'"),
        (
            advising.Asked("libx264", "cqp", 90, max_encode_ms=1),
            r"too slow \(bare, bframes=8, psy=0",
        ),
    ],
)
def test_what_cannot_be_answered_is_a_usage_error(made, asked, word):
    with pytest.raises(Usage, match=word):
        advising.from_sweep(asked, made)


def test_a_ladder_rises_and_leaves_structural_recipes_out(made):
    found = advising.ladder_of(advising.Asked("libx264", "cqp"), made)
    assert found.rungs["bitrate_kbps"].is_monotonic_increasing
    assert found.rungs["vmaf_score"].is_monotonic_increasing
    assert "psy=0" not in set(found.rungs["knob_combo"])
    assert len(found.commands) == len(found.rungs) == len(set(found.rungs["quality"]))


def test_what_a_way_of_answering_leaves_out_of_account_is_refused(made, tmp_path):
    asked = advising.Asked("libx264", "cqp", 90.0, max_encode_ms=5.0)
    with pytest.raises(Usage, match="--ladder takes no --target-vmaf, --max-encode-ms"):
        advising.ladder_of(asked, made)
    with pytest.raises(Usage, match="--search takes no --max-encode-ms"):
        advising.by_search(asked, tmp_path / "clip.mp4", made)
    assert cli.run(["recommend", "--codec", "libx264", "--search", "--ladder"]) == 64


def test_a_search_says_which_recipes_it_does_not_try(made):
    recipes, said = advising.not_tried(advising.Asked("libx264", "cqp", 90.0, preset="slow"), made)
    assert recipes == ["psy=0"]
    assert "not tried, structural" in said
    with pytest.raises(Usage, match="no codec 'libx265'"):
        advising.not_tried(advising.Asked("libx265", "cqp"), made)
    with pytest.raises(Usage, match="no sweep at"):
        advising.not_tried(advising.Asked("libx264", "cqp"), made.with_name("none.parquet"))


@pytest.mark.parametrize(
    ("column", "value", "word"),
    [
        ("knob_combo", "vstats_file=/tmp/x", "no recipe"),
        ("preset", "../x", "no preset"),
        ("quality", float("nan"), "neither a quantiser nor kbps"),
    ],
)
def test_a_row_that_no_grid_has_becomes_no_command(made, column, value, word):
    """Knobs are options of ffmpeg: of a stranger's file they could write anywhere."""
    frame = pd.read_parquet(made)
    row = frame.iloc[0].copy()
    row[column] = value
    with pytest.raises(Usage, match=word):
        advice.cell_of(row)


def test_json_has_plain_numbers_and_null():
    row = {"quality": np.int64(3), "kbps": np.float64("nan"), "name": "x"}
    assert advising.plain(row) == {"quality": 3, "kbps": None, "name": "x"}


def test_a_search_encodes_the_users_clip(measured, monkeypatch):
    clip = next((measured / "clips").glob("*.y4m"))
    monkeypatch.setattr(advising, "Shape", lambda: TINY)
    monkeypatch.setattr(advising.search, "ENCODES", 4)
    asked = advising.Asked("libx264", "cqp", target_vmaf=60.0, preset="ultrafast")
    found = advising.by_search(asked, clip, measured)
    assert found.expected["vmaf_score"] >= 60.0
    with pytest.raises(Usage, match="--search needs a --clip"):
        advising.by_search(asked, None, measured)


@pytest.mark.parametrize("codec", SOFTWARE_NAMES)
def test_no_default_of_this_project_is_structural(codec):
    """What `recommend` says of the published sweep, at every fifth of what a mode reaches."""
    for rc_mode in CODECS[codec].modes:
        frame, cut = advising.cells(advising.Asked(codec, rc_mode), advising.published())
        verdicts = classify(frame, ENCODER, regressions(frame, ENCODER), cut)
        structural = verdicts[verdicts["verdict"] == STRUCTURAL]
        forbidden = set(zip(structural["knob_combo"], structural["quality"], strict=True))
        for vmaf in np.quantile(
            candidates(frame, ENCODER, cut)["vmaf_score"], [0.1, 0.3, 0.5, 0.7]
        ):
            found = advising.from_sweep(
                advising.Asked(codec, rc_mode, float(vmaf)), advising.published()
            )
            assert (found.cell.knob_combo, found.cell.quality) not in forbidden
            assert found.expected["vmaf_score"] >= vmaf


def test_every_recipe_changed_the_published_sweep_somewhere():
    """A knob that an encoder ignores is no recipe."""
    frame = sweep_of(advising.published()).frame
    key = ["source", "codec", "rc_mode", "quality"]
    bare = frame[frame["is_bare_default"]].set_index(key)["bitrate_kbps"]
    tried = frame[~frame["is_bare_default"]].join(bare.rename("bare"), on=key)
    tried["moved"] = tried["bitrate_kbps"] != tried["bare"]
    each = tried.groupby(["codec", "rc_mode", "knob_combo"], observed=True)["moved"].any()
    assert each[~each].index.tolist() == []


def test_an_unknown_grid_is_a_usage_error_with_the_nearest(tmp_path):
    with pytest.raises(Usage, match="did you mean full"):
        plans.plan("ful", None, tmp_path)


def test_status_of_a_sweep_is_json(measured, capsys):
    assert cli.run(["sweep", "status", str(measured), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["cells"], said["measured"], said["left"]) == (12, 12, 0)
    assert (measured / results.PLAN).exists()
