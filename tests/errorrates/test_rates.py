"""Counting what gates keep: against naive counts, and on data whose truth is known."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench import stats
from workbench.errorrates import pooled, rates, verdicts
from workbench.errorrates.verdicts import Found
from workbench.errors import Infrastructure
from workbench.stats import Calibration


def found(**changes):
    known = {
        **{"kernel": "pq_l2", "condition": "quiet", "variant": "identical", "kept": False},
        **{"reason": "inconclusive", "screened": False, "seconds": 2.0, "geomean_ns": 1e5},
        **{"sigma": 0.002, "delta": 0.004, "d_median": (0.0, 0.001), "d_min": (0.0, 0.001)},
        **{"confirm_median": (), "confirm_min": (), "shorter": {"0.5": [[0.0, 0.0]] * 2}},
        **{"crossover_seconds": 1.0, "candidate_pooled": (90.0, 110.0)},
        **{"incumbent_pooled": (90.0, 110.0), "host_class": "a", "timestamp": "2026-01-01"},
    }
    return Found(**{**known, **changes})


def test_what_is_written_is_read_again(tmp_path):
    rows = [found(), found(variant="faster-1%", kept=True, confirm_median=(-0.01, -0.01))]
    for row in rows:
        verdicts.append(tmp_path, row)
    assert [dataclasses.asdict(r) for r in verdicts.read(tmp_path)] == [
        {**dataclasses.asdict(r), "shorter": {"0.5": [[0.0, 0.0]] * 2}} for r in rows
    ]


def test_a_torn_last_line_is_skipped_and_replaced(tmp_path):
    verdicts.append(tmp_path, found())
    with (tmp_path / verdicts.FILE).open("ab") as file:
        file.write(b'{"kernel": "pq')
    assert len(verdicts.read(tmp_path)) == 1
    verdicts.append(tmp_path, found())
    assert len(verdicts.read(tmp_path)) == 2


def test_a_corrupt_line_is_named(tmp_path):
    verdicts.append(tmp_path, found())
    with (tmp_path / verdicts.FILE).open("ab") as file:
        file.write(b'{"kernel": 3}\n')
    verdicts.append(tmp_path, found())
    with pytest.raises(Infrastructure, match="line 2 is no verdict"):
        verdicts.read(tmp_path)


def test_the_table_counts_both_gates():
    apart = {"candidate_pooled": (70.0, 80.0)}
    rows = [
        found(variant="faster-1%", kept=True, screened=True, **apart),
        found(variant="faster-1%", kept=False, screened=True, **apart),
        found(variant="faster-1%", kernel="fsst"),
        found(variant="renamed-locals"),
        found(variant="unreachable-branch"),
    ]
    faster, neutral = rates.table(rows)
    assert (faster.judge.kept, faster.judge.verdicts, faster.screen.kept) == (1, 3, 2)
    # two runs of pq_l2 make one comparison of neighbours, one run of fsst none
    assert (faster.pooled.kept, faster.pooled.verdicts) == (1, 1)
    assert (neutral.variant, neutral.judge.verdicts) == (rates.NEUTRAL, 2)
    assert faster.true_ratio == pytest.approx(math.exp(0.0005))


@given(st.integers(0, 50), st.integers(1, 50))
def test_an_interval_holds_its_rate(kept, verdicts):
    kept = min(kept, verdicts)
    rate = rates.rate(kept, verdicts)
    assert 0 <= rate.low <= rate.value <= rate.high <= 1


def test_none_of_six_hundred_bounds_the_rate_at_six_in_a_thousand():
    assert rates.rate(0, 600).high == pytest.approx(1 - 0.025 ** (1 / 600))


def test_the_gate_decides_resampled_crossovers_as_it_decides_a_trial():
    calibration = Calibration(0.002, 0.002, 0.004, 18, 1.0)
    gain = np.full((6, 2), -0.03) + np.linspace(-1e-4, 1e-4, 6)[:, None]
    assert rates.decide(gain, calibration) == (True, 2)
    assert not rates.decide(gain * 0, calibration)[0]
    half = np.column_stack([gain[:, 0], 0 * gain[:, 0]])  # one form alone proves nothing
    assert not rates.decide(half, calibration)[0]


def test_a_long_loop_on_noise_keeps_within_its_budget():
    rng = np.random.default_rng(4)
    rows = []
    for _ in range(60):
        d = rng.normal(0, 0.001, (2, 6))
        rows.append(found(d_median=tuple(d[0]), d_min=tuple(d[1])))
    final, screened = rates.long_loops(rows, trials=20, loops=30, rng=rng)
    assert final.kept <= screened.kept
    assert final.value <= stats.BUDGET


def test_the_frontier_has_a_point_for_every_share_and_number_of_crossovers():
    rows = [found(variant="faster-1%", d_median=(-0.01, -0.011), d_min=(-0.01, -0.01))] * 3
    points = rates.frontier(rows, "faster-1%", 20, np.random.default_rng(1))
    assert {(share, most) for share, most, *_ in points} == {
        (share, most) for share in ("0.5", "1") for most in (2, 4, 8, 12)
    }
    seconds = {(share, most): spent for share, most, spent, _ in points}
    assert seconds["0.5", 2] < seconds["1", 2]


def test_the_pooled_gate_asks_for_intervals_apart():
    rng = np.random.default_rng(2)
    slow, fast = (rng.lognormal(math.log(mean), 0.01, 400) for mean in (100.0, 90.0))
    low, high = pooled.interval(slow, rng)
    assert low < np.exp(np.log(slow).mean()) < high
    assert pooled.keeps(pooled.interval(fast, rng), (low, high))
    assert not pooled.keeps((low, high), (low, high))
