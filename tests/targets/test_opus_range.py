"""Reference = upstream = kernels = peers, and the encoder's own symbols; each link of the chain."""

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

from workbench import oracles
from workbench.callsites import opus_levels
from workbench.opus import range_coder as coding
from workbench.targets import Target

TARGET = contract.loaded("opus_range")
BIT, SYMBOL, LAPLACE, RAW, UINT, COUNT, TELL = range(7)

# One table drives every test of agreement: a variant that is not in it is not checked anywhere.
VARIANTS: Mapping[str, Callable[[Target], Any]] = {
    "reference": lambda target: target.reference,
    "upstream": lambda target: target.upstream,
    "kernels": lambda target: target.kernels,
    "bytes": lambda target: target.peers.PEERS["bytes"](),
    "integer": lambda target: target.peers.PEERS["integer"](),
}
COMPILED = ("reference", "upstream", "kernels")


@pytest.fixture(scope="module", params=VARIANTS)
def variant(request: pytest.FixtureRequest) -> Any:
    return VARIANTS[request.param](TARGET)


def ask(variant: Any, requests: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Answer requests through the bench, into poisoned buffers."""
    n, frames = requests["bounds"].shape
    outputs = {
        "symbols": np.full((n, (frames - 1) * requests["script"].shape[1]), 7),
        "ranges": np.full((n, frames - 1), 7),
    }
    TARGET.bench.bind(variant, TARGET.inputs.FIXTURE)(requests, outputs, {})
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
        requests = workload.requests(rng, 1)
        agree(ask(variant, requests), TARGET.reference.answer(workload.fixture, requests))


lines = st.one_of(
    st.tuples(st.just(BIT), st.integers(1, 15), st.just(0)),
    st.sampled_from([(SYMBOL, *pair) for pair in TARGET.inputs.TOTALS.items()]),
    st.tuples(st.just(LAPLACE), st.integers(128, 32_600), st.integers(0, 11_456)),
    st.tuples(st.just(RAW), st.integers(0, 25), st.just(0)),
    st.tuples(st.just(UINT), st.integers(2, 2**32 - 1), st.just(0)),
    st.tuples(st.just(COUNT), st.integers(2, 65_535), st.integers(1, 9)),
    st.just((TELL, 0, 0)),
)


@settings(max_examples=80)
@given(st.lists(lines, min_size=1, max_size=60), st.integers(0, 2**32 - 1))
def test_what_was_encoded_is_decoded_with_the_encoders_range(
    variant: Any, script: list[tuple[int, int, int]], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    packet = np.zeros(8 * len(script) + 16, np.uint8)
    coder, icdf = np.zeros(coding.FIELDS, np.int64), TARGET.inputs.FIXTURE["icdf"]
    coding.start_encoder(coder, packet, 0, len(packet))
    symbols = []
    for kind, one, two in script:
        if kind == BIT:
            symbols.append(int(rng.random() < 0.5**one))
            coding.encode_bit(coder, packet, symbols[-1], one)
        elif kind == SYMBOL:
            left = icdf[one:].tolist()
            symbols.append(int(rng.integers(left.index(0) + 1)))
            coding.encode_icdf(coder, packet, symbols[-1], icdf, one, two)
        elif kind == LAPLACE:
            wanted = int(rng.integers(-14, 15))
            symbols.append(int(coding.encode_laplace(coder, packet, wanted, one, two)))
        elif kind == RAW:
            symbols.append(int(rng.integers(1 << one)))
            coding.encode_bits(coder, packet, symbols[-1], one)
        elif kind == UINT:
            symbols.append(int(rng.integers(one)))
            coding.encode_uint(coder, packet, symbols[-1], one)
        elif kind == COUNT:
            symbols.append(int(rng.integers(one)) // two)
            low = symbols[-1] * two
            coding.encode_range(coder, packet, low, min(low + two, one), one)
        else:
            symbols.append(int(coding.tell_eighths(coder)))
    final = coder[coding.RANGE]
    coding.finish_encoder(coder, packet)
    assert coder[coding.FAULT] == 0
    requests = {
        "packets": packet[None],
        "bounds": np.array([[0, len(packet)]]),
        "script": np.array([script], np.int64),
    }
    got = ask(variant, requests)
    assert got["symbols"][0].tolist() == symbols
    assert got["ranges"][0, 0] == final


@settings(max_examples=80)
@given(st.lists(lines, min_size=1, max_size=40), st.binary(max_size=60), st.integers(0, 30))
def test_any_bytes_give_the_references_symbols(
    variant: Any, script: list[tuple[int, int, int]], data: bytes, skipped: int
) -> None:
    requests = {
        "packets": np.frombuffer(data + b"\xff", np.uint8)[None].copy(),
        "bounds": np.array([[min(skipped, len(data)), len(data)]]),
        "script": np.array([script], np.int64),
    }
    agree(ask(variant, requests), TARGET.reference.answer(TARGET.inputs.FIXTURE, requests))


def test_the_bytes_around_a_frame_do_not_matter(variant: Any) -> None:
    """A decoder that reads further than it may reads these."""
    rng = np.random.default_rng(6)
    script = np.array([TARGET.inputs.every("uniform") + TARGET.inputs.every("raw")])
    inside = rng.integers(256, size=40, dtype=np.uint8)
    answers = []
    for around in (0, 255):
        packet = np.full(140, around, np.uint8)
        packet[50:90] = inside
        requests = {"packets": packet[None], "bounds": np.array([[50, 90]]), "script": script}
        answers.append(ask(variant, requests))
    agree(answers[0], answers[1])


@pytest.mark.parametrize("name", ["reference"])
def test_the_reference_stays_inside_with_every_index_checked(name: str) -> None:
    module = VARIANTS[name](TARGET)
    scope = dict(vars(module))
    for key, value in vars(module).items():
        if hasattr(value, "py_func"):
            function = types.FunctionType(value.py_func.__code__, scope, key)
            scope[key] = njit(function, boundscheck=True)
    again = types.ModuleType("reference.checked")
    vars(again).update({key: scope[key] for key in TARGET.surface})
    rng = np.random.default_rng(5)
    for workload in TARGET.inputs.battery(rng):
        requests = workload.requests(rng, 1)
        agree(ask(again, requests), TARGET.reference.answer(workload.fixture, requests))


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
    rng = np.random.default_rng(1)
    ask(module, TARGET.inputs.workload(rng, "32k_mono", "speech", frames=1).requests(rng, 1))
    for name in TARGET.surface.keys() - {"setup"}:
        for code in getattr(module, name).inspect_llvm().values():
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


def test_the_roofline_counts_what_a_request_must_move() -> None:
    rng = np.random.default_rng(0)
    for shape in TARGET.inputs.SHAPES:
        moved, done = [], []
        for distribution in TARGET.inputs.TIMED_DISTRIBUTIONS:
            workload = TARGET.inputs.workload(rng, shape, distribution)
            requests = workload.requests(rng, 6)
            symbols = workload.outputs["symbols"][0][0]
            lines = 24 * requests["script"].shape[1]
            moved.append(requests["bounds"][:, -1].mean() + lines + 8 * symbols)
            done.append(4 * symbols)
        roofline = TARGET.spec["roofline"]
        assert roofline["bytes_per_unit"][shape] == pytest.approx(np.mean(moved), rel=0.03)
        assert roofline["operations_per_unit"][shape] == pytest.approx(np.mean(done), rel=0.03)


# One variant: each compiles the query again, and `integrate` holds upstream to it too.
def test_the_query_around_the_kernel_reads_what_the_decoder_reads() -> None:
    rng = np.random.default_rng(3)
    for name in opus_levels.STREAMS:
        site = opus_levels.workload(rng, name, packets=12, read=5)
        requests = site.requests(rng, 2)
        outputs = {k: np.full((2, *s), 7, d) for k, (s, d) in site.outputs.items()}
        scratch = {k: np.zeros(s, d) for k, (s, d) in site.scratch.items()}
        TARGET.callsite.bind(TARGET.kernels, site.fixture)(requests, outputs, scratch)
        verdict = oracles.check(
            TARGET.callsite.ORACLE, outputs, TARGET.callsite.answer(site.fixture, requests)
        )
        assert isinstance(verdict, oracles.Agreement), verdict.describe()
        assert scratch["ticks"].tolist() == [0, 10]
        sizes, steps = TARGET.callsite.asked(site.fixture, requests).values()
        assert (len(sizes), len(steps)) == (10, 10 * 21 * site.fixture["channels"][0])
