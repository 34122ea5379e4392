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

TARGET = contract.loaded("fsst")
CASES = {case.name: case for case in snapshots.load("lance", "fsst").cases()}
BAD_TABLE, BAD_OFFSETS, SMALL_OUT, MISSING_BYTE = -1, -2, -3, -4
ESCAPE = 255
# The bench is bound to some seventy fixtures here: its loop is compiled once for each variant.
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
            function = types.FunctionType(value.py_func.__code__, scope, name)
            scope[name] = njit(function, boundscheck=True)
    again = types.ModuleType(f"{module.__name__}.checked")
    vars(again).update({name: scope[name] for name in TARGET.surface})
    return again


def ask(
    variant: Any, fixture: Mapping[str, NDArray[Any]], requests: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    """Answer requests through the bench, into poisoned buffers."""
    n = len(requests["compressed"])
    outputs = {
        "out": np.full((n, requests["room"].max()), 7, np.uint8),
        "out_offsets": np.full(requests["offsets"].shape, 7, np.int32),
        "count": np.full(n, 7),
        "status": np.full(n, 7),
    }
    TARGET.bench.bind(variant, fixture)(requests, outputs, {})
    return outputs


def agree(got: Mapping[str, NDArray[Any]], want: Mapping[str, NDArray[Any]]) -> None:
    verdict = oracles.check(TARGET.spec["oracle"], got, want)
    assert isinstance(verdict, oracles.Agreement), verdict.describe()


def as_lance_returned(got: Mapping[str, NDArray[Any]], case: Case) -> dict[str, NDArray[Any]]:
    """Cut ``out`` to what the snapshot keeps: the strings and nothing behind them."""
    return {**got, "out": got["out"][:, : case.outputs["out"].shape[1]]}


def request_of(strings: Sequence[bytes], room: int | None = None) -> dict[str, NDArray[Any]]:
    """One request of one chunk."""
    data = np.frombuffer(b"".join(strings), np.uint8).copy()
    offsets = np.concatenate(([0], np.cumsum([len(s) for s in strings]))).astype(np.int32)
    room = 8 * len(data) if room is None else room
    return {
        "compressed": data[None],
        "offsets": offsets[None, None],
        "room": np.array([room], np.int64),
    }


def table_of(symbols: Sequence[bytes]) -> NDArray[np.uint8]:
    lengths = np.array([len(s) for s in symbols], np.int64)
    rows = np.frombuffer(b"".join(s.ljust(8, b"\0") for s in symbols), np.uint8).reshape(-1, 8)
    return TARGET.inputs.symbol_table(rows, lengths)


def naive(symbols: Sequence[bytes], codes: bytes) -> bytes | None:
    """Decode one string; None if it ends in an escape."""
    found, stream = b"", iter(codes)
    for code in stream:
        if code == ESCAPE:
            literal = next(stream, None)
            if literal is None:
                return None
            found += bytes([literal])
        elif code < len(symbols):
            found += symbols[code]
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
    got = ask(variant, case.fixture, case.requests)
    agree(as_lance_returned(got, case), case.outputs)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_reference_answers_what_lance_returned(case: Case) -> None:
    got = TARGET.reference.answer(case.fixture, case.requests)
    agree(as_lance_returned(got, case), case.outputs)


def test_the_snapshot_has_every_refusal_and_what_lance_trained() -> None:
    found: dict[str, set[int]] = {}
    for case in CASES.values():
        found.setdefault(case.shape, set()).add(int(case.outputs["status"][0]))
    assert found == {"text": {0}, "chosen": {0}, "refused": {BAD_TABLE, MISSING_BYTE}}
    for text in ("word", "url", "log"):
        assert CASES[f"text/{text}"].fixture["table"][0] == ESCAPE


symbols_strategy = st.lists(st.binary(min_size=1, max_size=8), max_size=255)


@settings(max_examples=120, deadline=None)
@given(symbols=symbols_strategy, seed=st.integers(0, 2**32 - 1), data=st.data())
def test_agrees_with_the_definition(
    variant: Any, symbols: list[bytes], seed: int, data: st.DataObject
) -> None:
    rng = np.random.default_rng(seed)
    lengths = data.draw(st.lists(st.integers(0, 20), max_size=12))
    escapes = data.draw(st.sampled_from([0.0, 0.1, 0.6]))
    strings = []
    for length in lengths:
        codes = rng.integers(max(len(symbols), 1), size=length)
        codes[rng.random(length) < escapes] = ESCAPE
        strings.append(codes.astype(np.uint8).tobytes())
    requests = request_of(strings)
    got = ask(variant, {"table": table_of(symbols)}, requests)
    want = [naive(symbols, codes) for codes in strings]
    if None in want:
        assert got["status"][0] == MISSING_BYTE
        return
    assert got["status"][0] == 0
    assert got["count"][0] == sum(map(len, want))
    assert got["out"][0, : got["count"][0]].tobytes() == b"".join(want)
    assert got["out_offsets"].ravel().tolist() == [0, *np.cumsum([len(s) for s in want])]


@settings(max_examples=150, deadline=None)
@given(
    table=st.one_of(
        st.binary(max_size=2_400),
        st.binary(min_size=2_304, max_size=2_304).map(
            lambda body: table_of([b"lance", b"ab"]).tobytes()[:8] + body
        ),
        symbols_strategy.map(lambda symbols: table_of(symbols).tobytes()),
    ),
    compressed=st.binary(max_size=64),
    offsets=st.lists(st.one_of(st.integers(0, 70), st.integers(-(2**31), 2**31 - 1)), max_size=12),
    ascending=st.booleans(),
    room=st.integers(0, 600),
    short=st.integers(0, 2),
)
def test_bad_input_gives_a_code_and_stays_inside_its_arrays(
    checked: Any,
    table: bytes,
    compressed: bytes,
    offsets: list[int],
    ascending: bool,
    room: int,
    short: int,
) -> None:
    data = np.frombuffer(compressed, np.uint8).copy()
    bounds = np.array(sorted(offsets) if ascending else offsets, np.int32)

    def run(module: Any) -> tuple[int, bytes, list[int]]:
        out = np.full(room, 7, np.uint8)
        out_offsets = np.full(max(len(bounds) - short, 0), 7, np.int32)
        state = module.setup(np.frombuffer(table, np.uint8).copy())
        code = int(module.decode(state, data, bounds, out, out_offsets))
        if code < 0:
            return code, b"", []
        return code, out[:code].tobytes(), out_offsets[: len(bounds)].tolist()

    got = run(checked)
    assert got[0] >= SMALL_OUT or got[0] == MISSING_BYTE
    assert got == run(VARIANTS["numpy"](TARGET))


@settings(max_examples=60, deadline=None)
@given(
    case=st.sampled_from(sorted(CASES)),
    flips=st.lists(st.tuples(st.integers(0, 2**20), st.integers(0, 7)), min_size=1, max_size=6),
    where=st.sampled_from(["table", "compressed", "offsets"]),
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
        damaged[place % len(damaged)] ^= 1 << bit
    requests["compressed"] = requests["compressed"][:, : requests["compressed"].shape[1] - cut]
    want = ask(VARIANTS["numpy"](TARGET), fixture, requests)
    agree(ask(checked, fixture, requests), want)


@pytest.mark.parametrize("name", COMPILED)
def test_bind_runs_all_requests_and_leaves_its_inputs_alone(name: str) -> None:
    rng = np.random.default_rng(4)
    workload = TARGET.inputs.workload(rng, "40B", "text", chunks=2)
    requests = workload.requests(rng, 5)
    before = {k: v.copy() for k, v in {**workload.fixture, **requests}.items()}
    got = ask(VARIANTS[name](TARGET), workload.fixture, requests)
    agree(got, TARGET.reference.answer(workload.fixture, requests))
    for k, array in {**workload.fixture, **requests}.items():
        np.testing.assert_array_equal(array, before[k])


@pytest.mark.parametrize("module", [TARGET.upstream, TARGET.kernels], ids=["upstream", "kernels"])
def test_the_hot_path_has_no_allocation_in_its_code(module: types.ModuleType) -> None:
    case = CASES["text/url"]
    ask(module, case.fixture, case.requests)
    for code in module.decode.inspect_llvm().values():
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
    answers = {
        name: TARGET.reference.answer(workload.fixture, workload.requests(rng, 1))
        for name, workload in battery.items()
    }
    shapes = {(w.shape, w.distribution) for w in battery.values() if w.shape != "edge"}
    assert len(shapes) == 15
    assert all(answers[f"{s}/{d}"]["status"][0] == 0 for s, d in shapes)
    statuses = {int(found["status"][0]) for found in answers.values()}
    assert statuses == {0, BAD_TABLE, BAD_OFFSETS, SMALL_OUT, MISSING_BYTE}
    literals = answers["edge/every-escape"]["out"][0, :256]
    assert literals.tolist() == list(range(256))


@pytest.mark.parametrize("shape", ["8B", "40B", "400B"])
def test_timed_strings_are_as_long_as_their_shape_says(shape: str) -> None:
    rng = np.random.default_rng(0)
    moved, decoded = [], []
    mean, chunks, strings, _ = TARGET.inputs.SHAPES[shape]
    for distribution in TARGET.inputs.TIMED_DISTRIBUTIONS:
        workload = TARGET.inputs.workload(rng, shape, distribution)
        requests = workload.requests(rng, 3)
        found = TARGET.reference.answer(workload.fixture, requests)
        assert (found["status"] == 0).all()
        assert found["count"].mean() == pytest.approx(mean * chunks * strings, rel=0.04)
        offsets = 2 * 4 * chunks * (strings + 1)
        moved.append(requests["offsets"][:, -1, -1].mean() + found["count"].mean() + offsets)
        decoded.append(found["count"].mean())
        lengths = np.diff(found["out_offsets"])
        assert lengths.mean() / 3 < lengths.std() < 1.3 * lengths.mean()
    roofline = TARGET.spec["roofline"]
    assert roofline["bytes_per_unit"][shape] == pytest.approx(np.mean(moved), rel=0.03)
    assert roofline["operations_per_unit"][shape] == pytest.approx(np.mean(decoded), rel=0.03)


def test_codes_of_text_are_those_that_lance_made() -> None:
    for _, _, _, text in TARGET.inputs.SHAPES.values():
        case = CASES[f"text/{text}"]
        table, codes = TARGET.inputs.recorded_text(text)
        tokens, literals = TARGET.inputs.tokens_of(codes)
        again = b"".join(
            bytes([t, b]) if t == ESCAPE else bytes([t])
            for t, b in zip(tokens.tolist(), literals.tolist(), strict=True)
        )
        assert again == codes.tobytes()
        np.testing.assert_array_equal(table, case.fixture["table"])


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
    calls = TARGET.callsite.asked(site.fixture, requests)["strings of a call"]
    assert scratch["ticks"].tolist() == [0, len(calls)]
