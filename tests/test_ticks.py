"""The cycle counter of compiled code."""

import types

import numpy as np
from numba import njit

from workbench import ticks
from workbench.targets import specialise


def spend(rounds, found):
    begin = now()  # noqa: F821 - given by specialise
    for i in range(rounds):
        found[0] += i
    found[1] += now() - begin  # noqa: F821 - given by specialise


Kernels = types.SimpleNamespace(work=njit(lambda: 0))


def test_off_is_no_time_and_on_goes_forward():
    off, on = (specialise(spend, Kernels, now=now) for now in (ticks.off, ticks.on))
    found = np.zeros(2, np.int64)
    off(1000, found)
    assert found[1] == 0
    on(1000, found)
    on(1000, found)
    assert found[1] > 0


def test_ticks_have_a_rate_and_a_bracket_a_cost():
    assert 0.01 < ticks.per_ns() < 10
    assert 0 <= ticks.of_a_bracket() < 10_000
