"""The verdict: a pure function of what was measured. NaN never wins."""

from __future__ import annotations

import math
from dataclasses import dataclass

from workbench.oracles import Agreement
from workbench.stats import MAX_PROCESSES, MIN_PROCESSES, Calibration, Estimate

# Sum of improvements against sum of regressions over combos, for changes beyond the noise.
TRADE_OFF = 10.0
EXIT_KEEP, EXIT_DISCARD, EXIT_INCORRECT, EXIT_OVER_BUDGET, EXIT_REFUSED, EXIT_INFRA = range(6)


@dataclass(frozen=True)
class Guardrails:
    """Limits of target.toml that no speed buys off.

    Attributes
    ----------
    max_allocations : float
        Allocations of one hot call.
    max_peak_rss_mb : float
        Peak resident memory of the runner.
    worst_ratio : float
        No combo's median ratio may exceed it.
    budget_seconds : float
        Of the whole trial.
    """

    max_allocations: float
    max_peak_rss_mb: float
    worst_ratio: float
    budget_seconds: float


@dataclass(frozen=True)
class Footprint:
    """What the candidate cost besides time."""

    peak_rss_mb: float
    allocations: float
    cycles: float | None
    instructions: float | None


@dataclass(frozen=True)
class Verdict:
    """Status and reason of the ledger, the exit code, and one sentence for a person."""

    status: str
    reason: str
    exit_code: int
    sentence: str


def settled(estimate: Estimate, calibration: Calibration, *, simpler: bool) -> bool:
    """Whether more pairs of processes can no longer change the verdict.

    A ``simpler`` candidate may yet be kept for being as fast, so it goes on while that is open.
    """
    if estimate.processes < MIN_PROCESSES:
        return False
    if estimate.processes >= MAX_PROCESSES:
        return True
    if _is_faster(estimate, calibration):
        return True
    if simpler and not _is_slower(estimate):
        return _is_equivalent(estimate, calibration)
    return _cannot_be_faster(estimate, calibration)


def _forms(estimate: Estimate) -> list[tuple[float, float, float]]:
    """(D, low, high) of both forms, as log ratios."""
    median = (estimate.ratio, estimate.ci_low, estimate.ci_high)
    minimum = (estimate.ratio_min_form, estimate.ci_low_min_form, estimate.ci_high_min_form)
    return [(math.log(d), math.log(low), math.log(high)) for d, low, high in (median, minimum)]


def _is_faster(estimate: Estimate, calibration: Calibration) -> bool:
    return all(high < 0 and d < -calibration.delta for d, _, high in _forms(estimate))


def _cannot_be_faster(estimate: Estimate, calibration: Calibration) -> bool:
    return any(low > -calibration.delta for _, low, _ in _forms(estimate))


def _is_slower(estimate: Estimate) -> bool:
    return any(low > 0 for _, low, _ in _forms(estimate))


def _is_equivalent(estimate: Estimate, calibration: Calibration) -> bool:
    return all(
        -calibration.delta < low and high < calibration.delta for _, low, high in _forms(estimate)
    )


def trades_off(estimate: Estimate) -> bool:
    """Whether improvements fail to outweigh regressions ten to one.

    Only combos whose interval excludes no change count: applied to all changes, the rule failed
    65-72 % of identical pairs.
    """
    gains = losses = 0.0
    for combo in estimate.combos:
        if combo.ci_high < 1:
            gains += -math.log(combo.ratio)
        elif combo.ci_low > 1:
            losses += math.log(combo.ratio)
    return losses > 0 and gains < TRADE_OFF * losses


def decide(
    agreement: Agreement,
    estimate: Estimate,
    footprint: Footprint,
    guardrails: Guardrails,
    calibration: Calibration,
    syntax_sizes: tuple[int, int],
) -> Verdict:
    """Judge a correct candidate against its incumbent.

    Parameters
    ----------
    agreement : Agreement
        Proof that the outputs were right; an incorrect candidate never gets here.
    estimate, footprint : Estimate, Footprint
        What was measured.
    guardrails, calibration : Guardrails, Calibration
        What the target and this machine allow.
    syntax_sizes : (int, int)
        Nodes of the candidate's and the incumbent's syntax trees.
    """
    change = f"{describe(estimate)}, {estimate.processes} pairs of processes"
    finite = [estimate.ratio, estimate.ci_low, estimate.ci_high, estimate.geomean_ns]
    if not all(math.isfinite(value) for value in (*finite, agreement.max_abs_err)):
        return Verdict("crash", "infra", EXIT_INFRA, "the measurement is not a finite number")
    if footprint.allocations > guardrails.max_allocations:
        why = (
            f"a hot call allocates {footprint.allocations:g} times; "
            f"{guardrails.max_allocations:g} are allowed"
        )
        return Verdict("discard", "allocates", EXIT_DISCARD, why)
    if footprint.peak_rss_mb > guardrails.max_peak_rss_mb:
        why = (
            f"peak memory {footprint.peak_rss_mb:.0f} MB; "
            f"{guardrails.max_peak_rss_mb:.0f} MB are allowed"
        )
        return Verdict("discard", "over-memory", EXIT_DISCARD, why)
    worst = estimate.worst
    if not worst.ratio <= guardrails.worst_ratio:
        why = (
            f"{worst.shape}/{worst.distribution} is {worst.ratio:.3f} x the incumbent; "
            f"no combo may exceed {guardrails.worst_ratio:g} ({change})"
        )
        return Verdict("discard", "worst-combo", EXIT_DISCARD, why)
    if _is_faster(estimate, calibration):
        if trades_off(estimate):
            why = f"its gains are less than ten times its losses over combos ({change})"
            return Verdict("discard", "trade-off", EXIT_DISCARD, why)
        return Verdict("keep", "faster", EXIT_KEEP, change)
    if _is_equivalent(estimate, calibration) and syntax_sizes[0] < syntax_sizes[1]:
        nodes = f"{syntax_sizes[0]} syntax nodes instead of {syntax_sizes[1]}"
        return Verdict("keep", "simpler", EXIT_KEEP, f"as fast, with {nodes} ({change})")
    if _is_slower(estimate):
        return Verdict("discard", "slower", EXIT_DISCARD, change)
    smallest = f"a gain of {-math.expm1(-calibration.delta):.2%} or more"
    known = "is excluded" if _cannot_be_faster(estimate, calibration) else "is not proven"
    return Verdict("discard", "inconclusive", EXIT_DISCARD, f"{smallest} {known}: {change}")


def describe(estimate: Estimate) -> str:
    """The ratio and its interval in words."""
    return (
        f"{estimate.ratio:.4f} x the incumbent's time "
        f"({estimate.ci_low:.4f} to {estimate.ci_high:.4f})"
    )
