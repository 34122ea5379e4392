import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.analysis.axes import ENCODER
from workbench.analysis.hull import SAME_POINT, hull
from workbench.errors import Usage

# Steps of 0.5 are far apart and NaN, infinity and equal points occur often.
figures = st.sampled_from([0.5, 1.0, 1.5, 2.0, 2.5, 3.0, np.nan, np.inf])


def frame(rows):
    """Cells of two slices from (slice, cost, quality, time)."""
    figures = ["bitrate_kbps", "vmaf_score", "encode_time_ms"]
    table = pd.DataFrame(rows, columns=["source", *figures])
    table[figures] = table[figures].astype(float)
    return table.assign(
        codec="x", rc_mode="cqp", knob_combo="bare", preset="", quality=1, is_bare_default=True
    )


def naive(table):
    """Compare every row with every other."""
    fine = table[np.isfinite(table[["bitrate_kbps", "vmaf_score"]]).all(axis=1)]
    columns = ["source", "bitrate_kbps", "vmaf_score", "encode_time_ms"]
    rows = list(fine[columns].itertuples(name=None))
    kept = []
    for i, a_source, a_cost, a_quality, a_time in rows:
        for j, b_source, b_cost, b_quality, b_time in rows:
            if i == j or a_source != b_source:
                continue
            if (a_cost, a_quality) == (b_cost, b_quality):
                if (b_time, j) < (a_time, i):
                    break
            elif b_cost <= a_cost and b_quality >= a_quality:
                break
        else:
            kept.append(i)
    return kept


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), figures, figures, st.integers(1, 3).map(float)),
        max_size=25,
    )
)
def test_the_hull_is_what_comparing_all_with_all_leaves(rows):
    table = frame(rows)
    assert sorted(hull(table, ENCODER).index) == sorted(naive(table))


def test_rows_within_a_millionth_are_one_point_and_the_quicker_stays():
    near = SAME_POINT / 2
    table = frame(
        [("a", 1.0, 90.0, 20.0), ("a", 1.0 + near, 90.0 + near, 10.0), ("a", 2.0, 95.0, 5.0)]
    )
    assert list(hull(table, ENCODER).index) == [1, 2]


def test_slices_do_not_know_of_each_other():
    table = frame([("a", 1.0, 99.0, 1.0), ("b", 5.0, 50.0, 1.0)])
    assert list(hull(table, ENCODER).index) == [0, 1]


def test_a_frame_without_a_column_is_refused_by_its_name():
    with pytest.raises(Usage, match="vmaf_score"):
        hull(frame([]).drop(columns="vmaf_score"), ENCODER)


def test_rows_come_by_ascending_cost_with_their_index():
    table = frame([("a", 3.0, 99.0, 1.0), ("a", 1.0, 90.0, 1.0), ("a", 2.0, 80.0, 1.0)])
    assert list(hull(table.set_index(pd.Index([7, 8, 9])), ENCODER).index) == [8, 7]


@pytest.mark.parametrize("first", [True, False])
def test_of_one_point_a_known_time_stays_before_an_unknown_one(first):
    times = [5.0, np.nan] if first else [np.nan, 5.0]
    table = frame([("a", 1.0, 90.0, times[0]), ("a", 1.0, 90.0 - SAME_POINT / 2, times[1])])
    assert list(hull(table, ENCODER)["encode_time_ms"]) == [5.0]


def test_nothing_has_an_empty_hull_and_one_row_is_its_own():
    assert hull(frame([]), ENCODER).empty
    assert len(hull(frame([("a", 1.0, 90.0, 1.0)]), ENCODER)) == 1
