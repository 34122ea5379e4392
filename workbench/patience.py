"""When a verdict would hardly change any more, and how long an open one would take."""

from __future__ import annotations

import bisect
import dataclasses
import math
import statistics

from workbench.gate import Verdict, cannot_be_faster, forms, is_equivalent, is_faster, is_slower
from workbench.stats import MIN_CROSSOVERS, Calibration, Estimate, width_after

# A change is given up when even this many standard errors more would not get it kept.
HOPE = 1.0
# Nobody waits for more crossovers than these.
MOST_FORESEEN = 10_000
LONGEST_PATIENCE_SECONDS = 600


def settled(
    estimate: Estimate,
    calibration: Calibration,
    *,
    simpler: bool,
    most: int,
    worst_ratio: float = math.inf,
) -> bool:
    """Whether more crossovers would hardly change the verdict.

    A ``simpler`` candidate may yet be kept for being as fast, so it goes on while that is open.
    Giving up costs power, never a false keep.

    Parameters
    ----------
    estimate, calibration : Estimate, Calibration
        What was measured.
    simpler : bool
        Whether the candidate has fewer syntax nodes.
    most : int
        How many crossovers there may be in the end.
    worst_ratio : float
        The guardrail on single combos. A gain is not settled while noise alone may have put a
        combo above it: 2 of 11 identical pairs of topk_merge had one.
    """
    if estimate.crossovers < MIN_CROSSOVERS:
        return False
    if is_faster(estimate, calibration):
        return all(c.ratio <= worst_ratio or c.ci_low > 1 for c in estimate.combos)
    if simpler and not is_slower(estimate):
        return is_equivalent(estimate, calibration)
    if cannot_be_faster(estimate, calibration):
        return True
    return any(
        d - HOPE * spread / math.sqrt(estimate.crossovers)
        > -max(calibration.delta, width_after(most, spread))
        for (d, _, _), spread in zip(forms(estimate), _spreads(estimate, calibration), strict=True)
    )


def seconds_to_decide(
    verdict: Verdict, estimate: Estimate, calibration: Calibration, seconds: float
) -> float | None:
    """How much longer the same noise would have to be watched until the verdict falls.

    Parameters
    ----------
    verdict : Verdict
        None is returned for one that is not open.
    estimate, calibration : Estimate, Calibration
        What was measured in ``seconds``.

    Returns
    -------
    float or None
        Infinite where the change lies on the limit itself.
    """
    if verdict.reason != "inconclusive" or cannot_be_faster(estimate, calibration):
        return None
    keep, exclude = 0.0, math.inf
    for (d, _, _), spread in zip(forms(estimate), _spreads(estimate, calibration), strict=True):
        keep = max(keep, _crossovers_until(-d, spread) if d < -calibration.delta else math.inf)
        exclude = min(exclude, _crossovers_until(d + calibration.delta, spread))
    n = estimate.crossovers
    return seconds / n * (max(min(keep, exclude), n + 1) - n)


def advise(verdict: Verdict, seconds: float | None) -> Verdict:
    """Say in an open verdict's sentence how long it would take to settle it."""
    if seconds is None:
        return verdict
    more = "it lies so near the limit that no patience decides it"
    if seconds <= LONGEST_PATIENCE_SECONDS:
        whole = math.ceil(seconds)
        more = f"about {whole} s more would decide it: --patience {whole}"
    return dataclasses.replace(verdict, sentence=f"{verdict.sentence}; {more}")


def _crossovers_until(width: float, spread: float) -> float:
    """How many crossovers make the half width this small."""
    counts = range(2, MOST_FORESEEN)
    found = bisect.bisect_left(counts, -width, key=lambda n: -width_after(n, spread))
    return counts[found] if found < len(counts) else math.inf


def _spreads(estimate: Estimate, calibration: Calibration) -> list[float]:
    """What the interval of each form takes for its sd."""
    samples = (estimate.d_median, estimate.d_min)
    return [max(calibration.sigma, statistics.stdev(values)) for values in samples]
