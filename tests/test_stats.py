import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench import stats
from workbench.stats import Blocks, Calibration

NAMES = (("small", "even"), ("large", "odd"))


def blocks(rng, log_ratio=0.0, noise=0.001, per_combo=40):
    """Blocks of two combos whose candidate takes exp(log_ratio) of the incumbent's time."""
    combo = np.tile([0, 1], per_combo)
    base = np.where(combo == 0, 1e5, 7e5)[:, None]
    incumbent = base * np.exp(rng.normal(0, noise, (len(combo), 4)))
    candidate = base * np.exp(log_ratio + rng.normal(0, noise, (len(combo), 4)))
    return Blocks(
        combo=combo,
        candidate_ns=candidate,
        incumbent_ns=incumbent,
        headline_combo=combo,
        beside_upstream_ns=candidate[:, 0],
        upstream_ns=2 * base[:, 0],
        child_log_ratio=np.full(len(combo), log_ratio),
    )


def estimate_of(rng, log_ratio, n=3, calibration=None):
    replicas = [stats.summarise(blocks(rng, log_ratio), 2) for _ in range(n)]
    return stats.estimate(replicas, NAMES, calibration or Calibration())


def test_d_is_the_log_ratio_in_both_forms():
    found = stats.summarise(blocks(np.random.default_rng(1), -0.2), 2)
    assert found.d == pytest.approx((-0.2, -0.2), abs=2e-3)
    assert found.vs_upstream == pytest.approx([-0.2 - math.log(2)] * 2, abs=2e-3)


def test_a_slow_call_in_four_moves_the_median_form_little_and_the_minimum_form_not_at_all():
    sample = blocks(np.random.default_rng(2), 0.0, noise=1e-6)
    sample.candidate_ns[:, 2] *= 50
    assert stats.summarise(sample, 2).d == pytest.approx((0, 0), abs=1e-4)


def test_a_kernel_that_is_fast_in_one_call_of_four_fools_only_the_minimum_form():
    sample = blocks(np.random.default_rng(3), 0.0, noise=1e-6)
    sample.candidate_ns[:, 1] *= 0.5
    by_median, by_min = stats.summarise(sample, 2).d
    assert by_min == pytest.approx(math.log(0.5), abs=1e-3)
    assert by_median == pytest.approx(0, abs=1e-3)


def test_combos_weigh_the_same_however_long_they_take():
    sample = blocks(np.random.default_rng(4), 0.0, noise=1e-6)
    sample.candidate_ns[sample.combo == 1] *= math.exp(0.1)
    assert stats.summarise(sample, 2).d[0] == pytest.approx(0.05, abs=1e-3)


def test_interval_matches_the_published_formula():
    n, sigma = 3, 0.001
    wanted = sigma * math.sqrt((n + 3) * math.log(((n + 3) / 3) / 0.02**2)) / n
    assert stats.half_width([0.0, 0.0, 0.0], sigma) == pytest.approx(wanted)


def test_one_process_proves_nothing():
    assert stats.half_width([0.0], 0.001) == math.inf


def test_the_samples_own_spread_widens_the_interval_beyond_the_calibration():
    narrow, wide = stats.half_width([0, 0, 0], 0.001), stats.half_width([0, 0.1, -0.1], 0.001)
    assert wide > 50 * narrow


@given(st.integers(2, 40), st.floats(1e-5, 1e-2))
def test_more_processes_never_widen_the_interval(n, sigma):
    assert stats.half_width([0.0] * (n + 1), sigma) < stats.half_width([0.0] * n, sigma)


def test_the_sequence_covers_the_truth_at_every_look():
    rng = np.random.default_rng(5)
    misses = 0
    for _ in range(2_000):
        draws = rng.normal(0, 0.001, 6)
        looks = range(2, 7)
        misses += any(abs(draws[:n].mean()) > stats.half_width(draws[:n], 0.002) for n in looks)
    assert misses / 2_000 <= 0.02  # sigma is calibrated at twice the sd


def test_estimate_reports_the_worst_combo_and_counts_nan_as_worst():
    found = estimate_of(np.random.default_rng(6), 0.01)
    assert found.worst.ratio == max(c.ratio for c in found.combos)
    broken = stats.estimate(
        [stats.summarise(blocks(np.random.default_rng(7), np.nan), 2)] * 2, NAMES, Calibration()
    )
    assert math.isnan(broken.worst.ratio)


def test_interval_contains_the_ratio():
    found = estimate_of(np.random.default_rng(8), -0.05)
    assert found.ci_low < found.ratio < found.ci_high
    assert all(c.ci_low < c.ratio < c.ci_high for c in found.combos)


def test_calibration_is_twice_the_spread_of_identical_kernels():
    rng = np.random.default_rng(9)
    found = stats.calibrate([stats.summarise(blocks(rng, d), 2) for d in (-0.001, 0, 0.001) * 6])
    assert found.processes == 18
    assert found.sigma == pytest.approx(2 * 0.00084, rel=0.15)
    assert found.delta >= 0.003


def test_a_calibration_is_widened_for_a_kernel_more_than_twice_as_fast():
    known = Calibration(sigma=0.001, sigma_combo=0.004, delta=0.003, processes=18, geomean_ns=2e5)
    assert known.for_kernel(1e5) is known
    fast = known.for_kernel(0.99e5)
    careful = Calibration()
    assert (fast.sigma, fast.delta) == (careful.sigma, careful.delta)
    assert fast.sigma_combo == careful.sigma_combo
    noisy = Calibration(sigma=0.01, sigma_combo=0.03, delta=0.02, processes=18, geomean_ns=2e5)
    assert noisy.for_kernel(1e4) == noisy


def test_a_ledgers_budget_is_never_overspent():
    spent = [stats.share_of_budget(k) / 2 for k in range(10_000)]  # a false keep is one side
    assert sum(spent) <= stats.BUDGET
    assert spent == sorted(spent, reverse=True)


def test_a_pair_without_upstream_has_no_ratio_to_it():
    rng = np.random.default_rng(1)
    found = blocks(rng)
    none = np.empty(0)
    alone = dataclasses.replace(
        found, headline_combo=none.astype(int), beside_upstream_ns=none, upstream_ns=none
    )
    replica = stats.summarise(alone, 2)
    assert np.isnan(replica.vs_upstream).all()
    assert replica.d == stats.summarise(found, 2).d
