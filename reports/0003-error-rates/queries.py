"""Queries of the digest on error rates: every verdict of a campaign is a line of its data."""

import numpy as np
import pandas as pd

from workbench.digest import Drawing
from workbench.errorrates import campaign, neighbours, neutral, rates, verdicts
from workbench.publish import errorrates

LOOPS, TRIALS, DRAWS = 400, 100, 1000
# Those with a sigma of 0.8 % and more.
NOISY = ("topk_merge", "bitpack")


def found(data):
    """Every verdict."""
    return data.once(_read)


def _read(data):
    return verdicts.read(data.path("."))


def every(data):
    """How many verdicts."""
    return len(found(data))


def minutes(data):
    """What they took."""
    return sum(row.seconds for row in found(data)) / 60


def lines(data):
    """A line a condition and variant, in the order they are listed."""
    return data.once(_lines)


def _lines(data):
    variants = [campaign.IDENTICAL, rates.NEUTRAL, *campaign.SPEEDUPS]
    conditions = list(neighbours.CONDITIONS)
    return sorted(
        rates.table(found(data)),
        key=lambda line: (conditions.index(line.condition), variants.index(line.variant)),
    )


def kept(data, variant, gate="judge", condition=None):
    """How many of a variant a gate keeps, over all conditions or in one, with its interval."""
    asked = [
        getattr(line, gate)
        for line in lines(data)
        if line.variant == variant and condition in (None, line.condition)
    ]
    return rates.rate(sum(one.kept for one in asked), sum(one.verdicts for one in asked))


def beside(data, variant):
    """How many of a variant are kept beside a neighbour of either kind."""
    asked = [
        line.judge for line in lines(data) if line.variant == variant and line.condition != "quiet"
    ]
    return rates.rate(sum(one.kept for one in asked), sum(one.verdicts for one in asked))


def of_kernels(data, variant, noisy, quiet=None):
    """How many of a gain are kept on the steady kernels or on the noisy; quiet, loud or both."""
    rows = [
        row
        for row in found(data)
        if row.variant == variant
        and (row.kernel in NOISY) == noisy
        and quiet in (None, row.condition == "quiet")
    ]
    return rates.rate(sum(row.kept for row in rows), len(rows))


def per_condition(data):
    """Verdicts on identical kernels in each condition."""
    (count,) = {line.judge.verdicts for line in lines(data) if line.variant == campaign.IDENTICAL}
    return count


def most(data, variant, condition=None):
    """The upper end of what is known of a rate that read zero."""
    return kept(data, variant, "judge", condition).high


def seconds(data, which):
    """Least or most seconds of a verdict on identical kernels, by condition."""
    asked = [line.seconds for line in lines(data) if line.variant == campaign.IDENTICAL]
    return {"least": min, "most": max}[which](asked)


def sigmas(data, noisy):
    """The sigmas of the steady or of the noisy kernels, least and most."""
    told = [
        float(np.median([row.sigma for row in found(data) if row.kernel == name]))
        for name in campaign.KERNELS
        if (name in NOISY) == noisy
    ]
    return f"{100 * min(told):.1f} to {100 * max(told):.1f} %"


def drift(data, *kernels):
    """How many times as large as the least sigma of a kernel the most of a session is."""
    told = [[row.sigma for row in found(data) if row.kernel == name] for name in kernels]
    return max(max(each) / min(each) for each in told)


def misses(data):
    """Why a true gain was not kept: reasons, most frequent first."""
    rows = [row for row in found(data) if row.variant in campaign.SPEEDUPS and not row.kept]
    counts = pd.Series([row.reason for row in rows]).value_counts(sort=True)
    table = counts.rename_axis("reason").reset_index(name="verdicts")
    return table.sort_values(["verdicts", "reason"], ascending=[False, True])


def gates(data):
    """Both gates, by condition and variant."""
    rows = [
        (
            line.condition,
            line.variant,
            f"{line.true_ratio:.4f}",
            str(line.judge),
            f"{line.screen.value:.1%}",
            str(line.pooled),
            f"{line.seconds:.1f}",
        )
        for line in lines(data)
    ]
    heads = ("beside", "kernel", "measured ratio", "this judge keeps", "its screen alone")
    return pd.DataFrame(rows, columns=[*heads, "the pooled gate keeps", "s a verdict"])


def kernels(data):
    """What each kernel's calibration and verdicts were."""
    rows = []
    for name in campaign.KERNELS:
        mine = [row for row in found(data) if row.kernel == name]
        rows.append(
            (
                name,
                f"{np.median([row.geomean_ns for row in mine]) / 1e3:,.1f} µs",
                f"{np.median([row.sigma for row in mine]):.2%}",
                _share(mine, [campaign.IDENTICAL]),
                _share(mine, neutral.EDITS),
                *(
                    ", ".join(
                        _share([row for row in mine if row.condition == condition], [variant])
                        for condition in neighbours.CONDITIONS
                    )
                    for variant in ("faster-1%", "faster-2%")
                ),
            )
        )
    around = ", ".join(neighbours.CONDITIONS)
    heads = ("kernel", "a request", "sigma", "identical", "neutral edit")
    return pd.DataFrame(rows, columns=[*heads, f"1 %: {around}", f"2 %: {around}"])


def _share(rows, variants):
    asked = [row.kept for row in rows if row.variant in variants]
    return f"{sum(asked)}/{len(asked)}"


def loops(data):
    """Loops of null trials, resampled."""
    final, screened = rates.long_loops(found(data), TRIALS, LOOPS, np.random.default_rng(1))
    heads = (f"loops of {TRIALS} null trials that keep something", "")
    rows = [("by the screen alone", str(screened)), ("with confirmation and budget", str(final))]
    return pd.DataFrame(rows, columns=heads)


def frontier_table(data):
    """Seconds against power for a gain of 1 %, of all and of the quieter; and false keeps."""
    steady = [row for row in found(data) if row.kernel not in NOISY]
    asked = (
        (found(data), "faster-1%"),
        (steady, "faster-1%"),
        (found(data), campaign.IDENTICAL),
    )
    rng = np.random.default_rng(2)
    curves = [rates.frontier(rows, variant, DRAWS, rng) for rows, variant in asked]
    rows = []
    for (share, most, seconds, kept), (*_, quieter), (*_, false) in zip(*curves, strict=True):
        gains = f"{kept.value:.1%}", f"{quieter.value:.1%}"
        rows.append((share, most, f"{seconds:.1f}", *gains, f"{false.value:.2%}"))
    heads = ("share of the measuring time", "most crossovers", "s", "1 % kept")
    return pd.DataFrame(rows, columns=[*heads, "without topk_merge and bitpack", "identical kept"])


def power(data):
    """Share kept against the true gain."""
    return Drawing(
        errorrates.power(found(data)),
        "Share of verdicts that keep, against the true gain, for both gates",
        "share of verdicts; true gain in per cent",
        f"{every(data):,} verdicts",
        "exact 95 % intervals of a binomial share",
    )


def frontier(data):
    """Share kept against seconds."""
    return Drawing(
        errorrates.frontier(found(data)),
        "Share of a gain of 1 % that is kept, against seconds",
        "share of resampled verdicts; seconds of the screen",
        f"{errorrates.DRAWS} draws a point, from the quiet verdicts",
        "exact 95 % intervals of the draws alone; the table above is of more draws",
    )
