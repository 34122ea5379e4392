"""Rates of a campaign: how often each gate keeps what, with exact binomial intervals."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench import contest, gate, patience, stats
from workbench.errorrates import neutral, pooled
from workbench.errorrates.verdicts import Found
from workbench.stats import Calibration, Estimate

CONFIDENCE = 0.95
NEUTRAL = "neutral edit"


@dataclass(frozen=True)
class Rate:
    """How many of some verdicts kept the candidate.

    ``low`` and ``high`` are the exact (Clopper-Pearson) 95 % interval.
    """

    kept: int
    verdicts: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """Share kept."""
        return self.kept / self.verdicts if self.verdicts else math.nan

    def __str__(self) -> str:
        if not self.verdicts:
            return "none yet"
        return (
            f"{self.kept} of {self.verdicts} ({self.value:.1%}; {self.low:.1%} to {self.high:.1%})"
        )


@dataclass(frozen=True)
class Line:
    """One condition and variant.

    Attributes
    ----------
    condition, variant : str
        All neutral edits are one variant here.
    judge : Rate
        Of this judge's final verdicts.
    screen : Rate
        Of its screen alone.
    pooled : Rate
        Of the pooled gate, on the candidate's run and the incumbent's run before it.
    true_ratio : float
        exp of the mean D of all crossovers.
    seconds : float
        Median wall time of a verdict.
    """

    condition: str
    variant: str
    judge: Rate
    screen: Rate
    pooled: Rate
    true_ratio: float
    seconds: float


def rate(kept: int, verdicts: int) -> Rate:
    """Count with its interval.

    Examples
    --------
    >>> rate(0, 600).high < 0.0062
    True
    """
    if verdicts == 0:
        return Rate(0, 0, 0.0, 1.0)
    from scipy.stats import binomtest

    found = binomtest(kept, verdicts).proportion_ci(CONFIDENCE)
    return Rate(kept, verdicts, float(found.low), float(found.high))


def table(found: Sequence[Found]) -> list[Line]:
    """One line a condition and variant, in the order they are first met."""
    places = list(dict.fromkeys((row.condition, spell(row.variant)) for row in found))
    return [line([r for r in found if (r.condition, spell(r.variant)) == p]) for p in places]


def spell(variant: str) -> str:
    """Neutral edits are told apart in the file, and counted together."""
    return NEUTRAL if variant in neutral.EDITS else variant


def line(rows: Sequence[Found]) -> Line:
    """Sum up the verdicts of one condition and variant."""
    pairs = [pair for name in {row.kernel for row in rows} for pair in neighbouring(rows, name)]
    kept = sum(pooled.keeps(run.candidate_pooled, before.incumbent_pooled) for before, run in pairs)
    every_d = np.concatenate([row.d_median for row in rows])
    return Line(
        condition=rows[0].condition,
        variant=spell(rows[0].variant),
        judge=rate(sum(row.kept for row in rows), len(rows)),
        screen=rate(sum(row.screened for row in rows), len(rows)),
        pooled=rate(kept, len(pairs)),
        true_ratio=float(np.exp(every_d.mean())),
        seconds=float(np.median([row.seconds for row in rows])),
    )


def neighbouring(rows: Sequence[Found], kernel: str) -> list[tuple[Found, Found]]:
    """A verdict's run and the one of the same kernel before it: two separate runs."""
    same = [row for row in rows if row.kernel == kernel]
    return list(itertools.pairwise(same))


def decide(
    forms: NDArray[np.float64], calibration: Calibration, alpha: float = stats.ALPHA
) -> tuple[bool, int]:
    """What the gate makes of crossovers: (kept, how many it looked at).

    Parameters
    ----------
    forms : ndarray of float, shape (crossovers, 2)
        D of each, in both forms.
    """
    for n in range(stats.MIN_CROSSOVERS, len(forms) + 1):
        by_median, by_min = forms[:n].T
        found = Estimate(
            *stats.interval(by_median, calibration.sigma, alpha),
            *stats.interval(by_min, calibration.sigma, alpha),
            *(math.nan,) * 4,
            d_median=tuple(by_median),
            d_min=tuple(by_min),
            clock_gap=0.0,
            combos=(),
        )
        if patience.settled(found, calibration, simpler=False, most=len(forms)):
            return gate.is_faster(found, calibration), n
    return False, len(forms)


def long_loops(
    found: Iterable[Found], trials: int, loops: int, rng: np.random.Generator
) -> tuple[Rate, Rate]:
    """Resample loops of null trials: how many keep something (final, by the screen alone).

    Each trial draws a kernel and condition, then crossovers of its identical verdicts, with
    replacement; the confirmation spends what the loop's budget allows.
    """
    pools: dict[tuple[str, str], list[tuple[float, float]]] = {}
    known: dict[tuple[str, str], Calibration] = {}
    for row in found:
        if row.variant == "identical":
            place = row.kernel, row.condition
            pools.setdefault(place, []).extend(zip(row.d_median, row.d_min, strict=True))
            known[place] = Calibration(row.sigma, row.sigma, row.delta, 1, 1.0)
    places = list(pools)
    forms = {place: np.array(pool) for place, pool in pools.items()}
    final = screened = 0
    for _ in range(loops):
        confirmations, kept = 0, False
        for _ in range(trials):
            place = places[int(rng.integers(len(places)))]
            draws = rng.integers(len(forms[place]), size=(2, stats.MAX_CROSSOVERS))
            if not decide(forms[place][draws[0]], known[place])[0]:
                continue
            alpha = stats.share_of_budget(confirmations)
            confirmations += 1
            kept |= decide(forms[place][draws[1]], known[place], alpha)[0]
        final += kept
        screened += confirmations > 0
    return rate(final, loops), rate(screened, loops)


def frontier(
    found: Sequence[Found], variant: str, draws: int, rng: np.random.Generator
) -> list[tuple[str, int, float, Rate]]:
    """Seconds against power: (share of the measuring time, most crossovers, seconds, rate kept).

    Resamples the crossovers of each kernel's quiet verdicts of one variant, measured for a part
    of the time, and stops after fewer or more of them.
    """
    lines = []
    rows = [row for row in found if row.condition == "quiet" and row.variant == variant]
    kernels = sorted({row.kernel for row in rows})
    shares: list[str] = [*sorted({key for row in rows for key in row.shorter}), "1"]
    for share in shares:
        pools = {name: _pool([r for r in rows if r.kernel == name], share) for name in kernels}
        for most in (2, 4, 8, 12):
            kept, seconds = 0, []
            for _ in range(draws):
                name = kernels[int(rng.integers(len(kernels)))]
                forms, calibration, each_seconds = pools[name]
                drawn = forms[rng.integers(len(forms), size=most)]
                keeps, used = decide(drawn, calibration)
                kept += keeps
                seconds.append(used * each_seconds)
            lines.append((share, most, float(np.mean(seconds)), rate(kept, draws)))
    return lines


def _pool(rows: Sequence[Found], share: str) -> tuple[NDArray[np.float64], Calibration, float]:
    """All crossovers of a kernel, its calibration, and what one would have taken."""
    crossovers: list[Sequence[float]] = []
    for row in rows:
        whole = zip(row.d_median, row.d_min, strict=True)
        crossovers += [*whole] if share == "1" else row.shorter[share]
    saved_seconds = (1 - float(share)) * 2 * contest.MEASURE_SECONDS
    seconds = float(np.median([row.crossover_seconds for row in rows])) - saved_seconds
    calibration = Calibration(rows[-1].sigma, rows[-1].sigma, rows[-1].delta, 1, 1.0)
    return np.array(crossovers), calibration, seconds
