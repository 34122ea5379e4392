"""A kernel at its call site, as a figure: the query's ratio, the kernel's share, what was asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.axes import Axes

from workbench.publish import style
from workbench.publish.forest import machine
from workbench.publish.style import Picture

if TYPE_CHECKING:
    from workbench.transfer import CallSiteRecord, Histogram

CASE_INCHES, HISTOGRAM_INCHES, FRAME_INCHES = 0.34, 2.1, 1.7


def figure(found: CallSiteRecord) -> Picture:
    """Draw the race in the query above the histograms of what the caller asked."""
    rows = -(-len(found.asked) // 2)
    heights = [FRAME_INCHES + CASE_INCHES * len(found.cases), *[HISTOGRAM_INCHES] * rows]
    drawn = Picture(figsize=(style.WIDTH, sum(heights)), layout="constrained")
    grid = drawn.add_gridspec(1 + rows, 2, height_ratios=heights)
    ratios = drawn.add_subplot(grid[0, 0])
    _draw_ratios(ratios, found)
    _draw_shares(drawn.add_subplot(grid[0, 1], sharey=ratios), found)
    for i, histogram in enumerate(found.asked):
        _draw_histogram(drawn.add_subplot(grid[1 + i // 2, i % 2]), histogram)
    drawn.suptitle(f"{found.target} in the query: {found.transfer}", fontsize=12, x=0.01, ha="left")
    style.caption(
        drawn,
        f"{machine(found.host)}. n = {found.processes} pairs of fresh processes, bars 98 % "
        f"confidence. Query with {found.kernel_sha256[:12]} against {found.incumbent}. Shares: "
        "cycle counter around each call, less an empty bracket, over the plain query's time.",
    )
    return drawn


def _names(found: CallSiteRecord) -> list[str]:
    return [f"{case.shape}  {case.distribution}" for case in found.cases]


def _draw_ratios(axes: Axes, found: CallSiteRecord) -> None:
    places = range(len(found.cases), 0, -1)
    bounds = [1.0]
    for place, case in zip(places, found.cases, strict=True):
        colour = style.BLUE if case.ci_high < 1 else style.GREY
        colour = style.VERMILLION if case.ci_low > 1 else colour
        axes.hlines(place, case.ci_low, case.ci_high, color=colour, linewidth=2.2)
        axes.plot(case.ratio, place, "o", color=colour, markersize=6)
        bounds += [case.ci_low, case.ci_high]
    if found.ratio is not None and found.ci_low is not None and found.ci_high is not None:
        axes.hlines(0, found.ci_low, found.ci_high, color=style.INK, linewidth=2.2)
        axes.plot(found.ratio, 0, "D", color=style.INK, markersize=7)
        bounds += [found.ci_low, found.ci_high]
    axes.axvline(1, color=style.INK, linewidth=1)
    style.set_ratio_axis(axes, "x", *style.padded(min(bounds) * 0.999, max(bounds) * 1.001))
    axes.set_yticks([*places, 0], [*_names(found), "all queries"])
    axes.set_ylim(-0.7, len(found.cases) + 0.7)
    axes.set_xlabel("query with the kernel / query with the incumbent", fontsize=9)
    style.bare(axes)


def _draw_shares(axes: Axes, found: CallSiteRecord) -> None:
    """Bars: how much of the query's time the kernel is, before and after."""
    for place, case in zip(range(len(found.cases), 0, -1), found.cases, strict=True):
        pair = ((case.incumbent_share, style.GREY, 0.18), (case.candidate_share, style.BLUE, -0.18))
        for share, colour, shift in pair:
            axes.barh(place + shift, share, height=0.32, color=colour)
            axes.annotate(
                f"{share:.1%}",
                (share, place + shift),
                xytext=(3, 0),
                textcoords="offset points",
                fontsize=7,
                va="center",
            )
    axes.set_xlim(0, 1.12)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_xlabel("kernel's share of the query (grey: the incumbent's)", fontsize=9)
    axes.tick_params(axis="y", labelleft=False, length=0)
    style.bare(axes)


def _draw_histogram(axes: Axes, histogram: Histogram) -> None:
    labels = [
        str(start) if stop - start == 1 else f"{start}-{stop - 1}"
        for start, stop in zip(histogram.starts, histogram.starts[1:], strict=False)
    ]
    doubling = len(histogram.starts) > 2 and histogram.starts[-1] - histogram.starts[-2] > 1
    labels.append(f"{histogram.starts[-1]}+" if doubling else str(histogram.starts[-1]))
    total = max(sum(histogram.counts), 1)
    places = range(len(labels))
    axes.bar(places, [count / total for count in histogram.counts], color=style.SKY, width=0.85)
    step = -(-len(labels) // 12)
    axes.set_xticks(list(places)[::step], labels[::step], fontsize=7, rotation=30, ha="right")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_xlabel(f"{histogram.label}  (n = {total:,})", fontsize=9)
    axes.set_ylabel("share", fontsize=8)
    style.bare(axes)
