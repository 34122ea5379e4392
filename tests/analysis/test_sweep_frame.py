import pandas as pd
import pytest
from synthetic import sweep

from workbench.analysis.axes import ENCODER
from workbench.analysis.sweep import load, of
from workbench.errors import Usage

TABLE = sweep({("vbr", "aq=4"): [1.0] * 9})


def test_second_measurements_are_taken_apart_and_set_the_least_effect(tmp_path):
    again = TABLE.iloc[::7].assign(duplicate=1)
    again["vmaf_score"] += 0.25
    pd.concat([TABLE.assign(duplicate=0), again]).to_parquet(tmp_path / "cells.parquet")
    found = load(tmp_path)
    assert len(found.frame) == len(TABLE)
    assert len(found.every) == len(TABLE) + len(again)
    assert found.cut.least_effect == pytest.approx(0.25)
    assert found.noises["pairs"].sum() == len(again)


def test_without_any_every_loss_beyond_the_tolerance_counts():
    found = of(TABLE, ENCODER)
    assert found.frame is found.every is TABLE
    assert (found.cut.least_effect, len(found.noises)) == (0.0, 0)


def test_a_folder_without_rows_is_said(tmp_path):
    with pytest.raises(Usage, match=r"has no cells\.jsonl"):
        load(tmp_path)
