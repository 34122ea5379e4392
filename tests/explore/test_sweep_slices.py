"""One slice at a time says what the whole analysis says."""

from pathlib import Path

import numpy as np
import pytest
import synthetic

from workbench.analysis.axes import ENCODER
from workbench.errors import Usage
from workbench.explore.sweeps_slices import BARE, explored


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    losses = {("vbr", "aq=4"): [1] * 9, ("vbr", "bf=3"): [1, 1, 0, 0, 0, 0, 0, 0, 0]}
    path = tmp_path_factory.mktemp("sweep") / "cells.parquet"
    synthetic.sweep(losses).to_parquet(path)
    return explored(path)


def test_slices_are_a_partition_of_the_frame(sweep):
    rows = np.concatenate(list(sweep.slices.values()))
    assert sorted(rows) == list(range(len(sweep.frame)))
    for key, places in sweep.slices.items():
        named = sweep.frame.iloc[places][list(ENCODER.slice)].astype(str)
        assert (named == list(key)).all(axis=None)


def test_a_slice_has_each_row_s_own_figures_and_its_cell_s_verdict(sweep):
    here = sweep.slice(("clip2", "x265", "vbr"))
    np.testing.assert_array_equal(here["vmaf_score"], sweep.frame["vmaf_score"][here.index])
    np.testing.assert_array_equal(here["delta"], sweep.found.delta[here.index])
    said = here.groupby("knob_combo", observed=True)["verdict"].unique().map(list).to_dict()
    assert said == {
        "aq=1": ["clean"],
        "aq=4": ["structural"],
        "bare": [BARE],
        "bf=3": ["content-dependent"],
    }
    assert set(here.loc[here["knob_combo"] == "aq=4", "hit"]) == {9}


def test_what_loses_is_listed_the_worst_first(sweep):
    rows = sweep.losing(("clip0", "x265", "vbr"), ("structural", "content-dependent"))
    assert list(rows["knob_combo"].astype(str)) == ["aq=4"] * 5 + ["bf=3"] * 5
    assert sweep.losing(("clip0", "x265", "cqp"), ("structural",)).empty


def test_the_hull_is_the_slice_s(sweep):
    here = sweep.slice(("clip1", "x265", "cqp"))
    for row in here.itertuples():
        cheaper = here[here["bitrate_kbps"] < row.bitrate_kbps]
        assert row.on_hull == (not (cheaper["vmaf_score"] >= row.vmaf_score).any())


def test_no_sweep_is_one_line():
    with pytest.raises(Usage, match=r"has no cells\.jsonl"):
        explored(Path(__file__).parent)
