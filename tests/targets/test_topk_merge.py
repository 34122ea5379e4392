"""Snapshot = reference = upstream = kernels = peers, each link of the chain."""

from __future__ import annotations

import itertools
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
# distances, ids, starts
Lists = tuple[NDArray[np.float32], NDArray[np.uint64], NDArray[np.int64]]

TARGET = contract.loaded("topk_merge")
ORACLE = TARGET.spec["oracle"]
NO_ROW, UNSORTED, BAD_STARTS = 2**64 - 1, -1, -2

# One table drives every test of agreement: a variant that is not in it is not checked anywhere.
VARIANTS: Mapping[str, Callable[[Target], Any]] = {
    "reference": lambda target: target.reference,
    "upstream": lambda target: target.upstream,
    "kernels": lambda target: target.kernels,
    "numpy": lambda target: target.peers.PEERS["numpy"](),
    "heapq": lambda target: target.peers.PEERS["heapq"](),
    "pyarrow": lambda target: target.peers.PEERS["pyarrow"](),
}
COMPILED = ("reference", "upstream", "kernels")
CASES = {case.name: case for case in snapshots.load("lance", "topk_merge").cases()}
# Peers do not look whether their lists are sorted, and pyarrow tells zeros of both signs apart.
NOT_FOR_PEERS = (
    "not-a-number",
    "unsorted",
    "ids-unsorted-in-a-tie",
    "starts-descend",
    "starts-outside",
    "zero-of-both-signs",
)


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


def ask(variant: Any, lists: Lists, k: int) -> tuple[NDArray[Any], NDArray[Any], int]:
    """(distances, ids, count) of one merge, through the surface, into poisoned buffers."""
    out = np.full(k, np.nan, np.float32), np.full(k, 7, np.uint64)
    work = np.full(4 * (max(len(lists[2]) - 1, 0) + k) + 64, 7)
    return *out, variant.merge(*lists, work, *out)


def answer(variant: Any, fixture: Arrays, requests: Arrays) -> dict[str, NDArray[Any]]:
    """Outputs of all requests, like the reference's."""
    k, shape = int(fixture["k"][0]), requests["starts"].shape[:2]
    outputs = {
        "distances": np.empty((*shape, k), np.float32),
        "ids": np.empty((*shape, k), np.uint64),
        "count": np.empty(shape, np.int32),
    }
    for at in np.ndindex(shape):
        lists = tuple(requests[name][at] for name in ("distances", "ids", "starts"))
        for array, value in zip(outputs.values(), ask(variant, lists, k), strict=True):
            array[at] = value
    return outputs


def agree(got: Arrays, want: Arrays) -> None:
    verdict = oracles.check(ORACLE, got, want)
    assert isinstance(verdict, oracles.Agreement), verdict.describe()


def drawn(seed: int, lists: int, longest: int, values: int) -> Lists:
    """Sorted lists of random length; few ``values`` make many ties."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(longest + 1, size=lists)
    distances, ids = [], []
    for size in sizes:
        d = (rng.integers(values, size=size) / 8).astype(np.float32)
        i = rng.integers(2**64 - 1, size=size, dtype=np.uint64)
        ranked = np.lexsort((i, d))
        distances.append(d[ranked])
        ids.append(i[ranked])
    starts = np.concatenate([[0], np.cumsum(sizes)])
    return (
        np.concatenate([np.empty(0, np.float32), *distances]),
        np.concatenate([np.empty(0, np.uint64), *ids]),
        starts,
    )


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


def test_the_bad_cases_of_the_battery_are_refused(
    questions: list[tuple[Workload, Arrays, Arrays]],
) -> None:
    refused: dict[str, set[int]] = {}
    for load, _, want in questions:
        refused[load.distribution] = set(want["count"].ravel().tolist())
    for name in ("not-a-number", "unsorted", "ids-unsorted-in-a-tie"):
        assert refused[name] == {UNSORTED, 10}
    assert BAD_STARTS in refused["starts-descend"]
    assert refused["starts-outside"] == {BAD_STARTS}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_ids_and_bits_are_those_that_lance_returned(variant: Any, case: Case) -> None:
    agree(answer(variant, case.fixture, case.requests), case.outputs)


def test_the_snapshot_has_ties_that_only_the_row_id_decides() -> None:
    case = CASES["64x100x100/ties"]
    distances = case.outputs["distances"]
    assert (distances[..., 1:] == distances[..., :-1]).mean() > 0.5


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    lists=st.one_of(st.integers(0, 9), st.sampled_from([31, 32, 33, 64, 65])),
    longest=st.integers(0, 20),
    values=st.sampled_from([1, 3, 2**20]),
    k=st.integers(0, 60),
)
def test_agrees_with_the_definition(
    variant: Any, seed: int, lists: int, longest: int, values: int, k: int
) -> None:
    distances, ids, starts = given_lists = drawn(seed, lists, longest, values)
    ranked = np.lexsort((ids, distances))[:k]
    got, got_ids, count = ask(variant, given_lists, k)
    assert count == len(ranked) == min(k, int(starts[-1]))
    np.testing.assert_array_equal(got[:count], distances[ranked])
    np.testing.assert_array_equal(got_ids[:count], ids[ranked])
    assert np.isinf(got[count:]).all()
    assert (got_ids[count:] == NO_ROW).all()


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    lists=st.integers(0, 12),
    longest=st.integers(0, 12),
    k=st.integers(0, 30),
    spoilt=st.sampled_from(["bits", "nan", "ids", "starts", "truncated", "short-ids"]),
)
def test_bad_input_has_a_defined_answer_and_stays_in_bounds(
    checked: Any, seed: int, lists: int, longest: int, k: int, spoilt: str
) -> None:
    rng = np.random.default_rng(seed)
    distances, ids, starts = drawn(seed, lists, longest, 5)
    if spoilt == "bits" and len(distances):
        flipped = distances.view(np.uint32)
        flipped[rng.integers(len(distances))] ^= np.uint32(1 << rng.integers(32))
    if spoilt == "nan" and len(distances):
        distances[rng.integers(len(distances))] = np.nan
    if spoilt == "ids" and len(ids):
        ids[rng.integers(len(ids))] ^= np.uint64(1) << np.uint64(rng.integers(64))
    if spoilt == "starts":
        starts[rng.integers(len(starts))] = rng.choice([-1, -(2**63), 2**62, len(distances) + 1, 0])
    if spoilt == "truncated":
        starts = starts[: rng.integers(len(starts) + 1)]
    if spoilt == "short-ids":
        ids = ids[: rng.integers(len(ids) + 1)]
    found, found_ids, count = ask(checked, (distances, ids, starts), k)
    size = min(len(distances), len(ids))
    if len(starts) == 0 or starts[0] < 0 or starts[-1] > size or (starts[1:] < starts[:-1]).any():
        assert count == BAD_STARTS
    elif not all(in_order(distances[a:b], ids[a:b]) for a, b in itertools.pairwise(starts)):
        assert count == UNSORTED
    else:
        assert count == min(k, starts[-1] - starts[0])
    assert np.isinf(found[max(count, 0) :]).all()
    assert (found_ids[max(count, 0) :] == NO_ROW).all()


def in_order(distances: NDArray[np.float32], ids: NDArray[np.uint64]) -> bool:
    rows = list(zip(distances.tolist(), ids.tolist(), strict=True))
    return not np.isnan(distances).any() and rows == sorted(rows)


@pytest.mark.parametrize("name", COMPILED)
def test_bind_runs_all_requests_and_leaves_its_inputs_alone(name: str) -> None:
    rng = np.random.default_rng(4)
    load = TARGET.inputs.workload(rng, (9, 12, 7), "ragged")
    requests = load.requests(rng, 5)
    before = {k: v.copy() for k, v in requests.items()}
    outputs = {k: np.full((5, *s), 7, d) for k, (s, d) in load.outputs.items()}
    scratch = {k: np.full(s, 7, d) for k, (s, d) in load.scratch.items()}
    TARGET.bench.bind(VARIANTS[name](TARGET), load.fixture)(requests, outputs, scratch)
    agree(outputs, TARGET.reference.answer(load.fixture, requests))
    for k, array in requests.items():
        np.testing.assert_array_equal(array, before[k])


@pytest.mark.parametrize("module", [TARGET.upstream, TARGET.kernels], ids=["upstream", "kernels"])
def test_the_hot_path_has_no_allocation_in_its_code(module: types.ModuleType) -> None:
    ask(module, drawn(1, 5, 9, 4), 8)
    for code in module.merge.inspect_llvm().values():
        assert "NRT_MemInfo_alloc" not in code


def test_a_seed_draws_the_same_inputs_twice() -> None:
    def draw() -> list[bytes]:
        rng = np.random.default_rng(7)
        found = []
        for load in TARGET.inputs.battery(rng):
            found += [array.tobytes() for array in load.requests(rng, 2).values()]
        return found

    assert draw() == draw()


def test_timed_lists_are_sorted_and_no_request_is_like_another() -> None:
    rng = np.random.default_rng(0)
    for load in TARGET.inputs.workloads(rng):
        requests = load.requests(rng, 3)
        assert (TARGET.reference.answer(load.fixture, requests)["count"] > 0).all()
        assert len({row.tobytes() for row in requests["ids"]}) == 3
        assert len({row.tobytes() for row in requests["distances"]}) == 3
        bytes_of_one = sum(array.nbytes for array in requests.values()) / 3
        assert bytes_of_one < 1_000_000


def test_a_skewed_request_has_its_nearest_rows_in_one_list() -> None:
    rng = np.random.default_rng(0)
    load = TARGET.inputs.workload(rng, (20, 10, 10), "skewed")
    requests = load.requests(rng, 1)
    nearest = requests["distances"][0, 0].argsort()[:10]
    assert len(set((nearest // 10).tolist())) == 1


def test_the_battery_has_all_edges_and_a_size_nobody_can_know() -> None:
    battery = list(TARGET.inputs.battery(np.random.default_rng(0)))
    names = [load.name for load in battery]
    assert len(set(names)) == len(names)
    assert {"0x5x3", "7x0x3", "5x10x0", "3x7x50"} <= {load.shape for load in battery}
    unknown = [load.shape for load in battery if load.distribution == "random-size"]
    again = list(TARGET.inputs.battery(np.random.default_rng(1)))
    assert unknown != [load.shape for load in again if load.distribution == "random-size"]


def test_the_roofline_counts_what_a_request_must_move_and_do() -> None:
    roofline = TARGET.spec["roofline"]
    for (lists, rows, k), merges in TARGET.inputs.SHAPES.items():
        name = f"{lists}x{rows}x{k}"
        moved = merges * (4 * lists * rows + 8 * (lists + 1) + 8 * k + 12 * k + 4)
        assert roofline["bytes_per_unit"][name] == moved
        assert roofline["operations_per_unit"][name] == merges * lists * rows


def test_the_query_around_the_kernel_answers_as_lance_does() -> None:
    rng = np.random.default_rng(3)
    site = ivf_pq.Site(32, 4, 4, 700, (2,), segments=5, neighbours=30)
    (load,) = ivf_pq.workloads("L2", (site,))(rng)
    requests = load.requests(rng, 6)
    outputs = {k: np.zeros((6, *s), d) for k, (s, d) in load.outputs.items()}
    scratch = {k: np.zeros(s, d) for k, (s, d) in load.scratch.items()}
    TARGET.callsite.bind(TARGET.kernels, load.fixture)(requests, outputs, scratch)
    want = TARGET.callsite.answer(load.fixture, requests)
    verdict = oracles.check(TARGET.callsite.ORACLE, outputs, want)
    assert isinstance(verdict, oracles.Agreement), verdict.describe()
