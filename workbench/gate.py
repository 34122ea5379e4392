"""The verdict: a pure function of what was measured. NaN never wins."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass

from workbench.oracles import Agreement
from workbench.record import Confirmation
from workbench.stats import Calibration, Estimate

# Sum of improvements against sum of regressions over combos, for changes beyond the noise.
TRADE_OFF = 10.0
# The machine's limit is the fastest of nine runs; it moved by 6 % between processes.
LIGHT_SLACK = 1.1
# Scores are float64 sums of float32 sound: below this they are equal.
SCORE_ROUNDING = 1e-6
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
    max_ns : float
        Time of a request in the slowest combo.
    answer_seconds : float or None
        Of one call, with the compilation of what it calls; None is the judge's own.
    """

    max_allocations: float
    max_peak_rss_mb: float
    worst_ratio: float
    budget_seconds: float
    max_ns: float = math.inf
    answer_seconds: float | None = None


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
    broken = breach(footprint, guardrails, max(c.candidate_ns for c in estimate.combos))
    if broken is not None:
        return broken
    worst = estimate.worst
    if not worst.ratio <= guardrails.worst_ratio:
        why = (
            f"{worst.shape}/{worst.distribution} is {worst.ratio:.3f} x the incumbent; "
            f"no combo may exceed {guardrails.worst_ratio:g} ({change})"
        )
        return Verdict("discard", "worst-combo", EXIT_DISCARD, why)
    if is_faster(estimate, calibration):
        if trades_off(estimate):
            why = f"its gains are less than ten times its losses over combos ({change})"
            return Verdict("discard", "trade-off", EXIT_DISCARD, why)
        return Verdict("keep", "faster", EXIT_KEEP, change)
    if is_equivalent(estimate, calibration) and syntax_sizes[0] < syntax_sizes[1]:
        nodes = f"{syntax_sizes[0]} syntax nodes instead of {syntax_sizes[1]}"
        return Verdict("keep", "simpler", EXIT_KEEP, f"as fast, with {nodes} ({change})")
    if is_slower(estimate):
        return Verdict("discard", "slower", EXIT_DISCARD, change)
    smallest = f"a gain of {-math.expm1(-calibration.delta):.2%} or more"
    known = "is excluded" if cannot_be_faster(estimate, calibration) else "is not proven"
    return Verdict("discard", "inconclusive", EXIT_DISCARD, f"{smallest} {known}: {change}")


def breach(footprint: Footprint, guardrails: Guardrails, slowest_ns: float) -> Verdict | None:
    """The guardrail that a kernel breaks in any focus, if it does.

    Parameters
    ----------
    footprint, guardrails : Footprint, Guardrails
        What was measured, and what the target allows.
    slowest_ns : float
        Time of a request in the slowest combo.
    """
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
    if slowest_ns > guardrails.max_ns:
        why = f"a request takes up to {slowest_ns:,.0f} ns; {guardrails.max_ns:,.0f} are allowed"
        return Verdict("discard", "over-time", EXIT_DISCARD, why)
    return None


def is_faster(estimate: Estimate, calibration: Calibration) -> bool:
    """Whether both forms of D prove a gain of more than delta."""
    return all(high < 0 and d < -calibration.delta for d, _, high in forms(estimate))


def cannot_be_faster(estimate: Estimate, calibration: Calibration) -> bool:
    """Whether either form excludes a gain of delta."""
    return any(low > -calibration.delta for _, low, _ in forms(estimate))


def is_slower(estimate: Estimate) -> bool:
    """Whether either form proves a loss."""
    return any(low > 0 for _, low, _ in forms(estimate))


def is_equivalent(estimate: Estimate, calibration: Calibration) -> bool:
    """Whether both forms prove that any change is within delta, or twice sigma."""
    margin = max(calibration.delta, 2 * calibration.sigma)
    return all(-margin < low and high < margin for _, low, high in forms(estimate))


def forms(estimate: Estimate) -> list[tuple[float, float, float]]:
    """(D, low, high) of both forms, as log ratios."""
    median = (estimate.ratio, estimate.ci_low, estimate.ci_high)
    minimum = (estimate.ratio_min_form, estimate.ci_low_min_form, estimate.ci_high_min_form)
    return [(math.log(d), math.log(low), math.log(high)) for d, low, high in (median, minimum)]


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


def describe(estimate: Estimate) -> str:
    """The ratio and its interval in words."""
    return (
        f"{estimate.ratio:.4f} x the incumbent's time "
        f"({estimate.ci_low:.4f} to {estimate.ci_high:.4f})"
    )


def decide_score(
    value: float, incumbent_value: float, syntax_sizes: tuple[int, int], unit: str
) -> Verdict:
    """Judge a correct candidate by its score, which the same kernel gets every time.

    Any true improvement is a keep, and a tie goes to the smaller syntax tree.

    Parameters
    ----------
    value, incumbent_value : float
        Scores of the same run; higher is better.
    syntax_sizes : (int, int)
        Nodes of the candidate's and the incumbent's syntax trees.
    unit : str
        For the sentence.

    Examples
    --------
    >>> decide_score(-0.5, -0.75, (10, 10), "dB").reason
    'better'
    >>> decide_score(-0.5, -0.5, (9, 10), "dB").reason
    'simpler'
    """
    change = f"a score of {value:.6f} {unit}, the incumbent's is {incumbent_value:.6f}"
    if not (math.isfinite(value) and math.isfinite(incumbent_value)):
        return Verdict("crash", "infra", EXIT_INFRA, "the score is not a finite number")
    if value - incumbent_value > SCORE_ROUNDING:
        return Verdict("keep", "better", EXIT_KEEP, change)
    if abs(value - incumbent_value) <= SCORE_ROUNDING and syntax_sizes[0] < syntax_sizes[1]:
        nodes = f"{syntax_sizes[0]} syntax nodes instead of {syntax_sizes[1]}"
        return Verdict("keep", "simpler", EXIT_KEEP, f"{change}, with {nodes}")
    return Verdict("discard", "no-better", EXIT_DISCARD, change)


def held_to_light(verdict: Verdict, estimate: Estimate, least_ns: Mapping[str, float]) -> Verdict:
    """Doubt a kernel that is faster than the machine.

    Parameters
    ----------
    verdict : Verdict
        A keep.
    estimate : Estimate
        What was measured.
    least_ns : mapping of str to float
        By shape, the time of the least bytes and operations of its answer.
    """
    combo = min(estimate.combos, key=lambda combo: combo.candidate_ns / least_ns[combo.shape])
    limit_ns = least_ns[combo.shape]
    if combo.candidate_ns * LIGHT_SLACK >= limit_ns:
        return verdict
    why = (
        f"{combo.shape}/{combo.distribution} takes {combo.candidate_ns:,.0f} ns, and this machine "
        f"{limit_ns:,.0f} ns for its least bytes and operations: not a record but a doubt, in "
        f"the kernel or in [roofline] of target.toml ({verdict.sentence})"
    )
    return Verdict("discard", "suspect", EXIT_DISCARD, why)


def final(verdict: Verdict, confirmation: Confirmation) -> Verdict:
    """Let a keep stand only if it was found again on other data, processes and addresses."""
    again = (
        f"{confirmation.ratio:.4f} ({confirmation.ci_low:.4f} to {confirmation.ci_high:.4f}) on "
        f"{confirmation.processes} other pairs of processes"
    )
    if confirmation.holds:
        sentence = f"{verdict.sentence}; again {again}"
        return dataclasses.replace(verdict, sentence=sentence)
    why = f"not found again: {verdict.sentence}, but {again}, at {confirmation.alpha:.2g}"
    return Verdict("discard", "unconfirmed", EXIT_DISCARD, why)
