"""Scores of the three focuses that are no time, and what becomes a row."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.scoring import Quality, value

GAPS = st.dictionaries(st.text(), st.floats(-60, 60), min_size=1)


def test_the_formulas_are_those_that_were_published():
    found = Quality({"a": -1.0, "b": -3.0}, 15.0)
    assert value("quality", found, 7) == pytest.approx(-2 + 0.015)
    assert value("unimplemented", found, 7) == pytest.approx(-7 - 2e-5)
    assert value("mixed", found, 7) == pytest.approx(-2 + 0.015 - 0.003 - 0.07)


def test_a_target_without_changes_has_no_part_for_them():
    assert value("quality", Quality({"a": -1.0}), 0) == -1.0


@given(GAPS, st.integers(0, 20), st.integers(0, 20))
def test_closing_a_feature_outweighs_any_sound_there_is(gaps, before, after):
    found = Quality(gaps, 20.0)
    if after < before:
        worse = {name: gap - 60 for name, gap in gaps.items()}
        assert value("unimplemented", Quality(worse), after) > value("unimplemented", found, before)


@given(GAPS, st.sampled_from(["quality", "unimplemented", "mixed"]))
def test_better_sound_in_one_cell_is_a_better_score(gaps, focus):
    better = {name: gap + 1.0 for name, gap in gaps.items()}
    assert value(focus, Quality(better, 1.0), 3) > value(focus, Quality(gaps, 1.0), 3)


def test_what_is_not_a_number_does_not_hide():
    assert math.isnan(value("quality", Quality({"a": 1.0, "b": math.nan}), 0))
