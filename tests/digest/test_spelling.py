"""Values as text."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.digest.spelling import fmt, interval, spell, table, words


@given(st.integers(-(10**12), 10**12))
def test_a_count_reads_back(value):
    assert int(spell(value).replace(",", "")) == value
    assert spell(np.int64(value)) == spell(value)


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_a_fraction_without_a_format_is_refused(value):
    with pytest.raises(ValueError, match="has no format"):
        spell(value)


@pytest.mark.parametrize("value", [None, True, np.float64(1), [], object()])
def test_what_is_no_text_is_refused(value):
    with pytest.raises(ValueError, match=r"."):
        spell(value)


@given(st.lists(st.tuples(st.integers(), st.text("ab|\\ c", max_size=9)), min_size=1, max_size=5))
def test_a_table_has_a_row_a_row_and_no_cell_breaks_out(rows):
    lines = table(pd.DataFrame(rows, columns=["n", "text"])).splitlines()
    assert len(lines) == len(rows) + 2
    bars = [line.replace("\\|", "").count("|") for line in lines]
    assert set(bars) == {3}


def test_a_table_of_fractions_is_refused():
    with pytest.raises(ValueError, match="has no format"):
        table(pd.DataFrame({"x": [0.5]}))


def test_forms():
    assert fmt(0.4312, ".1%") == "43.1 %"
    assert (words(0), words(np.int64(3)), words(1234)) == ("no", "three", "1,234")
    assert interval(None, 1.0, 2.0) == ""
    with pytest.raises(ValueError, match="no count"):
        words(2.5)
