"""Two encodes of one clip, frame by frame, with the real ffmpeg."""

import base64
import dataclasses
import io
import json

import numpy as np
import pytest
from PIL import Image

from workbench.encoders import closeup
from workbench.encoders.closeup import Asked
from workbench.encoders.encode import encode
from workbench.encoders.grid import Cell
from workbench.encoders.score import score
from workbench.errors import Infrastructure, Usage


def asked(clip, folder, recipe="bframes=0", **changed):
    """A recipe against the default on a clip that a sweep's folder knows."""
    plan = {"cells": 1, "ids": ["x"], "sources": {clip.name: dataclasses.asdict(clip)}}
    (folder / "sweep.json").write_text(json.dumps({**plan, "shape": {"frames": 24}}))
    cells = (Cell(clip.name, "libx264", "vbr", "medium", 77.0, name) for name in (recipe, "bare"))
    return dataclasses.replace(
        Asked(*cells, clip.sha256, str(folder), str(folder / "cache")), **changed
    )


def test_frames_are_those_that_the_scores_are_the_mean_of(clip, tmp_path):
    told = []
    this = asked(clip, tmp_path)
    seen = closeup.look(this, lambda *step: told.append(step))
    means = []
    for name, cell in (("a", this.recipe), ("b", this.bare)):
        folder = tmp_path / name
        folder.mkdir()
        means.append(score(encode(cell, clip, folder).path, clip, folder, "yuv420p").vmaf_score)
    assert np.mean(seen.recipe_vmaf) == pytest.approx(means[0])
    assert np.mean(seen.bare_vmaf) == pytest.approx(means[1])
    gaps = np.abs(np.subtract(seen.recipe_vmaf, seen.bare_vmaf))
    assert gaps[seen.frame] == gaps.max() > 0
    assert [done for _, done, _ in told] == [0, 1, 2, 3, 4, 5]


def test_the_original_frame_is_the_clip_s_own(clip, tmp_path, decoded):
    from pathlib import Path

    seen = closeup.look(asked(clip, tmp_path), lambda *step: None)
    picture = Image.open(io.BytesIO(base64.b64decode(seen.original_png)))
    assert picture.size == (clip.width, clip.height)
    luma = decoded(Path(clip.path), clip.width, clip.height)[seen.frame]
    # from limited to full range, and through colour: near, and nearer than any other frame
    full = (luma.astype(float) - 16) * 255 / 219
    assert np.abs(np.asarray(picture.convert("L"), float) - full).mean() < 3


def test_a_recipe_that_no_grid_has_is_refused_before_anything_runs(clip, tmp_path):
    with pytest.raises(Usage, match="no recipe 'vf=evil'"):
        closeup.look(asked(clip, tmp_path, "vf=evil"), lambda *step: None)


def test_one_of_the_nine_is_cut_again_and_has_to_be_the_same(tmp_path):
    cells = [Cell("motion", "libx264", "vbr", "medium", 77.0, name) for name in ("psy=0", "bare")]
    this = Asked(*cells, "0" * 64, str(tmp_path / "cells.parquet"), str(tmp_path / "cache"))
    with pytest.raises(Infrastructure, match="not the clip of the sweep"):
        closeup.clip_of(this)


def test_a_clip_that_is_gone_is_named(clip, tmp_path):
    gone = dataclasses.replace(clip, name="mine", path=str(tmp_path / "gone.y4m"))
    with pytest.raises(Usage, match="the clip mine is not where the sweep had it"):
        closeup.clip_of(asked(gone, tmp_path))
