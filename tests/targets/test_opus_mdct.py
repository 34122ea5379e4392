"""Definition = reference = upstream = kernels = peers, each link of the chain."""

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
from workbench.callsites import opus_play
from workbench.opus import mdct
from workbench.targets import Target

TARGET = contract.loaded("opus_mdct")
SCRATCH = TARGET.inputs.SCRATCH

# One table drives every test of agreement: a variant that is not in it is not checked anywhere.
VARIANTS: Mapping[str, Callable[[Target], Any]] = {
    "reference": lambda target: target.reference,
    "upstream": lambda target: target.upstream,
    "kernels": lambda target: target.kernels,
    "scipy": lambda target: target.peers.PEERS["scipy"](),
    "numpy": lambda target: target.peers.PEERS["numpy"](),
    "matrix": lambda target: target.peers.PEERS["matrix"](),
}
COMPILED = ("upstream", "kernels")


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


def ask(variant: Any, workload: Any, requests: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """Answer requests through the bench, into poisoned buffers."""
    n = len(requests["spectra"])
    outputs = {k: np.full((n, *s), 7, d) for k, (s, d) in workload.outputs.items()}
    scratch = {k: np.full(s, np.nan, d) for k, (s, d) in workload.scratch.items()}
    TARGET.bench.bind(variant, workload.fixture)(requests, outputs, scratch)
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


def test_agrees_with_the_reference_on_the_battery_and_the_timed_shapes(variant: Any) -> None:
    rng = np.random.default_rng(2)
    timed = [TARGET.inputs.workload(rng, s, "speech", frames=8) for s in TARGET.inputs.SHAPES]
    for workload in [*TARGET.inputs.battery(rng), *timed]:
        requests = workload.requests(rng, 1)
        agree(ask(variant, workload, requests), TARGET.reference.answer(workload.fixture, requests))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=6), st.integers(0, 99))
def test_sizes_may_follow_one_another(variant: Any, lms: list[int], seed: int) -> None:
    rng, state = np.random.default_rng(seed), variant.setup(3)
    total = sum(120 << lm for lm in lms)
    want, out = np.zeros(total + 120), np.zeros(total + 120, np.float32)
    scratch, at = np.zeros(SCRATCH, np.float32), 0
    for lm in lms:
        n = 120 << lm
        spectrum = (1_000 * rng.standard_normal(n)).astype(np.float32)
        variant.inverse(state, spectrum, 0, 1, lm, out, at, scratch)
        want[at : at + n + 120] += TARGET.reference.windowed_basis(lm) @ spectrum
        at += n
    np.testing.assert_allclose(out[:total], want[:total], atol=0.05)


def test_the_reference_is_the_inverse_of_the_standards_forward_transform() -> None:
    for lm in range(4):
        n = 120 << lm
        sound = np.random.default_rng(lm).uniform(-9_000, 9_000, 5 * n + 120).astype(np.float32)
        scratch, spectra = np.zeros(mdct.SCRATCH, np.float32), np.zeros((1, 5, n), np.float32)
        for i, row in enumerate(spectra[0]):
            mdct.forward(sound, i * n, lm, row, 0, 1, scratch)
        fixture = {"lm": np.array([lm]), "blocks": np.array([1])}
        out = TARGET.reference.answer(fixture, {"spectra": spectra})["out"][0]
        np.testing.assert_allclose(out[120 : 5 * n], sound[120 : 5 * n], atol=0.05)


def test_the_battery_is_right_with_every_index_checked(checked: Any) -> None:
    rng = np.random.default_rng(5)
    for workload in TARGET.inputs.battery(rng):
        requests = workload.requests(rng, 1)
        agree(ask(checked, workload, requests), TARGET.reference.answer(workload.fixture, requests))


@pytest.mark.parametrize("name", COMPILED)
def test_bind_runs_all_requests_and_leaves_its_inputs_alone(name: str) -> None:
    rng = np.random.default_rng(4)
    workload = TARGET.inputs.workload(rng, "8x120", "music", frames=2)
    requests = workload.requests(rng, 5)
    before = {k: v.copy() for k, v in requests.items()}
    got = ask(VARIANTS[name](TARGET), workload, requests)
    agree(got, TARGET.reference.answer(workload.fixture, requests))
    for k, array in requests.items():
        np.testing.assert_array_equal(array, before[k])


@pytest.mark.parametrize("module", [TARGET.upstream, TARGET.kernels], ids=["upstream", "kernels"])
def test_the_hot_path_has_no_allocation_in_its_code(module: types.ModuleType) -> None:
    floats = np.zeros(SCRATCH, np.float32)
    module.inverse(module.setup(3), floats, 0, 1, 3, np.zeros(1_200, np.float32), 0, floats.copy())
    for code in module.inverse.inspect_llvm().values():
        assert "NRT_MemInfo_alloc" not in code


def test_a_seed_draws_the_same_inputs_twice() -> None:
    def draw() -> list[NDArray[Any]]:
        rng = np.random.default_rng(7)
        found: list[NDArray[Any]] = []
        for workload in [*TARGET.inputs.battery(rng), *TARGET.inputs.workloads(rng)]:
            found += workload.requests(rng, 1).values()
        return found

    for first, second in zip(draw(), draw(), strict=True):
        assert first.tobytes() == second.tobytes()


def test_the_roofline_counts_what_a_request_must_move_and_do() -> None:
    roofline = TARGET.spec["roofline"]
    for shape, (lm, blocks, frames) in TARGET.inputs.SHAPES.items():
        size, n = (120 << lm) * blocks, 60 << lm
        assert roofline["bytes_per_unit"][shape] == 8 * size * frames
        block = 4 * n * np.log2(n) - 6 * n + 12 * n + 360
        work = block * blocks * frames
        assert roofline["operations_per_unit"][shape] == pytest.approx(work, rel=0.03)


# One variant: each compiles the whole decoder again.
def test_the_query_around_the_kernel_plays_what_libopus_plays() -> None:
    rng = np.random.default_rng(3)
    data = opus_play.encoded(rng, opus_play.FILES[2], 1.0)
    site = opus_play.workload(data, "transients", "a-glance", 2, opus_play.PLAYED["a-glance"])
    requests = site.requests(rng, 2)
    outputs = {k: np.full((2, *s), 7, d) for k, (s, d) in site.outputs.items()}
    scratch = {k: np.zeros(s, d) for k, (s, d) in site.scratch.items()}
    TARGET.callsite.bind(TARGET.kernels, site.fixture)(requests, outputs, scratch)
    verdict = oracles.check(
        TARGET.callsite.ORACLE, outputs, TARGET.callsite.answer(site.fixture, requests)
    )
    assert isinstance(verdict, oracles.Agreement), verdict.describe()
    asked = TARGET.callsite.asked(site.fixture, requests)
    assert set(asked["coefficients of a block"]) == {120}
