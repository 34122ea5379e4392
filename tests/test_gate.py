import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench import gate, stats
from workbench.gate import Footprint, Guardrails
from workbench.oracles import Agreement
from workbench.record import Confirmation
from workbench.stats import Calibration, ComboEstimate, Estimate

CALIBRATION = Calibration(sigma=0.001, sigma_combo=0.004, delta=0.003, processes=18)
RAILS = Guardrails(max_allocations=0, max_peak_rss_mb=1024, worst_ratio=1.05, budget_seconds=60)
LIGHT = Footprint(peak_rss_mb=120, allocations=0, cycles=None, instructions=None)
RIGHT = Agreement(0.0, True)


def estimate(ratio, width=0.002, combos=None, crossovers=3, minimum=None):
    minimum = ratio if minimum is None else minimum
    combos = combos or [ratio] * 9
    return Estimate(
        *(ratio, ratio * math.exp(-width), ratio * math.exp(width)),
        *(minimum, minimum * math.exp(-width), minimum * math.exp(width)),
        *(0.5, 0.49, 0.51),
        geomean_ns=1e5,
        d_median=(math.log(ratio),) * crossovers,
        d_min=(math.log(minimum),) * crossovers,
        clock_gap=0.0,
        combos=tuple(
            ComboEstimate("s", str(i), r, r * 0.99, r * 1.01, 1e5 * r, 1e5, 2e5)
            for i, r in enumerate(combos)
        ),
    )


def decide(found, footprint=LIGHT, sizes=(100, 100)):
    return gate.decide(RIGHT, found, footprint, RAILS, CALIBRATION, sizes)


@pytest.mark.parametrize(
    ("found", "sizes", "status", "reason"),
    [
        (estimate(0.98), (100, 100), "keep", "faster"),
        (estimate(1.0), (100, 100), "discard", "inconclusive"),
        (estimate(0.99, width=0.05), (100, 100), "discard", "inconclusive"),
        (estimate(1.02), (100, 100), "discard", "slower"),
        (estimate(1.0), (90, 100), "keep", "simpler"),
        (estimate(0.995, width=0.05), (90, 100), "discard", "inconclusive"),
        (estimate(0.8, combos=[0.7] * 8 + [1.06]), (100, 100), "discard", "worst-combo"),
        (estimate(0.96, combos=[0.95] * 5 + [1.04] * 4), (100, 100), "discard", "trade-off"),
        (estimate(0.9, minimum=1.0), (100, 100), "discard", "inconclusive"),
        (estimate(1.0, minimum=0.9), (100, 100), "discard", "inconclusive"),
    ],
)
def test_verdicts(found, sizes, status, reason):
    verdict = decide(found, sizes=sizes)
    assert (verdict.status, verdict.reason) == (status, reason)
    assert verdict.exit_code == (0 if status == "keep" else 1)


def test_speed_buys_off_no_guardrail():
    fast = estimate(0.5)
    greedy = dataclasses.replace(LIGHT, allocations=1)
    assert decide(fast, greedy).reason == "allocates"
    assert decide(fast, dataclasses.replace(LIGHT, peak_rss_mb=2000)).reason == "over-memory"


def test_a_request_that_takes_too_long_is_refused_in_every_focus():
    rails = dataclasses.replace(RAILS, max_ns=1e5)
    assert gate.breach(LIGHT, rails, 1e5) is None
    assert gate.breach(LIGHT, rails, 1.01e5).reason == "over-time"
    slow = gate.decide(
        RIGHT, estimate(0.5, combos=[1.1] + [0.4] * 8), LIGHT, rails, CALIBRATION, (1, 1)
    )
    assert slow.reason == "over-time"


@pytest.mark.parametrize(
    ("value", "sizes", "status", "reason"),
    [
        (-0.49, (900, 100), "keep", "better"),
        (-0.5, (100, 100), "discard", "no-better"),
        (-0.5, (99, 100), "keep", "simpler"),
        (-0.5 + 1e-9, (101, 100), "discard", "no-better"),
        (-0.500002, (50, 100), "discard", "no-better"),
        (math.nan, (50, 100), "crash", "infra"),
        (math.inf, (50, 100), "crash", "infra"),
    ],
)
def test_scores(value, sizes, status, reason):
    verdict = gate.decide_score(value, -0.5, sizes, "dB")
    assert (verdict.status, verdict.reason) == (status, reason)


def test_nan_never_wins():
    for found in (estimate(math.nan), estimate(0.5, combos=[0.5] * 8 + [math.nan])):
        assert decide(found).status != "keep"


def test_a_worst_combo_of_exactly_the_limit_is_allowed():
    assert decide(estimate(0.8, combos=[0.5] * 8 + [1.05])).status == "keep"


@given(st.floats(-0.0029, 1.0), st.floats(0.0, 0.5))
def test_nothing_within_delta_is_ever_kept_as_faster(d, width):
    assert decide(estimate(math.exp(d), width)).reason != "faster"


@given(st.floats(-0.05, 0.05), st.floats(0.0001, 0.05), st.integers(1, 6))
def test_settled_means_more_crossovers_are_not_needed(d, width, crossovers):
    found = estimate(math.exp(d), width, crossovers=crossovers)
    if crossovers < stats.MIN_CROSSOVERS:
        assert not settled(found)
    elif d + width < min(0, -CALIBRATION.delta):
        assert settled(found)


def settled(found, simpler=False, most=stats.MAX_CROSSOVERS):
    return gate.settled(found, CALIBRATION, simpler=simpler, most=most)


def test_a_gain_goes_on_while_noise_may_have_put_a_combo_above_the_limit():
    def is_settled(found):
        return gate.settled(found, CALIBRATION, simpler=False, most=12, worst_ratio=1.05)

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
    assert not gate.settled(found, CALIBRATION, simpler=True, most=12)
    assert gate.settled(found, loud, simpler=True, most=12)
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
    seconds = gate.seconds_to_decide(verdict, found, CALIBRATION, 6.0)
    again = open_at(-0.008, 0.008, n=6 + round(seconds))  # a second a crossover
    assert settled(again)
    fewer = open_at(-0.008, 0.008, n=6 + round(seconds * 0.7))
    assert not settled(fewer, most=100)
    assert f"--patience {math.ceil(seconds)}" in gate.advise(verdict, seconds).sentence


def test_a_decided_verdict_needs_no_patience():
    for found in (open_at(0.0, 0.0001), open_at(-0.1, 0.0001), open_at(0.1, 0.0001)):
        verdict = decide(found)
        assert gate.seconds_to_decide(verdict, found, CALIBRATION, 6.0) is None
        assert gate.advise(verdict, None) == verdict


def test_nothing_is_promised_on_the_limit_itself():
    found = open_at(-CALIBRATION.delta, 0.02)
    verdict = decide(found)
    assert gate.seconds_to_decide(verdict, found, CALIBRATION, 6.0) > 600
    assert "no patience" in gate.advise(verdict, math.inf).sentence


CONFIRMED = Confirmation(0.98, 0.97, 0.99, 3, 0.02, 0, True)


def test_a_keep_stands_only_when_it_is_found_again():
    keep = decide(estimate(0.98))
    assert gate.final(keep, CONFIRMED).status == "keep"
    lost = gate.final(keep, dataclasses.replace(CONFIRMED, holds=False))
    assert (lost.status, lost.reason, lost.exit_code) == ("discard", "unconfirmed", 1)


@pytest.mark.parametrize(("limit_ns", "reason"), [(9e4, "faster"), (1.2e5, "suspect")])
def test_a_kernel_faster_than_the_machine_is_a_doubt(limit_ns, reason):
    found = estimate(0.98)  # 98 us a request
    verdict = gate.held_to_light(decide(found), found, {"s": limit_ns})
    assert verdict.reason == reason
    assert (reason == "suspect") == ("this machine 120,000 ns" in verdict.sentence)
