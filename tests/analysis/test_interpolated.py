"""Rows held against the bare curve at their own cost."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from synthetic import colliding, kernels, sweep

from workbench.analysis.axes import ENCODER, KERNEL
from workbench.analysis.regressions import interpolated, regressions


def naive(table, widest):
    """Delta of each row, by plain search."""
    rows = table.to_dict("records")
    found = []
    for row in rows:
        kbps, vmaf = row["bitrate_kbps"], row["vmaf_score"]
        curve = {}
        for other in rows:
            same = all(other[name] == row[name] for name in ENCODER.slice)
            point = other["bitrate_kbps"], other["vmaf_score"]
            if same and other["is_bare_default"] and all(map(math.isfinite, point)):
                curve[point[0]] = max(point[1], curve.get(point[0], -math.inf))
        delta = math.nan
        if not row["is_bare_default"] and math.isfinite(kbps) and math.isfinite(vmaf):
            below = max((k for k in curve if k <= kbps), default=None)
            above = min((k for k in curve if k >= kbps), default=None)
            near = None not in (below, above) and max(above - kbps, kbps - below) <= widest * kbps
            if near and below == above:
                delta = vmaf - curve[below]
            elif near:
                share = math.log(kbps / below) / math.log(above / below)
                delta = vmaf - curve[below] - share * (curve[above] - curve[below])
        found.append(delta)
    return found


@given(colliding)
def test_it_is_what_plain_search_finds(table):
    found = interpolated(table, ENCODER, 0.04)
    np.testing.assert_allclose(found.delta, naive(table, 0.04), rtol=0, atol=1e-9)
    assert (found.is_matched == np.isfinite(found.delta)).all()
    assert (found.is_regression == (found.delta < -0.1)).all()
    assert table["is_bare_default"].to_numpy()[found.bare_row[found.is_matched]].all()


def test_a_row_on_the_bare_curve_neither_gains_nor_loses():
    """Where the nearest bare row spends 4 % more, the published rule sees a loss."""
    bare = pd.DataFrame({"bitrate_kbps": [100.0, 110.0], "vmaf_score": [80.0, 82.0]})
    row = pd.DataFrame({"bitrate_kbps": [106.0]})
    row["vmaf_score"] = 80 + 2 * math.log(1.06) / math.log(1.1)
    both = pd.concat([bare.assign(is_bare_default=True), row.assign(is_bare_default=False)])
    table = both.assign(source="a", codec="c", rc_mode="vbr", knob_combo="r", preset="p")
    table = table.assign(quality=1.0, encode_time_ms=1.0)
    assert interpolated(table, ENCODER).delta[2] == pytest.approx(0.0, abs=1e-12)
    assert regressions(table, ENCODER).is_regression[2]


def test_a_loss_at_equal_cost_is_found_by_both():
    table = sweep({("vbr", "aq=4"): [2.0] * 9})
    tried = (table["knob_combo"] == "aq=4").to_numpy() & (table["rc_mode"] == "vbr").to_numpy()
    found = interpolated(table, ENCODER, widest=1.0)
    assert found.is_regression[tried & found.is_matched].all()
    assert found.is_matched[tried].sum() >= 27


def test_of_kernels_the_cost_is_what_is_lost():
    found = interpolated(kernels([0.5] * 9), KERNEL)
    assert found.delta[9:] == pytest.approx(-0.5)
