"""Snapshot = reference = upstream = kernels = peers, each link of the chain."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from typing import Any

import contract
import naive
import numpy as np
import pq_family
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from workbench import oracles, snapshots
from workbench.callsites import ivf_pq
from workbench.snapshots import Case
from workbench.targets import Target

TARGET = contract.loaded("pq_l2")
ORACLE = TARGET.spec["oracle"]

# One table drives every test of agreement: a variant that is not in it is not checked anywhere.
VARIANTS: Mapping[str, Callable[[Target], Any]] = {
    "reference": lambda target: target.reference,
    "upstream": lambda target: target.upstream,
    "kernels": lambda target: target.kernels,
    "faiss": lambda target: target.peers.PEERS["faiss"](),
    "numpy": lambda target: target.peers.PEERS["numpy"](),
}
COMPILED = ("reference", "upstream", "kernels")
CASES = {case.name: case for case in snapshots.load("lance", "pq_l2").cases()}


@pytest.fixture(scope="module", params=VARIANTS)
def variant(request: pytest.FixtureRequest) -> Any:
    return VARIANTS[request.param](TARGET)


def answer(
    variant: Any, fixture: Mapping[str, NDArray[Any]], queries: NDArray[Any]
) -> NDArray[np.float32]:
    """Distances of every row to every query, through the surface, into poisoned buffers."""
    codebook, codes = fixture["codebook"], fixture["codes"]
    state = variant.setup(codebook, codes)
    table = np.full(codebook.shape[:2], np.nan, np.float32)
    out = np.full((len(queries), len(codes)), np.nan, np.float32)
    for query, distances in zip(queries, out, strict=True):
        variant.distance_table(state, query, table)
        variant.distances(state, table, distances)
    return out


def agree(got: NDArray[Any], want: NDArray[Any]) -> None:
    verdict = oracles.max_abs_err(got, want, ORACLE["atol"], ORACLE["rtol"])
    assert isinstance(verdict, oracles.Agreement), verdict.describe()


def test_every_peer_is_in_the_table() -> None:
    assert set(TARGET.peers.PEERS) <= set(VARIANTS)


def test_every_variant_exports_the_surface(variant: Any) -> None:
    for name, arguments in TARGET.surface.items():
        function = getattr(variant, name)
        code = getattr(function, "py_func", function).__code__
        assert list(code.co_varnames[: code.co_argcount]) == arguments


def test_agrees_with_the_reference_on_the_battery_and_the_timed_workloads(variant: Any) -> None:
    rng = np.random.default_rng(2)
    for workload in [*TARGET.inputs.battery(rng), *TARGET.inputs.workloads(rng)]:
        requests = workload.requests(rng, workload.batch)
        want = TARGET.reference.answer(workload.fixture, requests)["out"]
        agree(answer(variant, workload.fixture, requests["query"]), want)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_agrees_with_what_lance_returned(variant: Any, case: Case) -> None:
    agree(answer(variant, case.fixture, case.requests["query"]), case.outputs["out"])


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_reference_returns_the_bits_that_lance_returned(case: Case) -> None:
    got = TARGET.reference.answer(case.fixture, case.requests)["out"]
    assert oracles.bitwise(got, case.outputs["out"]) == oracles.Agreement(0.0, bitwise=True)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_ten_nearest_agree_with_lance_by_rank_and_distance(variant: Any, case: Case) -> None:
    got = answer(variant, case.fixture, case.requests["query"])
    want = case.outputs["out"]
    # the truth lists more ranks, so that a tie across the tenth is no error
    got_ids, want_ids = (
        a.argsort(axis=1, kind="stable")[:, :ranks] for a, ranks in ((got, 10), (want, 20))
    )
    verdict = oracles.top_k(
        got_ids,
        np.take_along_axis(got, got_ids, axis=1),
        want_ids,
        np.take_along_axis(want, want_ids, axis=1),
        ORACLE["atol"],
        ORACLE["rtol"],
    )
    assert isinstance(verdict, oracles.Agreement), verdict.describe()


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    sub_vectors=st.integers(1, 12),
    width=st.integers(1, 24),
    rows=st.one_of(st.integers(0, 5), st.sampled_from([31, 64, 65, 127, 129, 300])),
    scale=st.sampled_from([1e-3, 1.0, 1e3]),
)
def test_agrees_with_the_definition(
    variant: Any, seed: int, sub_vectors: int, width: int, rows: int, scale: float
) -> None:
    rng = np.random.default_rng(seed)
    codebook = (scale * rng.standard_normal((sub_vectors, 256, width))).astype(np.float32)
    codes = rng.integers(256, size=(rows, sub_vectors), dtype=np.uint8)
    query = (scale * rng.standard_normal(sub_vectors * width)).astype(np.float32)
    got = answer(variant, {"codebook": codebook, "codes": codes}, query[None])[0]
    want = naive.pq_l2(codebook, codes, query)
    # float32 sums of positive terms in any order: one rounding for each term, square and gap
    roundings = sub_vectors + width + 3
    np.testing.assert_allclose(got, want, rtol=roundings * 2.0**-24, atol=0)


@pytest.mark.parametrize("name", COMPILED)
def test_bind_runs_all_requests_and_leaves_its_inputs_alone(name: str) -> None:
    rng = np.random.default_rng(4)
    workload = TARGET.inputs.workload(rng, (128, 16, 256), "gaussian", 300)
    requests = workload.requests(rng, 5)
    before = {k: v.copy() for k, v in {**workload.fixture, **requests}.items()}
    out = np.full((5, 300), np.nan, np.float32)
    scratch = {k: np.full(shape, np.nan, dtype) for k, (shape, dtype) in workload.scratch.items()}
    TARGET.bench.bind(VARIANTS[name](TARGET), workload.fixture)(requests, {"out": out}, scratch)
    agree(out, TARGET.reference.answer(workload.fixture, requests)["out"])
    for k, array in {**workload.fixture, **requests}.items():
        np.testing.assert_array_equal(array, before[k])


@pytest.mark.parametrize("module", [TARGET.upstream, TARGET.kernels], ids=["upstream", "kernels"])
def test_the_hot_path_has_no_allocation_in_its_code(module: types.ModuleType) -> None:
    case = CASES["128x16x256/uniform"]
    answer(module, case.fixture, case.requests["query"])
    for function in (module.distance_table, module.distances):
        for code in function.inspect_llvm().values():
            assert "NRT_MemInfo_alloc" not in code


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


def test_a_seed_draws_the_same_inputs_twice() -> None:
    def draw() -> list[NDArray[Any]]:
        rng = np.random.default_rng(7)
        found = []
        for workload in [*TARGET.inputs.battery(rng), *TARGET.inputs.workloads(rng)]:
            found += [*workload.fixture.values(), *workload.requests(rng, 2).values()]
        return found

    for first, second in zip(draw(), draw(), strict=True):
        assert first.tobytes() == second.tobytes()


def test_the_battery_has_the_floor_of_shapes_and_distributions_and_all_edges() -> None:
    battery = list(TARGET.inputs.battery(np.random.default_rng(0)))
    names = [workload.name for workload in battery]
    assert len(set(names)) == len(names)
    large = {w.name for w in battery if w.outputs["out"][0] == (4_096,)}
    assert len(large) == 15
    rows = {w.outputs["out"][0][0] for w in battery}
    assert {0, 1, 63, 77} <= rows
    unknown = {w.name: w.outputs["out"][0][0] for w in battery if w.distribution == "random-rows"}
    assert unknown.keys() == {"128x16x256/random-rows", "768x96x256/random-rows"}
    assert all(4_096 < n < 30_000 for n in unknown.values())
    again = {w.outputs["out"][0][0] for w in TARGET.inputs.battery(np.random.default_rng(1))}
    assert again.isdisjoint(unknown.values())
    used = {w.distribution: np.unique(w.fixture["codes"]) for w in battery}
    assert used["one-code"].tolist() == [131]
    assert used["extreme-codes"].tolist() == [0, 255]
    assert len(used["every-code"]) == 256


def test_timed_workloads_are_nine_of_twenty_thousand_rows() -> None:
    workloads = TARGET.inputs.workloads(np.random.default_rng(0))
    assert len({w.name for w in workloads}) == 9
    for w in workloads:
        codebook, codes = w.fixture["codebook"], w.fixture["codes"]
        assert codes.shape == (20_000, len(codebook))
        assert (codes.dtype, codebook.dtype) == (np.uint8, np.float32)
        assert codes.flags.c_contiguous
        assert codebook.flags.c_contiguous


def test_codes_have_the_frequencies_of_nearest_centroids() -> None:
    rng = np.random.default_rng(0)
    inputs = TARGET.inputs
    for distribution in ("sparse", "uniform"):
        workload = inputs.workload(rng, (128, 16, 256), distribution, 8_192)
        codebook, codes = workload.fixture["codebook"], workload.fixture["codes"]
        real = naive.nearest_codes(codebook, workload.requests(rng, 1_024)["query"])
        commonest = [
            np.mean([np.bincount(column).max() / len(column) for column in c.T])
            for c in (codes, real)
        ]
        assert commonest[0] == pytest.approx(commonest[1], rel=0.5)


def test_codes_are_those_of_the_nearest_centroid() -> None:
    rng = np.random.default_rng(1)
    codebook = rng.standard_normal((16, 256, 8), dtype=np.float32)
    vectors = rng.standard_normal((50, 128), dtype=np.float32)
    np.testing.assert_array_equal(
        TARGET.inputs.nearest_codes(codebook, vectors), naive.nearest_codes(codebook, vectors)
    )


def test_the_roofline_counts_what_a_query_must_move_and_do() -> None:
    roofline = TARGET.spec["roofline"]
    rows = TARGET.inputs.TIMED_ROWS
    for dim, sub_vectors, centroids in TARGET.inputs.SHAPES:
        name = f"{dim}x{sub_vectors}x{centroids}"
        codebook = dim * centroids
        moved = rows * sub_vectors + 4 * (codebook + dim + rows)
        assert roofline["bytes_per_unit"][name] == moved
        assert roofline["operations_per_unit"][name] == 3 * codebook + rows * sub_vectors


@pytest.fixture(scope="module")
def site() -> Any:
    rng = np.random.default_rng(3)
    (load,) = ivf_pq.workloads("L2", (ivf_pq.Site(32, 4, 4, 700, (3,)),))(rng)
    requests = load.requests(rng, 12)
    return load, requests, TARGET.callsite.answer(load.fixture, requests)


def test_the_query_around_a_variant_answers_as_lance_does(variant: Any, site: Any) -> None:
    load, requests, want = site
    outputs = {k: np.zeros((12, *s), d) for k, (s, d) in load.outputs.items()}
    scratch = {k: np.zeros(s, d) for k, (s, d) in load.scratch.items()}
    TARGET.callsite.bind(variant, load.fixture)(requests, outputs, scratch)
    verdict = oracles.check(TARGET.callsite.ORACLE, outputs, want)
    assert isinstance(verdict, oracles.Agreement), verdict.describe()
    if variant is TARGET.reference:
        ranks = outputs["ids"].shape[1]
        assert outputs["ids"].tobytes() == want["ids"][:, :ranks].tobytes()
        assert outputs["distances"].tobytes() == want["distances"][:, :ranks].tobytes()
