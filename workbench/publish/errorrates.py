"""A campaign as a figure: what both gates keep, and what a second of patience buys."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from workbench.errorrates import rates
from workbench.errorrates.campaign import IDENTICAL, SPEEDUPS
from workbench.errorrates.rates import Line, Rate
from workbench.errorrates.verdicts import Found
from workbench.publish import style
from workbench.publish.style import Picture

CYCLE = (style.SKY, style.ORANGE, style.GREEN, style.BLUE)
GAINS = {IDENTICAL: 0.0, **SPEEDUPS}
DRAWS = 300  # a point of the frontier


def power(found: Sequence[Found]) -> Picture:
    """Draw the share kept against the true gain, for both gates, one panel a condition."""
    lines = rates.table(found)
    conditions = list(dict.fromkeys(line.condition for line in lines))
    drawn = Picture(figsize=(style.WIDTH, 3.6), layout="constrained")
    axes = np.atleast_1d(drawn.subplots(1, len(conditions), sharey=True))
    for place, condition in zip(axes, conditions, strict=True):
        here = [line for line in lines if line.condition == condition]
        _draw_power(place, here)
        place.set_title(condition, fontsize=10)
    axes[0].set_ylabel("share of verdicts that keep the kernel")
    drawn.legend(
        *axes[0].get_legend_handles_labels(), fontsize=8, loc="outside upper center", ncols=2
    )
    total = len(found)
    style.caption(
        drawn,
        f"n = {total:,} verdicts on {len({row.kernel for row in found})} kernels; bars: exact "
        "95 % intervals. Squares: neutral edits. The pooled gate compares separate runs.",
    )
    return drawn


def _draw_power(axes: Axes, lines: Sequence[Line]) -> None:
    known = sorted(
        (line for line in lines if line.variant in GAINS), key=lambda line: GAINS[line.variant]
    )
    places = list(range(len(known)))
    for name, colour, shift in (("judge", style.BLUE, -0.06), ("pooled", style.VERMILLION, 0.06)):
        label = "this judge" if name == "judge" else "pooled gate"
        shares: list[Rate] = [getattr(line, name) for line in known]
        middle = [place + shift for place in places]
        axes.plot(middle, [r.value for r in shares], "o-", color=colour, markersize=4, label=label)
        for at, share in zip(middle, shares, strict=True):
            if share.verdicts:
                axes.vlines(at, share.low, share.high, color=colour)
    for line in lines:
        if line.variant == rates.NEUTRAL:
            axes.plot(-0.25, line.judge.value, "s", color=style.BLUE, markersize=4)
            axes.vlines(-0.25, line.judge.low, line.judge.high, color=style.BLUE)
    axes.set_xticks(places, [f"{100 * GAINS[line.variant]:g} %" for line in known], fontsize=8)
    axes.set_xlabel("true gain", fontsize=9)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_ylim(-0.03, 1.03)
    style.bare(axes)


def table(lines: Sequence[Line]) -> pd.DataFrame:
    """A row a condition and variant: what both gates keep; smaller gains first."""
    variants = [IDENTICAL, rates.NEUTRAL, *SPEEDUPS]
    ordered = sorted(lines, key=lambda line: (line.condition, variants.index(line.variant)))
    return pd.DataFrame(
        {
            "beside": line.condition,
            "kernel": line.variant,
            "true ratio": f"{line.true_ratio:.4f}",
            "this judge keeps": str(line.judge),
            "its screen alone": str(line.screen),
            "the pooled gate keeps": str(line.pooled),
            "seconds": f"{line.seconds:.1f}",
        }
        for line in ordered
    )


def frontier(found: Sequence[Found], variant: str = "faster-1%", seed: int = 0) -> Picture:
    """Draw the share of a known gain that is kept against the seconds of a verdict."""
    points = rates.frontier(found, variant, DRAWS, np.random.default_rng(seed))
    drawn = Picture(figsize=(style.WIDTH * 0.6, 3.4), layout="constrained")
    axes = drawn.subplots()
    shares = list(dict.fromkeys(share for share, *_ in points))
    for share, colour in zip(shares, CYCLE, strict=False):
        line = [(seconds, kept) for s, _, seconds, kept in points if s == share]
        places, values = [seconds for seconds, _ in line], [kept.value for _, kept in line]
        label = f"{100 * float(share):g} %"
        axes.plot(places, values, "o-", color=colour, markersize=4, label=label)
        for place, (_, kept) in zip(places, line, strict=True):
            axes.vlines(place, kept.low, kept.high, color=colour, linewidth=1, alpha=0.5)
    axes.legend(fontsize=8, title="of a pair's measuring time", title_fontsize=8)
    axes.set_xlabel("seconds of the screen, mean")
    axes.set_ylabel(f"share kept, {variant}")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    style.bare(axes)
    quiet = sum(row.condition == "quiet" and row.variant == variant for row in found)
    style.caption(
        drawn,
        f"{DRAWS} draws a point from the crossovers of n = {quiet} quiet verdicts; along a line at "
        "most 2, 4, 8 or 12 of them. Bars: 95 % intervals of the draws alone.",
        100,
    )
    return drawn
