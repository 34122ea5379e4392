"""Reference, upstream, kernels and peers: all must give what libopus can play, within its bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import contract
import numpy as np
import pytest
from numpy.typing import NDArray

from workbench.callsites import opus_record
from workbench.opus.conformance import Agreement, conforms
from workbench.targets import Target, Workload

TARGET = contract.loaded("opus_celt_encode")

# One table drives every test of agreement: a variant that is not in it is not checked anywhere.
VARIANTS: Mapping[str, Callable[[Target], Any]] = {
    "upstream": lambda target: target.upstream,
    "kernels": lambda target: target.kernels,
    "libopus-c5": lambda target: target.peers.PEERS["libopus-c5"](),
    "libopus-c0": lambda target: target.peers.PEERS["libopus-c0"](),
}
# What a case of the score's battery may lose against upstream: a kernel far below is broken.
WORST_GAP_DB = -4.0


@pytest.fixture(scope="module", params=VARIANTS)
def variant(request: pytest.FixtureRequest) -> Any:
    return VARIANTS[request.param](TARGET)


def ask(
    variant: Any, workload: Workload, requests: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    """Answer requests through the bench, into poisoned buffers."""
    n = len(requests["pcm"])
    outputs = {k: np.full((n, *s), 7, d) for k, (s, d) in workload.outputs.items()}
    TARGET.bench.bind(variant, workload.fixture)(requests, outputs, {})
    return outputs


def agree(got: Mapping[str, NDArray[Any]], want: Mapping[str, NDArray[Any]]) -> None:
    verdict = conforms(got, want)
    assert isinstance(verdict, Agreement), verdict.describe()


def test_every_peer_is_in_the_table() -> None:
    assert set(TARGET.peers.PEERS) <= set(VARIANTS)


def test_every_variant_exports_the_surface(variant: Any) -> None:
    for name, arguments in TARGET.surface.items():
        function = getattr(variant, name)
        code = getattr(function, "py_func", function).__code__
        assert list(code.co_varnames[: code.co_argcount]) == arguments


def test_conforms_on_the_battery_and_the_timed_workloads(variant: Any) -> None:
    rng = np.random.default_rng(2)
    for workload in [*TARGET.inputs.battery(rng), *TARGET.inputs.workloads(rng)]:
        requests = workload.requests(rng, 2)
        want = TARGET.reference.answer(workload.fixture, requests)
        verdict = conforms(ask(variant, workload, requests), want)
        assert isinstance(verdict, Agreement), f"{workload.name}: {verdict.describe()}"


def test_upstream_gives_the_references_packets_to_the_byte() -> None:
    rng = np.random.default_rng(3)
    for workload in TARGET.inputs.workloads(rng):
        requests = workload.requests(rng, 2)
        want = TARGET.reference.answer(workload.fixture, requests)
        got = ask(TARGET.upstream, workload, requests)
        np.testing.assert_array_equal(got["lengths"], want["lengths"])
        np.testing.assert_array_equal(got["ranges"], want["ranges"])
        for i, j in np.ndindex(want["lengths"].shape):
            size = int(want["lengths"][i, j])
            np.testing.assert_array_equal(got["packets"][i, j, :size], want["packets"][i, j, :size])


@pytest.mark.parametrize("name", ["upstream", "kernels"])
def test_bind_runs_all_requests_and_leaves_its_inputs_alone(name: str) -> None:
    rng = np.random.default_rng(4)
    workload = TARGET.inputs.workload(rng, "2.5ms-stereo-96k", "music")
    requests = workload.requests(rng, 5)
    before = {k: v.copy() for k, v in {**workload.fixture, **requests}.items()}
    got = ask(VARIANTS[name](TARGET), workload, requests)
    agree(got, TARGET.reference.answer(workload.fixture, requests))
    for k, array in {**workload.fixture, **requests}.items():
        np.testing.assert_array_equal(array, before[k])
    # a request starts from silence, so its place among others does not matter
    alone = ask(VARIANTS[name](TARGET), workload, {k: v[3:4] for k, v in requests.items()})
    np.testing.assert_array_equal(alone["ranges"][0], got["ranges"][3])


def test_a_seed_draws_the_same_inputs_twice() -> None:
    def draw() -> list[NDArray[Any]]:
        rng = np.random.default_rng(7)
        found = []
        for workload in [*TARGET.inputs.battery(rng), *TARGET.inputs.workloads(rng)]:
            found += [*workload.fixture.values(), *workload.requests(rng, 2).values()]
        return found

    for first, second in zip(draw(), draw(), strict=True):
        assert first.tobytes() == second.tobytes()


def test_the_battery_has_every_frame_size_width_and_edge() -> None:
    rng = np.random.default_rng(0)
    battery = list(TARGET.inputs.battery(rng))
    frames, channels, rates, refused = set(), set(), set(), 0
    for workload in battery:
        requests = workload.requests(rng, workload.batch)
        frames |= set(requests["frames"].ravel().tolist())
        rates |= set(requests["rates"].ravel().tolist())
        channels.add(requests["pcm"].shape[2])
        if workload.distribution.startswith("no-such-frame"):
            want = TARGET.reference.answer(workload.fixture, requests)
            refused += int((want["lengths"] < 0).sum())
    assert {120, 240, 480, 960, 700} <= frames
    assert channels == {1, 2}
    assert min(rates - {0}) <= 500
    assert max(rates) >= 2_000_000
    assert refused > 0
    assert {"switching", "hostile", "edge"} <= {workload.shape for workload in battery}


@pytest.fixture(scope="module")
def some_cases() -> list[Workload]:
    """A part of the score's battery, and its streams that change."""
    cases: list[Workload] = TARGET.score.cases()
    return cases[::7] + [case for case in cases if case.shape == "turns"]


def answers_of(variant: Any, cases: list[Workload]) -> list[Any]:
    rng = np.random.default_rng(0)
    found = []
    for case in cases:
        requests = case.requests(rng, 1)
        found.append((requests, ask(variant, case, requests)))
    return found


def test_the_score_of_upstream_is_nought(some_cases: list[Workload]) -> None:
    quality = TARGET.score.quality(some_cases, answers_of(TARGET.upstream, some_cases))
    assert set(quality.gap_db.values()) == {0.0}
    assert quality.transition_snr_db > 5


def test_the_score_of_a_simpler_setting_is_below_nought(some_cases: list[Workload]) -> None:
    peer = VARIANTS["libopus-c0"](TARGET)
    quality = TARGET.score.quality(some_cases, answers_of(peer, some_cases))
    assert np.mean(list(quality.gap_db.values())) < -0.3


def test_the_score_of_the_kernel_is_near_upstreams_or_above(some_cases: list[Workload]) -> None:
    quality = TARGET.score.quality(some_cases, answers_of(TARGET.kernels, some_cases))
    assert min(quality.gap_db.values()) > WORST_GAP_DB
    assert np.mean(list(quality.gap_db.values())) > 0
    assert quality.transition_snr_db > 5


def test_what_spends_more_than_its_bytes_or_answers_nothing_scores_as_silence(
    some_cases: list[Workload],
) -> None:
    cases = [case for case in some_cases if case.shape == "turns" or "music" in case.shape]
    answers = answers_of(TARGET.upstream, cases)
    silent = [(requests, {**o, "lengths": np.zeros_like(o["lengths"])}) for requests, o in answers]
    greedy = []
    for requests, outputs in answers:
        lengths = outputs["lengths"].copy()
        lengths[0, 0] += 1
        greedy.append((requests, {**outputs, "lengths": lengths}))
    found = [TARGET.score.quality(cases, each).gap_db for each in (silent, greedy)]
    assert found[0] == found[1]
    assert max(found[0].values()) < -3


def test_the_battery_of_the_score_is_the_same_whatever_asks() -> None:
    one, two = (TARGET.score.cases() for _ in range(2))
    assert len(one) == 6 * 6 * 4 + 2
    assert len({case.name for case in one}) == len(one)
    for first, second in zip(one[::30], two[::30], strict=True):
        draws = [
            case.requests(np.random.default_rng(seed), 1)["pcm"]
            for seed, case in enumerate((first, second))
        ]
        np.testing.assert_array_equal(*draws)


@pytest.mark.parametrize("name", ["upstream", "kernels"])
def test_the_query_around_a_variant_answers_as_libopus_does(name: str) -> None:
    rng = np.random.default_rng(3)
    for workload in opus_record.workloads(rng):
        requests = workload.requests(rng, 1)
        outputs = {k: np.full((1, *s), 7, d) for k, (s, d) in workload.outputs.items()}
        scratch = {k: np.zeros(s, d) for k, (s, d) in workload.scratch.items()}
        TARGET.callsite.bind(VARIANTS[name](TARGET), workload.fixture)(requests, outputs, scratch)
        agree(outputs, TARGET.callsite.answer(workload.fixture, requests))
        calls = TARGET.callsite.asked(workload.fixture, requests)["samples of a frame"]
        assert scratch["ticks"].tolist() == [0, len(calls)]
