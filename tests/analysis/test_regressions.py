import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from synthetic import colliding

from workbench.analysis.axes import ENCODER, KERNEL
from workbench.analysis.regressions import regressions


def frame(rows):
    table = pd.DataFrame(rows, columns=["source", "bitrate_kbps", "vmaf_score", "is_bare_default"])
    table["is_bare_default"] = table["is_bare_default"].astype(bool)
    return table.assign(
        codec="x", rc_mode="cqp", knob_combo="r", preset="", quality=1, encode_time_ms=1.0
    )


def naive(table, axes):
    """Delta of every row, NaN where it abstains."""
    names = (axes.cost, axes.quality) if axes.matched == "cost" else (axes.quality, axes.cost)
    key, other = names
    rows = table.to_dict("records")
    found = []
    for row in rows:
        near = {}
        for bare in rows:
            distance = abs(bare[key] - row[key])
            if (
                bare[axes.bare]
                and all(bare[name] == row[name] for name in axes.slice)
                and math.isfinite(bare[other])
                and distance <= axes.matched_tolerance * abs(row[key])
            ):
                near.setdefault(distance, []).append(bare[other])
        if row[axes.bare] or not near or not math.isfinite(row[other]):
            found.append(np.nan)
        elif axes.matched == "cost":
            found.append(row[other] - max(near[min(near)]))
        else:
            best = min(near[min(near)])
            found.append((best - row[other]) / best)  # 1 - 110 / 100 is beyond -0.1, by rounding
    return np.array(found)


@pytest.mark.parametrize("matched", ["cost", "quality"])
@given(table=colliding)
def test_rows_are_held_against_the_nearest_bare_row(matched, table):
    axes = dataclasses.replace(
        ENCODER, matched=matched, matched_tolerance={"cost": 0.05, "quality": 0.01}[matched]
    )
    found, want = regressions(table, axes), naive(table, axes)
    np.testing.assert_allclose(found.delta, want)
    assert (found.is_matched == np.isfinite(want)).all()
    with np.errstate(invalid="ignore"):
        assert (found.is_regression == (want < -0.1)).all()
    held = table.iloc[found.bare_row[found.is_matched]]
    assert held["is_bare_default"].all()
    for name in ENCODER.slice:
        assert list(held[name]) == list(table.loc[found.is_matched, name])


def test_five_per_cent_is_of_the_candidates_bitrate():
    table = frame([("a", 100.0, 90.0, True), ("a", 105.1, 80.0, False), ("a", 95.0, 80.0, False)])
    assert list(regressions(table, ENCODER).is_matched) == [False, True, False]


def test_a_loss_of_exactly_the_tolerance_is_none():
    axes = dataclasses.replace(ENCODER, lost_tolerance=0.5)
    table = frame([("a", 100.0, 90.0, True), ("a", 100.0, 89.5, False), ("a", 100.0, 89.25, False)])
    assert list(regressions(table, axes).is_regression) == [False, False, True]


def test_kernels_match_accuracy_and_lose_time():
    table = pd.DataFrame(
        {
            "combo": ["s/d"] * 3,
            "target": "t",
            "host_class": "h",
            "commit": ["upstream", "slow", "fast"],
            "elapsed_ns": [100.0, 120.0, 50.0],
            "accuracy": 1.0,
            "peak_rss_mb": 1.0,
            "is_upstream": [True, False, False],
        }
    )
    found = regressions(table, KERNEL)
    np.testing.assert_allclose(found.delta[1:], [-0.2, 0.5])
    assert list(found.is_regression) == [False, True, False]


def test_of_two_bare_rows_equally_near_the_better_counts():
    table = frame([("a", 98.0, 90.0, True), ("a", 102.0, 95.0, True), ("a", 100.0, 90.0, False)])
    found = regressions(table, ENCODER)
    assert list(found.bare_row) == [-1, -1, 1]
    assert found.delta[2] == -5


def test_bare_rows_of_other_slices_do_not_count():
    table = frame([("a", 100.0, 90.0, True), ("b", 100.0, 80.0, False)])
    assert not regressions(table, ENCODER).is_matched.any()
