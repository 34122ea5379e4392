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

from workbench import oracles, snapshots, ticks
from workbench.snapshots import Case
from workbench.targets import Target, Workload

Arrays = Mapping[str, NDArray[Any]]

TARGET = contract.loaded("pq_encode")
ORACLE = TARGET.spec["oracle"]

# One table drives every test of agreement: a variant that is not in it is not checked anywhere.
VARIANTS: Mapping[str, Callable[[Target], Any]] = {
    "reference": lambda target: target.reference,
    "upstream": lambda target: target.upstream,
    "kernels": lambda target: target.kernels,
    "faiss": lambda target: target.peers.PEERS["faiss"](),
    "numpy": lambda target: target.peers.PEERS["numpy"](),
    "scipy": lambda target: target.peers.PEERS["scipy"](),
}
COMPILED = ("reference", "upstream", "kernels")
CASES = {case.name: case for case in snapshots.load("lance", "pq_encode").cases()}
# faiss and scipy choose by lengths and products where a part is long, and lose the last bits.
NOT_FOR_PEERS = ("large-dynamic-range", "rows-are-centroids", "first-and-last", "far-away")


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


def ask(
    variant: Any, codebook: NDArray[Any], rows: NDArray[Any]
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Codes and distances of rows, through the surface, into poisoned buffers."""
    codes = np.full((len(rows), len(codebook)), 7, np.uint8)
    distances = np.full(codes.shape, np.nan, np.float32)
    gaps = np.full(codebook.shape[1], np.nan, np.float32)
    variant.encode(variant.setup(codebook), rows, gaps, codes, distances)
    return codes, distances


def answer(variant: Any, fixture: Arrays, requests: Arrays) -> dict[str, NDArray[Any]]:
    found = [ask(variant, fixture["codebook"], rows) for rows in requests["rows"]]
    codes, distances = zip(*found, strict=True)
    return {"codes": np.stack(codes)[..., None], "distances": np.stack(distances)[..., None]}


def agree(got: Arrays, want: Arrays) -> None:
    verdict = oracles.check(ORACLE, got, want)
    assert isinstance(verdict, oracles.Agreement), verdict.describe()


def naive(codebook: NDArray[Any], rows: NDArray[Any]) -> NDArray[np.float64]:
    """Squared distance of every part to every centroid: [rows, parts, centroids]."""
    parts, _, width = codebook.shape
    gaps = rows.reshape(len(rows), parts, 1, width).astype(np.float64) - codebook
    distances: NDArray[np.float64] = np.square(gaps).sum(axis=-1)
    return distances


def test_kernels_start_at_upstream() -> None:
    # docs/tutorial.md promises it: what the tutorial keeps is never committed
    kernels, upstream = (TARGET.folder / f"{name}.py" for name in ("kernels", "upstream"))
    assert kernels.read_text() == upstream.read_text()


def test_every_peer_is_in_the_table() -> None:
    assert set(TARGET.peers.PEERS) <= set(VARIANTS)


def test_every_variant_exports_the_surface(variant: Any) -> None:
    for name, arguments in TARGET.surface.items():
        function = getattr(variant, name)
        code = getattr(function, "py_func", function).__code__
        if isinstance(variant, types.SimpleNamespace) and name == "setup":
            continue  # peers share one
        assert list(code.co_varnames[: code.co_argcount]) == arguments


@pytest.fixture(scope="module")
def questions() -> list[tuple[Workload, Arrays, Arrays]]:
    rng = np.random.default_rng(2)
    found = []
    for load in [*TARGET.inputs.battery(rng), *TARGET.inputs.workloads(rng)]:
        requests = load.requests(rng, 1)
        found.append((load, requests, TARGET.reference.answer(load.fixture, requests)))
    return found


def test_agrees_with_the_reference_on_the_battery_and_the_timed_workloads(
    variant: Any, questions: list[tuple[Workload, Arrays, Arrays]]
) -> None:
    for load, requests, want in questions:
        if load.distribution in NOT_FOR_PEERS and isinstance(variant, types.SimpleNamespace):
            continue
        agree(answer(variant, load.fixture, requests), want)


# Of centroids that are equal a kernel or a peer may take any.
@pytest.mark.parametrize("name", ["reference", "upstream"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_codes_are_those_that_lance_stored(name: str, case: Case) -> None:
    got = answer(VARIANTS[name](TARGET), case.fixture, case.requests)
    np.testing.assert_array_equal(got["codes"][..., 0], case.outputs["codes"])


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_distances_add_up_to_those_that_lance_returned(variant: Any, case: Case) -> None:
    got = answer(variant, case.fixture, case.requests)
    # in float64, which is exact here, as Lance's float32 is
    totals = got["distances"].astype(np.float64).sum(axis=(2, 3))
    np.testing.assert_array_equal(totals, case.outputs["totals"])
    gaps = naive(case.fixture["codebook"], case.requests["rows"][0])
    of_codes = np.take_along_axis(gaps, got["codes"][0].astype(np.int64), axis=2)
    np.testing.assert_array_equal(got["distances"][0], of_codes)


def test_the_snapshot_has_every_shape_and_takes_the_first_of_equals() -> None:
    assert len({case.shape for case in CASES.values()}) == 3
    for case in CASES.values():
        codebook, codes = case.fixture["codebook"], case.outputs["codes"]
        np.testing.assert_array_equal(codebook[:, 1::8], codebook[:, ::8])
        assert (codes % 8 != 1).all()
        assert (codes % 8 == 0).any()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_no_order_of_additions_can_change_a_recorded_distance(case: Case) -> None:
    # multiples of 1/16, so squares are whole multiples of 1/256, and the largest sum is below 2^24
    for values in (case.fixture["codebook"], case.requests["rows"]):
        np.testing.assert_array_equal(values * 16, np.rint(values * 16))
    rows, codebook = case.requests["rows"][0], case.fixture["codebook"]
    assert naive(codebook, rows[:8]).max(axis=2).sum(axis=1).max() * 256 < 2**24


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    parts=st.integers(1, 6),
    width=st.integers(1, 26),
    rows=st.integers(0, 4),
    scale=st.sampled_from([1e-3, 1.0, 1e3]),
)
def test_agrees_with_the_definition_and_stays_in_bounds(
    checked: Any, seed: int, parts: int, width: int, rows: int, scale: float
) -> None:
    rng = np.random.default_rng(seed)
    codebook = (scale * rng.standard_normal((parts, 256, width))).astype(np.float32)
    vectors = (scale * rng.standard_normal((rows, parts * width))).astype(np.float32)
    codes, distances = ask(checked, codebook, vectors)
    want = naive(codebook, vectors)
    # float32 sums of positive terms in any order: one rounding for each term, square and gap
    slack = (width + 4) * 2.0**-24
    np.testing.assert_allclose(distances, want.min(axis=2, initial=np.inf), rtol=slack)
    of_codes = np.take_along_axis(want, codes[..., None].astype(np.int64), axis=2)[..., 0]
    np.testing.assert_allclose(distances, of_codes, rtol=slack)


@pytest.mark.parametrize("name", COMPILED)
def test_bind_runs_all_requests_and_leaves_its_inputs_alone(name: str) -> None:
    rng = np.random.default_rng(4)
    load = TARGET.inputs.workload(rng, (40, 5), "gaussian", 7)
    requests = load.requests(rng, 3)
    before = {k: v.copy() for k, v in {**load.fixture, **requests}.items()}
    outputs = {k: np.full((3, *s), 7, d) for k, (s, d) in load.outputs.items()}
    scratch = {k: np.full(s, np.nan, d) for k, (s, d) in load.scratch.items()}
    TARGET.bench.bind(VARIANTS[name](TARGET), load.fixture)(requests, outputs, scratch)
    agree(outputs, TARGET.reference.answer(load.fixture, requests))
    for k, array in {**load.fixture, **requests}.items():
        np.testing.assert_array_equal(array, before[k])


@pytest.mark.parametrize("module", [TARGET.upstream, TARGET.kernels], ids=["upstream", "kernels"])
def test_the_hot_path_has_no_allocation_in_its_code(module: types.ModuleType) -> None:
    ask(module, np.zeros((2, 256, 8), np.float32), np.zeros((3, 16), np.float32))
    for code in module.encode.inspect_llvm().values():
        assert "NRT_MemInfo_alloc" not in code


def test_distances_by_lengths_and_products_are_refused() -> None:
    # |x|^2 - 2 x c + |c|^2 loses what a small distance needs
    def encode(
        state: Any, rows: NDArray[Any], gaps: Any, codes: NDArray[Any], distances: NDArray[Any]
    ) -> None:
        parts = rows.reshape(len(rows), len(state), -1)
        lengths = np.square(parts).sum(axis=-1)[..., None] + np.square(state).sum(axis=-1)
        found = lengths - 2 * np.einsum("njw,jcw->njc", parts, state)
        codes[:], distances[:] = found.argmin(axis=-1), found.min(axis=-1)

    wrong = types.SimpleNamespace(setup=lambda codebook: codebook, encode=encode)
    rng = np.random.default_rng(5)
    refused = set()
    for load in TARGET.inputs.battery(rng):
        requests = load.requests(rng, 1)
        if load.requests(rng, 1)["rows"].size:
            want = TARGET.reference.answer(load.fixture, requests)
            found = oracles.check(ORACLE, answer(wrong, load.fixture, requests), want)
            if isinstance(found, oracles.Mismatch):
                refused.add(load.distribution)
    assert {"rows-are-centroids", "large-dynamic-range"} <= refused


def test_a_seed_draws_the_same_inputs_twice() -> None:
    def draw() -> list[NDArray[Any]]:
        rng = np.random.default_rng(7)
        found = []
        for load in [*TARGET.inputs.battery(rng), *TARGET.inputs.workloads(rng)]:
            found += [*load.fixture.values(), *load.requests(rng, 1).values()]
        return found

    for first, second in zip(draw(), draw(), strict=True):
        assert first.tobytes() == second.tobytes()


def test_the_battery_has_the_floor_of_shapes_and_distributions_and_all_edges() -> None:
    battery = list(TARGET.inputs.battery(np.random.default_rng(0)))
    names = [load.name for load in battery]
    assert len(set(names)) == len(names)
    assert len([load for load in battery if load.outputs["codes"][0][0] == 6]) >= 15
    assert {load.outputs["codes"][0][0] for load in battery} >= {0, 1, 3}
    widths = {load.fixture["codebook"].shape[2] for load in battery}
    assert widths >= {1, 3, 4, 7, 8, 9, 12, 16, 17, 24}


def test_the_roofline_counts_what_a_batch_must_move_and_do() -> None:
    roofline = TARGET.spec["roofline"]
    for (dim, parts), rows in TARGET.inputs.SHAPES.items():
        name = f"{dim}x{parts}x256"
        moved = 256 * dim + 4 * dim * rows + 5 * parts * rows
        assert roofline["bytes_per_unit"][name] == moved
        assert roofline["operations_per_unit"][name] == rows * (2 * 256 * dim + 256 * parts)


@pytest.fixture(scope="module")
def site() -> Any:
    load = TARGET.callsite.workload(32, 4, 6, 2_000)
    requests = load.requests(np.random.default_rng(3), 3)
    return load, requests, TARGET.callsite.answer(load.fixture, requests)


def test_the_batch_around_a_variant_is_coded_as_lance_coded_it(variant: Any, site: Any) -> None:
    load, requests, want = site
    outputs = {k: np.full((3, *s), 7, d) for k, (s, d) in load.outputs.items()}
    scratch = {k: np.zeros(s, d) for k, (s, d) in load.scratch.items()}
    TARGET.callsite.bind(variant, load.fixture)(requests, outputs, scratch)
    verdict = oracles.check(TARGET.callsite.ORACLE, outputs, want)
    assert isinstance(verdict, oracles.Agreement), verdict.describe()
    assert scratch["ticks"].tolist() == [0, 3]


def test_the_call_site_counts_its_calls_and_says_what_it_asks(site: Any) -> None:
    load, requests, _ = site
    outputs = {k: np.full((3, *s), 7, d) for k, (s, d) in load.outputs.items()}
    scratch = {k: np.zeros(s, d) for k, (s, d) in load.scratch.items()}
    call = TARGET.callsite.bind(TARGET.upstream, load.fixture, ticks.on)
    call(requests, outputs, scratch)
    assert scratch["ticks"][0] > 0
    assert TARGET.callsite.asked(load.fixture, requests)["rows of a batch"].tolist() == [64] * 3
