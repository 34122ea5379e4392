import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench import stats
from workbench.stats import Blocks, Calibration

NAMES = (("small", "even"), ("large", "odd"))


def blocks(rng, log_ratio=0.0, noise=0.001, per_combo=40, second_turn=1.0):
    """Blocks of two combos whose candidate takes exp(log_ratio) of the incumbent's time.

    Whoever has the second turn of a pair takes ``second_turn`` times as long.
    """
    combo = np.tile([0, 1], per_combo)
    base = np.where(combo == 0, 1e5, 7e5)[:, None]
    began = rng.integers(2, size=len(combo)).astype(bool)
    candidate_first = np.column_stack([began, ~began, ~began, began])
    incumbent = base * np.exp(rng.normal(0, noise, (len(combo), 4)))
    candidate = base * np.exp(log_ratio + rng.normal(0, noise, (len(combo), 4)))
    incumbent[candidate_first] *= second_turn
    candidate[~candidate_first] *= second_turn
    return Blocks(
        combo=combo,
        candidate_first=candidate_first,
        candidate_ns=candidate,
        incumbent_ns=incumbent,
        headline_combo=combo,
        beside_upstream_ns=candidate[:, 0],
        upstream_ns=2 * base[:, 0],
        child_log_ratio=np.full((len(combo), 4), log_ratio),
    )


def estimate_of(rng, log_ratio, n=3, calibration=None):
    replicas = [stats.summarise(blocks(rng, log_ratio), 2) for _ in range(n)]
    return stats.estimate(replicas, NAMES, calibration or Calibration())


def shifted(replica, by):
    """The same pair of processes where the candidate's place makes it slower by ``by``."""
    return dataclasses.replace(
        replica,
        by_median=replica.by_median + by,
        by_min=replica.by_min + by,
        vs_upstream=replica.vs_upstream + by,
        candidate_ns=replica.candidate_ns * math.exp(by),
        clock_gap=replica.clock_gap + by,
    )


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
    assert by_min == pytest.approx(math.log(0.5) / 2, abs=1e-3)  # in one of the two orders
    assert by_median == pytest.approx(0, abs=1e-3)


def test_combos_weigh_the_same_however_long_they_take():
    sample = blocks(np.random.default_rng(4), 0.0, noise=1e-6)
    sample.candidate_ns[sample.combo == 1] *= math.exp(0.1)
    assert stats.summarise(sample, 2).d[0] == pytest.approx(0.05, abs=1e-3)


@given(st.floats(0.75, 1.25), st.integers(0, 2**32 - 1))
def test_whose_turn_comes_second_leaves_both_forms_as_they_are(second_turn, seed):
    """The second turn of a pair was up to 25 % faster than the first."""
    even, uneven = (
        stats.summarise(blocks(np.random.default_rng(seed), -0.1, second_turn=factor), 2)
        for factor in (1.0, second_turn)
    )
    # The same noise in both: the median form is what it was, but for rounding.
    assert uneven.by_median == pytest.approx(even.by_median, abs=1e-9)
    assert uneven.by_min == pytest.approx(even.by_min, abs=1e-9)


def test_a_loss_in_one_of_the_two_orders_counts_half():
    sample = blocks(np.random.default_rng(10), second_turn=0.75)
    sample.candidate_ns[sample.candidate_first] *= 1.1  # slower, but only where it begins
    assert stats.summarise(sample, 2).d == pytest.approx([math.log(1.1) / 2] * 2, abs=2e-3)


@given(st.floats(-0.5, 0.5), st.integers(0, 2**32 - 1))
def test_a_crossover_cancels_what_changes_sides(shift, seed):
    rng = np.random.default_rng(seed)
    first, second = (stats.summarise(blocks(rng, -0.1), 2) for _ in range(2))
    still = stats.crossed(first, second)
    moved = stats.crossed(shifted(first, shift), shifted(second, -shift))
    for part in dataclasses.fields(stats.Replica):
        assert getattr(moved, part.name) == pytest.approx(getattr(still, part.name)), part.name
    assert stats.crossed(first, shifted(first, 0.04)).d == pytest.approx(
        [d + 0.02 for d in first.d]
    )


def test_a_crossover_is_two_pairs_of_processes():
    found = estimate_of(np.random.default_rng(11), 0.0, n=5)
    assert (found.crossovers, found.processes) == (5, 10)


def test_interval_matches_the_published_formula():
    n, sigma = 3, 0.001
    wanted = sigma * math.sqrt((n + 3) * math.log(((n + 3) / 3) / 0.02**2)) / n
    assert stats.half_width([0.0, 0.0, 0.0], sigma) == pytest.approx(wanted)


def test_an_interval_is_a_ratio_and_its_bounds_and_never_overflows():
    ratio, low, high = stats.interval(np.array([-0.1, -0.1]), 0.001)
    width = stats.half_width([-0.1, -0.1], 0.001)
    assert (ratio, low, high) == pytest.approx([math.exp(-0.1 + w) for w in (0, -width, width)])
    assert math.isfinite(stats.interval(np.array([0.0]), 0.001)[2])


def test_one_crossover_proves_nothing():
    assert stats.half_width([0.0], 0.001) == math.inf


def test_the_samples_own_spread_widens_the_interval_beyond_the_calibration():
    narrow, wide = stats.half_width([0, 0, 0], 0.001), stats.half_width([0, 0.1, -0.1], 0.001)
    assert wide > 50 * narrow


@given(st.integers(2, 40), st.floats(1e-5, 1e-2))
def test_more_crossovers_never_widen_the_interval(n, sigma):
    assert stats.half_width([0.0] * (n + 1), sigma) < stats.half_width([0.0] * n, sigma)


def test_the_sequence_covers_the_truth_at_every_look():
    rng = np.random.default_rng(5)
    misses = 0
    for _ in range(2_000):
        draws = rng.normal(0, 0.001, stats.MAX_CROSSOVERS)
        looks = range(stats.MIN_CROSSOVERS, stats.MAX_CROSSOVERS + 1)
        misses += any(abs(draws[:n].mean()) > stats.half_width(draws[:n], 0.001) for n in looks)
    assert misses / 2_000 <= stats.ALPHA  # even where sigma is the sd itself


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


def crossovers_of(*ds):
    """Crossovers without noise that read these D in both forms and every combo."""
    times = np.array([1e5, 4e5])
    return [stats.Replica(d + 0 * times, d + 0 * times, times, times, times, 0.0) for d in ds]


def test_sigma_is_the_upper_limit_of_the_spread_of_identical_kernels():
    ds = (-0.001, 0.0, 0.001) * 4
    found = stats.calibrate(crossovers_of(*ds))
    # sqrt(11 / the 5 % point of chi square with 11 degrees of freedom), from a printed table
    assert found.sigma == pytest.approx(np.std(ds, ddof=1) * math.sqrt(11 / 4.575), rel=1e-3)
    assert found.sigma_combo == pytest.approx(found.sigma)
    assert found.delta == stats.LEAST_GAIN
    assert found.processes == 24
    assert found.geomean_ns == pytest.approx(2e5)


def test_the_noisier_form_and_the_combos_own_spread_count():
    rng = np.random.default_rng(9)
    noise = rng.normal(0, 0.001, (12, 2, 2)) * [[1.0], [3.0]]
    times = np.array([1e5, 4e5])
    found = stats.calibrate([stats.Replica(*d, times, times, times, 0.0) for d in noise])
    by_min = noise[:, 1].mean(axis=1)
    margin = math.sqrt(11 / 4.575)
    assert found.sigma == pytest.approx(margin * by_min.std(ddof=1), rel=1e-3)
    assert found.sigma_combo >= found.sigma


def test_fewer_crossovers_leave_a_wider_margin():
    few, many = (stats.calibrate(crossovers_of(*[-0.001, 0.001] * n)).sigma for n in (2, 20))
    assert few > 1.5 * many > 1.5 * 0.001


def test_a_lucky_calibration_is_seldom_narrower_than_the_truth():
    rng = np.random.default_rng(12)
    truth = 0.002
    found = [stats.calibrate(crossovers_of(*rng.normal(0, truth, 12))).sigma for _ in range(500)]
    assert np.mean(np.array(found) < truth) <= 0.08  # 5 %, and two sd of this count


def test_no_calibration_is_finer_than_the_clock():
    assert stats.calibrate(crossovers_of(0.0, 0.0, 0.0)).sigma == 5e-4


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
