import numpy as np
import pytest

from workbench import timers


def test_a_round_has_every_combo_once_and_each_side_begins_as_often():
    rounds = [list(timers.schedule(np.random.default_rng(s), 9)) for s in range(50)]
    assert all(sorted(t.combo for t in turns) == list(range(9)) for turns in rounds)
    for turns in rounds:
        for turn in turns:
            assert sum(order[0] for order in turn.orders) == 2
            assert turn.orders[0] == turn.orders[3] != turn.orders[1] == turn.orders[2]


def test_orders_are_random():
    turns = [t for s in range(60) for t in timers.schedule(np.random.default_rng(s), 3)]
    assert {t.orders for t in turns} == {
        ((0, 1), (1, 0), (1, 0), (0, 1)),
        ((1, 0), (0, 1), (0, 1), (1, 0)),
    }
    assert len({tuple(t.combo for t in turns[i : i + 3]) for i in range(0, 180, 3)}) == 6


def test_race_tells_a_slow_function_from_a_fast_one():
    data = np.arange(200_000.0)
    found = timers.race(lambda: data.sum(), lambda: np.sort(data[::-1]), seconds=0.1, seed=1)
    ratio, low, high = found.ratios()["1:<lambda>"]
    assert low <= ratio <= high
    assert ratio > 2
    assert found.ratios()["0:<lambda>"] == (1, 1, 1)
    assert found.elapsed_ns.shape[1] == 2


def test_race_bounds_are_order_statistics_of_the_median():
    elapsed = np.column_stack([np.ones(100), np.arange(1, 101.0)])
    ratio, low, high = timers.Race(("a", "b"), elapsed).ratios()["b"]
    assert ratio == pytest.approx(50.5)
    assert (low, high) == (41, 61)
