import warnings

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from synthetic import RECIPES, sweep

from workbench.analysis.axes import ENCODER
from workbench.analysis.bd import bd_rate, by_source, rising

COST = np.array([500.0, 1000.0, 2000.0, 4000.0])
QUALITY = np.array([70.0, 80.0, 88.0, 93.0])

steps = st.lists(st.floats(0.05, 2.0), min_size=4, max_size=8)


@given(steps, steps, st.data())
def test_the_bjontegaard_package_says_the_same(cost_steps, bare_steps, data):
    bjontegaard = pytest.importorskip("bjontegaard")
    curves = []
    for part in (cost_steps, bare_steps):
        grows = data.draw(st.lists(st.floats(0.5, 8.0), min_size=len(part), max_size=len(part)))
        curves.append((300 * np.exp(np.cumsum(part)), 60 + np.cumsum(grows)))
    (cost, quality), (bare_cost, bare_quality) = curves
    found = bd_rate(cost, quality, bare_cost, bare_quality, least_overlap=0.05)
    assume(not found.why_not)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        want = bjontegaard.bd_rate(
            bare_cost, bare_quality, cost, quality, "pchip", require_matching_points=False
        )
    assert found.percent == pytest.approx(want, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("factor", [0.5, 1.0, 1.3])
def test_a_curve_that_costs_a_factor_more_does_so_by_that(factor):
    found = bd_rate(factor * COST, QUALITY, COST, QUALITY)
    assert found.percent == pytest.approx(100 * (factor - 1))
    assert found.overlap == 1


def test_the_order_of_points_and_points_that_are_beaten_do_not_matter():
    shuffled = [2, 0, 3, 1]
    cost = [*(1.1 * COST)[shuffled], 3000.0, np.nan, 1000.0, 0.0]
    quality = [*QUALITY[shuffled], 60.0, 99.0, np.nan, 99.0]
    assert bd_rate(cost, quality, COST, QUALITY).percent == pytest.approx(10)


@given(st.lists(st.tuples(st.sampled_from([1.0, 2, 3]), st.sampled_from([1.0, 2, 3])), max_size=8))
def test_a_curve_rises_through_the_points_that_none_beats(points):
    want = {
        (c, q)
        for c, q in points
        if not any((b <= c and p >= q) and (b, p) != (c, q) for b, p in points)
    }
    cost, quality = rising([c for c, _ in points], [q for _, q in points])
    assert list(zip(cost, quality, strict=True)) == sorted(want)


def test_three_points_are_no_curve():
    found = bd_rate(COST[:3], QUALITY[:3], COST, QUALITY)
    assert np.isnan(found.percent)
    assert found.why_not == "fewer than 4 points on a curve"


def test_curves_of_unlike_quality_are_not_compared():
    found = bd_rate(COST, QUALITY + 15, COST, QUALITY)
    assert np.isnan(found.percent)
    assert found.overlap == pytest.approx(8 / 38)
    assert found.why_not == "only 21% of the range in common"
    apart = bd_rate(COST, QUALITY + 50, COST, QUALITY, least_overlap=0.01)
    assert (apart.overlap, apart.why_not) == (0, "only 0% of the range in common")


def test_each_recipe_is_held_against_bare_on_each_source():
    table = sweep({})
    dearer = (table["knob_combo"] == "aq=4") & (table["rc_mode"] == "vbr")
    same = table.groupby(["source", "rc_mode", "quality"], observed=True)
    table["vmaf_score"] = same["vmaf_score"].transform("first")
    table["bitrate_kbps"] = same["bitrate_kbps"].transform("first") * np.where(dearer, 1.2, 1)
    found = by_source(table, ENCODER)
    assert list(found.columns) == [
        "codec",
        "rc_mode",
        "knob_combo",
        "source",
        "percent",
        "overlap",
        "why_not",
    ]
    assert len(found) == 2 * (len(RECIPES) - 1) * 9
    is_dearer = (found["knob_combo"] == "aq=4") & (found["rc_mode"] == "vbr")
    np.testing.assert_allclose(found["percent"], np.where(is_dearer, 20, 0), atol=1e-9)


def test_a_slice_without_bare_rows_says_why_it_has_no_rate():
    table = sweep({}, sources=2)
    table = table[~(table["is_bare_default"] & (table["source"] == "clip1"))]
    found = by_source(table, ENCODER).groupby("source")["why_not"].agg(set)
    assert found["clip0"] == {""}
    assert found["clip1"] == {"fewer than 4 points on a curve"}
