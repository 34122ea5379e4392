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
from workbench.callsites import scan
from workbench.snapshots import Case
from workbench.targets import Target

TARGET = contract.loaded("predicate")
CASES = {case.name: case for case in snapshots.load("lance", "predicate").cases()}
COLUMNS, DTYPES = TARGET.inputs.COLUMNS, TARGET.inputs.DTYPES
COMPARE, COMPARE_TOTAL, BETWEEN, IS_IN, AND, OR = range(6)
UNKNOWN_OP, TOO_SHORT = -1, -2

# One table drives every test of agreement: a variant that is not in it is not checked anywhere.
VARIANTS: Mapping[str, Callable[[Target], Any]] = {
    "reference": lambda target: target.reference,
    "upstream": lambda target: target.upstream,
    "kernels": lambda target: target.kernels,
    "numexpr": lambda target: target.peers.PEERS["numexpr"](),
    "numpy": lambda target: target.peers.PEERS["numpy"](),
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
    n, rows = len(requests["constants"]), int(fixture["rows"][0])
    words = (rows + 63) // 64
    outputs = {
        "bits": np.full((n, words), 7, np.uint64),
        "known": np.full((n, words), 7, np.uint64),
        "words": np.full(n, 7),
        "rows": np.full((n, rows), 7, np.uint64),
        "count": np.full(n, 7),
        "status": np.full(n, 7),
    }
    nodes = len(fixture["nodes"])
    scratch = {
        "table": np.full(TARGET.inputs.TABLE, 7),
        "bitmaps": np.full((2, nodes, 128), 7, np.uint64),
    }
    TARGET.bench.bind(variant, fixture)(requests, outputs, scratch)
    return outputs


def agree(got: Mapping[str, NDArray[Any]], want: Mapping[str, NDArray[Any]]) -> None:
    verdict = oracles.check(TARGET.spec["oracle"], got, want)
    assert isinstance(verdict, oracles.Agreement), verdict.describe()


def keeps_what_lance_kept(got: Mapping[str, NDArray[Any]], case: Case) -> None:
    kept = int(case.outputs["count"][0])
    assert got["status"][0] == 0
    assert got["count"][0] == kept
    np.testing.assert_array_equal(got["rows"][0, :kept], case.outputs["rows"][0])


def naive(
    fixture: Mapping[str, NDArray[Any]],
    requests: Mapping[str, NDArray[Any]],
    request: int,
    row: int,
) -> bool | None:
    """What a plan says of one row; None is SQL's unknown."""
    found: list[bool | None] = []
    constants = requests["constants"][request].tolist()
    for kind, column, op, first, count, left, right in fixture["nodes"].tolist():
        if kind >= AND:
            sides = found[left], found[right]
            winner = kind == OR
            found.append(winner if winner in sides else None if None in sides else not winner)
            continue
        word = int(requests["validity"][request, column, row // 64])
        value = int(requests[COLUMNS[column]][request, row])
        given = constants[first : first + count]
        if kind == COMPARE_TOTAL:
            low_bits = 2 ** (8 * DTYPES[column]().itemsize - 1) - 1
            value, given = (
                value if value >= 0 else value ^ low_bits,
                [c if c >= 0 else c ^ low_bits for c in given],
            )
        if kind == BETWEEN:
            holds = given[0] <= value <= given[1]
        elif kind == IS_IN:
            holds = value in given
        else:
            difference = (value > given[0]) - (value < given[0])
            holds = difference in ((0,), (-1, 1), (-1,), (-1, 0), (1,), (0, 1))[op]
        found.append(holds if word >> row % 64 & 1 else None)
    return found[-1]


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
def test_keeps_the_rows_that_lance_kept(variant: Any, case: Case) -> None:
    keeps_what_lance_kept(ask(variant, case.fixture, case.requests), case)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_reference_keeps_the_rows_that_lance_kept(case: Case) -> None:
    keeps_what_lance_kept(TARGET.reference.answer(case.fixture, case.requests), case)


def test_the_snapshot_has_nulls_nans_zeros_and_extremes() -> None:
    request = CASES["extremes/nans"].requests
    for column, name in enumerate(COLUMNS):
        assert set(TARGET.inputs.extremes(column)) <= {*request[name][0].tolist(), *ODD}
        known = np.bitwise_count(request["validity"][0, column]).sum()
        assert 1_800 < known < 2_000
    nulls = 2_000 - np.bitwise_count(CASES["clustered/either"].requests["validity"][0]).sum(axis=1)
    assert (nulls > 900).all()


# Of the battery's extremes, those the snapshot has others for.
ODD = {
    *np.array([-1.0, 1e-45], np.float32).view(np.int32).tolist(),
    *np.array([-1.0, 5e-324]).view(np.int64).tolist(),
}


plans = st.lists(
    st.tuples(
        st.sampled_from([COMPARE, BETWEEN, IS_IN, AND, OR]),
        st.integers(0, 4),
        st.integers(0, 5),
        st.integers(0, 6),
        st.integers(0, 100),
        st.integers(0, 100),
    ),
    min_size=1,
    max_size=7,
)


@settings(max_examples=60, deadline=None)
@given(
    plan=plans,
    rows=st.one_of(st.integers(0, 5), st.sampled_from([63, 64, 65, 130, 200])),
    seed=st.integers(0, 2**32 - 1),
)
def test_agrees_with_the_definition(
    variant: Any, plan: list[tuple[int, ...]], rows: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    nodes, constants = [], []
    for kind, column, op, listed, left, right in plan:
        if kind >= AND and nodes:
            nodes.append((kind, 0, 0, 0, 0, left % len(nodes), right % len(nodes)))
            continue
        floats = column >= 3
        kind = COMPARE_TOTAL if floats and kind != IS_IN else COMPARE if kind >= AND else kind
        count = {IS_IN: listed, BETWEEN: 2}.get(kind, 1)
        nodes.append((kind, column, op, len(constants), count, 0, 0))
        drawn = rng.choice(TARGET.inputs.extremes(column), count).tolist()
        constants += drawn or [0]
    fixture = {"nodes": np.array(nodes, np.int64), "rows": np.array([rows])}
    requests = {
        **{
            name: rng.choice(TARGET.inputs.extremes(c), (2, rows)) for c, name in enumerate(COLUMNS)
        },
        "validity": TARGET.inputs.validity_words(rng, (2, 5, (rows + 63) // 64), rows, 32),
        "constants": np.array([constants] * 2, np.int64),
    }
    got = ask(variant, fixture, requests)
    for r in range(2):
        want = [naive(fixture, requests, r, row) for row in range(rows)]
        kept = [row for row, holds in enumerate(want) if holds]
        assert got["status"][r] == 0
        assert got["rows"][r, : got["count"][r]].tolist() == kept
        known = np.unpackbits(got["known"][r].view(np.uint8), bitorder="little")
        assert known.tolist() == [w is not None for w in want] + [0] * (len(known) - rows)


@settings(max_examples=100, deadline=None)
@given(
    dtype=st.sampled_from([np.int64, np.uint8]),  # each more takes seconds to compile
    rows=st.integers(0, 200),
    op=st.integers(-2, 8),
    words=st.integers(0, 4),
    listed=st.integers(0, 20),
    table=st.integers(0, 400),
    seed=st.integers(0, 2**32 - 1),
)
def test_bad_input_to_a_comparison_gives_a_code_and_stays_inside_its_arrays(
    checked: Any, dtype: Any, rows: int, op: int, words: int, listed: int, table: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    info = np.iinfo(dtype)
    values = rng.integers(info.min, info.max, rows, dtype, endpoint=True)
    low, high = (values.dtype.type(c) for c in rng.integers(info.min, info.max, 2, dtype))
    constants = rng.integers(-(2**63), 2**63 - 1, listed)
    scratch = rng.integers(-(2**63), 2**63 - 1, table)
    short = words * 64 < rows

    def run(name: str, *arguments: Any) -> tuple[int, bytes]:
        found = []
        for module in (checked, VARIANTS["numpy"](TARGET)):
            out = np.full(words, 7, np.uint64)
            code = int(getattr(module, name)(*arguments, out))
            found.append((code, out[: (rows + 63) // 64].tobytes() if code == 0 else b""))
        assert found[0] == found[1]
        return found[0]

    unknown = not 0 <= op <= 5
    wrong = UNKNOWN_OP if unknown else TOO_SHORT if short else 0
    assert run("compare", values, op, low)[0] == wrong
    if dtype is not np.uint8:
        assert run("compare_total", values, op, low)[0] == wrong
    assert run("between", values, low, high)[0] == (TOO_SHORT if short else 0)
    wrong = TOO_SHORT if short or table < 16 * listed else 0
    assert run("is_in", values, constants, scratch)[0] == wrong


@settings(max_examples=100, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 4), min_size=6, max_size=6),
    room=st.integers(0, 300),
    first=st.integers(0, 2**40),
    dense=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_bad_input_to_a_bitmap_function_gives_a_code_and_stays_inside_its_arrays(
    checked: Any, lengths: list[int], room: int, first: int, dense: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    bitmaps = [rng.integers(2**64, size=n, dtype=np.uint64) for n in lengths]
    if dense:
        bitmaps = [bitmap | np.uint64(2**64 - 2**7) for bitmap in bitmaps]
    other = VARIANTS["numpy"](TARGET)
    for name in ("and_kleene", "or_kleene"):
        found = []
        for module in (checked, other):
            *inputs, out, known = (bitmap.copy() for bitmap in bitmaps)
            code = int(getattr(module, name)(*inputs, out, known))
            assert code == (TOO_SHORT if min(lengths) < lengths[4] else 0)
            found.append((out.tobytes(), known[: len(out)].tobytes()) if code == 0 else ())
        assert found[0] == found[1]
    rows = [np.full(room, 7, np.uint64) for _ in range(2)]
    counts = [
        int(module.select(bitmaps[0], bitmaps[1], first, kept))
        for module, kept in zip((checked, other), rows, strict=True)
    ]
    assert counts[0] == counts[1] >= TOO_SHORT
    if counts[0] > 0:
        np.testing.assert_array_equal(rows[0][: counts[0]], rows[1][: counts[0]])
        assert (rows[0][counts[0] :] == 7).all()


@pytest.mark.parametrize("name", COMPILED)
def test_bind_runs_all_requests_and_leaves_its_inputs_alone(name: str) -> None:
    rng = np.random.default_rng(4)
    workload = TARGET.inputs.workload(rng, "mixed", "random", 900, 0.3, False, 1)
    requests = workload.requests(rng, 5)
    before = {k: v.copy() for k, v in {**workload.fixture, **requests}.items()}
    got = ask(VARIANTS[name](TARGET), workload.fixture, requests)
    agree(got, TARGET.reference.answer(workload.fixture, requests))
    for k, array in {**workload.fixture, **requests}.items():
        np.testing.assert_array_equal(array, before[k])


@pytest.mark.parametrize("module", [TARGET.upstream, TARGET.kernels], ids=["upstream", "kernels"])
def test_the_hot_path_has_no_allocation_in_its_code(module: types.ModuleType) -> None:
    case = CASES["random/mixed"]
    ask(module, case.fixture, case.requests)
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
    battery = list(TARGET.inputs.battery(rng))
    names = [workload.name for workload in battery]
    assert len(set(names)) == len(names)
    assert {w.shape for w in battery} >= set(TARGET.inputs.PLANS)
    sizes = {int(w.fixture["rows"][0]) for w in battery if w.shape == "range"}
    assert {0, 1, 63, 64, 65, 8_191, 8_193} <= sizes
    requests = {w.name: (w.fixture, w.requests(rng, 2)) for w in battery}
    found = {name: TARGET.reference.answer(*asked) for name, asked in requests.items()}
    unknown = [name for name in found if name.endswith("unknown-operator")]
    assert len(unknown) == 11
    for name in unknown:
        assert (found[name]["status"] == UNKNOWN_OP).all()
        if name != "i32/unknown-operator":
            assert (requests[name][1]["constants"] < 0).all()
    assert all(
        (answer["status"] == 0).all()
        for name, answer in found.items()
        if not name.endswith("unknown-operator")
    )
    assert (found["and/all-null"]["count"] == 0).all()
    assert (found["range/all-kept"]["count"] == 700).all()
    assert (found["i64_in/0-listed"]["count"] == 0).all()


def faulty(**functions: Any) -> types.ModuleType:
    """kernels.py with some of its functions replaced."""
    module = types.ModuleType("faulty")
    surface = {name: getattr(TARGET.kernels, name) for name in TARGET.surface}
    vars(module).update({**surface, **functions})
    return module


@pytest.mark.parametrize(("unknown", "taken_for"), [(6, 0), (-1, 1), (10, 2)])
def test_the_battery_finds_an_unknown_operator_beside_a_negative_float(
    unknown: int, taken_for: int
) -> None:
    """The fault of trial 4's kernel: it mirrored an operator by ``op ^ 6``, so 6 was equality."""
    right = TARGET.kernels.compare_total

    @njit
    def compare_total(values: Any, op: int, constant: Any, out: Any) -> Any:
        known = taken_for if constant < 0 and op == unknown else op
        return right(values, known, constant, out)

    found = contract.disagreements(TARGET, faulty(compare_total=compare_total))
    name = f"op{unknown}-unknown-operator"
    assert {case.split(":")[0] for case in found} == {f"f32/{name}", f"f64/{name}"}


def test_the_battery_finds_a_select_that_writes_behind_its_last_row() -> None:
    """The other one: a whole register was stored wherever the array had room for it."""
    right = TARGET.kernels.select

    @njit
    def select(bits: Any, known: Any, first: int, rows: NDArray[Any]) -> Any:
        count = right(bits, known, first, rows)
        if 0 <= count < len(rows):
            rows[count] = first
        return count

    variant = faulty(select=select)
    found = contract.disagreements(TARGET, variant)
    assert {case.split("/")[0] for case in found} >= {*TARGET.inputs.PLANS, *COLUMNS}
    case = next(iter(TARGET.inputs.battery(np.random.default_rng(0))))
    requests = case.requests(np.random.default_rng(0), 3)
    assert (ask(variant, case.fixture, requests)["status"] == TARGET.bench.WROTE_BEHIND).all()
    timed = {name: array for name, array in case.fixture.items() if name != "watched"}
    assert (ask(variant, timed, requests)["status"] == 0).all()


def test_timed_plans_compile_their_loop_and_are_not_watched() -> None:
    for workload in TARGET.inputs.workloads(np.random.default_rng(0)):
        assert "watched" not in workload.fixture
        loop = TARGET.bench.loop_of(TARGET.upstream, workload.fixture["nodes"])
        assert hasattr(loop, "py_func")


@pytest.mark.parametrize("plan", ["range", "mixed", "either"])
def test_timed_requests_requests_keep_the_share_of_rows_they_are_named_after(plan: str) -> None:
    rng = np.random.default_rng(0)
    kept = {}
    for workload in TARGET.inputs.workloads(rng):
        if workload.shape == plan:
            requests = workload.requests(rng, 8)
            rows = int(workload.fixture["rows"][0])
            found = TARGET.reference.answer(workload.fixture, requests)["count"]
            kept[workload.distribution] = found.mean() / rows
    assert kept["random-0.001"] == pytest.approx(0.001, rel=0.3)
    assert kept["clustered-0.1"] == pytest.approx(0.1, rel=0.5)
    assert kept["random-0.99"] == pytest.approx(0.99, rel=0.01)
    columns = {"range": 4, "mixed": 9, "either": 16}[plan]
    read = {"range": 1, "mixed": 3, "either": 2}[plan]
    written = 8 * np.mean(list(kept.values()))
    moved = rows * (columns + (read + 2) / 8 + written)
    assert TARGET.spec["roofline"]["bytes_per_unit"][plan] == pytest.approx(moved, rel=0.05)


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
    calls = TARGET.callsite.asked(site.fixture, requests)["rows of a batch"]
    assert scratch["ticks"].tolist() == [0, 4 * len(calls)]
