"""How a race stands after some pairs of processes: what the live picture draws."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench import stats
from workbench.record import TrialRecord
from workbench.stats import ALPHA, Calibration, Replica

SCREEN, CONFIRMATION = "screen", "confirmation"


@dataclass(frozen=True)
class Line:
    """One combo, or all of them: candidate / incumbent, below 1 is faster.

    Attributes
    ----------
    shape, distribution : str
        Both are empty for the whole.
    ratio : float
        Candidate time / incumbent time.
    ci_low, ci_high : float or None
        None as long as one pair of processes is all there is.
    candidate_ns : float
        Per request.
    vs_upstream : float or None
        Candidate time / upstream time; None where upstream was not raced.
    """

    shape: str
    distribution: str
    ratio: float
    ci_low: float | None
    ci_high: float | None
    candidate_ns: float
    vs_upstream: float | None


@dataclass(frozen=True)
class Standing:
    """What is known so far.

    Attributes
    ----------
    phase : str
        ``screen``, or ``confirmation`` when a keep is raced once more.
    pairs : int
        Of fresh processes.
    lines : tuple of Line
        One a combo.
    whole : Line
        D: all combos with equal weight.
    delta : float
        Smallest change worth keeping (log ratio).
    alpha : float
        Two-sided error rate of the intervals.
    provisional : bool
        Whether the intervals rest on this machine's calibration alone: one crossover has no
        spread of its own, and no verdict falls on it.
    """

    phase: str
    pairs: int
    lines: tuple[Line, ...]
    whole: Line
    delta: float
    alpha: float
    provisional: bool

    def as_json(self) -> dict[str, Any]:
        """Plain values, for a pipe."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Standing:
        """What `as_json` gave."""
        lines = tuple(Line(**line) for line in values["lines"])
        return cls(**{**values, "lines": lines, "whole": Line(**values["whole"])})


def after(
    pairs: Sequence[Replica],
    names: Sequence[tuple[str, str]],
    calibration: Calibration,
    alpha: float = ALPHA,
    phase: str = SCREEN,
) -> Standing:
    """Sum up the pairs so far with the judge's own arithmetic.

    Parameters
    ----------
    pairs : sequence of Replica
        One a pair of processes; two of them make a crossover, an odd last one waits.
    names : sequence of (str, str)
        Shape and distribution of each combo.
    calibration : Calibration
        Of this machine.
    alpha : float
        Two-sided error rate.
    phase : str
        ``screen`` or ``confirmation``.
    """
    ends = range(1, len(pairs), 2)
    crossovers = [stats.crossed(pairs[i - 1], pairs[i]) for i in ends]
    found = stats.estimate(crossovers or pairs[:1], names, calibration, alpha)
    provisional = len(crossovers) == 1

    def bounds(ratio: float, low: float, high: float, sigma: float) -> dict[str, float | None]:
        if not crossovers:
            return {"ci_low": None, "ci_high": None}
        if provisional:
            width = stats.width_after(1, sigma, alpha)
            low, high = ratio * math.exp(-width), ratio * math.exp(width)
        return {"ci_low": low, "ci_high": high}

    sigma, sigma_combo = calibration.sigma, calibration.sigma_combo
    lines = tuple(
        Line(
            shape=c.shape,
            distribution=c.distribution,
            ratio=c.ratio,
            candidate_ns=c.candidate_ns,
            vs_upstream=_finite(c.candidate_ns / c.upstream_ns),
            **bounds(c.ratio, c.ci_low, c.ci_high, sigma_combo),
        )
        for c in found.combos
    )
    whole = Line(
        shape="",
        distribution="",
        ratio=found.ratio,
        candidate_ns=found.geomean_ns,
        vs_upstream=_finite(found.ratio_vs_upstream),
        **bounds(found.ratio, found.ci_low, found.ci_high, sigma),
    )
    return Standing(phase, len(pairs), lines, whole, calibration.delta, alpha, provisional)


def careful(calibration: Calibration, pair: Replica) -> Calibration:
    """What the judge rests on for a kernel this fast, as in `comparison.run_duel`."""
    return calibration.for_kernel(float(np.exp(np.log(pair.incumbent_ns).mean())))


def of_record(record: TrialRecord) -> Standing | None:
    """How a trial stood when its verdict fell; None if nothing was timed."""
    if not record.combos or record.ratio is None or record.geomean_ns is None:
        return None
    lines = tuple(
        Line(
            c.shape,
            c.distribution,
            c.ratio,
            c.ci_low,
            c.ci_high,
            c.candidate_ns,
            _finite(c.candidate_ns / c.upstream_ns),
        )
        for c in record.combos
    )
    whole = Line(
        "",
        "",
        record.ratio,
        record.ci_low,
        record.ci_high,
        record.geomean_ns,
        record.ratio_vs_upstream,
    )
    delta = record.calibration.delta
    return Standing(SCREEN, record.processes, lines, whole, delta, ALPHA, provisional=False)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
