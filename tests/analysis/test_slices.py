import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from workbench.analysis.slices import codes, firsts, together

values = st.tuples(st.sampled_from(["x", "y", None]), st.sampled_from([1.0, 2.0, np.nan]))


@given(st.lists(values, max_size=20), st.booleans())
def test_combinations_are_numbered_as_they_come(rows, as_category):
    seen = list(dict.fromkeys(map(str, rows)))
    want = [seen.index(str(row)) for row in rows]
    frame = pd.DataFrame(rows, columns=["a", "b"])
    found = codes(frame.astype({"a": "category"}) if as_category else frame, ["a", "b"])
    assert list(found) == want
    assert list(firsts(found)) == [want.index(n) for n in range(len(seen))]


def test_no_column_makes_one_number():
    assert list(codes(pd.DataFrame({"a": [1, 2]}), [])) == [0, 0]


def test_many_values_in_many_columns_do_not_run_over():
    rng = np.random.default_rng(0)
    columns = {str(i): rng.permutation(3000) for i in range(7)}  # 3000**7 is above 2**63
    assert list(codes(pd.DataFrame(columns), list(columns))) == list(range(3000))


@given(st.lists(st.integers(0, 4), max_size=20))
def test_equal_numbers_come_together_in_the_order_they_had(number):
    number = np.unique(np.array(number, np.int64), return_inverse=True)[1].astype(np.int64)
    order, begins = together(number)
    assert list(order) == list(np.argsort(number, kind="stable"))
    assert list(begins) == [*np.flatnonzero(np.diff(number[order], prepend=-1)), len(number)]
