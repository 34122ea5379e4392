"""Snapshot = reference = upstream = kernels = peers, each link of the chain."""

from __future__ import annotations

import functools
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

from workbench import oracles, snapshots, targets
from workbench.callsites import full_text
from workbench.snapshots import Case
from workbench.targets import Target, Workload

TARGET = contract.loaded("posting_intersect")
CASES = {case.name: case for case in snapshots.load("lance", "posting_intersect").cases()}
BAD_RANGE, NO_ROOM = -1, -2
# The bench is bound to some forty workloads here: its loop is compiled once for each variant.
LOOPS: dict[int, Any] = {}
TARGET.bench.specialise = lambda loop, kernels: (
    LOOPS.get(id(kernels)) or LOOPS.setdefault(id(kernels), targets.specialise(loop, kernels))
)

# One table drives every test of agreement: a variant that is not in it is not checked anywhere.
VARIANTS: Mapping[str, Callable[[Target], Any]] = {
    "reference": lambda target: target.reference,
    "upstream": lambda target: target.upstream,
    "kernels": lambda target: target.kernels,
    "numpy": lambda target: target.peers.PEERS["numpy"](),
    "pyarrow": lambda target: target.peers.PEERS["pyarrow"](),
    "pyroaring": lambda target: target.peers.PEERS["pyroaring"](),
    "searchsorted": lambda target: target.peers.PEERS["searchsorted"](),
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
            function = types.FunctionType(value.py_func.__code__, scope, name)
            scope[name] = njit(function, boundscheck=True)
    again = types.ModuleType(f"{module.__name__}.checked")
    vars(again).update({name: scope[name] for name in TARGET.surface})
    return again


def ask(
    variant: Any, fixture: Mapping[str, NDArray[Any]], requests: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    """Answer requests through the bench, into poisoned buffers."""
    n, instances, _ = requests["starts"].shape
    outputs = {
        "out": np.full((n, int(fixture["capacity"][0])), 7, np.uint32),
        "count": np.full(n, 7),
        "counts": np.full((n, instances), 7),
    }
    TARGET.bench.bind(variant, fixture)(requests, outputs, {})
    return outputs


def agree(got: Mapping[str, NDArray[Any]], want: Mapping[str, NDArray[Any]]) -> None:
    verdict = oracles.check(TARGET.spec["oracle"], got, want)
    assert isinstance(verdict, oracles.Agreement), verdict.describe()


def lists_of(load: Workload, rng: np.random.Generator) -> list[list[NDArray[np.uint32]]]:
    """The lists of one request's queries."""
    request = load.requests(rng, 1)
    ids = request["ids"][0]
    pairs = zip(request["starts"][0], request["stops"][0], strict=True)
    return [[ids[a:b] for a, b in zip(*pair, strict=True)] for pair in pairs]


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
        requests = workload.requests(rng, 2)
        want = TARGET.reference.answer(workload.fixture, requests)
        agree(ask(variant, workload.fixture, requests), want)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_agrees_with_what_lance_returned(variant: Any, case: Case) -> None:
    agree(ask(variant, case.fixture, case.requests), case.outputs)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_reference_answers_what_lance_returned(case: Case) -> None:
    agree(TARGET.reference.answer(case.fixture, case.requests), case.outputs)


ID = st.one_of(st.integers(0, 60), st.integers(0, 2**32 - 1), st.sampled_from([0, 2**32 - 1]))


@settings(max_examples=150, deadline=None)
@given(queries=st.lists(st.lists(ID, max_size=60, unique=True), min_size=1, max_size=6))
def test_agrees_with_the_definition(variant: Any, queries: list[list[int]]) -> None:
    lists = [np.array(sorted(ids), np.uint32) for ids in queries]
    want = sorted(functools.reduce(set.intersection, map(set, queries)))
    stops = np.cumsum([len(ids) for ids in lists])
    starts = stops - [len(ids) for ids in lists]
    out = np.full(len(lists[0]), 7, np.uint32)
    assert variant.intersect(np.concatenate(lists), starts, stops, out) == len(want)
    assert out[: len(want)].tolist() == want


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    lists=st.integers(1, 5),
    size=st.integers(0, 90),
    damage=st.sampled_from(["shuffle", "reverse", "flip", "repeat", "equal"]),
)
def test_unsorted_lists_give_sound_answers_within_bounds(
    checked: Any, seed: int, lists: int, size: int, damage: str
) -> None:
    rng = np.random.default_rng(seed)
    parts = [np.sort(rng.integers(2 * size + 1, size=size, dtype=np.uint32)) for _ in range(lists)]
    for part in parts:
        if damage == "shuffle":
            rng.shuffle(part)
        elif damage == "reverse":
            part[:] = part[::-1].copy()
        elif damage == "flip" and size:
            part[rng.integers(size)] ^= np.uint32(1) << np.uint32(rng.integers(32))
        elif damage == "equal":
            part[:] = 3
    stops = size * np.arange(1, lists + 1)
    # the ids lie between guards that no answer may hold
    guard = np.full(70, 2**31 + 5, np.uint32)
    ids = np.concatenate([guard, *parts, guard])
    before = ids.copy()
    out = np.full(size, 7, np.uint32)
    count = checked.intersect(ids, 70 + stops - size, 70 + stops, out)
    assert 0 <= count <= size
    common = functools.reduce(set.intersection, [set(part.tolist()) for part in parts])
    assert set(out[:count].tolist()) <= common
    np.testing.assert_array_equal(ids, before)


@settings(max_examples=200, deadline=None)
@given(
    total=st.integers(0, 40),
    starts=st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 45), max_size=4),
    stops=st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 45), max_size=4),
    room=st.integers(0, 45),
)
def test_ranges_that_are_none_have_their_error_codes(
    checked: Any, total: int, starts: list[int], stops: list[int], room: int
) -> None:
    ids, out = np.arange(total, dtype=np.uint32), np.full(room, 7, np.uint32)
    got = checked.intersect(ids, np.array(starts, np.int64), np.array(stops, np.int64), out)
    matched = len(starts) == len(stops) > 0
    if not matched or not all(0 <= a <= b <= total for a, b in zip(starts, stops, strict=True)):
        assert got == BAD_RANGE
    elif room < stops[0] - starts[0]:
        assert got == NO_ROOM
    else:
        assert got == max(0, min(stops) - max(starts))
    if got < 0:
        assert (out == 7).all()


def test_the_battery_reads_nothing_out_of_bounds(checked: Any) -> None:
    rng = np.random.default_rng(9)
    for workload in TARGET.inputs.battery(rng):
        requests = workload.requests(rng, 1)
        want = TARGET.reference.answer(workload.fixture, requests)
        agree(ask(checked, workload.fixture, requests), want)


def test_nothing_is_written_behind_the_room_there_is(checked: Any) -> None:
    ids = np.tile(np.arange(100, dtype=np.uint32), 3)
    for length in range(70):
        out = np.full(length + 64, 7, np.uint32)
        starts = np.array([0, 100, 200])
        stops = starts + np.array([length, 100, 77])
        assert checked.intersect(ids, starts, stops, out[:length]) == length
        np.testing.assert_array_equal(out[length:], 7)


@pytest.mark.parametrize("name", COMPILED)
def test_bind_leaves_its_inputs_alone(name: str) -> None:
    rng = np.random.default_rng(4)
    workload = TARGET.inputs.workloads(rng)[-1]
    requests = workload.requests(rng, 3)
    before = {k: v.copy() for k, v in requests.items()}
    ask(VARIANTS[name](TARGET), workload.fixture, requests)
    for k, array in requests.items():
        np.testing.assert_array_equal(array, before[k])


@pytest.mark.parametrize("module", [TARGET.upstream, TARGET.kernels], ids=["upstream", "kernels"])
def test_the_hot_path_has_no_allocation_in_its_code(module: types.ModuleType) -> None:
    case = CASES["k3/and"]
    ask(module, case.fixture, case.requests)
    for code in module.intersect.inspect_llvm().values():
        assert "NRT_MemInfo_alloc" not in code


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
    rng = np.random.default_rng(0)
    battery = {load.name: load for load in TARGET.inputs.battery(rng)}
    drawn = {name for name in battery if not name.startswith("edge/")}
    assert len(drawn) == 4 * 5
    edges = {name.split("/")[1] for name in battery} - {name.split("/")[1] for name in drawn}
    assert len(edges) == 14
    counts = {}
    for name, load in battery.items():
        requests = load.requests(rng, 1)
        for ids in [part for query in lists_of(load, rng) for part in query if name in drawn]:
            assert (np.diff(ids.astype(np.int64)) > 0).all()
        counts[name] = TARGET.reference.answer(load.fixture, requests)["counts"][0].tolist()
    assert counts["edge/empty-lists"] == [0, 0, 0]
    assert counts["edge/identical"] == [1_000, 1, 1]
    assert counts["edge/disjoint"] == [0, 0]
    assert counts["edge/one-id"] == [1, 0, 0, 1]
    assert counts["edge/bad-ranges"] == [BAD_RANGE] * 4 + [1_000]
    assert counts["edge/no-room"] == [9, 5, NO_ROOM]
    assert counts["edge/no-lists"] == [BAD_RANGE] * 3
    largest = lists_of(battery["edge/largest-ids"], rng)
    assert all(ids[-1] == 2**32 - 1 for query in largest for ids in query)


def test_timed_lists_have_the_lengths_and_densities_they_are_named_for() -> None:
    rng = np.random.default_rng(0)
    loads = TARGET.inputs.workloads(rng)
    assert len({load.name for load in loads}) == 9
    for load in loads:
        (first, share), (others, other_share) = TARGET.inputs.TIMED[load.distribution]
        for query in lists_of(load, rng):
            assert len(query) == int(load.shape[1:])
            for ids, length, dense in zip(
                query, [first] + [others] * 4, [share] + [other_share] * 4, strict=False
            ):
                assert 7 * length // 8 - 1 <= len(ids) <= length
                assert (np.diff(ids.astype(np.int64)) > 0).all()
                # 50 gaps of a skewed list are few to tell their mean by
                assert len(ids) / ids[-1] == pytest.approx(dense, rel=0.05 if length > 99 else 0.6)


def test_the_roofline_counts_what_a_request_must_move_and_do() -> None:
    roofline = TARGET.spec["roofline"]
    for lists in TARGET.inputs.SHAPES:
        instances = TARGET.inputs.INSTANCES[lists]
        moved, compared = [], []
        for distribution, kinds in TARGET.inputs.TIMED.items():
            first, other = (length - length // 8 / 2 for length, _ in kinds)
            share = kinds[1][1]
            read = first + (lists - 1) * other
            if distribution == "skewed":
                read = first + sum(16 * first * share**left for left in range(lists - 1))
            written = first * share ** (lists - 1)
            moved.append(instances * (4 * read + 4 * written + 16 * lists + 8))
            compared.append(instances * read)
        assert roofline["bytes_per_unit"][f"k{lists}"] == round(np.mean(moved))
        assert roofline["operations_per_unit"][f"k{lists}"] == round(np.mean(compared))


def test_the_query_around_the_kernel_answers_as_lance_does() -> None:
    rng = np.random.default_rng(3)
    for load in full_text.workloads(rng, "intersect", documents=20_000):
        requests = load.requests(rng, 40)
        outputs = {k: np.full((40, *shape), 7, dtype) for k, (shape, dtype) in load.outputs.items()}
        scratch = {k: np.zeros(shape, dtype) for k, (shape, dtype) in load.scratch.items()}
        TARGET.callsite.bind(TARGET.kernels, load.fixture)(requests, outputs, scratch)
        want = TARGET.callsite.answer(load.fixture, requests)
        verdict = oracles.check(TARGET.callsite.ORACLE, outputs, want)
        assert isinstance(verdict, oracles.Agreement), verdict.describe()
