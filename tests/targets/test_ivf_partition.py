"""Snapshot = reference = upstream = kernels = peers, each link of the chain."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from typing import Any

import contract
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from numpy.typing import NDArray

from workbench import oracles, snapshots
from workbench.callsites import ivf_pq
from workbench.snapshots import Case
from workbench.targets import Target, Workload

Arrays = Mapping[str, NDArray[Any]]

TARGET = contract.loaded("ivf_partition")
ORACLE = TARGET.spec["oracle"]
NO_PARTITION, NOT_FINITE, WRONG_LENGTH = 2**32 - 1, -1, -2

# One table drives every test of agreement: a variant that is not in it is not checked anywhere.
VARIANTS: Mapping[str, Callable[[Target], Any]] = {
    "reference": lambda target: target.reference,
    "upstream": lambda target: target.upstream,
    "kernels": lambda target: target.kernels,
    "faiss": lambda target: target.peers.PEERS["faiss"](),
    "numpy": lambda target: target.peers.PEERS["numpy"](),
    "scipy": lambda target: target.peers.PEERS["scipy"](),
}
COMPILED = ("reference", "upstream", "kernels")
CASES = {case.name: case for case in snapshots.load("lance", "ivf_partition").cases()}


# faiss leaves out what is not finite, scipy's float64 does not overflow: nobody times them there.
NOT_FOR_PEERS = ("centroids-not-finite", "overflow")


@pytest.fixture(scope="module", params=VARIANTS)
def variant(request: pytest.FixtureRequest) -> Any:
    return VARIANTS[request.param](TARGET)


@pytest.fixture(scope="module", params=COMPILED)
def checked(request: pytest.FixtureRequest) -> Any:
    """The same functions, compiled with every index checked."""
    scope = dict(vars(VARIANTS[request.param](TARGET)))
    for name, value in list(scope.items()):
        if hasattr(value, "py_func"):
            plain = types.FunctionType(value.py_func.__code__, scope, name)
            scope[name] = njit(plain, boundscheck=True)
    return types.SimpleNamespace(**{name: scope[name] for name in TARGET.surface})


def ask(variant: Any, centroids: NDArray[Any], query: NDArray[Any], nprobes: int) -> Any:
    """(ids, distances, count) of one query, through the surface, into poisoned buffers."""
    padded = TARGET.inputs.padded(len(centroids))
    ids = np.full(nprobes, 7, np.uint32)
    distances = np.full(nprobes, np.nan, np.float32)
    scratch = np.full(padded, np.nan, np.float32), np.full(padded, 7, np.uint32)
    # what a peer's own arithmetic thinks of infinities is not the question
    with np.errstate(all="ignore"):
        state = variant.setup(centroids)
        count = variant.nearest_partitions(state, query, *scratch, ids, distances)
    return ids, distances, count


def answer(variant: Any, fixture: Arrays, requests: Arrays) -> dict[str, NDArray[Any]]:
    """Outputs of all requests, like the reference's, but of nprobes ranks."""
    nprobes = int(fixture["nprobes"][0])
    shape = requests["query"].shape[:2]
    outputs = {
        "ids": np.empty((*shape, nprobes), np.uint32),
        "distances": np.empty((*shape, nprobes), np.float32),
        "count": np.empty(shape, np.int32),
    }
    for at in np.ndindex(shape):
        found = ask(variant, fixture["centroids"], requests["query"][at], nprobes)
        for array, value in zip(outputs.values(), found, strict=True):
            array[at] = value
    return outputs


def agree(got: Arrays, want: Arrays) -> None:
    verdict = oracles.check(ORACLE, got, want)
    assert isinstance(verdict, oracles.Agreement), verdict.describe()


def naive(centroids: NDArray[Any], query: NDArray[Any]) -> NDArray[np.float64]:
    gap = centroids.astype(np.float64) - query
    distances: NDArray[np.float64] = (gap * gap).sum(axis=1)
    return distances


def test_every_peer_is_in_the_table() -> None:
    assert set(TARGET.peers.PEERS) <= set(VARIANTS)


def test_every_variant_exports_the_surface(variant: Any) -> None:
    for name, arguments in TARGET.surface.items():
        function = getattr(variant, name)
        code = getattr(function, "py_func", function).__code__
        assert list(code.co_varnames[: code.co_argcount]) == arguments


@pytest.fixture(scope="module")
def questions() -> list[tuple[Workload, Arrays, Arrays]]:
    rng = np.random.default_rng(2)
    found = []
    for load in [*TARGET.inputs.battery(rng), *TARGET.inputs.workloads(rng)]:
        requests = load.requests(rng, 2)
        found.append((load, requests, TARGET.reference.answer(load.fixture, requests)))
    return found


def test_agrees_with_the_reference_on_the_battery_and_the_timed_workloads(
    variant: Any, questions: list[tuple[Workload, Arrays, Arrays]]
) -> None:
    for load, requests, want in questions:
        if load.distribution in NOT_FOR_PEERS and isinstance(variant, types.SimpleNamespace):
            continue
        agree(answer(variant, load.fixture, requests), want)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_agrees_with_what_lance_probed_and_assigned(variant: Any, case: Case) -> None:
    agree(answer(variant, case.fixture, case.requests), case.outputs)


# A kernel may add in another order.
@pytest.mark.parametrize("name", ["reference", "upstream"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_ids_order_and_bits_are_those_of_lance(name: str, case: Case) -> None:
    got = answer(VARIANTS[name](TARGET), case.fixture, case.requests)
    for output, want in case.outputs.items():
        np.testing.assert_array_equal(got[output].view(np.uint32), want.view(np.uint32))


def test_the_snapshot_has_rows_assigned_and_probes_of_every_shape() -> None:
    shapes = {case.shape for case in CASES.values()}
    assert len(shapes) == 3
    for shape in shapes:
        kinds = {case.distribution for case in CASES.values() if case.shape == shape}
        assert kinds == {"assigned", "gaussian", "clustered", "sparse"}


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    dim=st.one_of(st.integers(1, 40), st.sampled_from([64, 100, 129])),
    partitions=st.one_of(st.integers(0, 20), st.sampled_from([63, 64, 65, 200])),
    nprobes=st.integers(0, 70),
    scale=st.sampled_from([1e-3, 1.0, 1e3]),
)
def test_agrees_with_the_definition(
    variant: Any, seed: int, dim: int, partitions: int, nprobes: int, scale: float
) -> None:
    rng = np.random.default_rng(seed)
    centroids = (scale * rng.standard_normal((partitions, dim))).astype(np.float32)
    query = (scale * rng.standard_normal(dim)).astype(np.float32)
    ids, distances, count = ask(variant, centroids, query, nprobes)
    assert count == min(partitions, nprobes)
    want = naive(centroids, query)
    # float32 sums of positive terms in any order: one rounding for each term, square and gap
    slack = (dim + 20) * 2.0**-24
    np.testing.assert_allclose(distances[:count], np.sort(want)[:count], rtol=slack)
    np.testing.assert_allclose(distances[:count], want[ids[:count]], rtol=slack)
    assert len(set(ids[:count].tolist())) == count
    assert (ids[count:] == NO_PARTITION).all()
    assert np.isinf(distances[count:]).all()


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    dim=st.integers(1, 40),
    partitions=st.integers(0, 70),
    nprobes=st.integers(0, 80),
    spoilt=st.sampled_from(["query", "centroids", "both", "length", "equal"]),
    value=st.sampled_from([np.nan, np.inf, -np.inf, 3e38, -3e38, 1e-45]),
)
def test_bad_input_has_a_defined_answer_and_stays_in_bounds(
    checked: Any,
    seed: int,
    dim: int,
    partitions: int,
    nprobes: int,
    spoilt: str,
    value: float,
) -> None:
    rng = np.random.default_rng(seed)
    centroids = rng.standard_normal((partitions, dim), dtype=np.float32)
    query = rng.standard_normal(dim, dtype=np.float32)
    if spoilt == "equal":
        centroids[:] = np.float32(value)
    if spoilt in ("centroids", "both") and partitions:
        centroids[rng.integers(partitions, size=3), rng.integers(dim, size=3)] = value
    if spoilt in ("query", "both"):
        query[rng.integers(dim)] = value
    if spoilt == "length":
        query = query[: rng.integers(dim)] if seed % 2 else np.resize(query, dim + 1)
    ids, distances, count = ask(checked, centroids, query, nprobes)
    if spoilt == "length":
        assert count == WRONG_LENGTH
    elif not np.isfinite(query).all():
        assert count == NOT_FINITE
    else:
        assert count == min(partitions, nprobes)
        assert not np.isnan(distances).any()
        assert (distances[1:] >= distances[:-1]).all()
        assert len(set(ids[:count].tolist())) == count
    found = max(count, 0)
    assert (ids[:found] < partitions).all()
    assert (ids[found:] == NO_PARTITION).all()
    assert np.isinf(distances[found:]).all()


def test_equal_distances_come_by_id_in_the_reference_and_upstream() -> None:
    centroids = np.zeros((50, 32), np.float32)
    for name in ("reference", "upstream"):
        ids, _, _ = ask(VARIANTS[name](TARGET), centroids, np.ones(32, np.float32), 9)
        assert ids.tolist() == list(range(9))


@pytest.mark.parametrize("name", COMPILED)
def test_bind_runs_all_requests_and_leaves_its_inputs_alone(name: str) -> None:
    rng = np.random.default_rng(4)
    load = TARGET.inputs.workload(rng, (64, 90, 7), "gaussian", queries=3)
    requests = load.requests(rng, 5)
    before = {k: v.copy() for k, v in {**load.fixture, **requests}.items()}
    outputs = {k: np.full((5, *s), 7, d) for k, (s, d) in load.outputs.items()}
    scratch = {k: np.full(s, 7, d) for k, (s, d) in load.scratch.items()}
    TARGET.bench.bind(VARIANTS[name](TARGET), load.fixture)(requests, outputs, scratch)
    agree(outputs, TARGET.reference.answer(load.fixture, requests))
    for k, array in {**load.fixture, **requests}.items():
        np.testing.assert_array_equal(array, before[k])


@pytest.mark.parametrize("module", [TARGET.upstream, TARGET.kernels], ids=["upstream", "kernels"])
def test_the_hot_path_has_no_allocation_in_its_code(module: types.ModuleType) -> None:
    ask(module, np.ones((30, 32), np.float32), np.ones(32, np.float32), 5)
    for code in module.nearest_partitions.inspect_llvm().values():
        assert "NRT_MemInfo_alloc" not in code


def test_a_seed_draws_the_same_inputs_twice() -> None:
    def draw() -> list[bytes]:
        rng = np.random.default_rng(7)
        found = []
        for load in TARGET.inputs.battery(rng):
            found += [
                a.tobytes() for a in (*load.fixture.values(), *load.requests(rng, 2).values())
            ]
        return found

    assert draw() == draw()


def test_the_battery_has_all_edges_and_a_size_nobody_can_know() -> None:
    battery = list(TARGET.inputs.battery(np.random.default_rng(0)))
    names = [load.name for load in battery]
    assert len(set(names)) == len(names)
    sizes = {load.fixture["centroids"].shape for load in battery}
    assert {(0, 32), (1, 32), (7, 48), (65, 1), (1_023, 17)} <= sizes
    unknown = [load.shape for load in battery if load.distribution == "random-size"]
    again = list(TARGET.inputs.battery(np.random.default_rng(1)))
    assert unknown != [load.shape for load in again if load.distribution == "random-size"]


def test_the_roofline_counts_what_a_request_must_move_and_do() -> None:
    roofline = TARGET.spec["roofline"]
    for (dim, partitions, nprobes), queries in TARGET.inputs.SHAPES.items():
        name = f"{dim}x{partitions}x{nprobes}"
        moved = queries * (dim * partitions + 4 * dim + 8 * nprobes + 4)  # a byte a component
        assert roofline["bytes_per_unit"][name] == moved
        done = queries * (2 * dim * partitions + partitions)
        assert roofline["operations_per_unit"][name] == done


def test_the_query_around_the_kernel_answers_as_lance_does() -> None:
    rng = np.random.default_rng(3)
    (load,) = ivf_pq.workloads("L2", (ivf_pq.Site(32, 4, 4, 700, (3,)),))(rng)
    requests = load.requests(rng, 6)
    outputs = {k: np.zeros((6, *s), d) for k, (s, d) in load.outputs.items()}
    scratch = {k: np.zeros(s, d) for k, (s, d) in load.scratch.items()}
    TARGET.callsite.bind(TARGET.kernels, load.fixture)(requests, outputs, scratch)
    want = TARGET.callsite.answer(load.fixture, requests)
    verdict = oracles.check(TARGET.callsite.ORACLE, outputs, want)
    assert isinstance(verdict, oracles.Agreement), verdict.describe()
