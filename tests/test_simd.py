"""Every operation against numpy, on this CPU and on lesser ones.

The whole file runs again in child processes whose numba compiles for an SSE2 and for an AVX2
part, so that each lowering is exercised. A CPU name alone is not enough: numba then still adds
the host's features, so both are set.
"""

import os
import subprocess
import sys

import llvmlite.binding as llvm
import numpy as np
import pytest
from numba import njit
from numba.core.errors import TypingError

from workbench import simd

SEED = 20_240_607
KINDS = (simd.f32x16, simd.i32x16, simd.u32x16, simd.u16x32, simd.u8x16, simd.u8x64)
CHILD = "WORKBENCH_SIMD_CHILD"
# CPU -> (HAS_BYTE_PERMUTE, HAS_WORD_PERMUTE) that it must have
PARTS = {
    "x86-64": (False, False),
    "haswell": (False, False),
    "skylake-avx512": (False, True),
    "icelake-server": (True, True),
}
on_x86 = pytest.mark.skipif("x86" not in llvm.get_process_triple(), reason="these are x86 parts")


def draw(kind, count=1, seed=SEED):
    """Lanes of every magnitude; for floats also the values that comparisons trip over."""
    rng = np.random.default_rng(seed)
    dtype = np.dtype(kind.element.name)
    if kind.is_float:
        values = rng.standard_normal(kind.lanes * count) * 10.0 ** rng.integers(-3, 4)
        special = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0]
        where = rng.choice(len(values), 6, replace=False)
        values[where] = special
        return values.astype(dtype)
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, kind.lanes * count, dtype=dtype, endpoint=True)


def draw_pair(kind):
    """Two vectors of which a third of the lanes are equal."""
    a, b = draw(kind, seed=1), draw(kind, seed=2)
    b[::3] = a[::3]
    return a, b


def same_bits(a, b):
    assert a.dtype == b.dtype
    assert a.tobytes() == b.tobytes(), (a, b)


def ids(kind):
    return str(kind)


each_kind = pytest.mark.parametrize("kind", KINDS, ids=ids)
each_integer = pytest.mark.parametrize("kind", [k for k in KINDS if not k.is_float], ids=ids)


# One compiled function a group of operations: compiling is what takes the time.


@each_kind
def test_loads_and_stores_reach_exactly_their_lanes(kind):
    lanes = kind.lanes

    @njit
    def copy(a, out, i, j, count):
        simd.store(out, j, simd.load(kind, a, i))
        simd.store_first(out, j + 2 * lanes, simd.load_first(kind, a, i, count), count)
        simd.store(out, j + 4 * lanes, simd.load_first(kind, a, i, count))

    a = draw(kind, 3)
    for i, j, count in ((0, 0, 0), (1, 3, 1), (5, 2, lanes - 1), (7, 7, lanes), (2, 1, lanes + 9)):
        got = draw(kind, 8, seed=3)
        want = got.copy()
        copy(a, got, i, j, count)
        clipped = min(count, lanes)
        want[j : j + lanes] = a[i : i + lanes]
        want[j + 2 * lanes :][:clipped] = a[i : i + clipped]
        want[j + 4 * lanes :][:lanes] = np.where(np.arange(lanes) < count, a[i : i + lanes], 0)
        same_bits(got, want)


def test_a_count_below_zero_touches_nothing():
    @njit
    def touch(a, count):
        simd.store_first(a, 0, simd.splat(simd.f32x16, 1), count)

    a = np.zeros(16, np.float32)
    touch(a, -3)
    assert not a.any()


def test_an_index_counts_elements_of_the_flat_array():
    @njit
    def copy(a, out):
        simd.store(out, 0, simd.load(simd.u8x16, a, 40))

    a, out = draw(simd.u8x64).reshape(4, 16), np.zeros(16, np.uint8)
    copy(a, out)
    same_bits(out, a.ravel()[40:56])


@each_kind
def test_arithmetic_is_that_of_numpy(kind):
    @njit
    def compute(a, b, number, out):
        x, y = simd.load(kind, a, 0), simd.load(kind, b, 0)
        z = x
        z += y
        z *= x
        results = (x + y, x - y, x * y, x + 3, 3 - x, x * number, z)
        for i, result in enumerate(results):
            simd.store(out, i * len(a), result)

    a, b = draw_pair(kind)
    number = a.dtype.type(7)
    out = np.empty(7 * kind.lanes, a.dtype)
    compute(a, b, number, out)
    three = a.dtype.type(3)
    with np.errstate(all="ignore"):
        want = (a + b, a - b, a * b, a + three, three - a, a * number, (a + b) * a)
    nan = out != out
    assert (nan == (np.concatenate(want) != np.concatenate(want))).all()
    same_bits(out[~nan], np.concatenate(want)[~nan])


@each_integer
def test_bits_and_shifts_are_those_of_numpy(kind):
    @njit
    def compute(a, b, out):
        x, y = simd.load(kind, a, 0), simd.load(kind, b, 0)
        z = x
        z |= y
        z >>= 1
        for i, result in enumerate((x & y, x | y, x ^ y, x << 3, x >> 3, x >> (y & 7), z)):
            simd.store(out, i * len(a), result)

    a, b = draw_pair(kind)
    out = np.empty(7 * kind.lanes, a.dtype)
    compute(a, b, out)
    same_bits(
        out, np.concatenate((a & b, a | b, a ^ b, a << 3, a >> 3, a >> (b & 7), (a | b) >> 1))
    )


@each_kind
def test_comparisons_masks_and_selections_are_those_of_numpy(kind):
    @njit
    def compute(a, b, out):
        x, y = simd.load(kind, a, 0), simd.load(kind, b, 0)
        one, zero = simd.splat(kind, 1), simd.splat(kind, 0)
        masks = (x < y, x <= y, x > y, x >= y, x == y, x != y, x < 5, 5 < x)
        for i, mask in enumerate(masks):
            simd.store(out, i * len(a), simd.select(mask, one, zero))
        both = simd.select((x <= y) & (x >= y), x, y)
        simd.store(out, 8 * len(a), simd.select((x < y) | (x > y), both, zero))
        simd.store(out, 9 * len(a), simd.select((x < y) ^ (x != y), one, zero))
        simd.store(out, 10 * len(a), simd.minimum(x, y))
        simd.store(out, 11 * len(a), simd.maximum(x, y))
        return simd.count(x < y)

    a, b = draw_pair(kind)
    out = np.empty(12 * kind.lanes, a.dtype)
    assert compute(a, b, out) == (a < b).sum()
    masks = (a < b, a <= b, a > b, a >= b, a == b, a != b, a < 5, a > 5)
    want = [m.astype(a.dtype) for m in masks]
    want += [np.where((a < b) | (a > b), b, 0).astype(a.dtype)]
    want += [((a < b) ^ (a != b)).astype(a.dtype), np.where(a < b, a, b), np.where(a > b, a, b)]
    same_bits(out, np.concatenate(want))


@each_kind
def test_splats_fill_and_iota_counts(kind):
    @njit
    def fill(number, out):
        simd.store(out, 0, simd.splat(kind, number))

    @njit
    def number_lanes(out):
        simd.store(out, 0, simd.iota(kind))

    out = np.empty(kind.lanes, kind.element.name)
    fill(113, out)
    assert (out == 113).all()
    if kind.is_float:
        with pytest.raises(TypingError, match="iota makes integer vectors; given f32x16"):
            number_lanes(out)
    else:
        number_lanes(out)
        assert (out == np.arange(kind.lanes)).all()


def test_fma_rounds_once_and_plain_arithmetic_twice():
    @njit
    def compute(a, b, c, fused, plain):
        x, y, z = (simd.load(simd.f32x16, v, 0) for v in (a, b, c))
        simd.store(fused, 0, simd.fma(x, y, z))
        simd.store(plain, 0, x * y + z)

    @njit
    def unrolled(a, b, c, fused, plain):
        x, y = simd.load(simd.f32x16, a, 0), simd.load(simd.f32x16, b, 0)
        z = simd.load(simd.f32x16, c, 0)
        simd.store(fused, 0, simd.fma(x, y, z))
        simd.store(plain, 0, x * y + z)

    rng = np.random.default_rng(SEED)
    a, b, c = rng.standard_normal((3, 16), dtype=np.float32)
    c = -a * b + np.float32(1e-6) * c
    fused, plain = np.empty((2, 16), np.float32)
    unrolled(a, b, c, fused, plain)
    exact = a.astype(np.float64) * b + c  # the product is exact in float64, the sum nearly so
    same_bits(fused, exact.astype(np.float32))
    same_bits(plain, a * b + c)
    assert (fused != plain).any()


@each_kind
@pytest.mark.parametrize("registers", [1, 2, 4, 8, 16])
def test_lookups_find_every_entry_and_wrap(kind, registers):
    if kind is simd.u8x64 and registers > 4:
        pytest.skip("a byte cannot count beyond 256 entries")
    index_kind = {32: simd.u32x16, 16: simd.u16x32, 8: kind}[kind.lane_bits]
    part = kind.lanes

    @njit
    def look_up_16(t, index, out):
        v = simd.load(kind, t, 0)
        tables = (v, v)
        simd.store(out, 0, simd.lookup(tables, simd.load(index_kind, index, 0)))

    lines = [f"simd.load(kind, t, {i * part})" for i in range(registers)]
    scope = {"simd": simd, "kind": kind, "index_kind": index_kind}
    exec(
        "def look_up(t, index, out):\n"
        f"    tables = ({', '.join(lines)},)\n"
        "    for i in range(0, len(index), len(out) // 4):\n"
        "        simd.store(out, i, simd.lookup(tables, simd.load(index_kind, index, i)))\n",
        scope,
    )
    table = draw(kind, registers)
    index = draw(index_kind, 4)
    out = np.empty(4 * part, table.dtype)
    njit(scope["look_up"])(table, index, out)
    same_bits(out, table[index % len(table)])


@njit
def placeholder():
    pass
