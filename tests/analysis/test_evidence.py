import numpy as np
import pytest
from synthetic import sweep

from workbench.analysis.axes import ENCODER
from workbench.analysis.evidence import evidence
from workbench.analysis.structural import Cut


def one(table, **more):
    """The only row that there is."""
    found = evidence(table, ENCODER, **more)
    assert len(found) == 1
    return found.iloc[0]


def test_a_recipe_that_loses_everywhere_stands():
    row = one(sweep({("cqp", "aq=4"): [2.0] * 9}))
    assert (row["codec"], row["rc_mode"], row["knob_combo"]) == ("x265", "cqp", "aq=4")
    assert (row["cells"], row["structural"], row["stable"]) == (5, 5, 5)
    assert row["mean_delta"] == pytest.approx(-2.0, abs=0.1)
    assert row["p_adjusted"] < 0.05
    assert (row["rates"], row["rates_lost"]) == (9, 9)
    assert row["rate_median"] > 0
    assert row["stands"]


def test_seven_of_nine_are_structural_and_do_not_stand():
    row = one(sweep({("vbr", "bf=3"): [2.0] * 7 + [-2.0] * 2}))
    assert row["structural"] == 5
    assert row["stable"] == 0
    assert row["p_adjusted"] > 0.05
    assert not row["stands"]


def test_a_loss_that_only_the_bare_rows_bitrate_makes_does_not_stand():
    """On bare's own curve, spending 4 % less: the nearest bare row is better for what it costs."""
    table = sweep({})
    tried = (table["knob_combo"] == "aq=4") & (table["rc_mode"] == "cqp")
    bare = table[(table["knob_combo"] == "bare") & (table["rc_mode"] == "cqp")]
    for source, part in table[tried].groupby("source", observed=True):
        curve = bare[bare["source"] == source].sort_values("bitrate_kbps")
        logs = np.log(curve["bitrate_kbps"])
        kbps = part["quality"].map(curve.set_index("quality")["bitrate_kbps"]) * 0.96
        table.loc[part.index, "bitrate_kbps"] = kbps
        table.loc[part.index, "vmaf_score"] = np.interp(np.log(kbps), logs, curve["vmaf_score"])
    row = one(table)
    assert row["structural"] >= 3
    assert (row["at_equal_cost"], row["stands"]) == (0, False)


def test_nothing_is_structural():
    assert evidence(sweep({("cqp", "aq=1"): [2.0] * 6 + [0] * 3}), ENCODER).empty


def test_another_measure_that_disagrees_takes_the_ground_away():
    table = sweep({("cqp", "aq=4"): [2.0] * 9})
    same = one(table.assign(neg=table["vmaf_score"]), other="neg")
    assert (same["agreeing"], same["stands"]) == (5, True)
    # by the other one the recipe is as good as bare
    lost = np.where((table["knob_combo"] == "aq=4") & (table["rc_mode"] == "cqp"), 2.0, 0.0)
    row = one(table.assign(neg=table["vmaf_score"] + lost), other="neg")
    assert (row["agreeing"], row["stands"]) == (0, False)


def test_a_loss_at_equal_bitrate_that_no_curve_shows_does_not_stand():
    # Quality falls and rises again, where bare has another bitrate: the curves have no common part.
    table = sweep({("cqp", "aq=4"): [2.0] * 9})
    tried = (table["knob_combo"] == "aq=4") & (table["rc_mode"] == "cqp")
    few = table[~tried | (table["quality"] < 28.0)]  # two points make no curve
    row = one(few)
    assert (row["structural"], row["rates"], row["stands"]) == (2, 0, False)
    assert np.isnan(row["rate_median"])


def test_the_least_effect_counts():
    table = sweep({("cqp", "aq=4"): [2.0] * 9})
    assert evidence(table, ENCODER, cut=Cut(least_effect=3.0)).empty


def test_the_worst_of_those_that_stand_come_first():
    losses = {("cqp", "aq=4"): [1.0] * 9, ("vbr", "bf=3"): [2.0] * 9}
    losses["vbr", "aq=1"] = [5.0] * 7 + [-9.0] * 2
    found = evidence(sweep(losses), ENCODER)
    assert found["knob_combo"].tolist() == ["bf=3", "aq=4", "aq=1"]
    assert found["stands"].tolist() == [True, True, False]
