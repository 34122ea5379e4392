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
from workbench.callsites import opus_play
from workbench.opus import pvq
from workbench.snapshots import Case
from workbench.targets import Target

TARGET = contract.loaded("opus_pvq")
CASES = {case.name: case for case in snapshots.load("libopus", "opus_pvq").cases()}

# One table drives every test of agreement: a variant that is not in it is not checked anywhere.
VARIANTS: Mapping[str, Callable[[Target], Any]] = {
    "reference": lambda target: target.reference,
    "upstream": lambda target: target.upstream,
    "kernels": lambda target: target.kernels,
    "numpy": lambda target: target.peers.PEERS["numpy"](),
    "python": lambda target: target.peers.PEERS["python"](),
}
COMPILED = ("reference", "upstream", "kernels")


@pytest.fixture(scope="module", params=VARIANTS)
def variant(request: pytest.FixtureRequest) -> Any:
    return VARIANTS[request.param](TARGET)


@pytest.fixture(scope="module", params=COMPILED)
def checked(request: pytest.FixtureRequest) -> Any:
    """A compiled variant with every index checked."""
    module = VARIANTS[request.param](TARGET)
    scope = dict(vars(module))
    for name, value in vars(module).items():
        if hasattr(value, "py_func"):
            python = value.py_func
            # what was imported needs the names of the module that it comes from
            own = python.__globals__ is vars(module)
            function = types.FunctionType(
                python.__code__, scope if own else dict(python.__globals__), name
            )
            scope[name] = njit(function, boundscheck=True, error_model="numpy")
    again = types.ModuleType(f"{module.__name__}.checked")
    vars(again).update({name: scope[name] for name in TARGET.surface})
    return again


def ask(variant: Any, requests: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Answer requests through the bench, into poisoned buffers."""
    n, most = requests["indices"].shape
    outputs = {
        "vectors": np.full((n, requests["room"].max()), 7, np.int32),
        "squares": np.full((n, most), 7),
        "count": np.full(n, 7),
    }
    TARGET.bench.bind(variant, TARGET.inputs.FIXTURE)(requests, outputs, {})
    return outputs


def agree(got: Mapping[str, NDArray[Any]], want: Mapping[str, NDArray[Any]]) -> None:
    verdict = oracles.check(TARGET.spec["oracle"], got, want)
    assert isinstance(verdict, oracles.Agreement), verdict.describe()


def recorded_request(case: Case) -> dict[str, NDArray[Any]]:
    given = {name: case.requests[name] for name in ("indices", "sizes", "pulses")}
    asked = np.array([given["indices"].shape[1]])
    return {**given, "asked": asked, "room": np.array([case.outputs["vectors"].shape[1]])}


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
        requests = workload.requests(rng, 1)
        agree(ask(variant, requests), TARGET.reference.answer(workload.fixture, requests))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_agrees_with_the_vectors_behind_libopuss_sound(variant: Any, case: Case) -> None:
    got = ask(variant, recorded_request(case))
    np.testing.assert_array_equal(got["vectors"], case.outputs["vectors"])
    assert got["count"] == case.outputs["vectors"].shape[1]


def test_the_snapshot_has_every_timed_combo() -> None:
    combos = {(w.shape, w.distribution) for w in TARGET.inputs.workloads(np.random.default_rng(0))}
    assert {(case.shape, case.distribution) for case in CASES.values()} == combos
    for case in CASES.values():
        assert case.requests["counts"].sum() == case.requests["indices"].shape[1]


@settings(max_examples=60)
@given(st.data())
def test_pulses_and_squares_are_what_the_codebook_says(variant: Any, data: st.DataObject) -> None:
    n = data.draw(st.integers(1, pvq.LARGEST_N))
    k = data.draw(st.integers(0, int(pvq.MOST_PULSES[n])))
    index = data.draw(st.integers(0, int(pvq.size(n, k)) - 1))
    requests = request_of([(index, n, k)])
    got = ask(variant, requests)
    vector = got["vectors"][0, :n].astype(np.int64)
    assert got["count"][0] == n
    assert np.abs(vector).sum() == k
    assert got["squares"][0, 0] == (vector * vector).sum()
    assert pvq.encode(vector.astype(np.int32), 0, n, k) == index


def request_of(asked: list[tuple[int, int, int]]) -> dict[str, NDArray[Any]]:
    """One request of given (index, n, k)."""
    index, n, k = (list(part) for part in zip(*asked, strict=True))
    return {
        "indices": np.array([index], np.uint32),
        "sizes": np.array([n], np.int32),
        "pulses": np.array([k], np.int32),
        "asked": np.array([len(index)]),
        "room": np.array([pvq.LARGEST_N * len(index)]),
    }


anything = st.one_of(st.integers(-5, 300), st.integers(-(2**31), 2**31 - 1))


@settings(max_examples=150)
@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), anything, anything), min_size=1, max_size=6))
def test_bad_requests_are_refused_and_stay_inside(
    checked: Any, asked: list[tuple[int, int, int]]
) -> None:
    got = ask(checked, request_of(asked))
    right = [index < pvq.size(n, k) for index, n, k in asked]
    assert (got["squares"][0] >= 0).tolist() == right
    assert got["count"][0] == sum(n for (_, n, _), good in zip(asked, right, strict=True) if good)
    assert (got["vectors"][0, got["count"][0] :] == 7).all()


def test_the_battery_is_right_with_every_index_checked(checked: Any) -> None:
    rng = np.random.default_rng(5)
    for workload in TARGET.inputs.battery(rng):
        requests = workload.requests(rng, 1)
        agree(ask(checked, requests), TARGET.reference.answer(workload.fixture, requests))


@pytest.mark.parametrize("name", COMPILED)
def test_bind_runs_all_requests_and_leaves_its_inputs_alone(name: str) -> None:
    rng = np.random.default_rng(4)
    workload = TARGET.inputs.workload(rng, "96k_stereo", "music", frames=2)
    requests = workload.requests(rng, 5)
    before = {k: v.copy() for k, v in requests.items()}
    agree(
        ask(VARIANTS[name](TARGET), requests), TARGET.reference.answer(workload.fixture, requests)
    )
    for k, array in requests.items():
        np.testing.assert_array_equal(array, before[k])


@pytest.mark.parametrize("module", [TARGET.upstream, TARGET.kernels], ids=["upstream", "kernels"])
def test_the_hot_path_has_no_allocation_in_its_code(module: types.ModuleType) -> None:
    ask(module, request_of([(0, 8, 5)]))
    for code in module.decode.inspect_llvm().values():
        assert "NRT_MemInfo_alloc" not in code


def test_a_seed_draws_the_same_inputs_twice() -> None:
    def draw() -> list[NDArray[Any]]:
        rng = np.random.default_rng(7)
        found: list[NDArray[Any]] = []
        for workload in [*TARGET.inputs.battery(rng), *TARGET.inputs.workloads(rng)]:
            found += workload.requests(rng, 2).values()
        return found

    for first, second in zip(draw(), draw(), strict=True):
        assert first.tobytes() == second.tobytes()


def test_drawn_indices_fill_their_codebooks() -> None:
    rng = np.random.default_rng(0)
    codebooks = np.tile(np.array([[8, 5], [2, 1], [14, 13], [1, 3]], np.int32), (20_000, 1, 1))
    found = (
        TARGET.inputs.indices_of(rng, codebooks)
        / TARGET.inputs.all_sizes()[[8, 2, 14, 1], [5, 1, 13, 3]]
    )
    assert (found < 1).all()
    np.testing.assert_allclose(found[:, [0, 2]].mean(axis=0), 0.5, atol=0.01)
    np.testing.assert_allclose(found[:, 1].mean(), 0.375, atol=0.01)  # 0, 1, 2 and 3 of 4


def test_the_roofline_counts_what_a_request_must_move() -> None:
    rng = np.random.default_rng(0)
    for shape in TARGET.inputs.SHAPES:
        asked, entries = [], []
        for distribution in TARGET.inputs.TIMED_DISTRIBUTIONS:
            requests = TARGET.inputs.workload(rng, shape, distribution).requests(rng, 6)
            found = TARGET.reference.answer(TARGET.inputs.FIXTURE, requests)
            asked.append(requests["asked"].mean())
            entries.append(found["count"].mean())
        roofline = TARGET.spec["roofline"]
        moved = 20 * np.mean(asked) + 4 * np.mean(entries)
        assert roofline["bytes_per_unit"][shape] == pytest.approx(moved, rel=0.04)
        assert roofline["operations_per_unit"][shape] == pytest.approx(
            2 * np.mean(entries), rel=0.04
        )


# One variant: each compiles the whole decoder again, and `integrate` holds upstream to it too.
def test_the_query_around_the_kernel_plays_what_libopus_plays() -> None:
    rng = np.random.default_rng(3)
    data = opus_play.encoded(rng, opus_play.FILES[0], 1.0)
    site = opus_play.workload(data, "music", "a-glance", 2, opus_play.PLAYED["a-glance"])
    requests = site.requests(rng, 2)
    outputs = {k: np.full((2, *s), 7, d) for k, (s, d) in site.outputs.items()}
    scratch = {k: np.zeros(s, d) for k, (s, d) in site.scratch.items()}
    TARGET.callsite.bind(TARGET.kernels, site.fixture)(requests, outputs, scratch)
    verdict = oracles.check(
        TARGET.callsite.ORACLE, outputs, TARGET.callsite.answer(site.fixture, requests)
    )
    assert isinstance(verdict, oracles.Agreement), verdict.describe()
    asked = TARGET.callsite.asked(site.fixture, requests)
    assert len(asked["entries of a vector"]) == len(asked["pulses of a vector"]) > 300
    assert asked["entries of a vector"].max() <= pvq.LARGEST_N
