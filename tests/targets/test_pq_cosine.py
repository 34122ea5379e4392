"""Snapshot = reference = upstream = kernels = peers, each link of the chain."""

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

TARGET = contract.loaded("pq_cosine")
ORACLE = TARGET.spec["oracle"]
VARIANTS = pq_family.variants(TARGET)
COMPILED = ("reference", "upstream", "kernels")
CASES = {case.name: case for case in snapshots.load("lance", "pq_cosine").cases()}


@pytest.fixture(params=VARIANTS)
def variant(request: pytest.FixtureRequest) -> Any:
    return VARIANTS[request.param]


@pytest.fixture(scope="module")
def questions() -> list[pq_family.Question]:
    return pq_family.questions(TARGET)


def agree(got: NDArray[Any], want: NDArray[Any]) -> None:
    verdict = oracles.max_abs_err(got, want, ORACLE["atol"], ORACLE["rtol"])
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


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    sub_vectors=st.integers(1, 12),
    width=st.integers(1, 24),
    rows=st.one_of(st.integers(0, 5), st.sampled_from([31, 64, 65, 127, 129, 300])),
    scale=st.sampled_from([1e-3, 1.0, 1e3]),
)
@pytest.mark.parametrize("name", VARIANTS)
def test_agrees_with_the_definition(
    name: str, seed: int, sub_vectors: int, width: int, rows: int, scale: float
) -> None:
    fixture, query = pq_family.drawn(seed, sub_vectors, width, rows, scale)
    got = pq_family.answer(VARIANTS[name], fixture, query[None])[0]
    rows64, query64 = pq_family.decoded(fixture), query.astype(np.float64)
    gap = rows64 - query64 / np.linalg.norm(query64)
    # float32 sums in any order: one rounding for each term and square; the gap is of numbers that
    # are a few roundings off themselves, which counts where it is small
    roundings = 2 * sub_vectors * width + sub_vectors + 8
    want = np.square(gap).sum(axis=1)
    allowed = roundings * 2.0**-24 * (want + np.sqrt(want))
    assert (np.abs(got - want) <= allowed).all()


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
    hot = module.normalise, module.distance_table, module.distances
    assert not any(map(pq_family.allocates, hot))


@pytest.mark.parametrize("name", COMPILED)
def test_with_checked_indices_the_answer_is_right(
    name: str, questions: list[pq_family.Question]
) -> None:
    module = pq_family.checked(VARIANTS[name])
    for fixture, queries, want in questions:
        agree(pq_family.answer(module, fixture, queries[:1]), want[:1])


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    dim=st.integers(1, 40),
    scale=st.sampled_from([0.0, 1e-42, 1e-30, 1e-21, 1.0, 1e18, 1e30]),
    spoilt=st.lists(st.sampled_from([np.nan, np.inf, -np.inf, 0.0, 1e30]), max_size=2),
)
@pytest.mark.parametrize("name", ["upstream", "kernels"])
def test_a_query_is_scaled_or_refused_as_the_reference_does(
    name: str, seed: int, dim: int, scale: float, spoilt: list[float]
) -> None:
    rng = np.random.default_rng(seed)
    query = (scale * rng.standard_normal(dim)).astype(np.float32)
    query[rng.integers(dim, size=len(spoilt))] = spoilt
    got, want = np.full_like(query, np.nan), np.full_like(query, np.nan)
    found = VARIANTS[name].normalise(query, got)
    assert found == TARGET.reference.normalise(query, want)
    if found:
        assert np.isfinite(want).all()
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-7)


def test_lance_returns_no_row_for_a_query_without_a_direction() -> None:
    case = CASES["128x16x256/odd-queries"]
    queries, out = case.requests["query"], case.outputs["out"]
    # a plain one, zeros, 1e-30, 1e30 (scaled to zeros, which is an answer), then not numbers
    assert np.isfinite(out).all(axis=1).tolist() == [True, False, False, True, *[False] * 4]
    assert np.isinf(out[[1, 2, 4, 5, 6, 7]]).all()
    assert not np.isfinite(queries[4:]).all(axis=1).any()


def test_lance_does_not_halve_the_distance() -> None:
    case = CASES["768x96x256/uniform"]
    query = case.requests["query"][0].astype(np.float64)
    gap = pq_family.decoded(case.fixture) - query / np.linalg.norm(query)
    np.testing.assert_allclose(case.outputs["out"][0], np.square(gap).sum(axis=1), rtol=1e-5)


def test_fixed_point_passes_at_one_scale_and_is_refused_at_mixed_ones() -> None:
    # all that is refused has been added since two such kernels were kept
    assert pq_family.refused(TARGET, pq_family.fixed_point(TARGET.reference)) == {
        f"{shape}/{case}"
        for shape in ("128x16x256", "768x96x256")
        for case in ("mixed-scales", "near-rows")
    }


def test_the_battery_has_several_magnitudes() -> None:
    largest = {
        load.distribution: np.abs(load.fixture["codebook"]).max()
        for load in TARGET.inputs.battery(np.random.default_rng(2))
    }
    assert largest["tiny"] < 1e-5
    assert largest["large"] > 1e4
    assert 1e3 < largest["mixed-scales"] < 1e4


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
        assert roofline["operations_per_unit"][name] == 3 * (codebook + dim) + rows * sub_vectors


# One variant: each compiles the whole query again, and `integrate` holds upstream to it too.
@pytest.mark.parametrize("name", ["kernels"])
def test_the_query_around_a_variant_answers_as_lance_does(name: str) -> None:
    rng = np.random.default_rng(3)
    (load,) = ivf_pq.workloads("cosine", (ivf_pq.Site(32, 4, 4, 700, (3,)),))(rng)
    requests = load.requests(rng, 12)
    got = pq_family.answers_of_a_query(TARGET.callsite, VARIANTS[name], load, requests)
    want = TARGET.callsite.answer(load.fixture, requests)
    verdict = oracles.check(TARGET.callsite.ORACLE, got, want)
    assert isinstance(verdict, oracles.Agreement), verdict.describe()
