"""Snapshot = reference = upstream = kernels = peers, and bad pages get their code."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import contract
import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from workbench import oracles, snapshots, targets
from workbench.snapshots import Case
from workbench.targets import Target

TARGET = contract.loaded("bitpack")
ORACLE = TARGET.spec["oracle"]
TYPES = (8, 16, 32, 64)

# One table drives every test of agreement: a variant that is not in it is not checked anywhere.
VARIANTS: Mapping[str, Callable[[Target], Any]] = {
    "reference": lambda target: target.reference,
    "upstream": lambda target: target.upstream,
    "kernels": lambda target: target.kernels,
    "vortex": lambda target: target.peers.PEERS["vortex"](),
    "numpy": lambda target: target.peers.PEERS["numpy"](),
}
COMPILED = ("reference", "upstream", "kernels")
CASES = {case.name: case for case in snapshots.load("lance", "bitpack").cases()}


@pytest.fixture(scope="module", params=VARIANTS)
def variant(request: pytest.FixtureRequest) -> Any:
    return VARIANTS[request.param](TARGET)


def decode(variant: Any, words: NDArray[Any], bounds: NDArray[Any]) -> tuple[int, NDArray[Any]]:
    """Code and values of one page, through the surface, into a poisoned buffer."""
    out = np.full(1_024 * len(bounds), 0xA5, words.dtype)
    return int(variant.decode(words, bounds, out)), out


def naive(words: NDArray[Any], start: int, end: int) -> NDArray[Any]:
    """Values of one chunk, from one long integer a lane."""
    bits = 8 * words.itemsize
    lanes, width = 1_024 // bits, int(words[start])
    values = np.zeros(1_024, words.dtype)
    for lane in range(lanes):
        stream = sum(
            int(word) << (bits * i) for i, word in enumerate(words[start + 1 + lane : end : lanes])
        )
        for row in range(bits):
            first = 16 * int(f"{row // 8:03b}"[::-1], 2) + 128 * (row % 8)
            values[first + lane] = (stream >> (row * width)) % (1 << width)
    return values


def test_every_peer_is_in_the_table() -> None:
    assert set(TARGET.peers.PEERS) <= set(VARIANTS)


def test_every_variant_exports_the_surface(variant: Any) -> None:
    for name, arguments in TARGET.surface.items():
        function = getattr(variant, name)
        code = getattr(function, "py_func", function).__code__
        assert list(code.co_varnames[: code.co_argcount]) == arguments


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_agrees_with_what_lance_read_back(variant: Any, case: Case) -> None:
    want = case.outputs["out"][0]
    code, got = decode(variant, case.requests["words"][0], case.requests["bounds"][0])
    assert code == 0
    np.testing.assert_array_equal(got[: len(want)], want)
    assert not got[len(want) :].any(), "Lance pads the last chunk with zeros"


def test_the_snapshot_has_every_width_of_every_type() -> None:
    for bits in TYPES:
        requests = CASES[f"u{bits}x{bits + 1}/every-width"].requests
        widths = requests["words"][0][requests["bounds"][0][:, 0]]
        assert widths.tolist() == list(range(bits + 1))


def test_agrees_with_the_reference_on_the_battery_and_the_timed_workloads(variant: Any) -> None:
    rng = np.random.default_rng(2)
    for workload in [*TARGET.inputs.battery(rng), *TARGET.inputs.workloads(rng)]:
        requests = workload.requests(rng, workload.batch)
        outputs = {
            name: np.full((workload.batch, *shape), 7, dtype)
            for name, (shape, dtype) in workload.outputs.items()
        }
        before = {name: array.copy() for name, array in requests.items()}
        TARGET.bench.bind(variant, workload.fixture)(requests, outputs, {})
        want = TARGET.reference.answer(workload.fixture, requests)
        verdict = oracles.check(ORACLE, outputs, want)
        assert isinstance(verdict, oracles.Agreement), f"{workload.name}: {verdict.describe()}"
        for name, array in requests.items():
            np.testing.assert_array_equal(array, before[name])


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    bits=st.sampled_from(TYPES),
    distribution=st.sampled_from(["narrow", "mixed", "wide"]),
    chunks=st.integers(0, 3),
)
def test_agrees_with_the_definition(
    variant: Any, seed: int, bits: int, distribution: str, chunks: int
) -> None:
    rng = np.random.default_rng(seed)
    inputs = TARGET.inputs
    made = inputs.page(rng, bits, inputs.widths(rng, distribution, bits, 1, chunks), bits)
    words, bounds = made["words"][0], made["bounds"][0]
    code, got = decode(variant, words, bounds)
    assert code == 0
    for values, (start, end) in zip(got.reshape(-1, 1_024), bounds.tolist(), strict=True):
        np.testing.assert_array_equal(values, naive(words, start, end))


@pytest.mark.parametrize("bits", TYPES)
def test_packed_is_the_inverse_of_the_definition(bits: int) -> None:
    rng = np.random.default_rng(bits)
    for width in range(bits + 1):
        values = rng.integers(1 << width, size=1_024, dtype=np.uint64).astype(f"u{bits // 8}")
        chunk = np.append(values.dtype.type(width), TARGET.inputs.packed(values, width))
        np.testing.assert_array_equal(naive(chunk, 0, len(chunk)), values)


# Bad pages.

CHUNK = np.array([3, *range(96)], np.uint32)
BAD = {
    "fine": (CHUNK, [(0, 97)], 1_024, 0),
    "no chunks": (CHUNK, [], 0, 0),
    "no words and no chunks": (CHUNK[:0], [], 0, 0),
    "before the page": (CHUNK, [(-1, 96)], 1_024, 1),
    "behind the page": (CHUNK, [(0, 98)], 1_024, 1),
    "far behind": (CHUNK, [(2**62, 2**62 + 97)], 1_024, 1),
    "no header": (CHUNK, [(5, 5)], 1_024, 1),
    "ends before it starts": (CHUNK, [(97, 0)], 1_024, 1),
    "widest bounds": (CHUNK, [(-(2**63), 2**63 - 1)], 1_024, 1),
    "no words": (CHUNK[:0], [(0, 1)], 1_024, 1),
    "one bit too wide": (np.array([33, *CHUNK]), [(0, 98)], 1_024, 2),
    "widest header": (np.array([2**32 - 1, *CHUNK]), [(0, 98)], 1_024, 2),
    "truncated": (CHUNK, [(0, 96)], 1_024, 3),
    "too long": (np.append(CHUNK, 0), [(0, 98)], 1_024, 3),
    "width 0 with words": (np.zeros(40), [(0, 33)], 1_024, 3),
    "header only": (CHUNK, [(0, 1)], 1_024, 3),
    "output too short": (CHUNK, [(0, 97)], 1_023, 4),
    "output too long": (CHUNK, [(0, 97)], 1_025, 4),
    "output for no chunk": (CHUNK, [], 1_024, 4),
    "output first": (CHUNK, [(-1, 96)], 1, 4),
    "second chunk": (np.tile(CHUNK, 2), [(0, 97), (97, 193)], 2_048, 3),
    "first of two bad ones": (np.tile(CHUNK, 2), [(0, 96), (-1, 0)], 2_048, 3),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_page_gets_its_code(variant: Any, name: str) -> None:
    words, bounds, room, want = BAD[name]
    out = np.full(room + 64, 7, np.uint32)
    found = variant.decode(
        words.astype(np.uint32), np.array(bounds, np.int64).reshape(-1, 2), out[:room]
    )
    assert found == want
    assert (out[room:] == 7).all(), "the kernel wrote behind its output"


def test_a_64_bit_header_is_compared_as_it_is(variant: Any) -> None:
    words = np.zeros(200, np.uint64)
    for header in (65, 2**63, 2**64 - 1):
        words[0] = header
        assert decode(variant, words, np.array([[0, 17]]))[0] == 2


@pytest.fixture(scope="module", params=COMPILED)
def checked(request: pytest.FixtureRequest) -> Any:
    """A compiled variant once more, with numba's bounds checking in every function."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(numba.config, "BOUNDSCHECK", 1)
        path = Path(TARGET.folder) / f"{request.param}.py"
        module = targets.load_file(path, f"checked.bitpack.{request.param}")
        for bits in TYPES:  # compiled here, while the setting holds
            dtype = np.dtype(f"u{bits // 8}")
            assert decode(module, np.zeros(1, dtype), np.array([[0, 1]]))[0] == 0
        yield module


def test_bounds_checking_would_see_an_overrun() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(numba.config, "BOUNDSCHECK", 1)

        @numba.njit
        def overrun(out: NDArray[Any]) -> None:
            for i in range(np.uint64(len(out) + 1)):
                out[np.uint64(0) + i] = 1

        with pytest.raises(IndexError):
            overrun(np.zeros(4))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damaged_pages_stay_within_bounds(checked: Any, data: st.DataObject) -> None:
    """Bits flipped, pages cut, bounds moved: the reference's code, and nothing is overrun."""
    bits = data.draw(st.sampled_from(TYPES))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    chunks = data.draw(st.integers(1, 4))
    made = TARGET.inputs.page(rng, bits, rng.integers(bits + 1, size=(1, chunks)), bits)
    words, bounds = made["words"][0].copy(), made["bounds"][0].copy()
    for start in data.draw(st.lists(st.sampled_from(bounds[:, 0].tolist()), max_size=2)):
        words[start] ^= words.dtype.type(1 << data.draw(st.integers(0, bits - 1)))
    for _ in range(data.draw(st.integers(0, 2))):
        moved = data.draw(st.one_of(st.integers(-2, 2), st.integers(-(2**63), 2**63 - 1)))
        row, side = data.draw(st.integers(0, chunks - 1)), data.draw(st.integers(0, 1))
        near = int(bounds[row, side]) + moved
        bounds[row, side] = near if -(2**63) <= near < 2**63 else moved
    words = words[: len(words) - data.draw(st.sampled_from([0, 0, 0, 1, 40, len(words)]))]
    want_code, want = decode(TARGET.reference, words, bounds)
    code, got = decode(checked, words, bounds)
    assert code == want_code
    if code == 0:
        np.testing.assert_array_equal(got, want)


def test_checked_variants_pass_the_battery(checked: Any) -> None:
    rng = np.random.default_rng(5)
    for workload in TARGET.inputs.battery(rng):
        requests = workload.requests(rng, 2)
        want = TARGET.reference.answer({}, requests)
        for i in range(2):
            code, got = decode(checked, requests["words"][i], requests["bounds"][i])
            assert code == want["status"][i]
            if code == 0:
                np.testing.assert_array_equal(got, want["out"][i])


# What is timed.


@pytest.mark.parametrize("module", [TARGET.upstream, TARGET.kernels], ids=["upstream", "kernels"])
def test_the_hot_path_has_no_allocation_in_its_code(module: types.ModuleType) -> None:
    for case in CASES.values():
        decode(module, case.requests["words"][0], case.requests["bounds"][0])
    for function in (f for f in vars(module).values() if hasattr(f, "inspect_llvm")):
        for code in function.inspect_llvm().values():
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


def test_the_battery_has_every_type_and_width_and_all_edges() -> None:
    battery = list(TARGET.inputs.battery(np.random.default_rng(0)))
    names = [workload.name for workload in battery]
    assert len(set(names)) == len(names)
    rng = np.random.default_rng(1)
    for bits in TYPES:
        (every,) = (w for w in battery if w.name == f"u{bits}x{bits + 1}/every-width")
        made = every.requests(rng, 1)
        found = made["words"][0][made["bounds"][0][:, 0]]
        assert sorted(found.tolist()) == list(range(bits + 1))
        for case in ("all-ones", "all-equal", "last-chunk-partial"):
            assert f"u{bits}x4/{case}" in names
        assert f"u{bits}x1/one-value" in names
    assert {"u32x0/no-chunks", "u32x3/width-0", "u64x3/width-64", "u32x12/any-order"} <= set(names)
    lengths = {w.name for w in battery if w.distribution == "random-chunks"}
    again = TARGET.inputs.battery(np.random.default_rng(1))
    assert lengths.isdisjoint({w.name for w in again if w.distribution == "random-chunks"})
    codes = set()
    for workload in battery:
        if workload.distribution == "damaged":
            requests = workload.requests(rng, 64)
            codes |= set(TARGET.reference.answer({}, requests)["status"].tolist())
    assert codes == {0, 1, 2, 3}


def test_widths_are_those_of_a_column() -> None:
    rng = np.random.default_rng(0)
    inputs = TARGET.inputs
    for bits in TYPES:
        for distribution in ("narrow", "wide"):
            drawn = inputs.widths(rng, distribution, bits, 200, 64)
            assert (np.ptp(drawn, axis=1) <= 1).all()
            assert drawn.max() == inputs.most_bits(distribution, bits)
        assert set(inputs.widths(rng, "mixed", bits, 40, 64).ravel()) == set(range(bits + 1))


def test_the_roofline_counts_what_a_page_must_move_and_do() -> None:
    roofline = TARGET.spec["roofline"]
    inputs = TARGET.inputs
    for bits, chunks in inputs.SHAPES.items():
        # one chunk in eight of a narrow or wide page has a bit less
        widths = [
            sum(inputs.NARROW[bits]) / 2 - 1 / 8,
            bits / 2,
            sum(inputs.WIDE[bits]) / 2 - 1 / 8,
        ]
        chunk = bits / 8 + 2 * 8 + 128 * np.mean(widths) + 1_024 * bits / 8
        name = inputs.name(bits, chunks)
        assert roofline["bytes_per_unit"][name] == pytest.approx(chunks * chunk, abs=1)
        assert roofline["operations_per_unit"][name] == 2 * 1_024 * chunks * bits / 32


# The query around it.


@pytest.fixture(scope="module")
def site() -> Any:
    from workbench.callsites import scan

    return scan.workload(40_000, 0.01)


# One variant: each compiles the whole query again, and `integrate` holds upstream to it too.
@pytest.mark.parametrize("name", ["kernels"])
def test_the_query_around_a_variant_answers_as_lance_does(name: str, site: Any) -> None:
    callsite = TARGET.callsite
    rng = np.random.default_rng(3)
    requests = site.requests(rng, 3)
    outputs = {k: np.zeros((3, *shape), dtype) for k, (shape, dtype) in site.outputs.items()}
    scratch = {k: np.zeros(shape, dtype) for k, (shape, dtype) in site.scratch.items()}
    callsite.bind(VARIANTS[name](TARGET), site.fixture)(requests, outputs, scratch)
    want = callsite.answer(site.fixture, requests)
    verdict = oracles.check(callsite.ORACLE, outputs, want)
    assert isinstance(verdict, oracles.Agreement), verdict.describe()
    assert (want["count"] > 0).all()


def test_what_the_query_asks(site: Any) -> None:
    asked = TARGET.callsite.asked(site.fixture, site.requests(np.random.default_rng(4), 2))
    assert all(values.size and values.dtype.kind == "i" for values in asked.values())
