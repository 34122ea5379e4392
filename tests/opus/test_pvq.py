"""Codebooks against an exhaustive list and against Python's integers; the search against all."""

from __future__ import annotations

import functools
import itertools
import math
import types
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import njit

from workbench.opus import pvq

N = range(1, pvq.LARGEST_N + 1)
SMALL = [(n, k) for n in range(1, 8) for k in range(7)] + [(2, 40), (3, 20), (20, 3)]


def in_order(n: int, k: int) -> list[tuple[int, ...]]:
    """Every vector of a codebook, as the standard orders them: positive, zero, negative."""
    if n == 0:
        return [()] if k == 0 else []
    entries = (*range(k, 0, -1), 0, *range(-k, 0))
    return [(entry, *rest) for entry in entries for rest in in_order(n - 1, k - abs(entry))]


def exact_size(n: int, k: int) -> int:
    """Choose which of n entries are not zero, then their signs, then how they share k pulses."""
    if k == 0:
        return 1
    return sum(2**j * math.comb(n, j) * math.comb(k - 1, j - 1) for j in range(1, min(n, k) + 1))


def exact_index(vector: list[int]) -> int:
    """Count, with Python's integers, the vectors in front of this one."""
    if not any(vector):
        return 0
    entry, rest = vector[0], vector[1:]
    n, k = len(vector), sum(map(abs, vector))
    before = (*range(k, 0, -1), 0, *range(-k, 0))
    in_front = itertools.takewhile(lambda other: other != entry, before)
    return sum(
        exact_size(n - 1, k - abs(other)) if n > 1 else int(abs(other) == k) for other in in_front
    ) + exact_index(rest)


@functools.cache
def checked() -> types.ModuleType:
    """The module with every index checked."""
    scope = dict(vars(pvq))
    for name, value in vars(pvq).items():
        if hasattr(value, "py_func"):
            function = types.FunctionType(value.py_func.__code__, scope, name)
            scope[name] = njit(function, boundscheck=True, error_model="numpy")
    again = types.ModuleType("pvq.checked")
    vars(again).update(scope)
    return again


@pytest.fixture(params=("compiled", "checked"))
def room(request: pytest.FixtureRequest) -> Any:
    return pvq if request.param == "compiled" else checked()


def decoded(room: Any, index: int, n: int, k: int) -> tuple[int, list[int]]:
    """Decode into the middle of a buffer, none of which is written but the vector's place."""
    vector = np.full(n + 4, 99, np.int32)
    squares = room.decode(np.uint32(index), n, k, vector, 2)
    assert vector[:2].tolist() + vector[n + 2 :].tolist() == [99] * 4
    return int(squares), vector[2 : n + 2].tolist()


def test_small_codebooks_are_the_exhaustive_list(room):
    for n, k in SMALL:
        vectors = in_order(n, k)
        assert room.size(n, k) == len(vectors) == exact_size(n, k)
        for index, vector in enumerate(vectors):
            assert decoded(room, index, n, k) == (sum(e * e for e in vector), list(vector))
            assert room.encode(np.array(vector, np.int32), 0, n, k) == index


def test_a_size_is_exact_or_zero_where_32_bits_do_not_hold_it(room):
    for n in N:
        for k in range(pvq.PULSE_LIMIT + 1):
            exact = exact_size(n, k)
            assert room.size(n, k) == (exact if exact < 1 << 32 else 0)


@pytest.mark.parametrize(("n", "k"), [(0, 1), (-1, 1), (177, 1), (4, -1), (4, 129), (176, 5)])
def test_where_there_is_no_codebook_nothing_is_decoded(room, n, k):
    assert room.size(n, k) == 0
    vector = np.full(200, 99, np.int32)
    assert room.decode(np.uint32(0), n, k, vector, 0) == -1
    assert (vector == 99).all()
    assert room.encode(vector, 0, n, k) == pvq.NO_INDEX


def test_the_extremes_of_every_codebook_come_back(room):
    """The first vector has all pulses in front, the last one -1 as often and as early as it can."""
    for n in N:
        for k in range(1, pvq.MOST_PULSES[n] + 1):
            last = int(room.size(n, k)) - 1
            ones = min(n, k)
            falling = [-1] * (ones - 1) + [ones - 1 - k if ones == n else -1] + [0] * (n - ones)
            for index, vector in ((0, [k] + [0] * (n - 1)), (last, falling)):
                assert decoded(room, index, n, k) == (sum(e * e for e in vector), vector)
                assert room.encode(np.array(vector, np.int32), 0, n, k) == index
            if last + 1 < 1 << 32:
                assert decoded(room, last + 1, n, k)[0] == -1


@given(st.data())
def test_any_index_comes_back_and_counts_what_is_in_front(data):
    n = data.draw(st.integers(1, pvq.LARGEST_N))
    k = data.draw(st.integers(0, int(pvq.MOST_PULSES[n])))
    index = data.draw(st.integers(0, int(pvq.size(n, k)) - 1))
    squares, vector = decoded(pvq, index, n, k)
    assert sum(map(abs, vector)) == k
    assert squares == sum(entry * entry for entry in vector)
    assert exact_index(vector) == index
    assert pvq.encode(np.array(vector, np.int32), 0, n, k) == index
    assert (squares, vector) == decoded(checked(), index, n, k)


@given(st.lists(st.integers(-200, 200), min_size=1, max_size=12), st.integers(0, 128))
def test_a_vector_of_another_codebook_has_no_index(entries, k):
    vector = np.array(entries, np.int32)
    here = sum(map(abs, entries)) == k and exact_size(len(entries), k) < 1 << 32
    expected = exact_index(entries) if here else pvq.NO_INDEX
    assert pvq.encode(vector, 0, len(entries), k) == expected
    assert checked().encode(vector, 0, len(entries), k) == expected


@given(st.integers(-(2**40), 2**40), st.integers(-5, 300), st.integers(-5, 300))
def test_arguments_from_anywhere_stay_inside(index, n, k):
    vector = np.zeros(pvq.LARGEST_N, np.int32)
    small = np.uint32(index & 0xFFFFFFFF)
    squares = checked().decode(small, n, k, vector, 0)
    assert (squares >= 0) == (int(small) < int(pvq.size(n, k)))


def found(room: Any, x: np.ndarray[Any, Any], k: int) -> np.ndarray[Any, Any]:
    n = len(x)
    vector = np.full(n + 4, 99, np.int32)
    padded = np.concatenate(([7, 7, 7], x)).astype(np.float32)
    squares = room.search(padded, 3, n, k, vector, 2)
    assert vector[:2].tolist() + vector[n + 2 :].tolist() == [99] * 4
    vector = vector[2 : n + 2].astype(np.int64)
    assert squares == (vector * vector).sum()
    assert np.abs(vector).sum() == k
    return vector


def cosine(x: np.ndarray[Any, Any], vector: Any) -> float:
    y = np.asarray(vector, np.float64)
    return float(x.astype(np.float64) @ y / np.linalg.norm(x) / np.linalg.norm(y))


@given(st.data())
def test_the_search_keeps_pulses_and_signs(data):
    n = data.draw(st.integers(1, 40))
    k = data.draw(st.integers(1, int(pvq.MOST_PULSES[n])))
    numbers = st.floats(-100, 100, width=32, allow_nan=False)
    x = np.array(data.draw(st.lists(numbers, min_size=n, max_size=n)), np.float32)
    vector = found(pvq, x, k)
    assert (found(checked(), x, k) == vector).all()
    if np.abs(x).sum() > 1e-6:
        assert (vector * x >= 0).all()


def test_the_search_is_nearly_the_best_of_all():
    """Greedy, so not always; over 60 draws a codebook its angle is at most 1.5 % off on average."""
    rng = np.random.default_rng(1)
    for n, k in ((2, 9), (3, 6), (4, 5), (6, 4), (8, 3), (5, 1)):
        vectors = np.array(in_order(n, k), np.float64)
        units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        lost = []
        for _ in range(60):
            x = rng.normal(size=n).astype(np.float32)
            best = (units @ x.astype(np.float64)).max() / np.linalg.norm(x)
            lost.append(best - cosine(x, found(pvq, x, k)))
        assert min(lost) > -1e-6
        assert np.mean(lost) < 0.015


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf, -np.inf, 1e-30, 3e38])
def test_a_spectrum_without_direction_gets_all_pulses_first(room, value):
    x = np.full(8, value, np.float32)
    assert found(room, x, 5).tolist() == [5, 0, 0, 0, 0, 0, 0, 0]


@given(st.data())
def test_normalised_vectors_have_the_gain_as_norm(data):
    n = data.draw(st.integers(1, pvq.LARGEST_N))
    k = data.draw(st.integers(1, int(pvq.MOST_PULSES[n])))
    gain = data.draw(st.floats(0.0625, 16, width=32))
    index = data.draw(st.integers(0, int(pvq.size(n, k)) - 1))
    vector = np.zeros(n + 1, np.int32)
    squares = pvq.decode(np.uint32(index), n, k, vector, 1)
    out = np.zeros(n + 2, np.float32)
    pvq.normalise(vector, 1, n, squares, gain, out, 2)
    want = gain * vector[1:] / np.sqrt(float(squares))
    np.testing.assert_allclose(out[2:], want, rtol=3e-7)
    assert not out[:2].any()
