import numpy as np
import pytest
from hypothesis import given
from synthetic import colliding, kernels, sweep

from workbench.analysis.axes import ENCODER, KERNEL
from workbench.analysis.recommend import mean_over_sources, recommend
from workbench.errors import Usage


@pytest.fixture(scope="module")
def table():
    """What aq=4 spends brings 1 VMAF less on every source, what bf=3 spends half of one more."""
    table = sweep({("vbr", "aq=4"): [1.0] * 9}, modes=("vbr",))
    table.loc[table["knob_combo"] == "bf=3", "vmaf_score"] += 0.5
    return table


def cheapest(table, floor):
    means = mean_over_sources(table, ENCODER)
    return means[means["vmaf_score"] >= floor].sort_values("bitrate_kbps").iloc[0]


@pytest.mark.parametrize("floor", [86.0, 90.0, 93.0])
def test_the_cheapest_that_reaches_the_quality_is_chosen(table, floor):
    found = recommend(table, ENCODER, target_quality=floor)
    want = cheapest(table[table["knob_combo"] != "aq=4"], floor)
    assert found.row["bitrate_kbps"] == want["bitrate_kbps"]
    assert found.row["vmaf_score"] >= floor


def test_the_best_that_keeps_the_cost_is_chosen(table):
    means = mean_over_sources(table, ENCODER)
    limit = means["bitrate_kbps"].median()
    found = recommend(table, ENCODER, target_cost=limit)
    assert found.row["vmaf_score"] == means.loc[means["bitrate_kbps"] <= limit, "vmaf_score"].max()
    assert found.row["knob_combo"] == "bf=3"


def test_a_structural_recipe_is_passed_over_unless_it_is_allowed(table):
    cheap = table["knob_combo"] == "aq=4"
    # a target that a structural cell reaches with the least bitrate
    table = table.assign(bitrate_kbps=table["bitrate_kbps"] * np.where(cheap, 0.97, 1))
    means = mean_over_sources(table, ENCODER)
    floor = means.loc[means["knob_combo"] == "aq=4", "vmaf_score"].nlargest(2).iloc[-1]
    found = recommend(table, ENCODER, target_quality=floor)
    assert found.row["knob_combo"] != "aq=4"
    assert set(found.passed_over["knob_combo"]) == {"aq=4"}
    assert set(found.passed_over["why"]) == {"structural: loses on nearly every source"}
    allowed = recommend(table, ENCODER, target_quality=floor, allow_structural=True)
    assert allowed.row["knob_combo"] == "aq=4"
    assert allowed.passed_over.empty


def test_what_takes_too_long_is_passed_over(table):
    slow = table["knob_combo"] == "bf=3"
    table = table.assign(encode_time_ms=np.where(slow, 900.0, 100.0))
    found = recommend(table, ENCODER, target_quality=90, max_tiebreak=500)
    assert found.row["knob_combo"] != "bf=3"
    assert set(found.passed_over["why"]) <= {"takes too long"}
    with pytest.raises(Usage, match="structural or too slow"):
        recommend(table, ENCODER, target_quality=90, max_tiebreak=50)


def test_a_target_out_of_reach_says_how_near_the_best_came(table):
    best = mean_over_sources(table, ENCODER)["vmaf_score"].max()
    with pytest.raises(Usage, match=f"^nothing meets the target; the nearest has {best:g}$"):
        recommend(table, ENCODER, target_quality=99.9)
    least = mean_over_sources(table, ENCODER)["bitrate_kbps"].min()
    with pytest.raises(Usage, match=f"^nothing meets the target; the nearest has {least:g}$"):
        recommend(table, ENCODER, target_cost=1)


@pytest.mark.parametrize("targets", [{}, {"target_quality": 90, "target_cost": 100}])
def test_exactly_one_target_is_named(table, targets):
    with pytest.raises(Usage, match=r"^name one target"):
        recommend(table, ENCODER, **targets)


def test_unknown_settings_do_not_hide_what_is_structural(table):
    one = table[table["quality"] == 20.0].assign(quality=np.nan)
    cheap = one["knob_combo"] == "aq=4"
    one = one.assign(bitrate_kbps=one["bitrate_kbps"] * np.where(cheap, 0.97, 1))
    found = recommend(one, ENCODER, target_quality=90)
    assert list(found.passed_over["knob_combo"]) == ["aq=4"]


def test_a_kernel_is_chosen_by_the_same_rule():
    found = recommend(kernels([0.5] * 9), KERNEL, target_quality=1.0, allow_structural=True)
    assert found.row["commit"] == "upstream"
    assert recommend(kernels([-0.5] * 9), KERNEL, target_quality=1.0).row["commit"] == "k"


@given(colliding)
def test_means_are_over_cells_that_every_source_has(table):
    want = {}
    fine = table[np.isfinite(table["bitrate_kbps"]) & np.isfinite(table["vmaf_score"])]
    for row in fine.to_dict("records"):
        want.setdefault(str([row[name] for name in ENCODER.cell]), []).append(row)
    sources = len(set(table["source"]))
    want = {
        key: (
            np.exp(np.mean([np.log(row["bitrate_kbps"]) for row in rows])),
            np.mean([row["vmaf_score"] for row in rows]),
        )
        for key, rows in want.items()
        if len({row["source"] for row in rows}) == sources
    }
    found = {
        str([row[name] for name in ENCODER.cell]): (row["bitrate_kbps"], row["vmaf_score"])
        for row in mean_over_sources(table, ENCODER).to_dict("records")
    }
    assert found.keys() == want.keys()
    for key in want:
        assert found[key] == pytest.approx(want[key])
