"""The explorer without a browser: choose, list, point, and the real closeup in its process."""

import dataclasses
import html
import json
import re
import time
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
import synthetic
from listening import asked, rest, until

from workbench.encoders import results, sources
from workbench.encoders.clips import Shape
from workbench.encoders.closeup import Asked
from workbench.encoders.codecs import codec
from workbench.encoders.grid import Cell
from workbench.encoders.measure import Task, address, measure
from workbench.errors import Usage
from workbench.explore import sweeps, sweeps_chart, sweeps_frames, sweeps_texts
from workbench.explore.sweeps_closeup import Shown
from workbench.explore.sweeps_slices import explored
from workbench.upstreams import ffmpeg

RECIPES = ("bare", "bframes=0", "aq-mode=3")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A real sweep of six cells of one small clip."""
    folder = tmp_path_factory.mktemp("sweep")
    shape = Shape(frames=12, width=96, height=64)
    chosen = sources.default(folder / "sources", ["motion"])
    clips = sources.clips(chosen, folder / "clips", shape)
    rows = []
    for recipe in RECIPES:
        for quality in (77.0, 93.0):
            cell = Cell("motion", "libx264", "vbr", "medium", quality, recipe)
            build = ffmpeg.build()
            rows.append(
                measure(Task(cell, clips["motion"], address(cell, clips["motion"], build), build))
            )
    (folder / results.CELLS).write_text("".join(json.dumps(row) + "\n" for row in rows))
    plan = {
        "cells": len(rows),
        "ids": [row["cell_id"] for row in rows],
        "sources": {name: dataclasses.asdict(clip) for name, clip in clips.items()},
        "shape": dataclasses.asdict(shape),
    }
    results.write_plan(folder, plan)
    return folder


@pytest.fixture
def explorer(folder, tmp_path):
    found = sweeps.Explorer(explored(folder), tmp_path / "cache")
    yield found
    found.closeup.clear("")


def keys(page):
    return re.findall(r'data-key="(\d+)"', page)


def key_of(explorer, recipe):
    here = explorer._here
    return str(here.index[here["knob_combo"].astype(str) == recipe][0])


def test_every_point_says_its_recipe_and_its_command_line(explorer):
    drawn = ElementTree.fromstring(explorer.chart.html)
    tips = [part.get("data-tip") for part in drawn.iter() if part.get("data-tip")]
    assert len(tips) == 6
    assert sum("bframes=0" in tip.splitlines()[0] for tip in tips) == 2
    for tip in tips:
        assert "kbps, VMAF" in tip
        assert re.search(r"^ffmpeg .*file:motion\.y4m .*-c:v libx264 ", tip, re.MULTILINE)
    assert "n = 6 encodes" in explorer.caption.value


def test_choosing_a_point_compares_its_frames_with_the_default_s(explorer):
    key = key_of(explorer, "bframes=0")
    explorer.chart.chosen = key
    assert explorer.table.chosen == key
    assert "<b>bframes=0</b>" in explorer.detail.value
    assert not explorer.closeup.cancel.disabled
    explorer.closeup.wait()
    assert explorer.closeup.cancel.disabled
    page = explorer.closeup.frames.value
    assert page.count("data:image/png;base64,") == 3
    assert "n = 12 frames" in page
    assert "with the sweep&#x27;s own scores" in page  # the same machine encodes the same bits


def test_what_was_seen_once_is_there_at_once(explorer):
    key = key_of(explorer, "aq-mode=3")
    explorer.chart.chosen = key
    explorer.closeup.wait()
    explorer.chart.chosen = key_of(explorer, "bare")
    assert "the default itself" in explorer.closeup.doing.value
    assert explorer.closeup.frames.value == ""
    explorer.table.chosen = key
    assert explorer.closeup.frames.value.count("<img") == 3


def test_what_was_cancelled_can_be_chosen_again(explorer):
    key = key_of(explorer, "bframes=0")
    explorer.chart.chosen = key
    explorer.closeup.cancel.click()
    assert "Cancelled" in explorer.closeup.doing.value
    explorer.chart.chosen = key
    explorer.closeup.wait()
    assert explorer.closeup.frames.value.count("<img") == 3


def looking(folder, cache, recipe):
    """The closeup's process, asked for a recipe; its events, and the clip that it encodes."""
    clip = results.read_plan(folder)["sources"]["motion"]
    cells = (Cell("motion", "libx264", "vbr", "medium", 93.0, name) for name in (recipe, "bare"))
    request = Asked(*cells, clip["sha256"], str(folder), str(cache))
    return *asked("workbench.explore.looking", **dataclasses.asdict(request)), clip["path"]


def test_closing_the_pipe_in_the_midst_of_an_encode_ends_it(folder, tmp_path):
    child, events, clip = looking(folder, tmp_path, "bframes=0")
    assert until(events, "phase")["event"] == "phase"
    while child.alive and not running(clip):
        time.sleep(0.001)
    child.end()
    told = [event["event"] for event in rest(events)]
    assert told[-2:] == ["cancelled", "ended"]
    assert "closeup" not in told
    assert running(clip) == []


def test_what_goes_wrong_in_the_process_is_one_line(folder, tmp_path):
    _, events, _ = looking(folder, tmp_path, "no=1")
    error, ended = rest(events)
    assert (error["event"], ended["text"]) == ("error", "")
    assert "no recipe 'no=1'" in error["text"]
    assert "\n" not in error["text"]


def test_an_error_of_the_process_is_said_where_its_progress_was(explorer, tmp_path):
    rows = (explorer._here.loc[int(key_of(explorer, name))] for name in ("bframes=0", "bare"))
    shown = Shown(tmp_path / "gone", tmp_path, lambda: None)
    shown.show(*(row.replace({"motion": "mine"}) for row in rows))
    assert not shown.cancel.disabled
    shown.wait()
    assert "the clip mine is not where the sweep had it" in shown.doing.value
    assert shown.cancel.disabled
    assert shown.frames.value == ""


def test_a_process_that_was_killed_is_said_to_be(explorer):
    explorer.chart.chosen = key_of(explorer, "bframes=0")
    explorer.closeup._child._process.kill()
    explorer.closeup.wait()
    assert explorer.closeup.doing.value == "its process was killed"
    assert explorer.closeup.cancel.disabled
    assert explorer.closeup.frames.value == ""


def running(clip):
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = place.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if "ffmpeg" in words[0] and f"file:{clip}" in words:
            found.append(place)
    return found


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Nine clips whose losses are known; no encoder has these recipes."""
    path = tmp_path_factory.mktemp("made") / "cells.parquet"
    synthetic.sweep({("vbr", "aq=4"): [1] * 9, ("vbr", "bf=3"): [1] + [0] * 8}).to_parquet(path)
    return explored(path)


def test_lists_follow_the_slice_and_the_kind(made, tmp_path):
    explorer = sweeps.Explorer(made, tmp_path)
    explorer.choosers["rc_mode"].value = "vbr"
    assert len(keys(explorer.table.html)) == 10
    assert "9 of 9, structural" in explorer.table.html
    explorer.listed.value = "content-dependent"
    assert len(keys(explorer.table.html)) == 5
    assert "1 of 9, content-dependent" in explorer.table.html
    explorer.choosers["rc_mode"].value = "cqp"
    assert explorer.table.html == "<i>Nothing loses here.</i>"


def test_a_recipe_that_no_encoder_has_says_so_and_runs_nothing(made, tmp_path):
    explorer = sweeps.Explorer(made, tmp_path)
    explorer.chart.chosen = key_of(explorer, "aq=4")
    assert "no codec" in explorer.closeup.doing.value
    assert explorer.closeup._child is None


def test_names_from_a_file_are_text_and_never_markup(tmp_path):
    frame = synthetic.sweep({("vbr", "aq=4"): [1] * 9}).astype({"source": str, "knob_combo": str})
    evil = "<img src=x onerror=alert(1)>"
    frame["source"] = frame["source"].str.replace("clip0", evil)
    frame["knob_combo"] = frame["knob_combo"].str.replace("aq=4", evil)
    frame.to_parquet(tmp_path / "cells.parquet")
    explorer = sweeps.Explorer(explored(tmp_path), tmp_path)
    explorer.choosers["source"].value = evil
    explorer.choosers["rc_mode"].value = "vbr"
    explorer.chart.chosen = keys(explorer.table.html)[0]
    shown = explorer.chart.html + explorer.table.html + explorer.detail.value
    assert html.escape(evil) in shown
    assert "<img" not in shown


def test_a_slice_that_the_sweep_has_not_says_so(made, tmp_path):
    frame = made.frame[~((made.frame["source"] == "clip0") & (made.frame["rc_mode"] == "vbr"))]
    frame.to_parquet(tmp_path / "cells.parquet")
    explorer = sweeps.Explorer(explored(tmp_path), tmp_path)
    explorer.choosers["source"].value = "clip0"
    explorer.choosers["rc_mode"].value = "vbr"
    assert "has no x265 vbr of clip0" in explorer.caption.value
    assert explorer.chart.html == ""


def test_of_many_points_the_hull_and_the_regressions_are_drawn():
    rng = np.random.default_rng(0)
    count = 10_000
    here = pd.DataFrame(
        {
            "bitrate_kbps": rng.uniform(50, 500, count),
            "vmaf_score": rng.uniform(50, 99, count),
            "on_hull": np.arange(count) < 20,
            "is_regression": np.arange(count) % 100 == 50,
            "is_bare_default": False,
        }
    )
    drawn = sweeps_chart.thinned(here)
    assert len(drawn) == sweeps_chart.MOST_POINTS
    assert drawn.index.is_unique
    assert drawn["on_hull"].sum() == 20
    assert drawn["is_regression"].sum() == 100


def test_a_row_that_abstains_says_so():
    row = pd.Series(
        {"verdict": "clean", "delta": np.nan, "hit": 0, "sources": 9, "matched": 4, "is_stable": 0}
    )
    assert sweeps_texts.verdict(row) == (
        "no default within 5 % of its bitrate here: it abstains; "
        "loses on 0 of 9 sources (4 could be matched)"
    )


def test_the_default_has_a_command_line_for_every_encoder_s_row(made):
    row = made.frame.iloc[0].copy()
    row["codec"], row["rc_mode"], row["knob_combo"] = "libx265", "vbr", "bare"
    row["preset"], row["quality"] = codec("libx265").preset, 100.0
    (line,) = sweeps_texts.commands(row)
    assert line.startswith("ffmpeg ")
    assert "libx265" in line


def test_a_missing_sweep_is_one_line(tmp_path):
    with pytest.raises(Usage, match="name a sweep's folder or a file"):
        sweeps.show(tmp_path)


def test_a_closeup_of_equal_curves_is_drawn():
    from workbench.encoders.closeup import Closeup

    seen = Closeup((90.0,) * 5, (90.0,) * 5, 0, "", "", "")
    ElementTree.fromstring(sweeps_frames.by_frame(seen))
    assert "below the default in 0 of them" in sweeps_frames.caption(seen, 90.0, 90.0)


def test_a_sweep_of_defaults_alone_is_hulls_and_no_losses(made, tmp_path):
    made.frame[made.frame["is_bare_default"]].to_parquet(tmp_path / "cells.parquet")
    explorer = sweeps.Explorer(explored(tmp_path), tmp_path)
    assert len(keys(explorer.chart.html)) == 5
    assert explorer.table.html == "<i>Nothing loses here.</i>"


def test_a_sweep_without_defaults_abstains_everywhere(made, tmp_path):
    made.frame[~made.frame["is_bare_default"]].to_parquet(tmp_path / "cells.parquet")
    explorer = sweeps.Explorer(explored(tmp_path), tmp_path)
    assert len(keys(explorer.chart.html)) == 15
    explorer.chart.chosen = keys(explorer.chart.html)[0]
    assert "abstains" in explorer.detail.value
    assert "the slice has none" in explorer.closeup.doing.value
