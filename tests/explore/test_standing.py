import dataclasses
import json
import math

import numpy as np
import pytest

from workbench import stats
from workbench.explore import standing
from workbench.explore.standing import Standing
from workbench.stats import Calibration, Replica

NAMES = [("small", "even"), ("small", "odd"), ("large", "even")]
CALIBRATION = Calibration(sigma=0.002, sigma_combo=0.006, delta=0.003, processes=24)


def pair(shift=0.0, upstream=-0.5):
    d = np.array([-0.02, 0.0, 0.03]) + shift
    times = np.array([1e3, 2e3, 4e3])
    return Replica(d, d, np.full(3, upstream), times, times * np.exp(-d), 0.0)


def test_one_pair_has_ratios_and_no_interval():
    found = standing.after([pair()], NAMES, CALIBRATION)
    assert [(one.shape, one.distribution) for one in found.lines] == NAMES
    assert found.lines[2].ratio == pytest.approx(math.exp(0.03))
    assert {one.ci_low for one in (*found.lines, found.whole)} == {None}
    assert not found.provisional


def test_one_crossover_has_the_calibrations_width_and_says_so():
    found = standing.after([pair(), pair()], NAMES, CALIBRATION)
    width = stats.width_after(1, CALIBRATION.sigma)
    assert found.provisional
    assert found.whole.ci_high / found.whole.ratio == pytest.approx(math.exp(width))
    assert found.lines[0].ci_low < found.lines[0].ratio < found.lines[0].ci_high


@pytest.mark.parametrize("pairs", [4, 5])
def test_more_crossovers_are_the_judges_own_estimate(pairs):
    measured = [pair(shift) for shift in np.linspace(0, 0.01, pairs)]
    found = standing.after(measured, NAMES, CALIBRATION)
    crossovers = [stats.crossed(*measured[:2]), stats.crossed(*measured[2:4])]
    want = stats.estimate(crossovers, NAMES, CALIBRATION)
    assert found.pairs == pairs
    assert (found.whole.ratio, found.whole.ci_low) == (want.ratio, want.ci_low)
    assert found.whole.vs_upstream == pytest.approx(want.ratio_vs_upstream)
    assert [one.ci_high for one in found.lines] == [c.ci_high for c in want.combos]


def test_a_race_without_upstream_has_no_ratio_to_it_and_goes_through_a_pipe():
    found = standing.after([pair(upstream=math.nan)] * 2, NAMES, CALIBRATION)
    assert found.whole.vs_upstream is None
    sent = json.dumps(found.as_json(), allow_nan=False)
    assert Standing.from_json(json.loads(sent)) == found


def test_a_kernel_much_faster_than_the_calibrated_one_is_shown_with_care():
    slow = dataclasses.replace(CALIBRATION, geomean_ns=1e9)
    assert standing.careful(slow, pair()).sigma == Calibration().sigma
    assert standing.careful(CALIBRATION, pair()) == CALIBRATION
