"""Rates against the tables that the reference decoder publishes, and against plain searches."""

from __future__ import annotations

import functools
import math
import types
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import njit

from workbench.opus import pvq, pvq_rates, tables

# cache_index50 and cache_bits50 of celt/static_modes_float.h, libopus 1.6.1: for lm + 1 and band,
# where in BITS a row starts. A row is its largest step, then what each step costs, less one.
INDEX = """
 -1  -1  -1  -1  -1  -1  -1  -1   0   0   0   0  41  41  41  82  82 123 164 200 222
  0   0   0   0   0   0   0   0  41  41  41  41 123 123 123 164 164 240 266 283 295
 41  41  41  41  41  41  41  41 123 123 123 123 240 240 240 266 266 305 318 328 336
123 123 123 123 123 123 123 123 240 240 240 240 305 305 305 318 318 343 351 358 364
240 240 240 240 240 240 240 240 305 305 305 305 343 343 343 351 351 370 376 382 387
"""
BITS = """
40 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7
40 15 23 28 31 34 36 38 39 41 42 43 44 45 46 47 47 49 50 51 52 53 54 55 55 57 58 59 60 61 62
63 63 65 66 67 68 69 70 71 71
40 20 33 41 48 53 57 61 64 66 69 71 73 75 76 78 80 82 85 87 89 91 92 94 96 98 101 103 105 107
108 110 112 114 117 119 121 123 124 126 128
40 23 39 51 60 67 73 79 83 87 91 94 97 100 102 105 107 111 115 118 121 124 126 129 131 135 139
142 145 148 150 153 155 159 163 166 169 172 174 177 179
35 28 49 65 78 89 99 107 114 120 126 132 136 141 145 149 153 159 165 171 176 180 185 189 192 199
205 211 216 220 225 229 232 239 245 251
21 33 58 79 97 112 125 137 148 157 166 174 182 189 195 201 207 217 227 235 243 251
17 35 63 86 106 123 139 152 165 177 187 197 206 214 222 230 237 250
25 31 55 75 91 105 117 128 138 146 154 161 168 174 180 185 190 200 208 215 222 229 235 240 245 255
16 36 65 89 110 128 144 159 173 185 196 207 217 226 234 242 250
11 41 74 103 128 151 172 191 209 225 241 255
9 43 79 110 138 163 186 207 227 246
12 39 71 99 123 144 164 182 198 214 228 241 253
9 44 81 113 142 168 192 214 235 255
7 49 90 127 160 191 220 247
6 51 95 134 170 203 234
7 47 87 123 155 184 212 237
6 52 97 137 174 208 240
5 57 106 151 192 231
5 59 111 158 202 243
5 55 103 147 187 224
5 60 113 161 206 248
4 65 122 175 224
4 67 127 182 234
"""
ROWS = [int(word) for word in INDEX.split()]
COSTS = [int(word) for word in BITS.split()]
PARTITIONS = [(band, lm) for lm in range(-1, 4) for band in range(tables.BANDS)]
WIDTHS = np.diff(tables.BAND_EDGES)


def published(band: int, lm: int) -> list[int]:
    """What each step of a partition costs; half a bin, which no decoder asks for, has no step."""
    start = ROWS[(lm + 1) * tables.BANDS + band]
    if start < 0:
        return [0]
    return [0] + [bits + 1 for bits in COSTS[start + 1 : start + 1 + COSTS[start]]]


@functools.cache
def checked() -> types.ModuleType:
    """The module with every index checked."""
    scope = dict(vars(pvq_rates))
    for name, value in vars(pvq_rates).items():
        if hasattr(value, "py_func"):
            function = types.FunctionType(value.py_func.__code__, scope, name)
            scope[name] = njit(function, boundscheck=True, error_model="numpy")
    again = types.ModuleType("pvq_rates.checked")
    vars(again).update(scope)
    return again


@pytest.fixture(params=("compiled", "checked"))
def room(request: pytest.FixtureRequest) -> Any:
    return pvq_rates if request.param == "compiled" else checked()


def test_the_published_tables_are_whole():
    assert len(ROWS) == 105
    assert len(COSTS) == 392


@pytest.mark.parametrize(("band", "lm"), PARTITIONS)
def test_costs_are_the_published_ones(room, band, lm):
    row = room.row_of(band, lm)
    costs = published(band, lm)
    assert room.largest_step(row) == len(costs) - 1
    assert [room.cost(row, step) for step in range(len(costs))] == costs


@pytest.mark.parametrize(("band", "lm"), PARTITIONS)
def test_every_step_has_a_codebook_and_the_next_would_have_none(band, lm):
    n = int(WIDTHS[band] << (lm + 1) >> 1)
    last = pvq_rates.largest_step(pvq_rates.row_of(band, lm))
    assert n == 0 or all(pvq.size(n, pvq_rates.pulses_of(step)) for step in range(last + 1))
    assert last == 40 or pvq.size(n, pvq_rates.pulses_of(last + 1)) == 0


@pytest.mark.parametrize(("band", "lm"), PARTITIONS)
def test_the_step_is_the_nearest_of_all(room, band, lm):
    """The lower one where two are as near (section 4.3.4.1)."""
    row = room.row_of(band, lm)
    costs = np.array(published(band, lm))
    for budget in range(-20, 400):
        step = room.step_for(row, budget)
        distances = np.abs(costs - max(budget, 0))
        assert distances[step] == distances.min()
        assert costs[step] == costs[distances.argmin()]


def halving(costs: list[int], budget: int) -> int:
    """The reference decoder's rule: six halvings, then the nearer of two neighbours."""
    low, high = 0, len(costs) - 1
    for _ in range(6):
        middle = (low + high + 1) // 2
        if costs[middle] >= budget:
            high = middle
        else:
            low = middle
    return low if budget - costs[low] <= costs[high] - budget else high


@pytest.mark.parametrize(("band", "lm"), PARTITIONS)
def test_the_step_is_the_one_that_the_reference_takes(band, lm):
    """Several steps of two entries cost the same, so the nearest cost is not the whole rule."""
    row = pvq_rates.row_of(band, lm)
    for budget in range(400):
        assert pvq_rates.step_for(row, budget) == halving(published(band, lm), budget)


@pytest.mark.parametrize(("band", "lm"), PARTITIONS)
def test_a_partition_splits_above_a_bit_and_a_half_more_than_it_can_use(room, band, lm):
    n = WIDTHS[band] << (lm + 1) >> 1
    for budget in range(-20, 2_000):
        may = lm >= 0 and n > 2
        assert room.splits(band, lm, budget) == (may and budget - 12 > published(band, lm)[-1] - 1)


@given(st.integers(1, 2**32 - 1))
def test_a_logarithm_is_never_too_low_and_at_most_a_sixteenth_of_a_bit_above_its_eighth(size):
    exact = (size**8 - 1).bit_length()  # smallest e with size <= 2**(e / 8)
    assert exact <= pvq_rates.eighths(size) <= exact + 1
    assert pvq_rates.eighths(size) - 8 * math.log2(size) < 8 * 0.0626 + 1


@given(st.integers(0, 31))
def test_the_logarithm_of_a_power_of_two_is_exact(exponent):
    assert pvq_rates.eighths(1 << exponent) == 8 * exponent


def test_steps_are_eight_an_octave():
    pulses = [pvq_rates.pulses_of(step) for step in range(41)]
    assert pulses[:9] == list(range(9))
    assert pulses[8::8] == [8, 16, 32, 64, 128]
    for step in range(8, 40):
        assert pulses[step + 1] - pulses[step] == pulses[step // 8 * 8] // 8


def cap(band: int, lm: int, channels: int) -> int:
    """What a band can use at most, by the rule of the reference decoder (celt/rate.c).

    The largest codebook at the deepest split, then level by level the angle's bits, those of a
    stereo angle, and fine energy. Angles and fine energy take their share of the bits, shifted by
    half the logarithm of the bins and a constant, and bounded. In quarters of a bit a bin, less 64.
    """
    width = int(WIDTHS[band])
    n = width << lm
    half_log = int(tables.LOG2_WIDTHS[band])
    if n == 1:
        total = channels * (1 + tables.MAX_FINE_BITS) * 8
        return 4 * total // (channels * n) - 64
    deepest = -1 if width > 2 else min(lm, 1) if width == 1 else 0
    bins = width * 2 if deepest == 1 else width // 2 if deepest == -1 else width
    total = published(band, deepest)[-1]
    for level in range(deepest, lm):
        offset = (half_log + 8 * level) // 2 - 4
        total = 2 * total + share(2 * total, 2 * bins - 1, offset, Fraction(459, 512), 57)
        bins *= 2
    offset = (half_log + 8 * lm) // 2
    if channels == 2:
        two = n == 2
        freedom, most = 2 * n - 1 - two, 64 if two else 61
        weight = Fraction(1) if two else Fraction(487, 512)
        total *= 2
        total += share(total, freedom, offset - (16 if two else 4), weight, most)
    freedom = channels * n + (channels == 2 and n > 2)
    fine = total + freedom * (offset - 21 + 2 * (n == 2))
    fine = math.floor(Fraction(fine, 8 * (freedom - 1)) + Fraction(1, 2))
    total += channels * 8 * min(fine, tables.MAX_FINE_BITS)
    return 4 * total // (channels * n) - 64


def share(total: int, freedom: int, offset: int, weight: Fraction, most: int) -> int:
    """Bits of an angle that leave ``total`` for the rest: weight * (total + share) / freedom."""
    wanted = weight * (total + freedom * offset) / (freedom - weight)
    return min(math.floor(wanted + Fraction(1, 2)), most)


@pytest.mark.parametrize(("band", "lm"), [(band, lm) for band, lm in PARTITIONS if lm >= 0])
@pytest.mark.parametrize("channels", [1, 2])
def test_the_published_caps_follow_from_the_costs(band, lm, channels):
    assert cap(band, lm, channels) == tables.CAPS[lm, channels - 1, band]
