"""From block times to one estimate: D, its interval, and one line a combo.

The sample is the *crossover*: two pairs of fresh processes that exchange their memory give one D.
Samples inside a process are not independent trials, because memory layout and code placement
repeat with it (an interval from one process's blocks kept identical kernels 25-42 % of the time).
Figures and derivations are in docs/statistics.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Confidence sequence (docs/statistics.md): shift of the mixture, and its two-sided error rate.
PRIOR_N = 3
ALPHA = 0.02
# Identical kernels take two (2.1 on average), whatever the most is; a gain of 1 % where sd is 0.4 %
# is kept 66 % of the time with 8 and 94 % with 12 (simulated).
MIN_CROSSOVERS, MAX_CROSSOVERS = 2, 12
# Of the sd of D over crossovers of identical kernels, sigma is the upper limit at this confidence.
SIGMA_CONFIDENCE = 0.95
# Smallest change worth keeping: below it lies what neutral edits were seen to do (0.27 %).
LEAST_GAIN = 0.003
# Chance of one false keep in a ledger between two baselines.
BUDGET = 0.05


@dataclass(frozen=True)
class Calibration:
    """What identical kernels do on this machine.

    Attributes
    ----------
    sigma : float
        Upper 95 % limit of the sd of D over crossovers of identical kernels (log ratio).
    sigma_combo : float
        The same for a single combo.
    delta : float
        Smallest change worth keeping (log ratio).
    processes : int
        How many pairs of processes it was measured on; 0 means the default of an uncalibrated
        machine.
    geomean_ns : float
        The time of the kernel it was measured with: a much faster one is noisier.
    """

    sigma: float = 0.0035
    sigma_combo: float = 0.012
    delta: float = 0.005
    processes: int = 0
    geomean_ns: float = 0.0

    def holds_for(self, geomean_ns: float) -> bool:
        """Whether a kernel is slow enough to be judged by it: at least half as slow."""
        return geomean_ns >= self.geomean_ns / 2

    def for_kernel(self, geomean_ns: float) -> Calibration:
        """This calibration, but no narrower than the default for a kernel it does not hold for.

        Measured on one machine: sigma 0.18 % at 214 us a request, 0.5 to 0.9 % at 26 us.
        """
        if self.holds_for(geomean_ns):
            return self
        careful = Calibration()
        return replace(
            self,
            sigma=max(self.sigma, careful.sigma),
            sigma_combo=max(self.sigma_combo, careful.sigma_combo),
            delta=max(self.delta, careful.delta),
        )


@dataclass(frozen=True)
class Blocks:
    """Every block of one pair of processes.

    Attributes
    ----------
    combo : ndarray of int, shape (blocks,)
        Index of the combo.
    candidate_first : ndarray of bool, shape (blocks, 4)
        Who began each of a block's pairs of turns.
    candidate_ns, incumbent_ns : ndarray of float, shape (blocks, 4)
        Time per request of each turn on the parent's clock, the cost of a null turn removed.
    child_log_ratio : ndarray of float, shape (blocks, 4)
        Log ratio by the children's own clocks; an alarm, never a verdict.
    headline_combo : ndarray of int, shape (pairs,)
        Index of the combo of each pair of candidate and upstream.
    beside_upstream_ns, upstream_ns : ndarray of float, shape (pairs,)
        Candidate and upstream on the same request, per request.
    """

    combo: NDArray[np.int64]
    candidate_first: NDArray[np.bool_]
    candidate_ns: NDArray[np.float64]
    incumbent_ns: NDArray[np.float64]
    child_log_ratio: NDArray[np.float64]
    headline_combo: NDArray[np.int64]
    beside_upstream_ns: NDArray[np.float64]
    upstream_ns: NDArray[np.float64]


@dataclass(frozen=True)
class Replica:
    """One pair of processes, or one crossover, summed up: per combo, in log ratios and ns.

    Attributes
    ----------
    by_median, by_min : ndarray of float, shape (combos,)
        The log ratio in both forms.
    vs_upstream : ndarray of float, shape (combos,)
        Median log ratio of the candidate to upstream; NaN where upstream was not raced.
    candidate_ns, incumbent_ns : ndarray of float, shape (combos,)
        Median time per request.
    clock_gap : float
        D by the children's clocks minus D by the parent's.
    """

    by_median: NDArray[np.float64]
    by_min: NDArray[np.float64]
    vs_upstream: NDArray[np.float64]
    candidate_ns: NDArray[np.float64]
    incumbent_ns: NDArray[np.float64]
    clock_gap: float

    @property
    def d(self) -> tuple[float, float]:
        """D in both forms: the equal-weight mean over combos."""
        return float(self.by_median.mean()), float(self.by_min.mean())


def summarise(blocks: Blocks, n_combos: int) -> Replica:
    """Reduce the blocks of one pair of processes.

    The second turn of a pair is up to 25 % faster than the first, because it finds the branches
    of the same request predicted. So like is compared with like. Median form: the median of the
    log ratios where the candidate began, and where it did not, apart; their mean. Minimum form:
    in each block the better of the candidate's two first turns to the incumbent's, likewise the
    second turns; the median over blocks of their mean.

    The median form stops kernels that are fast only part of the time (a minimum alone kept a
    kernel slow in 3 calls of 4); the minimum form stops neutral drift.
    """
    # Columns: the two pairs that the candidate began, then the other two.
    began = np.argsort(~blocks.candidate_first, axis=1, kind="stable")
    candidate, incumbent, child = (
        np.take_along_axis(values, began, axis=1)
        for values in (blocks.candidate_ns, blocks.incumbent_ns, blocks.child_log_ratio)
    )
    ratios = np.log(candidate / incumbent)
    first = np.log(candidate[:, :2].min(axis=1) / incumbent[:, 2:].min(axis=1))
    second = np.log(candidate[:, 2:].min(axis=1) / incumbent[:, :2].min(axis=1))
    d_min = (first + second) / 2
    d_upstream = np.log(blocks.beside_upstream_ns / blocks.upstream_ns)

    def per_combo(
        values: NDArray[np.float64], combo: NDArray[np.int64] = blocks.combo
    ) -> NDArray[np.float64]:
        return np.array([np.median(values[combo == c]) for c in range(n_combos)])

    def in_both_orders(values: NDArray[np.float64]) -> NDArray[np.float64]:
        orders = (values[:, :2], values[:, 2:])
        apart = [[np.median(o[blocks.combo == c]) for c in range(n_combos)] for o in orders]
        mean: NDArray[np.float64] = np.mean(apart, axis=0)
        return mean

    by_median = in_both_orders(ratios)
    raced = len(d_upstream) > 0
    return Replica(
        by_median=by_median,
        by_min=per_combo(d_min),
        vs_upstream=(
            per_combo(d_upstream, blocks.headline_combo) if raced else np.full(n_combos, np.nan)
        ),
        candidate_ns=per_combo(np.median(candidate, axis=1)),
        incumbent_ns=per_combo(np.median(incumbent, axis=1)),
        clock_gap=float(in_both_orders(child).mean() - by_median.mean()),
    )


def crossed(first: Replica, second: Replica) -> Replica:
    """The mean of two pairs of processes that have exchanged their memory.

    What comes of where the memory lies then cancels: it moved a kernel against itself by 2.8 %
    (sd over pairs, posting_seek), and the mean of two such pairs by 0.3 %.
    """

    def mean(part: str) -> Any:
        return (getattr(first, part) + getattr(second, part)) / 2

    def geometric(part: str) -> Any:
        return np.sqrt(getattr(first, part) * getattr(second, part))

    return Replica(
        by_median=mean("by_median"),
        by_min=mean("by_min"),
        vs_upstream=mean("vs_upstream"),
        candidate_ns=geometric("candidate_ns"),
        incumbent_ns=geometric("incumbent_ns"),
        clock_gap=mean("clock_gap"),
    )


@dataclass(frozen=True)
class ComboEstimate:
    """One combo over all crossovers; ratios below 1 are faster."""

    shape: str
    distribution: str
    ratio: float
    ci_low: float
    ci_high: float
    candidate_ns: float
    incumbent_ns: float
    upstream_ns: float


@dataclass(frozen=True)
class Estimate:
    """The whole comparison.

    Attributes
    ----------
    ratio, ci_low, ci_high : float
        exp of D's median form, and of the confidence sequence around it.
    ratio_min_form, ci_low_min_form, ci_high_min_form : float
        The same for D's minimum form.
    ratio_vs_upstream, ci_low_vs_upstream, ci_high_vs_upstream : float
        Candidate to upstream, beside each other on the same processes.
    geomean_ns : float
        Geometric mean over combos of the candidate's time per request.
    d_median, d_min : tuple of float
        Each crossover's D: the sample of every interval here.
    clock_gap : float
        Median over crossovers of D by the children's clocks minus D by the parent's.
    combos : tuple of ComboEstimate
        One a combo.
    """

    ratio: float
    ci_low: float
    ci_high: float
    ratio_min_form: float
    ci_low_min_form: float
    ci_high_min_form: float
    ratio_vs_upstream: float
    ci_low_vs_upstream: float
    ci_high_vs_upstream: float
    geomean_ns: float
    d_median: tuple[float, ...]
    d_min: tuple[float, ...]
    clock_gap: float
    combos: tuple[ComboEstimate, ...]

    @property
    def crossovers(self) -> int:
        """The sample size."""
        return len(self.d_median)

    @property
    def processes(self) -> int:
        """Pairs of fresh processes."""
        return 2 * self.crossovers

    @property
    def worst(self) -> ComboEstimate:
        """The combo with the highest ratio; NaN is worst of all."""
        return max(self.combos, key=lambda c: math.inf if math.isnan(c.ratio) else c.ratio)


def half_width(
    values: Sequence[float] | NDArray[np.float64], sigma: float, alpha: float = ALPHA
) -> float:
    """Half width of the confidence sequence around the mean of ``values``.

    ``s * sqrt((n + 3) * ln(((n + 3) / 3) / alpha**2)) / n`` with s the larger of the calibrated
    sigma and the sample's own sd. It holds at every n at once, so looking early costs nothing.
    """
    n = len(values)
    spread = max(sigma, float(np.std(values, ddof=1))) if n > 1 else math.inf
    return width_after(n, spread, alpha)


def width_after(n: int, spread: float, alpha: float = ALPHA) -> float:
    """Half width after ``n`` crossovers whose spread is ``spread``."""
    shifted = n + PRIOR_N
    return spread * math.sqrt(shifted * math.log(shifted / PRIOR_N / alpha**2)) / n


def share_of_budget(confirmations: int) -> float:
    """The two-sided error rate that the next confirmation of a ledger may spend.

    ``2 * BUDGET * 6 / (pi * k)**2`` for the k-th, of which a false keep is one side: summed over
    all k that is `BUDGET`, so no ledger, however long, keeps one identical kernel with more than
    that chance.

    Examples
    --------
    >>> [round(share_of_budget(k), 5) for k in (0, 1, 9)]
    [0.02, 0.0152, 0.00061]
    """
    return min(ALPHA, 2 * BUDGET * 6 / (math.pi * (confirmations + 1)) ** 2)


def interval(
    values: NDArray[np.float64], sigma: float, alpha: float = ALPHA
) -> tuple[float, float, float]:
    """The ratio that D's mean means, and the bounds of its confidence sequence."""
    middle, width = float(values.mean()), half_width(values, sigma, alpha)
    return math.exp(middle), math.exp(middle - width), math.exp(min(middle + width, 700.0))


def estimate(
    replicas: Sequence[Replica],
    names: Sequence[tuple[str, str]],
    calibration: Calibration,
    alpha: float = ALPHA,
) -> Estimate:
    """Combine crossovers; ``names`` are (shape, distribution) a combo."""
    by_median = np.array([r.by_median for r in replicas])
    by_min = np.array([r.by_min for r in replicas])
    vs_upstream = np.array([r.vs_upstream for r in replicas])
    times = {
        part: np.median([getattr(r, part) for r in replicas], axis=0)
        for part in ("candidate_ns", "incumbent_ns")
    }
    # From the ratio measured side by side, so that the times and the ratio agree.
    times["upstream_ns"] = times["candidate_ns"] / np.exp(np.median(vs_upstream, axis=0))
    combos = tuple(
        ComboEstimate(
            shape,
            distribution,
            # The middle crossover, not the mean: the guard on the worst combo asks for a median.
            math.exp(float(np.median(by_median[:, i]))),
            *interval(by_median[:, i], calibration.sigma_combo, alpha)[1:],
            **{part: float(values[i]) for part, values in times.items()},
        )
        for i, (shape, distribution) in enumerate(names)
    )
    return Estimate(
        *interval(by_median.mean(axis=1), calibration.sigma, alpha),
        *interval(by_min.mean(axis=1), calibration.sigma, alpha),
        *interval(vs_upstream.mean(axis=1), calibration.sigma, alpha),
        geomean_ns=float(np.exp(np.log(times["candidate_ns"]).mean())),
        d_median=tuple(float(d) for d in by_median.mean(axis=1)),
        d_min=tuple(float(d) for d in by_min.mean(axis=1)),
        clock_gap=float(np.median([r.clock_gap for r in replicas])),
        combos=combos,
    )


def calibrate(replicas: Sequence[Replica]) -> Calibration:
    """Calibration from crossovers of identical kernels.

    The widths of the confidence sequence hold for the true sd; so that a lucky sample does not
    make them too narrow, the upper limit of its chi-square interval is taken.
    """
    from scipy.stats import chi2

    n = len(replicas)
    margin = math.sqrt((n - 1) / chi2.ppf(1 - SIGMA_CONFIDENCE, n - 1))
    forms = [np.array([r.d for r in replicas])[:, i] for i in range(2)]
    sigma = max(margin * max(float(np.std(f, ddof=1)) for f in forms), 5e-4)
    per_combo = np.array([r.by_median for r in replicas])
    sigma_combo = max(margin * float(np.sqrt(np.var(per_combo, axis=0, ddof=1).mean())), sigma)
    times = np.median([r.candidate_ns for r in replicas], axis=0)
    geomean_ns = float(np.exp(np.log(times).mean()))
    return Calibration(sigma, sigma_combo, LEAST_GAIN, 2 * n, geomean_ns)
