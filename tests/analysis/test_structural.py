import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from synthetic import RECIPES, colliding, kernels, sweep

from workbench.analysis.axes import ENCODER, KERNEL
from workbench.analysis.regressions import regressions
from workbench.analysis.structural import (
    Cut,
    agreement,
    by_source,
    classify,
    sensitivity,
    sign_tests,
)

CELL = list(ENCODER.cell)


def classified(table, cut=None, axes=ENCODER):
    return classify(table, axes, regressions(table, axes), cut)


def naive(table, cut):
    """Cells in order of appearance: (tried, matched, hit, mean, worst, loss, verdict)."""
    corpus = len(set(table["source"]))
    delta = regressions(table, ENCODER).delta
    cells = {}
    for row, gain in zip(table.to_dict("records"), delta, strict=True):
        if not row["is_bare_default"]:
            sources = cells.setdefault(str([row[name] for name in CELL]), {})
            sources.setdefault(row["source"], []).extend([gain] if math.isfinite(gain) else [])
    found = []
    for sources in cells.values():
        means = [sum(gains) / len(gains) for gains in sources.values() if gains]
        losses = [-mean for mean in means if mean < -0.1]
        large = bool(losses) and sum(losses) / len(losses) > cut.least_effect
        if large and len(losses) / corpus >= cut.share - 1e-9:
            verdict = "structural"
        else:
            verdict = "content-dependent" if losses else "clean" if means else "abstained"
        found.append(
            (
                len(sources),
                len(means),
                len(losses),
                sum(means) / len(means) if means else math.nan,
                min(means, default=math.nan),
                sum(losses) / len(losses) if losses else math.nan,
                verdict,
            )
        )
    return found


cuts = st.builds(Cut, st.sampled_from([1 / 3, 2 / 3, 7 / 9, 1.0]), st.sampled_from([0.0, 0.6]))


@settings(max_examples=60)
@given(colliding, cuts)
def test_cells_are_summed_up_as_one_would_by_hand(table, cut):
    found, want = classified(table, cut), naive(table, cut)
    columns = ["tried", "matched", "hit", "mean_delta", "worst_delta", "mean_loss"]
    assert list(found["verdict"]) == [row[-1] for row in want]
    for i, name in enumerate(columns):
        np.testing.assert_allclose(found[name], [row[i] for row in want])
    assert list(found.columns) == [*CELL, "sources", *columns, "verdict", "is_stable"]


def structural(table, cut, column="verdict", value="structural"):
    found = classified(table, cut)
    return {str(cell) for cell in found.loc[found[column] == value, CELL].to_dict("records")}


def stay_structural(table, cut):
    stays = structural(table, cut)
    for source in set(table["source"]):
        stays &= structural(table[table["source"] != source], cut)
    return stays


@settings(max_examples=25)
@given(colliding, cuts)
def test_stable_is_what_stays_structural_whichever_source_is_left_out(table, cut):
    assert structural(table, cut, "is_stable", True) == stay_structural(table, cut)


@pytest.mark.parametrize(
    ("losses", "cut", "is_stable"),
    [
        ([1.0] * 4, Cut(1.0), True),
        ([1.0] * 3 + [0.0], Cut(2 / 3), True),  # still two of three
        ([1.0] * 3 + [0.0], Cut(3 / 4), False),
        ([0.2] * 3 + [5.0], Cut(2 / 3, 0.5), False),  # one source makes the effect
        ([1.2] * 3 + [5.0], Cut(2 / 3, 0.5), True),
    ],
)
def test_what_one_source_decides_is_not_stable(losses, cut, is_stable):
    table = sweep({("vbr", "aq=4"): losses}, sources=len(losses))
    assert len(structural(table, cut)) == 5
    assert len(structural(table, cut, "is_stable", True)) == 5 * is_stable
    assert structural(table, cut, "is_stable", True) == stay_structural(table, cut)


@pytest.mark.parametrize(("of", "needed"), [(9, 7), (18, 14), (5, 4), (3, 3), (1, 1)])
def test_the_cut_goes_with_the_corpus(of, needed):
    assert Cut().sources(of) == needed


@pytest.mark.parametrize(("hit", "verdict"), [(9, "structural"), (7, "structural")])
def test_seven_of_nine_sources_are_structural(hit, verdict):
    table = classified(sweep({("vbr", "aq=4"): [1.0] * hit + [0.0] * (9 - hit)}))
    of = table[(table["rc_mode"] == "vbr") & (table["knob_combo"] == "aq=4")]
    assert set(of["verdict"]) == {verdict}
    assert set(of["is_stable"]) == {hit == 9}
    others = table.drop(of.index)
    assert set(others["verdict"]) == {"clean"}


def test_six_of_nine_depend_on_content():
    table = classified(sweep({("vbr", "aq=4"): [1.0] * 6 + [0.0] * 3}))
    assert set(table.loc[table["hit"] > 0, "verdict"]) == {"content-dependent"}


def test_a_loss_below_the_noise_is_not_structural():
    table = sweep({("vbr", "aq=4"): [0.2] * 9})
    assert "structural" in set(classified(table)["verdict"])
    assert "structural" not in set(classified(table, Cut(least_effect=0.5))["verdict"])


def test_a_kernel_that_loses_on_seven_of_nine_combos_is_structural():
    slow = classified(kernels([0.1] * 7 + [-0.5] * 2), axes=KERNEL)
    fast = classified(kernels([0.1] * 6 + [-0.5] * 3), axes=KERNEL)
    assert list(slow["verdict"]) == ["structural"]
    assert list(fast["verdict"]) == ["content-dependent"]


def test_a_cell_on_a_source_has_the_mean_of_its_rows():
    table = sweep({("vbr", "aq=4"): [1.0] * 9})
    twice = pd.concat([table, table.assign(vmaf_score=table["vmaf_score"] - 2)], ignore_index=True)
    twice = twice[~(twice["is_bare_default"] & (twice.index >= len(table)))].reset_index(drop=True)
    once = by_source(table, ENCODER, regressions(table, ENCODER))
    found = by_source(twice, ENCODER, regressions(twice, ENCODER))
    assert len(found) == len(once)
    np.testing.assert_allclose(found["delta"], once["delta"] - 1)


def test_signs_are_tested_as_scipy_does_and_adjusted_as_benjamini_and_hochberg_did():
    table = sweep({("vbr", "aq=4"): [1.0] * 8 + [-1.0], ("cqp", "bf=3"): [0.5] * 9})
    found = sign_tests(table, ENCODER, regressions(table, ENCODER))
    assert len(found) == 2 * (len(RECIPES) - 1)
    want = [
        stats.binomtest(int(k), int(n), 0.5, alternative="greater").pvalue
        for k, n in zip(found["losing"], found["matched"], strict=True)
    ]
    np.testing.assert_allclose(found["p"], want)
    order, n = np.argsort(want), len(want)
    adjusted = np.empty(n)
    for rank, i in enumerate(order):
        adjusted[i] = min(want[order[j]] * n / (j + 1) for j in range(rank, n))
    np.testing.assert_allclose(found["p_adjusted"], np.minimum(adjusted, 1))
    by_recipe = found.set_index(["rc_mode", "knob_combo"])
    assert by_recipe.loc[("vbr", "aq=4"), "losing"] == 8
    assert by_recipe.loc[("vbr", "aq=4"), "p"] == pytest.approx(0.0195, abs=1e-4)
    assert by_recipe.loc[("cqp", "bf=3"), "p"] == pytest.approx(1 / 512)


def test_a_recipe_of_ties_alone_is_one_of_those_tried():
    table = sweep({("vbr", "aq=4"): [1.0] * 9})
    curve = table.groupby(["source", "rc_mode", "quality"], observed=True)
    table["bitrate_kbps"] = curve["bitrate_kbps"].transform("first")
    flat = table["knob_combo"] == "bf=3"
    table.loc[flat, "vmaf_score"] = curve["vmaf_score"].transform("first")[flat]
    found = sign_tests(table, ENCODER, regressions(table, ENCODER))
    ties = found[found["knob_combo"] == "bf=3"]
    assert list(ties["matched"]) == [0, 0]
    assert list(ties["p"]) == [1, 1]


def test_nothing_to_test_is_an_empty_table():
    table = sweep({})[lambda t: t["is_bare_default"]]
    assert sign_tests(table, ENCODER, regressions(table, ENCODER)).empty
    assert classified(table).empty


def test_a_null_sweep_has_fewer_structural_cells_than_one_with_a_bad_recipe():
    table = sweep({("vbr", "aq=4"): [1.0] * 9})
    found = regressions(table, ENCODER)
    cuts = sensitivity(table, ENCODER, found, np.random.default_rng(0), permutations=30)
    assert list(cuts["hits"]) == [5, 6, 7, 8, 9]
    assert list(cuts["structural"]) == [5] * 5
    # one of three recipes loses everywhere: shuffled, a cell is hit on a third of the sources
    assert (cuts["null_mean"] < 5).all()
    assert cuts["null_high"].iloc[-1] == 0
    again = sensitivity(table, ENCODER, found, np.random.default_rng(0), permutations=30)
    pd.testing.assert_frame_equal(cuts, again)


def test_shuffling_keeps_a_source_that_is_hard_for_all():
    table = sweep(
        {(mode, recipe): [1.0] * 6 + [0.0] * 3 for mode in ("cqp", "vbr") for recipe in RECIPES}
    )
    found = regressions(table, ENCODER)
    cuts = sensitivity(table, ENCODER, found, np.random.default_rng(0), permutations=5)
    np.testing.assert_array_equal(cuts["null_mean"], cuts["structural"])
    assert list(cuts["structural"]) == [30, 30, 0, 0, 0]


def test_another_measure_of_quality_has_its_own_verdicts():
    table = sweep({("vbr", "aq=4"): [1.0] * 9})
    is_loser = (table["knob_combo"] == "aq=4") & (table["rc_mode"] == "vbr")
    table["vmaf_neg"] = table["vmaf_score"] + 1.0 * is_loser - 0.5 * (table["knob_combo"] == "bf=3")
    found = agreement(table, ENCODER, "vmaf_neg").set_index("knob_combo")
    assert list(found.columns) == [
        *[name for name in CELL if name != "knob_combo"],
        "verdict",
        "mean_delta",
        "other_verdict",
        "other_mean_delta",
    ]
    vbr = found[found["rc_mode"] == "vbr"]
    assert set(vbr.loc["aq=4", "verdict"]) == {"structural"}
    assert set(vbr.loc["aq=4", "other_verdict"]) == {"clean"}
    assert set(found.loc["bf=3", "verdict"]) == {"clean"}
    assert set(found.loc["bf=3", "other_verdict"]) == {"structural"}
    assert set(found.loc["aq=1", "other_verdict"]) == {"clean"}


def test_agreement_is_of_a_second_run_over_the_other_column():
    table = sweep({("vbr", "aq=4"): [1.0] * 9}).assign(vmaf_neg=90.0)
    other = dataclasses.replace(ENCODER, quality="vmaf_neg")
    found = agreement(table, ENCODER, "vmaf_neg", Cut(least_effect=5))
    want = classified(table, Cut(least_effect=5), other)
    pd.testing.assert_series_equal(found["other_verdict"], want["verdict"], check_names=False)
    assert set(found["verdict"]) == {"clean", "content-dependent"}
