import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic import QUALITIES, kernels, sweep

from workbench.analysis.axes import ENCODER, KERNEL
from workbench.analysis.clusters import statements
from workbench.analysis.regressions import regressions
from workbench.analysis.structural import classify


def said(table, axes=ENCODER, **options):
    return statements(classify(table, axes, regressions(table, axes)), axes, **options)


SWEEP = sweep({}, modes=("cqp", "vbr", "cbr"), presets=("fast", "medium"))
TABLE = classify(SWEEP, ENCODER, regressions(SWEEP, ENCODER)).assign(hit=9)
KEYS = list(
    TABLE[["rc_mode", "knob_combo", "preset", "quality"]].itertuples(index=False, name=None)
)


def marked(chosen):
    """Verdicts as told: structural where (rc_mode, knob_combo, preset, quality) is chosen."""
    return TABLE.assign(verdict=["structural" if key in chosen else "clean" for key in KEYS])


def test_modes_that_lose_alike_share_a_sentence():
    found = said(sweep({("vbr", "aq=4"): [1.2] * 9, ("cqp", "aq=4"): [1.2] * 8 + [0.0]}))
    assert len(found) == 1
    assert str(found[0]).startswith("x265 + aq=4 under cqp and vbr at every quality: 8 to 9 of 9")
    assert found[0].mean_delta == pytest.approx(-1.13, abs=0.02)
    assert found[0].cells == 10


def test_what_is_hit_nearly_everywhere_names_its_exceptions():
    chosen = {("vbr", "aq=4", p, q) for p in ("fast", "medium") for q in QUALITIES}
    chosen -= {("vbr", "aq=4", "fast", 20.0)}
    (found,) = statements(marked(chosen), ENCODER)
    assert found.what == "x265 + aq=4"
    assert found.where == "under vbr at every preset and quality"
    assert found.exceptions == ("fast 20",)
    assert "at every preset and quality (except fast 20): 9 of 9 sources" in str(found)


def test_an_exception_names_only_what_varies():
    table = sweep({("vbr", "aq=4"): [1.2] * 9}, presets=("medium",))
    table.loc[(table["quality"] == 20.0) & (table["knob_combo"] == "aq=4"), "vmaf_score"] += 3
    (found,) = said(table)
    assert found.exceptions == ("quality 20",)


def test_modes_of_unlike_settings_share_a_sentence_when_all_of_them_are_hit():
    chosen = {(mode, "aq=4", p, q) for mode in ("cqp", "vbr") for _, _, p, q in KEYS}
    table = marked(chosen)
    table.loc[table["rc_mode"] == "vbr", "quality"] *= 100
    (found,) = statements(table, ENCODER)
    assert found.where == "under cqp and vbr at every preset and quality"
    assert (found.cells, found.exceptions) == (20, ())


def test_a_block_of_settings_is_named_by_its_values():
    chosen = {("vbr", "aq=4", p, q) for p in ("fast", "medium") for q in (20.0, 24.0)}
    (found,) = statements(marked(chosen), ENCODER)
    assert found.where == "under vbr at quality 20 or 24"
    chosen = {("vbr", "aq=4", "fast", q) for q in (20.0, 24.0)}
    (found,) = statements(marked(chosen), ENCODER)
    assert found.where == "under vbr at preset fast and quality 20 or 24"
    chosen = {("vbr", "aq=4", "fast", 20.0), ("vbr", "aq=4", "medium", 24.0)}
    (found,) = statements(marked(chosen), ENCODER)
    assert found.where == "under vbr at fast 20, medium 24"


@settings(max_examples=25)
@given(st.sets(st.sampled_from(KEYS), max_size=len(KEYS)))
def test_every_structural_cell_is_in_one_sentence_and_there_are_few(chosen):
    found = statements(marked(chosen), ENCODER)
    assert sum(statement.cells for statement in found) == len(chosen)
    assert len(found) <= len({cell[:2] for cell in chosen})
    alike = {}
    for mode, recipe, *_ in chosen:
        settings = frozenset(cell[2:] for cell in chosen if cell[:2] == (mode, recipe))
        alike.setdefault((recipe, settings), set()).add(mode)
    assert len(found) == len(alike)
    shuffled = marked(chosen).sample(frac=1, random_state=0)
    assert list(map(str, statements(shuffled, ENCODER))) == list(map(str, found))


def test_the_worst_comes_first():
    found = said(sweep({("vbr", "aq=1"): [0.5] * 9, ("vbr", "bf=3"): [2.0] * 9}))
    assert [statement.what for statement in found] == ["x265 + bf=3", "x265 + aq=1"]


def test_another_verdict_has_its_own_sentences():
    table = sweep({("vbr", "aq=1"): [0.5] * 3 + [0.0] * 6})
    assert said(table) == []
    (found,) = said(table, verdict="content-dependent")
    assert found.hits == (3, 3)


def test_a_kernel_has_no_settings_to_name():
    (found,) = said(kernels([0.5] * 8 + [0.0]), KERNEL)
    assert str(found) == "pq_l2 + k under h: 8 of 9 sources, mean -0.44"


def test_unknown_settings_are_a_setting():
    table = sweep({("vbr", "aq=4"): [1.2] * 9}).assign(quality=float("nan"), preset="")
    (found,) = said(table)
    assert (found.where, found.cells) == ("under vbr", 1)
