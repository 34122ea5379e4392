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
from workbench.callsites import scan
from workbench.snapshots import Case
from workbench.targets import Target

TARGET = contract.loaded("take")
CASES = {case.name: case for case in snapshots.load("lance", "take").cases()}
BEYOND, TOO_SHORT, BAD_OFFSETS = -1, -2, -3

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
    variant: Any, fixture: Mapping[str, NDArray[Any]], ids: NDArray[np.uint64]
) -> dict[str, NDArray[Any]]:
    """Take rows through the bench, into poisoned buffers."""
    n, asked = ids.shape
    layout = TARGET.inputs.workload("", "", fixture, asked, None).outputs
    outputs = {k: np.full((n, *shape), 7, dtype) for k, (shape, dtype) in layout.items()}
    TARGET.bench.bind(variant, fixture)({"ids": ids}, outputs, {})
    return outputs


def agree(got: Mapping[str, NDArray[Any]], want: Mapping[str, NDArray[Any]]) -> None:
    verdict = oracles.check(TARGET.spec["oracle"], got, want)
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
        requests = workload.requests(rng, 2)
        want = TARGET.reference.answer(workload.fixture, requests)
        agree(ask(variant, workload.fixture, requests["ids"]), want)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_agrees_with_what_lance_returned(variant: Any, case: Case) -> None:
    agree(ask(variant, case.fixture, case.requests["ids"]), case.outputs)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_reference_returns_what_lance_returned(case: Case) -> None:
    agree(TARGET.reference.answer(case.fixture, case.requests), case.outputs)


def test_the_snapshot_has_nulls_empty_strings_and_ids_asked_for_twice() -> None:
    assert {case.shape for case in CASES.values()} == {"4B", "8B", "128B", "string"}
    strings = CASES["string/random"]
    assert (np.diff(strings.fixture["offsets"]) == 0).sum() > 600
    assert 0 < np.bitwise_count(strings.outputs["valid"]).sum() < 800
    for ids in strings.requests["ids"]:
        assert len(set(ids.tolist())) < len(ids)
        assert {0, 2_999} <= set(ids.tolist())


@settings(max_examples=60, deadline=None)
@given(
    strings=st.lists(st.binary(max_size=40), min_size=1, max_size=20),
    asked=st.one_of(st.integers(0, 5), st.sampled_from([63, 64, 65, 150])),
    seed=st.integers(0, 2**32 - 1),
)
def test_agrees_with_the_definition(
    variant: Any, strings: list[bytes], asked: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    rows = len(strings)
    ids = rng.integers(rows, size=(2, asked), dtype=np.uint64)
    valid = rng.random(rows) < 0.7
    words = np.packbits(valid, bitorder="little").tobytes().ljust(8, b"\0")
    validity = np.frombuffer(words, np.uint64)
    offsets = np.concatenate(([0], np.cumsum([len(s) for s in strings]))).astype(np.int32)
    data = np.frombuffer(b"".join(strings), np.uint8)
    numbers = rng.integers(-(2**31), 2**31, rows, np.int32)
    found = ask(variant, {"data": data, "offsets": offsets, "validity": validity}, ids)
    values = ask(variant, {"values": numbers, "validity": validity}, ids)
    for r, chosen in enumerate(ids.tolist()):
        want = [strings[i] for i in chosen]
        assert found["status"][r] == values["status"][r] == 0
        marks = found["offsets"][r].tolist()
        data_out = found["data"][r].tobytes()
        assert [data_out[a:b] for a, b in itertools.pairwise(marks)] == want
        assert values["out"][r].tolist() == [numbers[i] for i in chosen]
        for bits in (found["valid"][r], values["valid"][r]):
            bools = np.unpackbits(bits.view(np.uint8), bitorder="little")
            assert bools.tolist() == [valid[i] for i in chosen] + [0] * (-asked % 64)


# Ids within the rows, next to them, and where a signed number would be negative.
some_ids = st.lists(
    st.one_of(st.integers(0, 12), st.integers(0, 70), st.integers(2**63 - 2, 2**64 - 1)),
    max_size=80,
)


def naive_code(
    data: int, offsets: list[int], ids: list[int], room: int, marks: int
) -> tuple[int, list[tuple[int, int]]]:
    """The code of taking strings, and the spans taken."""
    spans: list[tuple[int, int]] = []
    if marks < len(ids) + 1:
        return TOO_SHORT, spans
    for i in ids:
        if i >= len(offsets) - 1:
            return BEYOND, spans
        start, stop = offsets[i], offsets[i + 1]
        if start < 0 or stop < start or stop > data:
            return BAD_OFFSETS, spans
        spans.append((start, stop))
        if sum(b - a for a, b in spans) > room:
            return TOO_SHORT, spans
    return 0, spans


@settings(max_examples=150, deadline=None)
@given(
    data=st.binary(max_size=60),
    offsets=st.lists(st.one_of(st.integers(0, 64), st.integers(-(2**31), 2**31 - 1)), max_size=14),
    ascending=st.booleans(),
    ids=some_ids,
    room=st.integers(0, 300),
    short=st.integers(-1, 2),
)
def test_bad_strings_give_a_code_and_nothing_outside_is_touched(
    checked: Any,
    data: bytes,
    offsets: list[int],
    ascending: bool,
    ids: list[int],
    room: int,
    short: int,
) -> None:
    bounds = np.array(sorted(offsets) if ascending else offsets, np.int32)
    out = np.full(room, 7, np.uint8)
    marks = np.full(max(len(ids) + 1 - short, 0), 7, np.int32)
    code, spans = naive_code(len(data), bounds.tolist(), ids, room, len(marks))
    found = checked.take_variable(
        np.frombuffer(data, np.uint8), bounds, np.array(ids, np.uint64), out, marks
    )
    assert found == code
    if code == 0:
        want = b"".join(data[a:b] for a, b in spans)
        assert out[: len(want)].tobytes() == want
        assert np.diff(marks[: len(ids) + 1]).tolist() == [b - a for a, b in spans]


@settings(max_examples=150, deadline=None)
@given(
    rows=st.integers(0, 70),
    width=st.sampled_from([0, 1, 3]),
    ids=some_ids,
    short=st.integers(-1, 2),
    narrow=st.integers(0, 1),
)
def test_bad_ids_give_a_code_and_nothing_outside_is_touched(
    checked: Any, rows: int, width: int, ids: list[int], short: int, narrow: int
) -> None:
    """Width 0 stands for rows that are numbers."""
    rng = np.random.default_rng(rows)
    values = rng.random((rows, max(width, 1)), dtype=np.float32)
    room = max(len(ids) - short, 0)
    out = np.full((room, max(width - narrow, 1)), 7, np.float32)
    too_narrow = out.shape[1] < values.shape[1]
    if width == 0:
        values, out = values[:, 0].copy(), out[:, 0].copy()
    asked = np.array(ids, np.uint64)
    beyond = any(i >= rows for i in ids)
    code = TOO_SHORT if room < len(ids) or too_narrow else BEYOND if beyond else 0
    assert checked.take_fixed(values, asked, out) == code
    if code == 0:
        np.testing.assert_array_equal(out[: len(ids)], values[asked.astype(np.int64)])
    bits = rng.integers(2**64, size=rows // 20, dtype=np.uint64)
    words = np.full(room // 40, 7, np.uint64)
    beyond = any(i >= 64 * len(bits) for i in ids)
    code = TOO_SHORT if 64 * len(words) < len(ids) else BEYOND if beyond else 0
    assert checked.take_bits(bits, asked, words) == code
    if code == 0:
        chosen = [int(bits[i // 64]) >> i % 64 & 1 for i in ids]
        found = np.unpackbits(words.view(np.uint8), bitorder="little")[: (len(ids) + 63) // 64 * 64]
        assert found.tolist() == chosen + [0] * (-len(ids) % 64)


@pytest.mark.parametrize("name", COMPILED)
def test_bind_takes_all_requests_and_leaves_its_inputs_alone(name: str) -> None:
    rng = np.random.default_rng(4)
    fixture = TARGET.inputs.column(rng, "string", 300, nullable=True)
    requests = {"ids": TARGET.inputs.random_ids(rng, 5, 300, 200)}
    before = {k: v.copy() for k, v in {**fixture, **requests}.items()}
    agree(
        ask(VARIANTS[name](TARGET), fixture, requests["ids"]),
        TARGET.reference.answer(fixture, requests),
    )
    for k, array in {**fixture, **requests}.items():
        np.testing.assert_array_equal(array, before[k])


@pytest.mark.parametrize("module", [TARGET.upstream, TARGET.kernels], ids=["upstream", "kernels"])
def test_the_hot_path_has_no_allocation_in_its_code(module: types.ModuleType) -> None:
    for case in CASES.values():
        ask(module, case.fixture, case.requests["ids"])
    for name in TARGET.surface:
        for code in getattr(module, name).inspect_llvm().values():
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
    for shape in ("1B", "4B", "8B", "512B", "string"):
        named = {w.distribution for w in battery.values() if w.shape == shape}
        assert {"random", "sorted", "clustered", "all-equal", "backwards"} <= named
        assert {"0-ids", "1-ids", "65-ids", "one-row", "no-rows", "one-beyond"} <= named
    for name, workload in battery.items():
        status = TARGET.reference.answer(workload.fixture, workload.requests(rng, 2))["status"]
        beyond = name.endswith(("beyond", "no-rows-one-id"))
        falls = "offsets" in name
        assert status.tolist() == [BEYOND if beyond else BAD_OFFSETS if falls else 0] * 2


def test_timed_ids_are_distributed_as_they_are_named() -> None:
    rng = np.random.default_rng(0)
    for workload in TARGET.inputs.workloads(rng):
        rows, asked, _ = TARGET.inputs.TIMED[workload.shape]
        ids = workload.requests(rng, 2)["ids"]
        assert ids.shape == (2, asked)
        assert ids.max() < rows
        steps = np.diff(ids.astype(np.int64))
        if workload.distribution == "sorted":
            assert (steps > 0).all()
            assert ids.max() > 0.4 * rows
        elif workload.distribution == "clustered":
            assert np.mean(steps == 1) == pytest.approx(31 / 32, abs=0.01)
        else:
            assert np.mean(steps > 0) == pytest.approx(0.5, abs=0.05)


def test_the_roofline_counts_what_a_request_must_move_and_check() -> None:
    roofline = TARGET.spec["roofline"]
    for shape, (_, asked, nullable) in TARGET.inputs.TIMED.items():
        width = 24 if shape == "string" else int(shape.removesuffix("B"))
        offsets = 12 if shape == "string" else 0
        moved = asked * (8 + 2 * width + offsets) + (asked // 4 if nullable else 0)
        assert roofline["bytes_per_unit"][shape] == moved
        words = max(width // 8, 1)
        assert roofline["operations_per_unit"][shape] == asked * (1 + words)


@pytest.fixture(scope="module")
def site() -> Any:
    return scan.workload(60_000, 0.01)


# One variant: each compiles the whole query again, and `integrate` holds upstream to it too.
@pytest.mark.parametrize("name", ["kernels"])
def test_the_query_around_a_variant_answers_as_lance_does(name: str, site: Any) -> None:
    rng = np.random.default_rng(3)
    requests = site.requests(rng, 3)
    outputs = {k: np.full((3, *s), 7, d) for k, (s, d) in site.outputs.items()}
    scratch = {k: np.full(s, 7, d) for k, (s, d) in site.scratch.items()}
    scratch["ticks"][:] = 0
    TARGET.callsite.bind(VARIANTS[name](TARGET), site.fixture)(requests, outputs, scratch)
    verdict = oracles.check(
        TARGET.callsite.ORACLE, outputs, TARGET.callsite.answer(site.fixture, requests)
    )
    assert isinstance(verdict, oracles.Agreement), verdict.describe()
    calls = TARGET.callsite.asked(site.fixture, requests)["ids of a call"]
    assert scratch["ticks"].tolist() == [0, len(calls)]
