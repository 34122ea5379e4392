"""Snapshot = reference = upstream = kernels = peers, each link of the chain."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import contract
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from numpy.typing import NDArray

from workbench import oracles, snapshots, targets
from workbench.callsites import scan
from workbench.snapshots import Case
from workbench.targets import Target

TARGET = contract.loaded("dictionary")
CASES = {case.name: case for case in snapshots.load("lance", "dictionary").cases()}
BAD_DICTIONARY, BAD_INDEX, SMALL_OUT = -1, -2, -3
# The bench is bound to some seventy fixtures here: its loops are compiled once for each variant.
LOOPS: dict[tuple[int, str], Any] = {}
TARGET.bench.specialise = lambda loop, kernels: (
    LOOPS.get((id(kernels), loop.__name__))
    or LOOPS.setdefault((id(kernels), loop.__name__), targets.specialise(loop, kernels))
)

# One table drives every test of agreement: a variant that is not in it is not checked anywhere.
VARIANTS: Mapping[str, Callable[[Target], Any]] = {
    "reference": lambda target: target.reference,
    "upstream": lambda target: target.upstream,
    "kernels": lambda target: target.kernels,
    "numpy": lambda target: target.peers.PEERS["numpy"](),
    "pandas": lambda target: target.peers.PEERS["pandas"](),
    "pyarrow": lambda target: target.peers.PEERS["pyarrow"](),
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
    n, calls, rows = requests["indices"].shape
    outputs = {
        "out": np.full((n, requests["room"].max()), 7, np.uint8),
        "count": np.full(n, 7),
        "status": np.full(n, 7),
    }
    if not fixture["width"][0]:
        outputs["out_offsets"] = np.full((n, calls, rows + 1), 7, np.int32)
    TARGET.bench.bind(variant, fixture)(requests, outputs, {})
    return outputs


def agree(got: Mapping[str, NDArray[Any]], want: Mapping[str, NDArray[Any]]) -> None:
    verdict = oracles.check(TARGET.spec["oracle"], got, want)
    assert isinstance(verdict, oracles.Agreement), verdict.describe()


def fixture_of(words: Sequence[bytes], width: int) -> dict[str, NDArray[Any]]:
    offsets = np.concatenate(([0], np.cumsum([len(word) for word in words]))).astype(np.int32)
    return {
        "values": np.frombuffer(b"".join(words), np.uint8).copy(),
        "offsets": np.zeros(0, np.int32) if width else offsets,
        "width": np.array([width]),
    }


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


def test_the_snapshot_has_both_forms_and_what_lance_refuses() -> None:
    widths = {case.shape: int(case.fixture["width"][0]) for case in CASES.values()}
    assert widths == {"text": 0, "16B": 16, "8B": 8, "refused": 0}
    assert {name: int(case.outputs["status"][0]) for name, case in CASES.items()} == {
        name: {"refused/index": BAD_INDEX, "refused/offset": BAD_DICTIONARY}.get(name, 0)
        for name in CASES
    }
    sizes = np.diff(CASES["text/uniform"].fixture["offsets"])
    assert sizes.min() == 0


@settings(max_examples=120, deadline=None)
@given(
    width=st.sampled_from([0, 1, 2, 4, 5, 8, 12, 16, 24]),
    items=st.integers(1, 40),
    rows=st.one_of(st.integers(0, 5), st.sampled_from([31, 64, 65, 300])),
    longest=st.sampled_from([0, 1, 8, 16, 17, 70]),
    dtype=st.sampled_from([np.uint8, np.uint32]),
    seed=st.integers(0, 2**32 - 1),
)
def test_agrees_with_the_definition(
    variant: Any, width: int, items: int, rows: int, longest: int, dtype: type, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    words = [rng.bytes(width or int(rng.integers(longest + 1))) for _ in range(items)]
    picks = rng.integers(items, size=rows)
    want = [words[i] for i in picks.tolist()]
    requests = {
        "indices": picks.astype(dtype)[None, None],
        "room": np.array([sum(map(len, want)) + int(rng.integers(2)) * 9]),
    }
    got = ask(variant, fixture_of(words, width), requests)
    assert got["status"][0] == 0
    assert got["count"][0] == sum(map(len, want))
    assert got["out"][0, : got["count"][0]].tobytes() == b"".join(want)
    if not width:
        assert got["out_offsets"].ravel().tolist() == [0, *np.cumsum([len(s) for s in want])]


@settings(max_examples=200, deadline=None)
@given(
    values=st.binary(max_size=64),
    offsets=st.lists(st.one_of(st.integers(0, 70), st.integers(-(2**31), 2**31 - 1)), max_size=10),
    ascending=st.booleans(),
    width=st.one_of(st.just(0), st.integers(-9, 20), st.sampled_from([-(2**63), 2**62, 2**63 - 1])),
    indices=st.lists(st.one_of(st.integers(0, 9), st.integers(0, 2**64 - 1)), max_size=12),
    dtype=st.sampled_from([np.uint32, np.uint64]),
    room=st.integers(0, 300),
    short=st.integers(0, 2),
)
def test_bad_input_gives_a_code_and_stays_inside_its_arrays(
    checked: Any,
    values: bytes,
    offsets: list[int],
    ascending: bool,
    width: int,
    indices: list[int],
    dtype: type,
    room: int,
    short: int,
) -> None:
    data = np.frombuffer(values, np.uint8).copy()
    bounds = np.array(sorted(offsets) if ascending else offsets, np.int32)
    picks = np.array(indices, np.uint64).astype(dtype)

    def run(module: Any) -> list[tuple[int, bytes, list[int]]]:
        found = []
        state = module.setup(data, bounds, width)
        for fixed in (True, False):
            out = np.full(room, 7, np.uint8)
            out_offsets = np.full(max(len(picks) + 1 - short, 0), 7, np.int32)
            if fixed:
                code = int(module.decode_fixed(state, picks, out))
                out_offsets[:] = 0
            else:
                code = int(module.decode_variable(state, picks, out, out_offsets))
            if code < 0:
                found.append((code, b"", []))
            else:
                found.append((code, out[:code].tobytes(), out_offsets[: len(picks) + 1].tolist()))
        return found

    got = run(checked)
    assert all(code >= SMALL_OUT for code, _, _ in got)
    assert got == run(VARIANTS["numpy"](TARGET))


@settings(max_examples=60, deadline=None)
@given(
    case=st.sampled_from(sorted(CASES)),
    flips=st.lists(st.tuples(st.integers(0, 2**20), st.integers(0, 7)), min_size=1, max_size=6),
    where=st.sampled_from(["values", "offsets", "indices"]),
    cut=st.integers(0, 40),
)
def test_flipped_bits_and_truncated_pages_give_the_references_answer(
    checked: Any, case: str, flips: list[tuple[int, int]], where: str, cut: int
) -> None:
    recorded = CASES[case]
    fixture = {name: array.copy() for name, array in recorded.fixture.items()}
    requests = {name: array.copy() for name, array in recorded.requests.items()}
    damaged = {**fixture, **requests}[where].reshape(-1).view(np.uint8)
    for place, bit in flips:
        if len(damaged):
            damaged[place % len(damaged)] ^= 1 << bit
    fixture["values"] = fixture["values"][: len(fixture["values"]) - cut]
    want = ask(VARIANTS["numpy"](TARGET), fixture, requests)
    agree(ask(checked, fixture, requests), want)


@pytest.mark.parametrize("shape", ["8Bx16", "textx1000"])
@pytest.mark.parametrize("name", COMPILED)
def test_bind_runs_all_requests_and_leaves_its_inputs_alone(name: str, shape: str) -> None:
    rng = np.random.default_rng(4)
    workload = TARGET.inputs.workload(rng, shape, "zipf", rows=300)
    requests = workload.requests(rng, 5)
    before = {k: v.copy() for k, v in {**workload.fixture, **requests}.items()}
    got = ask(VARIANTS[name](TARGET), workload.fixture, requests)
    agree(got, TARGET.reference.answer(workload.fixture, requests))
    for k, array in {**workload.fixture, **requests}.items():
        np.testing.assert_array_equal(array, before[k])


@pytest.mark.parametrize("module", [TARGET.upstream, TARGET.kernels], ids=["upstream", "kernels"])
def test_the_hot_path_has_no_allocation_in_its_code(module: types.ModuleType) -> None:
    for name in ("text/uniform", "8B/uniform"):
        ask(module, CASES[name].fixture, CASES[name].requests)
    for function in (module.decode_fixed, module.decode_variable):
        for code in function.inspect_llvm().values():
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
    battery = {workload.name: workload for workload in TARGET.inputs.battery(rng)}
    shapes = {(w.shape, w.distribution) for w in battery.values() if w.shape != "edge"}
    assert len(shapes) == 20
    statuses: dict[str, int] = {}
    for name, workload in battery.items():
        found = TARGET.reference.answer(workload.fixture, workload.requests(rng, 1))
        statuses[name] = int(found["status"][0])
    assert all(statuses[f"{s}/{d}"] == 0 for s, d in shapes)
    assert set(statuses.values()) == {0, BAD_DICTIONARY, BAD_INDEX, SMALL_OUT}
    assert statuses["edge/small-out-and-index-beyond-text"] == BAD_INDEX


def test_timed_indices_have_the_distributions_they_are_named_after() -> None:
    rng = np.random.default_rng(0)
    for shape, (_, items) in TARGET.inputs.SHAPES.items():
        drawn = {
            d: TARGET.inputs.workload(rng, shape, d).requests(rng, 2)["indices"].reshape(2, -1)
            for d in TARGET.inputs.BATTERY_DISTRIBUTIONS
        }
        assert all(indices.dtype == np.uint32 for indices in drawn.values())
        assert all(indices.max() < items for indices in drawn.values())
        commonest = {d: np.bincount(i.ravel()).max() / i.size for d, i in drawn.items()}
        harmonic = (1 / np.arange(1, items + 1)).sum()
        assert commonest["zipf"] == pytest.approx(1 / harmonic, rel=0.1)
        assert commonest["uniform"] < 1.2 / items + 0.001
        changes = np.mean(drawn["runs"][:, 1:] != drawn["runs"][:, :-1])
        assert changes == pytest.approx((1 - 1 / items) / TARGET.inputs.MEAN_RUN, rel=0.15)
        assert (np.diff(drawn["sorted"].astype(np.int64)) >= 0).all()
        assert (np.diff(drawn["constant"].astype(np.int64)) == 0).all()


def test_the_roofline_counts_what_a_request_must_move() -> None:
    roofline = TARGET.spec["roofline"]
    rows = TARGET.inputs.ROWS * TARGET.inputs.CALLS
    for shape, (width, items) in TARGET.inputs.SHAPES.items():
        mean = width or 12
        moved = 4 * rows + items * mean + rows * mean
        if not width:
            moved += 4 * (items + 1) + 4 * TARGET.inputs.CALLS * (TARGET.inputs.ROWS + 1)
        assert roofline["bytes_per_unit"][shape] == moved
        assert roofline["operations_per_unit"][shape] == rows * mean


@pytest.fixture(scope="module")
def site() -> Any:
    return scan.workload(60_000, 0.01)


# One variant: each compiles the whole query again, and `integrate` holds upstream to it too.
@pytest.mark.parametrize("name", ["kernels"])
def test_the_query_around_a_variant_answers_as_lance_does(name: str, site: Any) -> None:
    rng = np.random.default_rng(3)
    requests = site.requests(rng, 3)
    outputs = {k: np.full((3, *s), 7, d) for k, (s, d) in site.outputs.items()}
    scratch = {k: np.zeros(s, d) for k, (s, d) in site.scratch.items()}
    TARGET.callsite.bind(VARIANTS[name](TARGET), site.fixture)(requests, outputs, scratch)
    verdict = oracles.check(
        TARGET.callsite.ORACLE, outputs, TARGET.callsite.answer(site.fixture, requests)
    )
    assert isinstance(verdict, oracles.Agreement), verdict.describe()
    calls = TARGET.callsite.asked(site.fixture, requests)["indices of a call"]
    assert scratch["ticks"].tolist() == [0, len(calls)]
