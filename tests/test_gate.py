import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench import gate
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
