import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.agents.tunable import Mark, describe, marks, replaced, values_of
from workbench.errors import Usage

KERNEL = '''"""A kernel."""

from numba import njit

ROWS = 64  # tune: 16, 32, 64, 128
SLACK = 0.5  # tune: 0.25, 0.5
LANES = 16


@njit
def f(x):
    rows = ROWS  # tune: not a constant of the module
    return x
'''


def test_marks_are_constants_of_the_module_with_their_choices():
    assert marks(KERNEL) == [
        Mark("ROWS", 64, (16, 32, 64, 128)),
        Mark("SLACK", 0.5, (0.25, 0.5)),
    ]
    assert marks("X = 1\n") == []


def test_other_values_change_these_lines_alone():
    changed = replaced(KERNEL, {"ROWS": 32})
    assert changed == KERNEL.replace("ROWS = 64 ", "ROWS = 32 ")
    assert marks(changed)[0].value == 32


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("ROWS = 64  # tune: 16, 32", "ROWS is 64 and its mark does not say so"),
        ("ROWS = 64  # tune: 16, x", "numbers and commas"),
        ("ROWS = len(x)  # tune: 16, 32", "numbers and commas"),
        ("ROWS = True  # tune: True, False", "numbers and commas"),
    ],
)
def test_a_mark_that_is_none_is_refused(line, word):
    with pytest.raises(Usage, match=word):
        marks(line + "\n")


@given(st.dictionaries(st.sampled_from("ABCD"), st.integers() | st.floats(allow_nan=False)))
def test_a_description_is_read_back(values):
    values = {name: value for name, value in values.items() if abs(value) != float("inf")}
    assert values_of(describe(values)) == values


def test_other_descriptions_are_not_tunes():
    assert values_of("wider blocks") is None
    assert values_of("tune ROWS=)(") is None
