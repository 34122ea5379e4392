"""When a verdict is settled, and how long an open one would take."""

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.test_gate import CALIBRATION, LIGHT, RAILS, RIGHT, decide, estimate
from workbench import gate, patience, stats


@given(st.floats(-0.05, 0.05), st.floats(0.0001, 0.05), st.integers(1, 6))
def test_settled_means_more_crossovers_are_not_needed(d, width, crossovers):
    found = estimate(math.exp(d), width, crossovers=crossovers)
    if crossovers < stats.MIN_CROSSOVERS:
        assert not settled(found)
    elif d + width < min(0, -CALIBRATION.delta):
        assert settled(found)


def settled(found, simpler=False, most=stats.MAX_CROSSOVERS):
    return patience.settled(found, CALIBRATION, simpler=simpler, most=most)


def test_a_gain_goes_on_while_noise_may_have_put_a_combo_above_the_limit():
    def is_settled(found):
        return patience.settled(found, CALIBRATION, simpler=False, most=12, worst_ratio=1.05)

    combos = (0.9,) * 8
    assert is_settled(estimate(0.9, combos=[*combos, 1.05]))
    noisy = estimate(0.9, combos=[*combos, 1.06])
    last = dataclasses.replace(noisy.combos[-1], ci_low=0.99)
    assert not is_settled(dataclasses.replace(noisy, combos=(*noisy.combos[:-1], last)))
    assert is_settled(noisy)  # its interval excludes 1: more data will not mend that


def test_a_simpler_candidate_goes_on_until_it_is_shown_to_be_as_fast():
    open_question = estimate(1.0, width=0.0031)
    assert not settled(open_question, simpler=True)
    assert settled(estimate(1.0, width=0.002), simpler=True)
    assert settled(estimate(1.0, width=0.002), simpler=False)


def test_as_fast_means_within_delta_or_twice_sigma_where_that_is_wider():
    found = estimate(1.0, width=0.0031)
    loud = dataclasses.replace(CALIBRATION, sigma=0.002)
    assert not patience.settled(found, CALIBRATION, simpler=True, most=12)
    assert patience.settled(found, loud, simpler=True, most=12)
    assert gate.decide(RIGHT, found, LIGHT, RAILS, loud, (90, 100)).reason == "simpler"


def open_at(d, spread, n=6):
    """An estimate of n crossovers whose D lie around d."""
    values = tuple(d + spread * (-1) ** i for i in range(n))
    width = stats.half_width(values, CALIBRATION.sigma)
    found = estimate(math.exp(d), width, crossovers=n)
    return dataclasses.replace(found, d_median=values, d_min=values)


@pytest.mark.parametrize("d", [0.0, 0.005, -0.002])
def test_what_hardly_any_crossover_would_save_is_given_up(d):
    """The interval still holds a gain, but what may yet come is too little."""
    found = open_at(d, 0.004, n=4)
    assert decide(found).reason == "inconclusive"
    assert math.log(found.ci_low) < -CALIBRATION.delta
    assert settled(found)


@pytest.mark.parametrize("most", [8, stats.MAX_CROSSOVERS])
def test_what_more_crossovers_may_yet_keep_is_not_given_up(most):
    assert decide(open_at(-0.008, 0.004, n=4)).reason == "inconclusive"
    assert not settled(open_at(-0.008, 0.004, n=4), most=most)


def test_with_patience_there_is_hope_for_longer():
    found = open_at(-0.005, 0.008, n=12)
    assert decide(found).reason == "inconclusive"
    assert settled(found, most=12)
    assert not settled(found, most=100)


def test_one_hopeless_form_is_enough():
    hopeful, hopeless = open_at(-0.008, 0.004, n=4), open_at(0.01, 0.004, n=4)
    minimum = {
        part: getattr(hopeless, part)
        for part in ("ratio_min_form", "ci_low_min_form", "ci_high_min_form", "d_min")
    }
    assert settled(dataclasses.replace(hopeful, **minimum))


@given(st.floats(-0.03, 0.03), st.floats(0.0, 0.02), st.integers(2, 12))
def test_what_is_given_up_is_never_a_keep(d, spread, n):
    found = open_at(d, spread, n)
    if settled(found) and not gate.is_faster(found, CALIBRATION):
        assert decide(found).status != "keep"
    if gate.is_faster(found, CALIBRATION):
        assert settled(found)


def test_an_open_verdict_says_how_long_would_settle_it():
    found = open_at(-0.008, 0.008)
    verdict = decide(found)
    assert verdict.reason == "inconclusive"
    seconds = patience.seconds_to_decide(verdict, found, CALIBRATION, 6.0)
    again = open_at(-0.008, 0.008, n=6 + round(seconds))  # a second a crossover
    assert settled(again)
    fewer = open_at(-0.008, 0.008, n=6 + round(seconds * 0.7))
    assert not settled(fewer, most=100)
    assert f"--patience {math.ceil(seconds)}" in patience.advise(verdict, seconds).sentence


def test_a_decided_verdict_needs_no_patience():
    for found in (open_at(0.0, 0.0001), open_at(-0.1, 0.0001), open_at(0.1, 0.0001)):
        verdict = decide(found)
        assert patience.seconds_to_decide(verdict, found, CALIBRATION, 6.0) is None
        assert patience.advise(verdict, None) == verdict


def test_nothing_is_promised_on_the_limit_itself():
    found = open_at(-CALIBRATION.delta, 0.02)
    verdict = decide(found)
    assert patience.seconds_to_decide(verdict, found, CALIBRATION, 6.0) > 600
    assert "no patience" in patience.advise(verdict, math.inf).sentence
