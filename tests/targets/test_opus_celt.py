"""Snapshot = reference = upstream = kernels = peers, each link of the chain."""

from __future__ import annotations

import os
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
from workbench.opus import streams
from workbench.opus.streams import Settings
from workbench.snapshots import Case
from workbench.targets import Target, Workload
from workbench.upstreams import libopus

TARGET = contract.loaded("opus_celt")
SNAPSHOT = snapshots.load("libopus", "opus_celt")
CASES = {case.name: case for case in SNAPSHOT.cases()}
BAD_ARG, SMALL, INVALID = -1, -2, -4
# Each has one damaged packet among four; the long run had 20,000 (docs/targets/opus_celt.md).
DAMAGED = int(os.environ.get("WORKBENCH_DAMAGED_PACKETS", "300"))

# One table drives every test of agreement: a variant that is not in it is not checked anywhere.
VARIANTS: Mapping[str, Callable[[Target], Any]] = {
    "reference": lambda target: target.reference,
    "upstream": lambda target: target.upstream,
    "kernels": lambda target: target.kernels,
    "ctypes": lambda target: target.peers.PEERS["ctypes"](),
}
COMPILED = ("upstream", "kernels")


@pytest.fixture(scope="module", params=VARIANTS)
def variant(request: pytest.FixtureRequest) -> Any:
    return VARIANTS[request.param](TARGET)


@pytest.fixture(scope="module")
def checked() -> Any:
    """The kernel with every index checked, in its own code and in the parts it is made of."""
    module = TARGET.kernels
    scope = dict(vars(module))
    for name, value in vars(module).items():
        if hasattr(value, "py_func") and value.py_func.__module__ == module.__name__:
            function = types.FunctionType(value.py_func.__code__, scope, name)
            scope[name] = njit(function, boundscheck=True)
    again = types.ModuleType(f"{module.__name__}.checked")
    vars(again).update({name: scope[name] for name in TARGET.surface})
    return again


def ask(
    variant: Any,
    fixture: Mapping[str, NDArray[Any]],
    requests: Mapping[str, NDArray[Any]],
) -> dict[str, NDArray[Any]]:
    """Answer requests through the bench, into poisoned buffers."""
    n, width = requests["lengths"].shape
    rows, channels = int(fixture["rows"][0]), int(fixture["channels"][0])
    outputs = {
        "pcm": np.full((n, rows, channels), 7, np.float32),
        "samples": np.full((n, width), 7, np.int32),
        "ranges": np.full((n, width), 7, np.uint32),
    }
    TARGET.bench.bind(variant, fixture)(requests, outputs, {})
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


@pytest.fixture(scope="module")
def answered() -> list[tuple[Workload, Mapping[str, NDArray[Any]], Mapping[str, NDArray[Any]]]]:
    """Battery and timed workloads, some requests of each, and the truth."""
    rng = np.random.default_rng(2)
    found = []
    for workload in [*TARGET.inputs.battery(rng), *TARGET.inputs.workloads(rng)]:
        requests = workload.requests(rng, workload.batch)
        found.append((workload, requests, TARGET.reference.answer(workload.fixture, requests)))
    return found


def test_agrees_with_the_reference_on_the_battery_and_the_timed_workloads(
    variant: Any, answered: list[Any]
) -> None:
    wrong = []
    for workload, requests, want in answered:
        got = ask(variant, workload.fixture, requests)
        verdict = oracles.check(TARGET.spec["oracle"], got, want)
        if isinstance(verdict, oracles.Mismatch):
            wrong.append(f"{workload.name}: {verdict.describe()}")
    assert wrong == []


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_agrees_with_what_libopus_returned(variant: Any, case: Case) -> None:
    agree(ask(variant, case.fixture, case.requests), case.outputs)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_reference_answers_what_libopus_returned(case: Case) -> None:
    agree(TARGET.reference.answer(case.fixture, case.requests), case.outputs)


def test_the_snapshot_has_every_cell_and_names_its_library() -> None:
    cells = set()
    for case in CASES.values():
        for packet, length in zip(
            case.requests["packets"].reshape(-1, case.requests["packets"].shape[-1]),
            case.requests["lengths"].ravel(),
            strict=True,
        ):
            if length > 0:
                data = packet[:length]
                cells.add((data[0] >> 3, libopus.channels(data)))
    assert cells >= {(config, channels) for config in range(16, 32) for channels in (1, 2)}
    assert SNAPSHOT.manifest.library_sha256 == libopus.library_sha256()
    assert SNAPSHOT.manifest.version == "1.6.1"


def test_a_state_that_was_reset_decodes_as_a_new_one(variant: Any) -> None:
    rng = np.random.default_rng(4)
    workload = TARGET.inputs.workload(rng, "2.5ms-stereo-96k", "transients")
    requests = workload.requests(rng, 3)
    whole = ask(variant, workload.fixture, requests)
    for i in range(3):
        alone = {name: values[i : i + 1].copy() for name, values in requests.items()}
        found = ask(variant, workload.fixture, alone)
        for name, values in found.items():
            assert values.tobytes() == whole[name][i : i + 1].tobytes(), name


@pytest.mark.parametrize("name", COMPILED)
def test_bind_runs_all_requests_and_leaves_its_inputs_alone(name: str) -> None:
    rng = np.random.default_rng(4)
    workload = TARGET.inputs.workload(rng, "20ms-mono-64k", "speech")
    requests = workload.requests(rng, 5)
    before = {k: v.copy() for k, v in {**workload.fixture, **requests}.items()}
    got = ask(VARIANTS[name](TARGET), workload.fixture, requests)
    agree(got, TARGET.reference.answer(workload.fixture, requests))
    for k, array in {**workload.fixture, **requests}.items():
        np.testing.assert_array_equal(array, before[k])


@pytest.mark.parametrize("name", COMPILED)
def test_the_hot_path_has_no_allocation_in_its_code(name: str) -> None:
    module = VARIANTS[name](TARGET)
    case = next(iter(CASES.values()))
    ask(module, case.fixture, case.requests)
    for function in (module.reset, module.decode):
        for code in function.inspect_llvm().values():
            assert "NRT_MemInfo_alloc" not in code


def decisions(
    variant: Any, packets: list[bytes], channels: int = 2, room: int = 5_760
) -> list[tuple[int, int]]:
    """Samples and final range of each packet, from a new state on."""
    state = variant.setup(channels, 960)
    variant.reset(state)
    pcm = np.zeros((room, channels), np.float32)
    found = []
    for packet in packets:
        data = np.frombuffer(packet, np.uint8).copy()
        got, final = variant.decode(state, data, len(data), pcm)
        found.append((int(got), int(final)))
    return found


@pytest.fixture(scope="module")
def clean() -> list[bytes]:
    """Packets of every frame size, one frame each and several."""
    rng = np.random.default_rng(8)
    found = []
    for frame, bandwidth in zip(streams.FRAMES, streams.BANDWIDTHS, strict=True):
        settings_ = Settings(frame, bandwidth, 2, 64, "vbr")
        made = streams.stream(rng, "music", settings_, 12).packets
        found += [*made, *streams.merge(made, 2), *streams.merge(made, 5, 300)]
    return found


@settings(max_examples=DAMAGED, deadline=None)
@given(data=st.data())
def test_damaged_packets_get_libopuss_decision_and_the_state_lives_on(
    checked: Any, clean: list[bytes], data: st.DataObject
) -> None:
    first = data.draw(st.integers(0, len(clean) - 4))
    packets = clean[first : first + 4]
    kind = data.draw(st.sampled_from(["flip", "cut", "longer", "any"]))
    victim = bytearray(packets[1])
    if kind == "flip":
        for bit in data.draw(st.lists(st.integers(1, 8 * len(victim) - 1), max_size=6)):
            victim[bit // 8] ^= 128 >> bit % 8
    elif kind == "cut":
        victim = victim[: data.draw(st.integers(1, len(victim)))]
    elif kind == "longer":
        victim += data.draw(st.binary(max_size=1_500))
    else:
        victim = bytearray(data.draw(st.binary(min_size=1, max_size=60)))
        victim[0] |= 128
    packets[1] = bytes(victim)
    room = data.draw(st.sampled_from([5_760, 960, 120]))
    want = decisions(TARGET.reference, packets, room=room)
    assert decisions(checked, packets, room=room) == want


def test_lengths_that_a_packet_has_not_are_refused(variant: Any, clean: list[bytes]) -> None:
    data = np.frombuffer(clean[0], np.uint8).copy()
    state, pcm = variant.setup(2, 960), np.zeros((5_760, 2), np.float32)
    for length in (-1, -(2**31), len(data) + 1, 2**31 - 1):
        assert variant.decode(state, data, length, pcm)[0] == BAD_ARG
    assert variant.decode(state, data, len(data), pcm[:100])[0] == SMALL
    assert variant.decode(state, np.full(2, 255, np.uint8), 2, pcm)[0] == INVALID
    assert variant.decode(state, data, len(data), pcm)[0] == libopus.n_samples(clean[0])


def test_a_lost_packet_lasts_as_long_as_its_frame_size(variant: Any, clean: list[bytes]) -> None:
    data = np.frombuffer(clean[0], np.uint8).copy()
    state, pcm = variant.setup(2, 960), np.zeros((5_760, 2), np.float32)
    variant.decode(state, data, len(data), pcm)
    assert tuple(map(int, variant.decode(state, data, 0, pcm))) == (960, 0)


def test_a_seed_draws_the_same_inputs_twice() -> None:
    def draw() -> list[NDArray[Any]]:
        rng = np.random.default_rng(7)
        found = []
        for workload in [*TARGET.inputs.battery(rng), *TARGET.inputs.workloads(rng)]:
            found += [*workload.fixture.values(), *workload.requests(rng, 2).values()]
        return found

    for first, second in zip(draw(), draw(), strict=True):
        assert first.tobytes() == second.tobytes()


def test_the_battery_covers_every_cell_every_code_and_every_refusal() -> None:
    rng = np.random.default_rng(0)
    cells, codes, decided = set(), set(), set()
    for workload in TARGET.inputs.battery(rng):
        requests = workload.requests(rng, workload.batch)
        found = TARGET.reference.answer(workload.fixture, requests)
        heads = requests["packets"][..., 0][requests["lengths"] > 0]
        assert (heads >= 128).all(), workload.name
        codes |= set((heads & 3).tolist())
        if workload.shape != "damaged":
            output = int(workload.fixture["channels"][0])
            cells |= {(head >> 3, head >> 2 & 1, output) for head in heads.tolist()}
        decided |= set(found["samples"].ravel().tolist())
        assert np.abs(found["pcm"]).max() < 12
    assert {cell[:2] for cell in cells} == {(c, s) for c in range(16, 32) for s in (0, 1)}
    assert {cell[1:] for cell in cells} == {(s, o) for s in (0, 1) for o in (1, 2)}
    assert codes == {0, 1, 2, 3}
    assert {SMALL, INVALID} <= decided
    assert {120, 240, 480, 960, 5_760} <= decided


@pytest.mark.parametrize("shape", TARGET.inputs.SHAPES)
def test_timed_requests_move_and_compute_what_the_roofline_says(shape: str) -> None:
    rng = np.random.default_rng(0)
    encoding, packets = TARGET.inputs.SHAPES[shape]
    moved = []
    for distribution in TARGET.inputs.TIMED_DISTRIBUTIONS:
        workload = TARGET.inputs.workload(rng, shape, distribution)
        requests = workload.requests(rng, 40)
        found = TARGET.reference.answer(workload.fixture, requests)
        assert (found["samples"] == encoding.frame).all()
        assert (found["ranges"] > 0).all()
        moved.append(requests["lengths"].sum(axis=1).mean() + found["pcm"][0].nbytes)
        seconds = packets * encoding.frame / 48_000
        kbps = requests["lengths"].sum(axis=1).mean() * 8 / seconds / 1_000
        assert kbps == pytest.approx(encoding.kbps, rel=0.05)
    points = encoding.frame // 2
    transform = 4 * points * np.log2(points) - 6 * points + 8 + 12 * points
    operations = (transform + 360 + 5 * encoding.frame) * encoding.channels * packets
    roofline = TARGET.spec["roofline"]
    assert roofline["bytes_per_unit"][shape] == pytest.approx(np.mean(moved), rel=0.02)
    assert roofline["operations_per_unit"][shape] == pytest.approx(operations, rel=0.01)


# One variant: each compiles the whole query again, and `integrate` holds upstream to it too.
@pytest.mark.parametrize("name", ["kernels"])
def test_the_query_around_a_variant_plays_as_libopus_does(name: str) -> None:
    rng = np.random.default_rng(3)
    file = opus_play.File("music", 2, 96, "10")
    site = opus_play.workload(opus_play.encoded(rng, file, 2), file.name, "short", 2, 9_600)
    requests = site.requests(rng, 3)
    outputs = {k: np.full((3, *s), 7, d) for k, (s, d) in site.outputs.items()}
    scratch = {k: np.zeros(s, d) for k, (s, d) in site.scratch.items()}
    TARGET.callsite.bind(VARIANTS[name](TARGET), site.fixture)(requests, outputs, scratch)
    verdict = oracles.check(
        TARGET.callsite.ORACLE, outputs, TARGET.callsite.answer(site.fixture, requests)
    )
    assert isinstance(verdict, oracles.Agreement), verdict.describe()
    calls = TARGET.callsite.asked(site.fixture, requests)["bytes of a packet"]
    assert scratch["ticks"].tolist() == [0, len(calls)]
