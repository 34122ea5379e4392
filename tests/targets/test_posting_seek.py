"""Snapshot = reference = upstream = kernels = peers, each link of the chain."""

from __future__ import annotations

import bisect
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
from workbench.targets import Target

TARGET = contract.loaded("posting_seek")
SNAPSHOT = snapshots.load("lance", "posting_seek")
CASES = {case.name: case for case in SNAPSHOT.cases()}
CHAIN = SNAPSHOT.files["chain.npz"]
BLOCK, INVALID, TERMINATED = 128, -1, 1 << 32
# The bench is bound to some forty fixtures here: its loop is compiled once for each variant.
LOOPS: dict[int, Any] = {}
TARGET.bench.specialise = lambda loop, kernels: (
    LOOPS.get(id(kernels)) or LOOPS.setdefault(id(kernels), targets.specialise(loop, kernels))
)

# One table drives every test of agreement: a variant that is not in it is not checked anywhere.
VARIANTS: Mapping[str, Callable[[Target], Any]] = {
    "reference": lambda target: target.reference,
    "upstream": lambda target: target.upstream,
    "kernels": lambda target: target.kernels,
    "bisect": lambda target: target.peers.PEERS["bisect"](),
    "numpy": lambda target: target.peers.PEERS["numpy"](),
    "pyroaring": lambda target: target.peers.PEERS["pyroaring"](),
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
) -> dict[str, NDArray[np.int64]]:
    """Answer requests through the bench, into poisoned buffers."""
    outputs = {name: np.full(requests["least_id"].shape, 7) for name in ("block", "found")}
    TARGET.bench.bind(variant, fixture)(requests, outputs, {"cursor": np.full(2, 7)})
    return outputs


def agree(got: Mapping[str, NDArray[Any]], want: Mapping[str, NDArray[Any]]) -> None:
    verdict = oracles.check(TARGET.spec["oracle"], got, want)
    assert isinstance(verdict, oracles.Agreement), verdict.describe()


def seeks(ids: NDArray[Any], least: list[int]) -> list[int]:
    """What a cursor that moves through ``ids`` answers, by a scan from where it stands."""
    at, found = 0, []
    for asked in least:
        while at < len(ids) and ids[at] < asked:
            at += 1
        found.append(int(ids[at]) if at < len(ids) else TERMINATED)
    return found


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


def test_first_ids_that_lance_stores_are_those_of_blocks_of_128() -> None:
    for place in range(len(CHAIN["chain_starts"]) - 1):
        ids, first_ids = listed(place)
        np.testing.assert_array_equal(first_ids, ids[::BLOCK])
    assert {len(case.fixture["first_ids"]) for case in CASES.values()} == {112, 46, 6, 1}


def listed(place: int) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """A recorded list and the first ids of its blocks."""
    ids = CHAIN["chain_ids"][slice(*CHAIN["chain_starts"][place : place + 2])]
    first_ids = CHAIN["chain_first_ids"][slice(*CHAIN["chain_block_starts"][place : place + 2])]
    return ids, first_ids


def documents(variant: Any, places: NDArray[np.int64], every: bool) -> list[int]:
    """Answer an AND or OR query by nothing but seeks."""
    states = [variant.setup(*listed(place)) for place in places]
    cursors = [np.zeros(2, np.int64) for _ in states]
    heads = [int(variant.next(s, c, 0)) for s, c in zip(states, cursors, strict=True)]
    found: list[int] = []
    while (max(heads) if every else min(heads)) < TERMINATED:
        goal = max(heads) if every else min(heads)
        if not every or min(heads) == goal:
            found.append(goal)
            goal += 1
        for i, (state, cursor) in enumerate(zip(states, cursors, strict=True)):
            if heads[i] < goal:
                heads[i] = int(variant.next(state, cursor, goal))
    return found


@pytest.mark.parametrize("operator", ["and", "or"])
def test_a_query_by_seeks_finds_the_documents_that_lance_found(variant: Any, operator: str) -> None:
    counts = CHAIN[f"chain_{operator}_counts"]
    ends = counts.cumsum()
    for query, begin, end in zip(CHAIN["chain_queries"], ends - counts, ends, strict=True):
        want = CHAIN[f"chain_{operator}_ids"][begin:end].tolist()
        assert documents(variant, query[query >= 0], operator == "and") == want


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.one_of(st.integers(0, 5), st.sampled_from([127, 128, 129, 1_100, 4_095, 4_097, 9_000])),
    top=st.sampled_from([1, 40, 2**20]),
    data=st.data(),
)
def test_agrees_with_a_scan(variant: Any, seed: int, size: int, top: int, data: Any) -> None:
    rng = np.random.default_rng(seed)
    gaps = rng.integers(1, top + 1, size)
    ids = (gaps.cumsum() % 2**32).astype(np.uint32)
    ids.sort()
    ids = np.unique(ids)
    highest = int(ids[-1]) + 2 if len(ids) else 2
    asked = data.draw(st.lists(st.integers(-1, highest), min_size=1, max_size=30))
    if data.draw(st.booleans()):
        asked.sort()
    state, cursor = variant.setup(ids, ids[::BLOCK].copy()), np.zeros(2, np.int64)
    shallow = np.zeros(2, np.int64)
    assert [int(variant.next(state, cursor, least)) for least in asked] == seeks(ids, asked)
    firsts, deepest = ids[::BLOCK].tolist(), 0
    for least in asked:
        deepest = max(deepest, bisect.bisect_right(firsts, least) - 1)
        assert variant.shallow_next(state, shallow, least) == deepest
    assert shallow[0] == 0


@pytest.mark.parametrize("name", COMPILED)
def test_the_cursor_tells_position_and_block(name: str) -> None:
    module = VARIANTS[name](TARGET)
    ids = np.arange(0, 3_000, 3, dtype=np.uint32)
    state, cursor = module.setup(ids, ids[::BLOCK].copy()), np.zeros(2, np.int64)
    assert module.next(state, cursor, 500) == 501
    assert cursor.tolist() == [167, 1]
    assert module.shallow_next(state, cursor, 2_900) == 7
    assert cursor.tolist() == [167, 7]
    assert module.next(state, cursor, 0) == 501  # never back
    assert cursor.tolist() == [167, 1]
    assert module.next(state, cursor, 2_998) == TERMINATED
    assert cursor.tolist() == [1_000, 8]
    assert module.next(state, cursor, 0) == TERMINATED


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.integers(0, 700),
    damage=st.sampled_from(["flip", "swap", "repeat", "cut", "firsts", "longer", "none"]),
    data=st.data(),
)
def test_what_is_no_list_is_told_and_never_read_beyond(
    checked: Any, seed: int, size: int, damage: str, data: Any
) -> None:
    rng = np.random.default_rng(seed)
    ids = np.sort(rng.choice(4 * size + 1, size, replace=False)).astype(np.uint32)
    first_ids = ids[::BLOCK].copy()
    at = data.draw(st.integers(0, max(0, size - 2)))
    if damage == "flip" and size:
        ids[at] ^= np.uint32(1 << data.draw(st.integers(0, 31)))
    elif damage == "swap" and size > 1:
        ids[[at, at + 1]] = ids[[at + 1, at]]
    elif damage == "repeat" and size > 1:
        ids[at + 1] = ids[at]
    elif damage == "cut":
        ids = ids[:at]
    elif damage == "firsts" and size:
        first_ids[rng.integers(len(first_ids))] += data.draw(st.sampled_from([1, 2**31]))
    elif damage == "longer":
        first_ids = np.append(first_ids, np.uint32(4 * size + 2))
    sound = np.array_equal(first_ids, ids[::BLOCK]) and bool((ids[1:] > ids[:-1]).all())
    state = checked.setup(ids, first_ids)
    cursor = np.zeros(2, np.int64)
    for least in (0, 3, 2 * size, 4 * size, 2**32, 2**63 - 1, -(2**63)):
        found, block = (
            checked.next(state, cursor, least),
            checked.shallow_next(state, cursor, least),
        )
        if sound:
            assert found == TERMINATED or found in ids
            assert 0 <= block <= len(first_ids)
        else:
            assert (found, block) == (INVALID, INVALID)


@settings(max_examples=60, deadline=None)
@given(
    index=st.integers(-(2**63), 2**63 - 1),
    block=st.integers(-(2**63), 2**63 - 1),
    least=st.integers(-(2**63), 2**63 - 1),
)
def test_a_cursor_that_is_not_in_the_list_is_at_its_end(
    checked: Any, index: int, block: int, least: int
) -> None:
    ids = np.arange(10, 1_000, 2, dtype=np.uint32)
    state = checked.setup(ids, ids[::BLOCK].copy())
    if not 0 <= index < len(ids):
        cursor = np.array([index, 0])
        assert checked.next(state, cursor, least) == TERMINATED
        assert cursor.tolist() == [len(ids), 4]
    if not 0 <= block <= 4:
        assert checked.shallow_next(state, np.array([0, block]), least) == 4


def test_the_battery_reads_nothing_out_of_bounds(checked: Any) -> None:
    rng = np.random.default_rng(9)
    for workload in TARGET.inputs.battery(rng):
        requests = workload.requests(rng, 1)
        want = TARGET.reference.answer(workload.fixture, requests)
        agree(ask(checked, workload.fixture, requests), want)


@pytest.mark.parametrize("module", [TARGET.upstream, TARGET.kernels], ids=["upstream", "kernels"])
def test_the_hot_path_neither_allocates_nor_counts_references(module: types.ModuleType) -> None:
    case = next(iter(CASES.values()))
    state, cursor = module.setup(*case.fixture.values()), np.zeros(2, np.int64)
    for function in (module.next, module.shallow_next):
        function(state, cursor, 5)
        for code in function.inspect_llvm().values():
            assert "NRT_MemInfo_alloc" not in code
            # the function itself is the first one; its Python wrapper does count
            assert "NRT_incref" not in code.split("\n}\n")[0]


def test_a_seed_draws_the_same_inputs_twice() -> None:
    def draw() -> list[NDArray[Any]]:
        rng = np.random.default_rng(7)
        found = []
        for workload in [*TARGET.inputs.battery(rng), *TARGET.inputs.workloads(rng)]:
            found += [*workload.fixture.values(), *workload.requests(rng, 2).values()]
        return found

    for first, second in zip(draw(), draw(), strict=True):
        assert first.tobytes() == second.tobytes()


def test_the_battery_has_the_floor_of_distributions_and_all_edges() -> None:
    battery = {load.name: load for load in TARGET.inputs.battery(np.random.default_rng(0))}
    assert {name.split("/")[1] for name in battery if name.startswith("10x128")} == {
        "sequential",
        "skip-shallow",
        "skip-deep",
        "one-by-one",
        "standing",
    }
    rng = np.random.default_rng(1)
    ends = {}
    for name, load in battery.items():
        ids = load.fixture["ids"]
        found = TARGET.reference.answer(load.fixture, load.requests(rng, 2))["found"]
        ends[name] = (len(ids), int(ids[-1]) if len(ids) else None, set(np.unique(found).tolist()))
    assert ends["edge/no-ids"] == (0, None, {TERMINATED})
    assert ends["edge/one-id"][2] == {7, TERMINATED}
    assert ends["edge/largest-ids"][1] == 2**32 - 1
    for name in ("unsorted", "repeated-id", "other-first-ids", "too-few-first-ids"):
        assert ends[f"edge/{name}"][2] == {INVALID}
    assert ends["edge/too-many-first-ids"][2] == {INVALID}


def test_timed_seeks_go_as_far_as_their_pattern_says() -> None:
    rng = np.random.default_rng(0)
    loads = TARGET.inputs.workloads(rng)
    assert len({load.name for load in loads}) == 9
    for load in loads:
        ids, first_ids = load.fixture["ids"], load.fixture["first_ids"]
        assert len(ids) == BLOCK * len(first_ids) == BLOCK * int(load.shape.split("x")[0])
        requests = load.requests(rng, 4)
        at = np.searchsorted(ids, requests["least_id"])
        steps = np.diff(at)[requests["opens"][:, 1:] == 0]
        blocks = steps.mean() / BLOCK
        if load.shape != "10x128":
            expected = {"sequential": 1, "skip-shallow": 10, "skip-deep": len(first_ids) / 10}
            assert blocks == pytest.approx(expected[load.distribution], rel=0.1)
        assert steps.min() >= 0
        exact = np.mean(np.isin(requests["least_id"][0], ids))
        assert 0.45 < exact < 0.85


def test_the_roofline_counts_what_a_request_must_move_and_do() -> None:
    roofline = TARGET.spec["roofline"]
    asked, looked_at, answered = 2 * 8 + 1, 2 * 4, 2 * 8
    for blocks in TARGET.inputs.SHAPES:
        moved = TARGET.inputs.SEEKS * (asked + looked_at + answered)
        assert roofline["bytes_per_unit"][f"{blocks}x{BLOCK}"] == moved
        assert roofline["operations_per_unit"][f"{blocks}x{BLOCK}"] == 4 * TARGET.inputs.SEEKS


def test_the_query_around_the_kernel_answers_as_lance_does() -> None:
    rng = np.random.default_rng(3)
    for load in full_text.workloads(rng, "seek", documents=20_000):
        requests = load.requests(rng, 40)
        outputs = {k: np.full((40, *shape), 7, dtype) for k, (shape, dtype) in load.outputs.items()}
        scratch = {k: np.zeros(shape, dtype) for k, (shape, dtype) in load.scratch.items()}
        TARGET.callsite.bind(TARGET.kernels, load.fixture)(requests, outputs, scratch)
        want = TARGET.callsite.answer(load.fixture, requests)
        verdict = oracles.check(TARGET.callsite.ORACLE, outputs, want)
        assert isinstance(verdict, oracles.Agreement), verdict.describe()
