"""Oracles against the plainest loops, and what a cheating or broken kernel leaves behind."""

from __future__ import annotations

import math
import timeit
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from workbench import oracles
from workbench.errors import Infrastructure
from workbench.oracles import Agreement, Mismatch

ATOL, RTOL = 1e-4, 1e-6


def naive_max_abs_err(got: Any, want: Any, atol: float, rtol: float) -> int | None:
    """Position of the first wrong element, in flat order."""
    for position, (g, w) in enumerate(zip(got.ravel(), want.ravel(), strict=True)):
        g, w = float(g), float(w)
        if math.isnan(g) or math.isnan(w):
            return position
        if math.isinf(w) or math.isinf(g):
            if g != w:
                return position
        elif abs(g - w) > max(atol, rtol * abs(w)):
            return position
    return None


def naive_top_k(got_ids: Any, want_ids: Any, want_distances: Any, atol: float) -> bool:
    used: list[int] = []
    for rank, identity in enumerate(got_ids):
        tied = [
            w
            for w, d in zip(want_ids, want_distances, strict=True)
            if abs(d - want_distances[rank]) <= atol
        ]
        if identity not in tied:
            return False
        used.append(identity)
        if used.count(identity) > list(want_ids).count(identity):
            return False
    return True


floats = st.floats(width=32, allow_nan=True, allow_infinity=True)
arrays = hnp.arrays(np.float32, hnp.array_shapes(max_dims=2, max_side=6), elements=floats)


@settings(deadline=None)
@given(want=arrays, data=st.data())
def test_max_abs_err_agrees_with_the_naive_loop(want: Any, data: Any) -> None:
    got = want.copy()
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, got.size - 1))
        near = float(got.flat[at]) + data.draw(st.sampled_from([0.0, 5e-5, 9.9e-5, 1.1e-4, 1.0]))
        got.flat[at] = data.draw(st.sampled_from([near, math.nan, math.inf, -math.inf]))
    wrong = naive_max_abs_err(got, want, ATOL, RTOL)
    answer = oracles.max_abs_err(got, want, ATOL, RTOL)
    if wrong is None:
        assert isinstance(answer, Agreement)
        assert math.isfinite(answer.max_abs_err)
        assert answer.bitwise == (got.tobytes() == want.tobytes())
    else:
        assert isinstance(answer, Mismatch)
        assert answer.index == np.unravel_index(wrong, want.shape)
        assert answer.describe().endswith(".")


@settings(deadline=None)
@given(want=arrays, got=arrays)
def test_two_unrelated_arrays_never_raise(want: Any, got: Any) -> None:
    for answer in (
        oracles.max_abs_err(got, want, ATOL, RTOL),
        oracles.bitwise(got, want),
        oracles.bitwise(got.view(np.int32), want.view(np.int32)),
    ):
        assert isinstance(answer, Agreement | Mismatch)


@settings(deadline=None)
@given(want=hnp.arrays(np.int64, st.integers(0, 8)), data=st.data())
def test_integers_are_equal_or_wrong(want: Any, data: Any) -> None:
    got = want.copy()
    if got.size and data.draw(st.booleans()):
        at = data.draw(st.integers(0, got.size - 1))
        got[at] ^= 1  # 2**60 and 2**60 + 1 are the same float64
        for answer in (oracles.bitwise(got, want), oracles.max_abs_err(got, want, 1e9, 0.0)):
            assert isinstance(answer, Mismatch)
            assert answer.index == (at,)
            assert (answer.got, answer.want) == (int(got[at]), int(want[at]))
    else:
        assert oracles.bitwise(got, want) == Agreement(0.0, bitwise=True)


@pytest.mark.parametrize(
    ("got", "want", "why"),
    [
        ([math.nan], [1.0], "not a number"),
        ([math.inf], [1.0], "infinite where the truth is finite"),
        ([1.0], [math.inf], "the truth is infinite"),
        ([-math.inf], [math.inf], "the truth is infinite"),
        ([1.0], [math.nan], "the truth itself is not a number"),
        ([math.nan], [math.nan], "the truth itself is not a number"),
        ([1.0 + 1e-3, 0.0], [1.0, 0.0], "off by 0.001"),
    ],
)
def test_what_disagrees_says_why(got: list[float], want: list[float], why: str) -> None:
    answer = oracles.max_abs_err(np.array(got), np.array(want), ATOL, RTOL)
    assert isinstance(answer, Mismatch)
    assert answer.index == (0,)
    assert why in answer.why


def test_infinities_of_one_sign_agree() -> None:
    got = np.array([math.inf, -math.inf, 1.0], np.float32)
    want = np.array([math.inf, -math.inf, 1.00001], np.float32)
    answer = oracles.max_abs_err(got, want, ATOL, RTOL)
    assert isinstance(answer, Agreement)
    assert answer.max_abs_err == pytest.approx(1e-5, rel=0.05)


def test_an_infinite_truth_lends_no_slack_to_its_neighbours() -> None:
    answer = oracles.max_abs_err(np.array([math.inf, 5.0]), np.array([math.inf, 1.0]), ATOL, RTOL)
    assert isinstance(answer, Mismatch)
    assert answer.index == (1,)


def test_the_error_itself_may_not_overflow_into_an_agreement() -> None:
    answer = oracles.max_abs_err(np.array([-1e308]), np.array([1e308]), ATOL, 0.5)
    assert isinstance(answer, Mismatch)


def test_a_buffer_left_poisoned_is_wrong_even_when_the_truth_is_the_same_nan() -> None:
    poison = np.full(4, math.nan, np.float32)
    assert isinstance(oracles.max_abs_err(poison, poison.copy(), ATOL, RTOL), Mismatch)


def test_bitwise_knows_negative_zero() -> None:
    answer = oracles.bitwise(np.array([0.0, -0.0]), np.array([0.0, 0.0]), "out")
    assert answer == Mismatch("out", (1,), -0.0, 0.0, 0.0, "the bits differ")
    assert isinstance(oracles.max_abs_err(np.array([-0.0]), np.array([0.0]), 0, 0), Agreement)


@pytest.mark.parametrize("rule", ["bitwise", "max_abs_err"])
def test_wrong_dtype_and_shape_are_named(rule: str) -> None:
    oracle = {"kind": rule, "atol": ATOL, "rtol": RTOL}
    want = {"out": np.zeros((2, 3), np.float32)}
    dtype = oracles.check(oracle, {"out": np.zeros((2, 3))}, want)
    assert isinstance(dtype, Mismatch)
    assert "dtype" in dtype.why
    assert dtype.describe() == "out is float64[2, 3], the truth is float32[2, 3]: " + (
        "the dtype is wrong."
    )
    shape = oracles.check(oracle, {"out": np.zeros((3, 2), np.float32)}, want)
    assert isinstance(shape, Mismatch)
    assert "shape" in shape.why


def test_a_value_json_cannot_hold_is_spelt_out() -> None:
    answer = oracles.max_abs_err(np.array([math.nan]), np.array([1.0]), ATOL, RTOL)
    assert isinstance(answer, Mismatch)
    assert answer.got == "nan"
    assert answer == oracles.max_abs_err(np.array([math.nan]), np.array([1.0]), ATOL, RTOL)


def test_many_wrong_elements_are_counted() -> None:
    answer = oracles.max_abs_err(np.ones(1000), np.zeros(1000), ATOL, RTOL)
    assert isinstance(answer, Mismatch)
    assert "one of 1,000 wrong elements of 1,000" in answer.why


@pytest.mark.parametrize(
    ("atol", "rtol"), [(-1.0, 0.0), (math.nan, 0.0), (0.0, 1.0), (math.inf, 0)]
)
def test_a_tolerance_that_forgives_everything_is_refused(atol: float, rtol: float) -> None:
    with pytest.raises(Infrastructure, match="atol"):
        oracles.max_abs_err(np.zeros(1), np.zeros(1), atol, rtol)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_top_k_agrees_with_the_naive_rule(data: Any) -> None:
    k = data.draw(st.integers(1, 6))
    distances = sorted(data.draw(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=k)))
    ids = data.draw(st.permutations(range(len(distances))))
    got = data.draw(
        st.one_of(
            st.permutations(ids).map(lambda p: p[:k]),
            st.lists(st.integers(0, len(ids)), min_size=k, max_size=k),
        )
    )
    answer = oracles.top_k(
        np.array([got]),
        np.array([distances[:k]]),
        np.array([ids]),
        np.array([distances]),
        atol=0.1,
        rtol=0.0,
    )
    assert isinstance(answer, Agreement) == naive_top_k(got, ids, distances, 0.1)


@pytest.mark.parametrize(
    ("ids", "distances", "where", "why"),
    [
        ([1, 2, 3], [0.0, 1.0, 1.0], None, ""),
        ([1, 3, 2], [0.0, 1.0, 1.0], None, ""),  # a tie
        ([1, 2, 4], [0.0, 1.0, 1.0], None, ""),  # a tie across the last rank
        ([2, 1, 3], [0.0, 1.0, 1.0], (0, 0), "no tie"),
        ([1, 2, 2], [0.0, 1.0, 1.0], (0, 2), "repeated"),
        ([1, 2, 9], [0.0, 1.0, 1.0], (0, 2), "not among the nearest"),
        ([1, 2, 3], [0.0, 1.0, math.nan], (0, 2), "not a number"),
        ([1, 2, 3], [0.0, 1.5, 1.0], (0, 1), "off by 0.5"),
    ],
)
def test_top_k_cases(
    ids: list[int], distances: list[float], where: tuple[int, ...] | None, why: str
) -> None:
    answer = oracles.top_k(
        np.array([ids]),
        np.array([distances]),
        np.array([[1, 2, 3, 4]]),
        np.array([[0.0, 1.0, 1.0, 1.0]]),
        atol=1e-6,
        rtol=0.0,
    )
    if where is None:
        assert isinstance(answer, Agreement)
    else:
        assert isinstance(answer, Mismatch)
        assert answer.index == where
        assert why in answer.why


def test_top_k_pads_of_a_short_answer_agree() -> None:
    ids, distances = np.array([5, -1, -1]), np.array([0.5, math.inf, math.inf])
    answer = oracles.top_k(ids, distances, ids.copy(), distances.copy(), 1e-6, 0.0)
    assert answer == Agreement(0.0, bitwise=True)


def test_recall_counts_the_rows_that_are_truly_near() -> None:
    want = np.tile(np.arange(8.0), (4, 1))
    got = want.copy()
    got[2, 0] = 9.0  # one of its two nearest is lost
    found = oracles.recall(got, want, k=2, minimum=0.8)
    assert found == Agreement(9.0, bitwise=False, recall=0.875)
    answer = oracles.recall(got, want, k=2, minimum=0.9)
    assert isinstance(answer, Mismatch)
    assert (answer.index, answer.got) == ((2,), 0.875)


def test_recall_of_few_requests_is_held_to_the_floor_of_one() -> None:
    want = np.array([[0.0, 1.0, 2.0, 3.0]])
    got = np.array([[0.0, 4.0, 2.0, 3.0]])
    found = oracles.recall(got, want, k=2, minimum=0.95, row_minimum=0.5)
    assert found == Agreement(3.0, bitwise=False, recall=0.5)
    answer = oracles.recall(got, want, k=2, minimum=0.95, row_minimum=0.6)
    assert isinstance(answer, Mismatch)
    assert answer.index == (0,)


def test_recall_takes_any_row_of_a_tie_and_no_nan() -> None:
    want = np.array([[0.0, 1.0, 1.0, 1.0]])
    other = np.array([[0.0, 1.0, 1.0, 0.5]])
    assert oracles.recall(other, want, k=2, minimum=1.0, row_minimum=1.0).recall == 1.0
    assert oracles.recall(want[:, :0], want[:, :0], k=2, minimum=1.0).recall == 1.0
    assert oracles.recall(want, want, k=9, minimum=1.0) == Agreement(0.0, True, recall=1.0)
    unwritten = np.full_like(want, np.nan)
    answer = oracles.recall(unwritten, want, k=4, minimum=0.1)
    assert isinstance(answer, Mismatch)
    assert answer.got == "nan"


def test_recall_bounds_the_error_of_every_row_near_or_far() -> None:
    want = np.array([[0.0, 1.0, 2.0, 8.0]])
    got = np.array([[0.0, 1.0, 2.0, 7.5]])
    assert oracles.recall(got, want, 1, 1.0, max_error=0.07).max_abs_err == 0.5
    answer = oracles.recall(got, want, 1, 1.0, max_error=0.06)
    assert isinstance(answer, Mismatch)
    assert answer.index == (0, 3)


def test_lengths_cut_what_lies_behind_each_answer() -> None:
    oracle = {"kind": "bitwise", "lengths": {"out": "count"}}
    want = {"out": np.array([[1, 2, 0], [7, 0, 0]]), "count": np.array([2, 1])}
    got = {"out": np.array([[1, 2, -1], [7, -1, -1]]), "count": np.array([2, 1])}
    assert oracles.check(oracle, got, want) == Agreement(0.0, bitwise=True)
    assert oracles.identical(oracle, got, want) == Agreement(0.0, bitwise=True)
    answer = oracles.check(oracle, {**got, "out": np.array([[1, 2, 0], [8, 0, 0]])}, want)
    assert isinstance(answer, Mismatch)
    assert (answer.output, answer.index) == ("out", (1, 0))
    short = oracles.check(oracle, {**got, "count": np.array([2, 0])}, want)
    assert isinstance(short, Mismatch)
    assert short.output == "count"


def test_check_holds_every_output_and_reports_the_weakest() -> None:
    oracle = {"kind": "max_abs_err", "atol": ATOL, "rtol": RTOL}
    want = {"a": np.zeros(3), "n": np.arange(3)}
    got = {"a": np.full(3, 5e-5), "n": np.arange(3)}
    assert oracles.check(oracle, got, want) == Agreement(5e-5, bitwise=False)
    got["n"] = np.array([0, 1, 3])
    answer = oracles.check(oracle, got, want)
    assert isinstance(answer, Mismatch)
    assert (answer.output, answer.index) == ("n", (2,))


def test_check_names_a_missing_and_an_extra_output() -> None:
    oracle = {"kind": "bitwise"}
    missing = oracles.check(oracle, {}, {"out": np.zeros(1)})
    extra = oracles.check(oracle, {"x": np.zeros(1), "out": np.zeros(1)}, {"out": np.zeros(1)})
    assert isinstance(missing, Mismatch)
    assert (missing.output, missing.got) == ("out", "missing")
    assert isinstance(extra, Mismatch)
    assert extra.output == "x"


def test_check_dispatches_top_k_and_recall_by_output_name() -> None:
    want = {"rows": np.array([1, 2]), "distances": np.array([0.0, 1.0]), "n": np.array([2])}
    oracle = {"kind": "top_k", "ids": "rows", "atol": 1e-4, "rtol": 0.0}
    assert oracles.check(oracle, want, want) == Agreement(0.0, bitwise=True)
    wrong = oracles.check(oracle, {**want, "rows": np.array([1, 3])}, want)
    assert isinstance(wrong, Mismatch)
    assert wrong.output == "rows"
    other = oracles.check(oracle, {**want, "n": np.array([1])}, want)
    assert isinstance(other, Mismatch)
    assert other.output == "n"
    lossy = {"kind": "recall", "k": 1, "minimum": 0.5, "row_minimum": 0.5, "max_error": 0.1}
    assert oracles.check(lossy, want, want) == Agreement(0.0, bitwise=True, recall=1.0)


LOSSY = {"kind": "recall", "k": 1, "minimum": 0.5, "row_minimum": 0.5, "max_error": 0.1}


@pytest.mark.parametrize(
    ("oracle", "message"),
    [
        ({"kind": "close_enough"}, "there are bitwise, max_abs_err, top_k, recall"),
        ({}, "kind = None"),
        ({"kind": "max_abs_err", "atol": "1e-4", "rtol": 0}, "atol = '1e-4'"),
        ({"kind": "max_abs_err", "atol": 1e-4}, "rtol = None"),
        ({"kind": "recall", "minimum": 0.5}, "'distances' is no output"),
        (
            {**LOSSY, "distances": "out", "minimum": 0, "row_minimum": 0},
            "minimum above 0",
        ),
        ({"kind": "bitwise", "lengths": {"out": "count"}}, "both must be outputs"),
    ],
)
def test_a_wrong_oracle_table_is_an_infrastructure_error(
    oracle: dict[str, Any], message: str
) -> None:
    outputs = {"out": np.zeros(1)}
    with pytest.raises(Infrastructure, match=message.replace("(", r"\(")):
        oracles.check(oracle, outputs, outputs)


@pytest.mark.benchmark
def test_cost_of_one_check_of_20_000_floats(capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    want = rng.random(20_000, np.float32) * 1000
    cases = {"same bytes": want.copy(), "within atol": want + np.float32(5e-5)}
    cases["within rtol"] = want * np.float32(1 + 5e-7)
    with capsys.disabled():
        for name, got in cases.items():
            call = timeit.Timer(lambda got=got: oracles.max_abs_err(got, want, ATOL, RTOL))  # type: ignore[misc]  # mypy cannot type a lambda's default
            print(f"\n  max_abs_err, {name}: {min(call.repeat(5, 100)) * 1e4:.1f} us", end="")  # noqa: T201 - a benchmark prints
