"""Snapshot = reference = upstream = kernels = peers, each link of the chain."""

from __future__ import annotations

import math
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

from workbench import oracles, snapshots, ticks
from workbench.snapshots import Case
from workbench.targets import Target, Workload

TARGET = contract.loaded("fts_bm25")
ORACLE = TARGET.spec["oracle"]
DOCUMENTS = 20_000

# One table drives every test of agreement: a variant that is not in it is not checked anywhere.
VARIANTS: Mapping[str, Callable[[Target], Any]] = {
    "reference": lambda target: target.reference,
    "upstream": lambda target: target.upstream,
    "kernels": lambda target: target.kernels,
    "bm25s": lambda target: target.peers.PEERS["bm25s"](),
    "numexpr": lambda target: target.peers.PEERS["numexpr"](),
    "numpy": lambda target: target.peers.PEERS["numpy"](),
}
CASES = {case.name: case for case in snapshots.load("lance", "fts_bm25").cases()}


@pytest.fixture(scope="module", params=VARIANTS)
def variant(request: pytest.FixtureRequest) -> Any:
    return VARIANTS[request.param](TARGET)


def answer(
    variant: Any, fixture: Mapping[str, NDArray[Any]], requests: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    """Scores and status of every window, through the surface, into poisoned buffers.

    The loop of bench.py, without compiling it for each variant.
    """
    state = variant.setup(fixture["lengths"], fixture["average_length"])
    shape = requests["first_ids"].shape
    scores = np.full((*shape, TARGET.inputs.WINDOW), np.nan, np.float32)
    status = np.full(shape, 7, np.int64)
    TARGET.bench.answer_queries.__globals__["kernels"] = variant
    TARGET.bench.answer_queries(
        state,
        *(requests[name] for name in ("ids", "freqs", "weights", "starts", "first_ids")),
        scores,
        status,
    )
    return {"scores": scores, "status": status}


def agree(got: Mapping[str, NDArray[Any]], want: Mapping[str, NDArray[Any]]) -> None:
    verdict = oracles.check(ORACLE, got, want)
    assert isinstance(verdict, oracles.Agreement), verdict.describe()


def definition(
    lengths: NDArray[Any], ids: NDArray[Any], freqs: NDArray[Any], weight: float
) -> NDArray[np.float64]:
    """BM25 as Lance's documentation gives it, in float64, one document after another."""
    average = float(np.mean(lengths))
    scores = np.zeros(len(lengths))
    for doc, freq in zip(ids.tolist(), freqs.tolist(), strict=True):
        norm = 1.2 * (1 - 0.75 + 0.75 * int(lengths[doc]) / average)
        scores[doc] += weight * (1.2 + 1) * freq / (freq + norm)
    return scores


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
        agree(answer(variant, workload.fixture, requests), want)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_agrees_with_what_lance_returned(variant: Any, case: Case) -> None:
    agree(answer(variant, case.fixture, case.requests), case.outputs)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.parametrize("name", ["reference", "upstream"])
def test_lances_bits_are_returned(name: str, case: Case) -> None:
    got = answer(VARIANTS[name](TARGET), case.fixture, case.requests)
    for output, want in case.outputs.items():
        assert oracles.bitwise(got[output], want) == oracles.Agreement(0.0, bitwise=True)


def test_the_snapshot_has_a_term_of_every_document_and_high_frequencies() -> None:
    uniform, repeats = CASES["12000x4/uniform"], CASES["12000x4/repeats"]
    assert (uniform.outputs["scores"][0].reshape(-1)[:12_000] > 0).all()
    assert repeats.requests["freqs"].max() > 500
    assert all((case.outputs["scores"] > 0).any(axis=(1, 2)).all() for case in CASES.values())


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    documents=st.sampled_from([1, 2, 15, 16, 17, 300, 4_096]),
    largest=st.sampled_from([1, 30, 10**6]),
    weight=st.sampled_from([1e-6, 0.7, 16.0]),
)
def test_agrees_with_the_definition(
    variant: Any, seed: int, documents: int, largest: int, weight: float
) -> None:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, largest + 1, documents).astype(np.uint32)
    ids = np.flatnonzero(rng.random(documents) < rng.random()).astype(np.uint32)
    freqs = rng.integers(1, largest + 1, len(ids)).astype(np.uint32)
    state = variant.setup(lengths, TARGET.inputs.average_of(lengths))
    scores = np.zeros(documents, np.float32)
    assert variant.score(state, ids, freqs, np.float32(weight), 0, scores) == 0
    want = definition(lengths, ids, freqs, float(np.float32(weight)))
    # nine roundings of 2**-24 each, in any order
    np.testing.assert_allclose(scores, want, rtol=16 * 2.0**-24, atol=0)


def test_contributions_add_up_in_the_order_of_the_calls(variant: Any) -> None:
    lengths = np.full(40, 10, np.uint32)
    state = variant.setup(lengths, np.array([10], np.float32))
    ids, freqs = np.arange(8, 40, dtype=np.uint32), np.ones(32, np.uint32)
    scores = np.full(40, 0.5, np.float32)
    for weight in (1.0, 3.0):
        assert variant.score(state, ids, freqs, np.float32(weight), 0, scores) == 0
    np.testing.assert_array_equal(scores, np.repeat(np.float32([0.5, 4.5]), [8, 32]))


OUT_OF_RANGE, NOT_ASCENDING, BAD_INPUT = -1, -2, -3


def bad_status(
    lengths: NDArray[Any], average: float, ids: list[int], freqs: int, first_id: int, slots: int
) -> int:
    """What a call must return: the rule, spelt out."""
    if len(ids) != freqs or not 0 < average < math.inf:
        return BAD_INPUT
    before = -1
    for doc in ids:
        if not first_id <= doc < first_id + slots or doc >= len(lengths):
            return OUT_OF_RANGE
        if doc <= before:
            return NOT_ASCENDING
        before = doc
    return 0


@pytest.fixture(scope="module", params=["reference", "upstream", "kernels"])
def checked(request: pytest.FixtureRequest) -> Any:
    """The variant compiled again with numba's bounds checking, which raises IndexError."""
    module = VARIANTS[request.param](TARGET)
    scope = dict(vars(module))
    for name, function in vars(module).items():
        if hasattr(function, "py_func"):
            plain = types.FunctionType(function.py_func.__code__, scope, name)
            scope[name] = njit(plain, boundscheck=True, error_model="numpy")
    return types.SimpleNamespace(**{name: scope[name] for name in TARGET.surface})


AVERAGES = st.sampled_from([10.0, 10.0, 10.0, 0.0, -1.0, math.nan, math.inf])
IDS = st.one_of(
    st.integers(0, 70), st.integers(0, 2**32 - 1), st.sampled_from([2**31, 2**32 - 1, 2**31 - 1])
)


@settings(max_examples=300, deadline=None)
@given(
    ids=st.lists(IDS, max_size=40).flatmap(
        lambda ids: st.sampled_from([ids, sorted(ids), sorted(set(ids))])
    ),
    missing=st.sampled_from([0, 0, 0, 1, -1]),
    first_id=st.sampled_from([0, 0, 0, 8, 64, 2**31, 2**32 - 1]),
    slots=st.sampled_from([0, 1, 16, 64]),
    average=AVERAGES,
    seed=st.integers(0, 2**16),
)
def test_bad_input_gets_its_error_code_and_is_never_followed(
    checked: Any, ids: list[int], missing: int, first_id: int, slots: int, average: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(0, 2**32, 70, dtype=np.uint32)
    freqs = rng.integers(0, 2**32, max(0, len(ids) + missing), dtype=np.uint32)
    # a guard behind the slots: bounds checking covers reads and writes, this shows a stray one
    room = np.zeros(slots + 8, np.float32)
    room[slots:] = 77
    state = checked.setup(lengths, np.array([average], np.float32))
    array = np.array(ids, np.uint32)
    status = checked.score(state, array, freqs, np.float32(2), first_id, room[:slots])
    assert status == bad_status(lengths, average, ids, len(freqs), first_id, slots)
    assert (room[slots:] == 77).all()
    if status == 0:
        assert np.isfinite(room).all()


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), flips=st.integers(1, 4), cut=st.booleans())
def test_damaged_queries_are_refused_alike(seed: int, flips: int, cut: bool) -> None:
    rng = np.random.default_rng(seed)
    workload = TARGET.inputs.workload(rng, (9_000, 2, (60, 20)), "zipf")
    requests = workload.requests(rng, 1)
    for _ in range(flips):
        at = rng.integers(requests["ids"].shape[1])
        requests["ids"][0, at] ^= np.uint32(1 << int(rng.integers(32)))
    if cut:
        requests["ids"][0, int(rng.integers(requests["ids"].shape[1])) :] = 0
    want = TARGET.reference.answer(workload.fixture, requests)
    for name in VARIANTS:
        agree(answer(VARIANTS[name](TARGET), workload.fixture, requests), want)


@pytest.mark.parametrize("name", ["upstream", "kernels"])
def test_bind_runs_all_requests_and_leaves_its_inputs_alone(name: str) -> None:
    rng = np.random.default_rng(4)
    workload = TARGET.inputs.workload(rng, (9_000, 2, (60, 20)), "zipf")
    requests = workload.requests(rng, 5)
    before = {k: v.copy() for k, v in {**workload.fixture, **requests}.items()}
    outputs = {k: np.full((5, *s), 7, d) for k, (s, d) in workload.outputs.items()}
    TARGET.bench.bind(VARIANTS[name](TARGET), workload.fixture)(requests, outputs, {})
    agree(outputs, TARGET.reference.answer(workload.fixture, requests))
    for k, array in {**workload.fixture, **requests}.items():
        np.testing.assert_array_equal(array, before[k])


@pytest.mark.parametrize("module", [TARGET.upstream, TARGET.kernels], ids=["upstream", "kernels"])
def test_the_hot_path_has_no_allocation_in_its_code(module: types.ModuleType) -> None:
    case = CASES["12000x4/zipf"]
    answer(module, case.fixture, case.requests)
    for code in module.score.inspect_llvm().values():
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


def test_queries_ascend_within_their_windows_and_lists_vary() -> None:
    rng = np.random.default_rng(0)
    for workload in TARGET.inputs.workloads(rng):
        requests = workload.requests(rng, 2)
        counts = []
        for (q, t, w), start in np.ndenumerate(requests["starts"][:, :, :-1]):
            ids = requests["ids"][q, start : requests["starts"][q, t, w + 1]].astype(np.int64)
            first = requests["first_ids"][q, w]
            assert (np.diff(ids) > 0).all()
            assert not len(ids) or first <= ids[0] <= ids[-1] < first + TARGET.inputs.WINDOW
            counts.append(len(ids))
        if workload.shape in TARGET.inputs.SHAPES:
            assert len(set(counts)) > len(counts) / 8
        assert requests["freqs"].min() >= 1
        assert requests["starts"][:, -1, -1].tolist() == [requests["ids"].shape[1]] * 2


def test_half_of_what_is_timed_are_calls_as_short_as_those_of_a_query() -> None:
    rng = np.random.default_rng(0)
    loads = TARGET.inputs.workloads(rng)
    names = [w.shape for w in loads]
    for shape, (_, _, calls, histogram, repeats) in TARGET.inputs.ASKED_SHAPES.items():
        assert names.count(shape) == 3
        # a bin's share of the calls drawn is its share of the calls measured
        first, counts = np.array(histogram).T
        lengths = TARGET.inputs.lengths_asked(histogram, 100_000)
        drawn = np.histogram(lengths, first)[0] / len(lengths)
        np.testing.assert_allclose(drawn, counts[:-1] / counts.sum(), atol=2e-5)
        assert (lengths < 16).mean() > 0.75
        load = next(w for w in loads if w.shape == shape)
        request = load.requests(rng, 2)
        asked = np.diff(request["starts"], axis=2)
        assert asked[0].size == calls
        want = np.repeat(TARGET.inputs.lengths_asked(histogram, calls // repeats), repeats)
        for each in asked:
            assert np.sort(each, axis=None).tolist() == want.tolist()
        assert (asked[0] != asked[1]).any()
        # an AND query scores the same documents once for each term
        if repeats == 2:
            (one, two), start = asked[0, :2, 0], request["starts"][0, :2, 0]
            assert one == two
            ids = request["ids"][0]
            np.testing.assert_array_equal(ids[start[0] :][:one], ids[start[1] :][:two])
    assert len(names) == 2 * 3 * len(TARGET.inputs.ASKED_SHAPES)


def test_a_query_still_asks_the_lengths_that_are_timed(site: list[Workload]) -> None:
    # a corpus of 20,000 documents has shorter lists than the million measured, so only the shares
    # of the short calls can be compared, roughly
    for load in site:
        requests = load.requests(np.random.default_rng(3), 200)
        asked = TARGET.callsite.asked(load.fixture, requests)["postings per call"]
        assert (asked < 16).mean() > 0.6
        assert (asked == 1).mean() > 0.25


def test_the_battery_has_the_floor_of_shapes_and_distributions_and_all_edges() -> None:
    battery = list(TARGET.inputs.battery(np.random.default_rng(0)))
    names = [workload.name for workload in battery]
    assert len(set(names)) == len(names)
    for distribution in TARGET.inputs.BATTERY_DISTRIBUTIONS:
        assert sum(w.distribution == distribution for w in battery) == 4
    edges = {w.distribution: w for w in battery}
    assert edges["no-postings"].requests(np.random.default_rng(0), 1)["ids"].shape == (1, 0)
    assert edges["largest-length"].fixture["lengths"].min() == 2**32 - 1
    assert set(edges["lengths-0-and-1"].fixture["lengths"].tolist()) == {0, 1}
    status = {
        name: TARGET.reference.answer(w.fixture, w.requests(np.random.default_rng(0), 1))["status"]
        for name, w in edges.items()
    }
    refused = {name: found.min() for name, found in status.items() if found.any()}
    assert refused == {
        "id-after-window": OUT_OF_RANGE,
        "id-before-window": OUT_OF_RANGE,
        "id-beyond-corpus": OUT_OF_RANGE,
        "id-repeated": NOT_ASCENDING,
        "ids-descend": NOT_ASCENDING,
    }


def test_the_roofline_counts_what_a_query_must_move_and_do() -> None:
    roofline = TARGET.spec["roofline"]
    inputs = TARGET.inputs
    asks = {
        name: (windows, len(terms), windows * sum(terms), 1)
        for name, (_, windows, terms) in inputs.SHAPES.items()
    }
    for name, (_, windows, calls, histogram, repeats) in inputs.ASKED_SHAPES.items():
        lengths = inputs.lengths_asked(histogram, calls // repeats)
        asks[name] = windows, calls // windows, repeats * int(lengths.sum()), repeats
    assert set(asks) == set(roofline["bytes_per_unit"])
    for name, (windows, terms, postings, repeats) in asks.items():
        slots = windows * inputs.WINDOW
        moved = 8 * postings + 4 * min(postings // repeats, slots) + 4 * slots
        moved += 4 * terms + 8 * terms * (windows + 1) + 2 * 8 * windows
        assert roofline["bytes_per_unit"][name] == moved
        assert roofline["operations_per_unit"][name] == 5 * postings


@pytest.fixture(scope="module")
def site() -> list[Workload]:
    return TARGET.callsite.workloads(np.random.default_rng(0), documents=DOCUMENTS)


# One variant: each compiles the whole query again, and `integrate` holds upstream to it too.
@pytest.mark.parametrize("name", ["kernels"])
def test_the_query_around_a_variant_answers_as_lance_does(name: str, site: list[Workload]) -> None:
    call = TARGET.callsite.bind(VARIANTS[name](TARGET), site[0].fixture, now=ticks.on)
    for load in site:
        requests = load.requests(np.random.default_rng(3), 60)
        outputs = {k: np.full((60, *s), 7, d) for k, (s, d) in load.outputs.items()}
        scratch = {k: np.zeros(s, d) for k, (s, d) in load.scratch.items()}
        call(requests, outputs, scratch)
        want = TARGET.callsite.answer(load.fixture, requests)
        verdict = oracles.check(TARGET.callsite.ORACLE, outputs, want)
        assert isinstance(verdict, oracles.Agreement), verdict.describe()
        if name == "upstream":  # Lance's own float32 steps, so its bits
            np.testing.assert_array_equal(outputs["scores"], want["scores"][:, :10])
        assert scratch["ticks"][0] > scratch["ticks"][1] > 0
