"""Every operation against numpy, on this CPU and on lesser ones.

The file runs again in child processes whose numba compiles for an SSE2 and for an AVX2 part, so
that each lowering is exercised. A CPU name alone would not do it: numba then still adds the
host's features, so both variables are set.
"""

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import llvmlite.binding as llvm
import numpy as np
import pytest
from numba import njit
from numba.core.errors import TypingError

from workbench import simd
from workbench.simd import HAS_BYTE_PERMUTE, lanes

# CPU -> (HAS_BYTE_PERMUTE, HAS_WORD_PERMUTE, HAS_BYTE_DOT) that it must have
PARTS = {
    "x86-64": (False, False, False),
    "haswell": (False, False, False),
    "skylake-avx512": (False, True, False),
    "icelake-server": (True, True, True),
}
HERE = (simd.HAS_BYTE_PERMUTE, simd.HAS_WORD_PERMUTE, simd.HAS_BYTE_DOT)
PART = os.environ.get("NUMBA_CPU_NAME")
X86 = llvm.get_process_triple().startswith("x86_64")
KINDS = (
    *(simd.f32x16, simd.f64x8, simd.i32x16, simd.u32x16, simd.i64x8, simd.u64x8),
    *(simd.u16x32, simd.u8x16, simd.u8x64),
)
INDICES = {64: simd.u64x8, 32: simd.u32x16, 16: simd.u16x32, 8: simd.u8x64}

# less than 512 bits and not whole lookups: in and out of memory, lane by lane and rearranged
SMALL = (simd.u8x8, simd.f32x8)

each_kind = pytest.mark.parametrize("kind", KINDS, ids=str)
any_kind = pytest.mark.parametrize("kind", [*KINDS, *SMALL], ids=str)
each_integer = pytest.mark.parametrize("kind", [k for k in KINDS if not k.is_float], ids=str)
only_here = pytest.mark.skipif(PART is not None, reason="checked in the parent process")
only_x86 = pytest.mark.skipif(not X86, reason="the parts named here are x86 parts")


def draw(kind, vectors=1, seed=1):
    """Lanes of every magnitude; among floats the values that comparisons trip over."""
    rng = np.random.default_rng(seed)
    size, dtype = kind.lanes * vectors, np.dtype(kind.element.name)
    if not kind.is_float:
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
        return rng.integers(low, high, size, dtype=dtype, endpoint=True)
    values = rng.standard_normal(size) * 10.0 ** rng.integers(-3, 4)
    values[rng.choice(size, 6, replace=False)] = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0]
    return values.astype(dtype)


def draw_pair(kind):
    """Two vectors of which a third of the lanes are equal."""
    a, b = draw(kind, seed=1), draw(kind, seed=2)
    b[::3] = a[::3]
    return a, b


def assert_same_bits(got, want):
    want = np.concatenate(want) if isinstance(want, tuple | list) else want
    assert got.dtype == want.dtype
    nan = np.isnan(want) if want.dtype.kind == "f" else np.zeros(want.shape, bool)
    assert (np.isnan(got) == nan).all() if nan.any() else True
    differs = got.view(f"u{got.itemsize}") != want.view(f"u{got.itemsize}")
    where = np.flatnonzero(differs & ~nan)
    assert not len(where), f"lane {where[0]}: {got[where[0]]} instead of {want[where[0]]}"


def registers(kind, count):
    """A compiled function that loads ``count`` vectors in a row as a tuple."""
    if count == 1:
        return njit(lambda a, i: (simd.load(kind, a, i),))
    half, step = registers(kind, count // 2), count // 2 * kind.lanes
    return njit(lambda a, i: half(a, i) + half(a, i + step))


@any_kind
def test_loads_and_stores_reach_exactly_their_lanes(kind):
    lanes = kind.lanes

    @njit
    def copy(a, out, i, j, count):
        simd.prefetch(a, i)
        simd.store(out, j, simd.load(kind, a, i))
        simd.store_first(out, j + 2 * lanes, simd.load(kind, a, i), count)
        simd.store(out, j + 4 * lanes, simd.load_first(kind, a, i, count))

    a = draw(kind, 3)
    for i, j, count in ((0, 0, 0), (1, 3, 1), (5, 2, lanes - 1), (7, 7, lanes), (2, 1, 999)):
        got = draw(kind, 8, seed=3)
        want = got.copy()
        copy(a, got, i, j, count)
        first = min(count, lanes)
        want[j : j + lanes] = a[i : i + lanes]
        want[j + 2 * lanes :][:first] = a[i : i + first]
        want[j + 4 * lanes :][:lanes] = 0
        want[j + 4 * lanes :][:first] = a[i : i + first]
        assert_same_bits(got, want)


def test_a_count_below_zero_touches_nothing():
    @njit
    def touch(a, count):
        simd.store_first(a, 0, simd.splat(simd.f32x16, 1), count)

    a = np.zeros(16, np.float32)
    touch(a, -3)
    touch(a, -(2**40))
    assert not a.any()


def test_an_index_counts_elements_of_the_flat_array():
    @njit
    def copy(a, out):
        simd.store(out, 0, simd.load(simd.u8x16, a, 40))

    a, out = draw(simd.u8x64).reshape(4, 16), np.zeros(16, np.uint8)
    copy(a, out)
    assert_same_bits(out, a.ravel()[40:56])


@any_kind
def test_arithmetic_is_that_of_numpy(kind):
    step = kind.lanes

    @njit
    def compute(a, b, number, out):
        x, y = simd.load(kind, a, 0), simd.load(kind, b, 0)
        z = x
        z += y
        z -= 1
        z *= x
        for i, result in enumerate((x + y, x - y, x * y, x + 3, 3 - x, x * number, z)):
            simd.store(out, i * step, result)

    a, b = draw_pair(kind)
    number, one, three = a.dtype.type(7), a.dtype.type(1), a.dtype.type(3)
    out = np.empty(7 * kind.lanes, a.dtype)
    compute(a, b, number, out)
    with np.errstate(all="ignore"):
        z = (a + b - one) * a
        assert_same_bits(out, (a + b, a - b, a * b, a + three, three - a, a * number, z))


@pytest.mark.parametrize("kind", [k for k in KINDS if k.is_float], ids=str)
def test_quotients_are_those_of_numpy(kind):
    step = kind.lanes

    @njit
    def compute(a, b, out):
        x, y = simd.load(kind, a, 0), simd.load(kind, b, 0)
        z = x
        z /= y
        for i, result in enumerate((x / y, x / 3, 3 / x, z)):
            simd.store(out, i * step, result)

    a, b = draw_pair(kind)
    out, three = np.empty(4 * kind.lanes, a.dtype), a.dtype.type(3)
    compute(a, b, out)
    with np.errstate(all="ignore"):
        assert_same_bits(out, (a / b, a / three, three / a, a / b))


@each_integer
def test_bits_and_shifts_are_those_of_numpy(kind):
    step = kind.lanes

    @njit
    def compute(a, b, out):
        x, y = simd.load(kind, a, 0), simd.load(kind, b, 0)
        z = x
        z |= y
        z >>= 1
        for i, result in enumerate((x & y, x | y, x ^ y, x << 3, x >> 3, x >> (y & 7), z)):
            simd.store(out, i * step, result)

    a, b = draw_pair(kind)
    out = np.empty(7 * kind.lanes, a.dtype)
    compute(a, b, out)
    z = (a | b) >> 1
    assert_same_bits(out, (a & b, a | b, a ^ b, a << 3, a >> 3, a >> (b & 7), z))


@each_kind
def test_comparisons_masks_and_selections_are_those_of_numpy(kind):
    step = kind.lanes

    @njit
    def compute(a, b, out):
        x, y = simd.load(kind, a, 0), simd.load(kind, b, 0)
        one, zero = simd.splat(kind, 1), simd.splat(kind, 0)
        masks = (x < y, x <= y, x > y, x >= y, x == y, x != y, x < 5, 5 < x)  # noqa: SIM300 - both orders
        masks = (*masks, (x <= y) & (x >= y), (x < y) | (x > y), (x < y) ^ (x != y))
        for i, mask in enumerate(masks):
            simd.store(out, i * step, simd.select(mask, one, zero))
        simd.store(out, 11 * step, simd.minimum(x, y))
        simd.store(out, 12 * step, simd.maximum(x, y))
        return simd.count(x < y)

    a, b = draw_pair(kind)
    out = np.empty(13 * kind.lanes, a.dtype)
    assert compute(a, b, out) == (a < b).sum()
    masks = [a < b, a <= b, a > b, a >= b, a == b, a != b, a < 5, a > 5]
    masks += [(a <= b) & (a >= b), (a < b) | (a > b), (a < b) ^ (a != b)]
    want = [mask.astype(a.dtype) for mask in masks]
    assert_same_bits(out, [*want, np.where(a < b, a, b), np.where(a > b, a, b)])


@each_kind
def test_a_mask_is_an_integer_and_back(kind):
    @njit
    def there(a, b):
        return simd.bits(simd.load(kind, a, 0) == simd.load(kind, b, 0))

    @njit
    def back(a, b, word, out):
        chosen = simd.mask(kind, word)
        simd.store(out, 0, simd.select(chosen, simd.load(kind, a, 0), simd.load(kind, b, 0)))

    a, b = draw_pair(kind)
    equal = sum(1 << i for i in range(kind.lanes) if a[i] == b[i])
    assert there(a, b) == equal
    word = int(np.random.default_rng(1).integers(2**64, dtype=np.uint64))
    for given in (word, 2**64 - 1, 0):
        out = np.empty_like(a)
        back(a, b, np.uint64(given), out)
        assert_same_bits(out, np.where([given >> i & 1 for i in range(kind.lanes)], a, b))


@each_kind
def test_splat_fills_and_iota_counts(kind):
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
        with pytest.raises(TypingError, match=f"iota makes integer vectors; given {kind}"):
            number_lanes(out)
    else:
        number_lanes(out)
        assert (out == np.arange(kind.lanes)).all()


def test_fma_rounds_once_and_plain_arithmetic_twice():
    @njit
    def compute(a, b, c, fused, plain):
        x, y = simd.load(simd.f32x16, a, 0), simd.load(simd.f32x16, b, 0)
        z = simd.load(simd.f32x16, c, 0)
        simd.store(fused, 0, simd.fma(x, y, z))
        simd.store(plain, 0, x * y + z)

    a, b = np.random.default_rng(1).standard_normal((2, 16), dtype=np.float32)
    c = -(a * b)
    fused, plain = np.empty((2, 16), np.float32)
    compute(a, b, c, fused, plain)
    # The product is exact in float64, and so is its difference from a float32 neighbour.
    assert_same_bits(fused, (a.astype(np.float64) * b + c).astype(np.float32))
    assert fused.any()
    assert not plain.any()


@pytest.mark.parametrize(
    ("kind", "count"),
    [(k, n) for k in KINDS for n in (1, 2, 4, 16) if k is not simd.u8x64 or n <= 4],
    ids=str,
)
def test_lookups_find_every_entry_and_wrap(kind, count):
    index_kind = kind if kind is simd.u8x16 else INDICES[kind.lane_bits]
    tables, step = registers(kind, count), kind.lanes

    @njit
    def look_up(table, index, out):
        for i in range(0, len(index), step):
            simd.store(out, i, simd.lookup(tables(table, 0), simd.load(index_kind, index, i)))

    table, index = draw(kind, count), draw(index_kind, 40)
    out = np.empty(index.shape, table.dtype)
    look_up(table, index, out)
    assert_same_bits(out, table[index.astype(np.int64) % len(table)])


def test_a_permutation_takes_signed_indices():
    @njit
    def permute(table, index, out):
        lanes = simd.load(simd.i32x16, index, 0)
        simd.store(out, 0, simd.permute(simd.load(simd.f32x16, table, 0), lanes))

    table, index, out = draw(simd.f32x16), draw(simd.i32x16), np.empty(16, np.float32)
    permute(table, index, out)
    assert_same_bits(out, table[index % 16])


@each_kind
def test_shuffles_are_those_of_numpy(kind):
    index_kind = kind if kind is simd.u8x16 else INDICES[kind.lane_bits]

    step = kind.lanes

    @njit
    def shuffle(a, b, index, out):
        x, y = simd.load(kind, a, 0), simd.load(kind, b, 0)
        simd.store(out, 0, simd.interleave_low(x, y))
        simd.store(out, step, simd.interleave_high(x, y))
        simd.store(out, 2 * step, simd.permute(x, simd.load(index_kind, index, 0)))
        simd.store(out, 3 * step, simd.compress(x, x < y))

    a, b = draw_pair(kind)
    index = draw(index_kind)
    out = np.empty(4 * kind.lanes, a.dtype)
    shuffle(a, b, index, out)
    half = 64 // kind.lane_bits
    pairs = np.stack((a, b), axis=1).reshape(-1, 2, half, 2)
    kept = np.zeros_like(a)
    kept[: (a < b).sum()] = a[a < b]
    low, high = pairs[:, 0].ravel(), pairs[:, 1].ravel()
    assert_same_bits(out, (low, high, a[index % kind.lanes], kept))


@any_kind
def test_rearrangements_are_those_of_numpy(kind):
    step = kind.lanes

    @njit
    def rearrange(a, b, out):
        x, y = simd.load(kind, a, 0), simd.load(kind, b, 0)
        simd.store(out, 0, simd.evens(x, y))
        simd.store(out, step, simd.odds(x, y))
        simd.store(out, 2 * step, simd.weave_low(x, y))
        simd.store(out, 3 * step, simd.weave_high(x, y))
        simd.store(out, 4 * step, simd.reverse(x))

    a, b = draw_pair(kind)
    out = np.empty(5 * step, a.dtype)
    rearrange(a, b, out)
    row, woven = np.concatenate((a, b)), np.stack((a, b), axis=1).ravel()
    assert_same_bits(out, (row[::2], row[1::2], woven, a[::-1]))


@pytest.mark.parametrize("kind", [simd.f32x8, simd.f32x16, simd.u32x16, simd.i32x16], ids=str)
def test_a_transposition_is_numpys(kind):
    rows, step = registers(kind, kind.lanes), kind.lanes
    give = njit(lambda out, given, i: simd.store(out, step * i, given[i]))

    @njit
    def transpose(a, out):
        columns = simd.transpose(rows(a, 0))
        for i in range(step):
            give(out, columns, i)

    a = draw(kind, kind.lanes)
    out = np.empty_like(a)
    transpose(a, out)
    assert_same_bits(out, a.reshape(step, step).T.ravel())


@pytest.mark.parametrize(
    ("source", "target"),
    [(a, b) for a in KINDS for b in KINDS if a.lanes == b.lanes and not a.is_float],
    ids=str,
)
def test_conversions_are_those_of_numpy(source, target):
    @njit
    def change(a, out):
        simd.store(out, 0, simd.convert(target, simd.load(source, a, 0)))

    a, out = draw(source), np.empty(target.lanes, target.element.name)
    change(a, out)
    assert_same_bits(out, a.astype(out.dtype))


@pytest.mark.parametrize("source", [k for k in KINDS if k.bits == 512], ids=str)
def test_bitcasts_keep_every_bit(source):
    @njit
    def change(a, out):
        simd.store(out, 0, simd.bitcast(simd.u8x64, simd.load(source, a, 0)))

    a, out = draw(source), np.empty(64, np.uint8)
    change(a, out)
    assert_same_bits(out, a.view(np.uint8))


@pytest.mark.parametrize("dtype", ["float32", "uint32", "uint8"])
@pytest.mark.parametrize("index_kind", [simd.i32x16, simd.u32x16], ids=str)
def test_gathers_are_numpys_fancy_indexing(index_kind, dtype):
    @njit
    def gather(a, index, out):
        simd.store(out, 0, simd.gather(a, simd.load(index_kind, index, 0)))

    rng = np.random.default_rng(1)
    a = rng.integers(256, size=1000).astype(dtype)
    index = rng.integers(1000, size=16).astype(index_kind.element.name)
    out = np.empty(16, dtype)
    gather(a, index, out)
    assert_same_bits(out, a[index])


@pytest.mark.parametrize("dtype", ["float32", "uint32", "uint16", "uint8"])
@pytest.mark.parametrize("index_kind", [simd.i32x16, simd.u32x16], ids=str)
def test_gathers_lane_by_lane_are_the_same(index_kind, dtype):
    @njit
    def gather(a, index, out):
        simd.store(out, 0, simd.gather_each(a, simd.load(index_kind, index, 0)))

    rng = np.random.default_rng(1)
    a = rng.integers(256, size=1000).astype(dtype)
    index = rng.integers(1000, size=16).astype(index_kind.element.name)
    out = np.empty(16, dtype)
    gather(a, index, out)
    assert_same_bits(out, a[index])


@pytest.mark.parametrize("kind", [simd.f32x16, simd.i32x16, simd.u32x16], ids=str)
def test_sums_lane_by_lane_are_those_of_numpys_add_at(kind):
    @njit
    def add(a, offset, index, values):
        index = simd.load(simd.i32x16, index, 0)
        simd.add_each(a, offset, index, simd.load(kind, values, 0))

    rng = np.random.default_rng(1)
    index = rng.integers(-5, 20, size=16).astype(np.int32)
    assert len(np.unique(index)) < 16
    values = rng.integers(1, 256, size=16).astype(kind.element.name)
    a = rng.integers(256, size=30).astype(kind.element.name)
    want = a.copy()
    np.add.at(want, index + 6, values)
    add(a, 6, index, values)
    assert_same_bits(a, want)


def test_a_dot_product_of_bytes_has_one_signed_side_and_wraps():
    @njit
    def compute(total, a, b, out):
        sums, codes = simd.load(simd.i32x16, total, 0), simd.load(simd.u8x64, a, 0)
        simd.store(out, 0, simd.dot_bytes(sums, codes, simd.load(simd.i32x16, b, 0)))
        simd.store(out, 16, simd.dot_bytes(sums, codes, b[3]))

    total, a, b = draw(simd.i32x16, seed=1), draw(simd.u8x64, seed=2), draw(simd.i32x16, seed=3)
    a[:8], b[:2], total[:2] = 255, (-2139062144, 2139062143), (-(2**31), 2**31 - 1)
    out = np.empty(32, np.int32)
    compute(total, a, b, out)
    terms = [
        a.reshape(16, 4).astype(np.int64) * words.view(np.int8).reshape(16, 4)
        for words in (b, np.repeat(b[3], 16))
    ]
    want = np.concatenate([total + t.sum(axis=1) for t in terms])
    assert_same_bits(out, want.astype(np.int32))


@each_kind
def test_a_sum_is_folded_in_halves(kind):
    @njit
    def total(a):
        return simd.reduce_add(simd.load(kind, a, 0))

    a = draw(kind)
    if kind.is_float:
        a = np.random.default_rng(1).standard_normal(kind.lanes, a.dtype)
    want = a
    while len(want) > 1:
        want = want[: len(want) // 2] + want[len(want) // 2 :]
    assert total(a) == want[0]


def test_indices_are_checked_when_numba_is_asked_to():
    @njit(boundscheck=True)
    def load(a, i):
        return simd.reduce_add(simd.load(simd.f32x16, a, i))

    @njit(boundscheck=True)
    def store_first(a, i, count):
        simd.store_first(a, i, simd.splat(simd.f32x16, 1), count)

    @njit(boundscheck=True)
    def gather(a, i):
        return simd.reduce_add(simd.gather(a, simd.iota(simd.i32x16) + i))

    @njit(boundscheck=True)
    def gather_each(a, i):
        return simd.reduce_add(simd.gather_each(a, simd.iota(simd.i32x16) + i))

    @njit(boundscheck=True)
    def add_each(a, i):
        simd.add_each(a, i, simd.iota(simd.u32x16), simd.splat(simd.f32x16, 0))

    a = np.ones(20, np.float32)
    assert load(a, 4) == 16
    store_first(a, 20, 0)
    store_first(a, 99, -9)
    store_first(a, 15, 5)
    assert gather(a, 4) == 16
    assert gather_each(a, 4) == 16
    add_each(a, 4)
    for call in (
        lambda: load(a, 5),
        lambda: load(a, -1),
        lambda: store_first(a, 16, 5),
        lambda: store_first(a, -1, 1),
        lambda: gather(a, 5),
        lambda: gather(a, -1),
        lambda: gather_each(a, 5),
        lambda: gather_each(a, -1),
        lambda: add_each(a, 5),
        lambda: add_each(a, -1),
    ):
        with pytest.raises(IndexError, match="simd: index out of bounds"):
            call()


@only_here
def test_misuse_is_refused_with_the_rule():
    a, wide = np.zeros(64, np.float32), np.zeros(64)
    fixed = np.zeros(64, np.float32)
    fixed.flags.writeable = False
    cases = {
        "load.f32x16. takes a C-contiguous array": (
            lambda a: simd.reduce_add(simd.load(simd.f32x16, a, 0)),
            (wide, a[::2]),
        ),
        "store of f32x16 takes a C-contiguous array": (
            lambda a: simd.store(a, 0, simd.splat(simd.f32x16, 0)),
            (wide, fixed),
        ),
        "load takes a vector type first": (lambda a: simd.load(a, 0, simd.f32x16), (a,)),
        "splat.u8x64. takes a number of its kind": (
            lambda a: simd.store(a, 0, simd.splat(simd.u8x64, 1.5)),
            (a,),
        ),
        "gather_each takes a vector of integers": (
            lambda a: simd.reduce_add(simd.gather_each(a, simd.splat(simd.f32x16, 0))),
            (a,),
        ),
        "add_each takes an integer index": (
            lambda a: simd.add_each(a, 0, simd.iota(simd.u8x8), simd.splat(simd.f32x16, 0)),
            (a,),
        ),
        "add_each of f32x16 takes a C-contiguous array": (
            lambda a: simd.add_each(a, 0, simd.iota(simd.i32x16), simd.splat(simd.f32x16, 0)),
            (wide, fixed),
        ),
        "Function.<built-in function truediv>": (lambda a: simd.iota(simd.i32x16) / 2, (a,)),
        "fma takes three float vectors": (lambda a: simd.fma(a[0], a[1], a[2]), (a,)),
        "Function.<built-in function mul>": (lambda a: simd.iota(simd.i32x16) * 1.5, (a,)),
        "lookup takes 1, 2, 4, 8 or 16 vectors": (
            lambda a: simd.lookup((simd.iota(simd.u8x64),) * 3, simd.iota(simd.u8x64)),
            (a,),
        ),
        "reverse takes a vector": (lambda a: simd.reverse(a), (a,)),
        "weave_low takes two vectors of one type": (
            lambda a: simd.weave_low(simd.iota(simd.i32x16), simd.iota(simd.u32x16)),
            (a,),
        ),
        "transpose takes as many vectors as each has lanes": (
            lambda a: simd.transpose((simd.load(simd.f32x8, a, 0),) * 4),
            (a,),
        ),
        "bits takes a mask": (lambda a: simd.bits(simd.load(simd.f32x16, a, 0)), (a,)),
        "mask takes an integer": (
            lambda a: simd.store_first(a, 0, a, simd.count(simd.mask(simd.f32x16, 1.5))),
            (a,),
        ),
        "bitcast keeps the width": (
            lambda a: simd.bitcast(simd.u8x64, simd.iota(simd.u8x16)),
            (a,),
        ),
        "Function.<built-in function add>": (
            lambda a: simd.iota(simd.i32x16) + simd.iota(simd.u32x16),
            (a,),
        ),
    }
    for rule, (function, arrays) in cases.items():
        for array in arrays:
            with pytest.raises(TypingError, match=rule):
                njit(function)(array)


# ---- the instructions that are chosen --------------------------------------------------------


def assembly(function):
    return next(iter(function.inspect_asm().values()))


def look_up_bytes():
    """A compiled lookup in a table of 256 bytes."""
    tables = registers(simd.u8x64, 4)

    @njit
    def look_up(table, index, out):
        simd.store(out, 0, simd.lookup(tables(table, 0), simd.load(simd.u8x64, index, 0)))

    look_up(draw(simd.u8x64, 4), draw(simd.u8x64), np.empty(64, np.uint8))
    return look_up


def test_a_lookup_is_two_permutes_exactly_where_the_cpu_has_them():
    permutes = re.findall(r"vperm[it]2b", assembly(look_up_bytes()))
    assert len(permutes) == (2 if simd.HAS_BYTE_PERMUTE else 0)


def test_the_constants_are_those_of_the_cpu():
    if PART:
        want = PARTS[PART]
    else:
        features = llvm.get_host_cpu_features()
        names = ("avx512vbmi", "avx512f", "avx512vnni")
        want = tuple(features.get(name, False) for name in names)
    assert want == HERE


def test_a_kernel_can_branch_on_the_constants():
    @njit
    def of_module():
        if simd.HAS_BYTE_PERMUTE:
            return 64
        return 0

    @njit
    def of_name():  # pruned before typing, so the branches need not even agree on a type
        if HAS_BYTE_PERMUTE:
            return 64
        return "none"

    assert of_module() == (64 if HAS_BYTE_PERMUTE else 0)
    assert of_name() == (64 if HAS_BYTE_PERMUTE else "none")


def use_everything(bytes_, floats, out):
    """Each operation once, without numba's reference counts (they become x86 atomics)."""
    simd.prefetch(bytes_, 64)
    codes, other = simd.load(simd.u8x64, bytes_, 0), simd.load_first(simd.u8x64, bytes_, 9, 50)
    found = simd.lookup((codes, other, codes, other), simd.permute(codes, other >> 2))
    low, high = simd.interleave_low(found, codes), simd.interleave_high(found, codes)
    narrow = simd.load(simd.u8x16, bytes_, 0)
    index = simd.convert(simd.i32x16, narrow) & 15
    value = simd.gather(floats, index) / simd.gather_each(floats, index)
    value += simd.bitcast(simd.f32x16, low ^ high)
    value = simd.fma(value, simd.splat(simd.f32x16, 2), simd.convert(simd.f32x16, index))
    value = simd.minimum(simd.maximum(value, value * value), value - 1)
    value = simd.weave_low(simd.evens(value, value), simd.odds(value, value))
    value = simd.weave_high(value, simd.reverse(value))
    four = (value, value, value, value)
    value += simd.transpose(four + four + four + four)[3]
    index = simd.dot_bytes(index, codes, index)
    mask = (value < 0) & (simd.iota(simd.i32x16) != index)
    simd.store(out, 0, simd.select(mask, value, simd.compress(value, mask)))
    mask = mask & simd.mask(simd.f32x16, simd.bits(mask) >> 1)
    simd.store_first(out, 16, value, simd.count(mask))
    simd.add_each(out, 16, index, value)
    out[32] = simd.reduce_add(value)


@only_here
def test_the_portable_lowering_compiles_for_aarch64(monkeypatch):
    try:
        llvm.initialize_all_targets()
        llvm.initialize_all_asmprinters()
        target = llvm.Target.from_triple("aarch64-unknown-linux-gnu")
    except RuntimeError as error:
        pytest.skip(f"llvmlite has no aarch64 back end here, so that is untested: {error}")
    monkeypatch.setattr(lanes, "PERMUTES", {})
    monkeypatch.setattr(lanes, "HAS_BYTE_DOT", False)
    function = njit(_nrt=False)(use_everything)
    function(np.ones(128, np.uint8), np.ones(16, np.float32), np.zeros(33, np.float32))
    generic = next(iter(function.inspect_llvm().values()))
    assert "llvm.x86" not in generic
    module = llvm.parse_assembly(re.sub(r'target (triple|datalayout) = ".*"', "", generic))
    module.triple = "aarch64-unknown-linux-gnu"
    machine = target.create_target_machine(cpu="neoverse-n1", features="")
    text = machine.emit_assembly(module)
    assert "fmla" in text
    assert "zip1" in text


# ---- other processes -------------------------------------------------------------------------


def run(arguments, part=None, **variables):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("NUMBA_")}
    if part:
        clean |= {"NUMBA_CPU_NAME": part, "NUMBA_CPU_FEATURES": ""}
    done = subprocess.run(
        [sys.executable, *arguments],
        env=clean | variables,
        cwd=Path(__file__).resolve().parents[1],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@only_here
@only_x86
@pytest.mark.parametrize("part", PARTS)
def test_each_part_has_its_constants(part):
    names = "simd.HAS_BYTE_PERMUTE, simd.HAS_WORD_PERMUTE, simd.HAS_BYTE_DOT"
    ask = f"from workbench import simd; print(({names}))"
    assert run(["-c", ask], part).strip() == str(PARTS[part])


@only_here
@only_x86
@pytest.mark.parametrize("part", ["x86-64", "haswell"])
def test_every_operation_means_the_same_on(part):
    if part == "haswell" and not llvm.get_host_cpu_features().get("avx2"):
        pytest.skip("this CPU cannot run AVX2 code")
    if part == "haswell" and PARTS[part] == HERE:
        pytest.skip("this CPU has AVX2 and no more: the tests of this process are of that code")
    out = run(["-m", "pytest", "-n", "0", "-q", "-p", "no:cacheprovider", __file__], part)
    assert re.search(r"\d\d passed", out), out


KERNEL = """
import numpy as np
from numba import njit
from workbench import simd

@njit(cache=True)
def widen(codes, out):
    for i in range(0, len(codes), 16):
        v = simd.convert(simd.u32x16, simd.load(simd.u8x16, codes, i))
        simd.store(out, i, simd.lookup((v, v + 16), v))

codes, out = np.arange(32, dtype=np.uint8), np.empty(32, np.uint32)
widen(codes, out)
print(out.sum(), sum(widen.stats.cache_hits.values()))
"""


@only_here
@only_x86
def test_compiled_kernels_are_cached_on_disk_for_one_cpu(tmp_path):
    (tmp_path / "kernel.py").write_text(KERNEL)
    script, cache = str(tmp_path / "kernel.py"), {"NUMBA_CACHE_DIR": str(tmp_path)}
    cache["PYTHONPATH"] = str(Path(__file__).resolve().parents[1])
    assert run([script], **cache).split() == ["752", "0"]
    assert run([script], **cache).split() == ["752", "1"]
    assert run([script], "x86-64", **cache).split() == ["752", "0"]


@only_here
def test_every_operation_is_tested():
    tests = Path(__file__).read_text()
    assert [name for name in simd.__all__ if f"simd.{name}" not in tests] == []
    lowered = inspect.getsource(use_everything)
    operations = [
        n for n in simd.__all__ if n.islower() and getattr(simd, n) not in (*KINDS, *SMALL)
    ]
    assert [name for name in operations if f"simd.{name}(" not in lowered] == []
