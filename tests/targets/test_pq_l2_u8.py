"""Snapshot = reference = upstream = peers, exactly; kernels by the nearest rows they find."""

from __future__ import annotations

from typing import Any

import contract
import numpy as np
import pq_family
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from workbench import oracles, snapshots
from workbench.callsites import ivf_pq
from workbench.snapshots import Case

TARGET = contract.loaded("pq_l2_u8")
ORACLE = TARGET.spec["oracle"]
VARIANTS = pq_family.variants(TARGET)
COMPILED = ("reference", "upstream", "kernels")
EXACT = [name for name in VARIANTS if name != "kernels"]
CASES = {case.name: case for case in snapshots.load("lance", "pq_l2_u8").cases()}


@pytest.fixture(params=VARIANTS)
def variant(request: pytest.FixtureRequest) -> Any:
    return VARIANTS[request.param]


@pytest.fixture(scope="module")
def questions() -> list[pq_family.Question]:
    return pq_family.questions(TARGET)


def agree(got: NDArray[Any], want: NDArray[Any]) -> None:
    verdict = oracles.check(ORACLE, {"out": got}, {"out": want})
    assert isinstance(verdict, oracles.Agreement), verdict.describe()


def test_every_variant_exports_the_surface(variant: Any) -> None:
    for name, arguments in TARGET.surface.items():
        function = getattr(variant, name)
        code = getattr(function, "py_func", function).__code__
        assert list(code.co_varnames[: code.co_argcount]) == arguments


def test_agrees_with_the_reference_on_the_battery_and_the_timed_workloads(
    variant: Any, questions: list[pq_family.Question]
) -> None:
    for fixture, queries, want in questions:
        agree(pq_family.answer(variant, fixture, queries), want)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_agrees_with_what_lance_returned(variant: Any, case: Case) -> None:
    agree(pq_family.answer(variant, case.fixture, case.requests["query"]), case.outputs["out"])


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_reference_returns_the_bits_that_lance_returned(case: Case) -> None:
    got = TARGET.reference.answer(case.fixture, case.requests)["out"]
    assert oracles.bitwise(got, case.outputs["out"]) == oracles.Agreement(0.0, bitwise=True)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.parametrize("name", EXACT)
def test_all_but_the_kernel_are_exact(name: str, case: Case) -> None:
    got = pq_family.answer(VARIANTS[name], case.fixture, case.requests["query"])
    verdict = oracles.max_abs_err(got, case.outputs["out"], atol=1e-4, rtol=1e-6)
    assert isinstance(verdict, oracles.Agreement), verdict.describe()


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    sub_vectors=st.integers(1, 12),
    width=st.integers(1, 24),
    rows=st.one_of(st.integers(0, 5), st.sampled_from([31, 64, 65, 127, 129, 300])),
    scale=st.sampled_from([1e-3, 1.0, 1e3]),
)
@pytest.mark.parametrize("name", VARIANTS)
def test_no_distance_is_off_by_more_than_the_oracle_allows(
    name: str, seed: int, sub_vectors: int, width: int, rows: int, scale: float
) -> None:
    fixture, query = pq_family.drawn(seed, sub_vectors, width, rows, scale)
    got = pq_family.answer(VARIANTS[name], fixture, query[None])[0]
    gap = pq_family.decoded(fixture) - query.astype(np.float64)
    want = np.square(gap).sum(axis=1)
    # Not what a table of 256 steps would give: how a kernel rounds is its own business.
    assert (np.abs(got - want) <= ORACLE["max_error"] * want.max(initial=0)).all()


def test_tables_of_bytes_find_the_neighbours(questions: list[pq_family.Question]) -> None:
    """The plainest of them nearly passes: the oracle asks for what bytes can give, and no less."""
    recalls = [
        recall_of_bytes(fixture, queries, want)
        for fixture, queries, want in questions
        if want.shape[1] >= 4_096
    ]
    assert 0.95 < np.mean(recalls) < 1


def recall_of_bytes(fixture: pq_family.Arrays, queries: NDArray[Any], want: NDArray[Any]) -> float:
    """Recall@10 when a table's entries are counted in 255 steps above their row's least."""
    codebook, columns = fixture["codebook"], fixture["codes"].T.astype(np.intp)
    got = np.zeros_like(want)
    for query, out in zip(queries, got, strict=True):
        table = np.square(codebook - query.reshape(len(codebook), 1, -1)).sum(axis=2)
        least = table.min(axis=1, keepdims=True)
        step = max(np.ptp(table, axis=1).max() / 255, np.finfo(np.float32).tiny)
        steps = np.rint((table - least) / step)
        out[:] = least.sum() + step * np.take_along_axis(steps, columns, axis=1).sum(axis=0)
    verdict = oracles.recall(got, want, k=10, minimum=1e-9)
    assert isinstance(verdict, oracles.Agreement)
    return verdict.recall or 0.0


@pytest.mark.parametrize("name", COMPILED)
def test_bind_runs_all_requests_and_leaves_its_inputs_alone(name: str) -> None:
    rng = np.random.default_rng(4)
    workload = TARGET.inputs.workload(rng, (128, 16, 256), "gaussian", 300)
    requests = workload.requests(rng, 5)
    before = {k: v.copy() for k, v in {**workload.fixture, **requests}.items()}
    got = pq_family.through_bind(TARGET, VARIANTS[name], workload, requests)
    agree(got["out"], TARGET.reference.answer(workload.fixture, requests)["out"])
    for k, array in {**workload.fixture, **requests}.items():
        np.testing.assert_array_equal(array, before[k])


@pytest.mark.parametrize("name", ["upstream", "kernels"])
def test_the_hot_path_has_no_allocation_in_its_code(name: str) -> None:
    case, module = CASES["128x16x256/uniform"], VARIANTS[name]
    pq_family.answer(module, case.fixture, case.requests["query"])
    assert not any(map(pq_family.allocates, (module.distance_table, module.distances)))


@pytest.mark.parametrize("name", COMPILED)
def test_with_checked_indices_the_answer_is_right(
    name: str, questions: list[pq_family.Question]
) -> None:
    module = pq_family.checked(VARIANTS[name])
    for fixture, queries, want in questions:
        agree(pq_family.answer(module, fixture, queries), want)


@settings(max_examples=30, deadline=None)
@given(
    spoilt=st.dictionaries(
        st.integers(0, 127), st.sampled_from([np.nan, np.inf, -np.inf]), min_size=1, max_size=5
    ),
    rows=st.sampled_from([0, 1, 65]),
)
@pytest.mark.parametrize("name", COMPILED)
def test_no_row_has_a_finite_distance_to_a_query_that_is_not_finite(
    name: str, spoilt: dict[int, float], rows: int
) -> None:
    # Lance returns no row then
    fixture, query = pq_family.drawn(9, 16, 8, rows, 1.0)
    query[list(spoilt)] = list(spoilt.values())
    assert not np.isfinite(pq_family.answer(VARIANTS[name], fixture, query[None])).any()


def test_a_seed_draws_the_same_inputs_twice(questions: list[pq_family.Question]) -> None:
    for first, second in zip(questions, pq_family.questions(TARGET), strict=True):
        assert pq_family.as_bytes(first) == pq_family.as_bytes(second)


def test_the_roofline_counts_what_a_query_must_move_and_do() -> None:
    roofline = TARGET.spec["roofline"]
    rows = TARGET.inputs.TIMED_ROWS
    for dim, sub_vectors, centroids in TARGET.inputs.SHAPES:
        name = f"{dim}x{sub_vectors}x{centroids}"
        codebook = dim * centroids
        moved = rows * sub_vectors + 4 * (codebook + dim + rows)
        assert roofline["bytes_per_unit"][name] == moved
        assert roofline["operations_per_unit"][name] == 4 * 3 * codebook + rows * sub_vectors


# One variant: each compiles the whole query again, and `integrate` holds upstream to it too.
@pytest.mark.parametrize("name", ["kernels"])
def test_the_query_around_a_variant_answers_as_lance_does(name: str) -> None:
    rng = np.random.default_rng(3)
    (load,) = ivf_pq.workloads("L2", (ivf_pq.Site(32, 4, 4, 700, (3,)),))(rng)
    requests = load.requests(rng, 12)
    got = pq_family.answers_of_a_query(TARGET.callsite, VARIANTS[name], load, requests)
    want = TARGET.callsite.answer(load.fixture, requests)
    verdict = oracles.check(TARGET.callsite.ORACLE, got, want)
    assert isinstance(verdict, oracles.Agreement), verdict.describe()
