"""One slice as SVG: bitrate against VMAF, every point a button that says what it is."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from workbench.analysis.axes import ENCODER
from workbench.analysis.structural import CONTENT, STRUCTURAL
from workbench.explore import axis, svg
from workbench.explore.sweeps_slices import BARE, PLACE, Row, records
from workbench.explore.sweeps_texts import attribute

WIDTH, HEIGHT = 640, 400
LEFT, RIGHT, TOP, BOTTOM = 48, 12, 34, 40
# More points hide each other, and a page of 10,000 is slow. Hull and regressions are drawn first.
MOST_POINTS = 1000
# Names of `svg.STYLE`'s colours; told apart by shape as well.
COLOURS = {STRUCTURAL: "slow", CONTENT: "peer", BARE: "ink"}
OTHER, HULL = "fast", "limit"
SHAPES = {
    STRUCTURAL: "M0,-6 L6,0 L0,6 L-6,0 Z",
    CONTENT: "M0,-5.5 L5.5,4.5 L-5.5,4.5 Z",
    BARE: "M-4,-4 L4,4 M-4,4 L4,-4",
}
ROUND = "M-4,0 A4,4 0 1,0 4,0 A4,4 0 1,0 -4,0 Z"
Tip = Callable[[Row], str]


def chart(here: pd.DataFrame, tip: Tip) -> str:
    """Draw a slice.

    Parameters
    ----------
    here : DataFrame
        From `Explored.slice`.
    tip : callable
        What a row says when it is pointed at.
    """
    drawn = thinned(here)
    across, up = _scales(here)
    best = here[here["on_hull"]].sort_values(ENCODER.cost)
    corners = " ".join(
        f"{across(c):.1f},{up(q):.1f}"
        for c, q in zip(best[ENCODER.cost], best[ENCODER.quality], strict=True)
    )
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" style="max-width:{WIDTH}px" '
        'role="group" aria-label="bitrate against VMAF">',
        *_grid(here, across, up),
        f'<polyline points="{corners}" fill="none" stroke="var(--{HULL})" stroke-width="1.5"/>',
        *(_point(row, across, up, tip) for row in records(drawn)),
        *_legend(),
        "</svg>",
    ]
    return svg.page("".join(parts))


def caption(here: pd.DataFrame) -> str:
    """How many points there are of what, in a sentence or two."""
    verdicts = here.loc[here["is_regression"], "verdict"].value_counts()
    text = (
        f"n = {len(here):,} encodes, {int(here['on_hull'].sum())} on the hull; "
        f"{int(here['is_regression'].sum())} regress here: {int(verdicts.get(STRUCTURAL, 0))} of a "
        f"structural cell, {int(verdicts.get(CONTENT, 0))} of a content-dependent one."
    )
    if len(here) > MOST_POINTS:
        text += f" {MOST_POINTS:,} of them are drawn: the hull, regressions, and others evenly."
    return text


def thinned(here: pd.DataFrame) -> pd.DataFrame:
    """At most `MOST_POINTS` rows: the hull, regressions, and others evenly; worse ones on top."""
    first = here["on_hull"] | here["is_regression"] | here[ENCODER.bare]
    ranked = pd.concat([here[first], here[~first].sort_values(ENCODER.cost)])
    if len(ranked) > MOST_POINTS:
        kept = min(int(first.sum()), MOST_POINTS // 2)
        others = np.linspace(kept, len(ranked) - 1, MOST_POINTS - kept).astype(int)
        ranked = ranked.iloc[[*range(kept), *others]]
    return ranked.sort_values("is_regression", kind="stable")


def _scales(here: pd.DataFrame) -> tuple[Callable[[float], float], Callable[[float], float]]:
    """From kbps and VMAF to places in the picture."""
    logs = np.log(here[ENCODER.cost].to_numpy(float))
    vmaf = here[ENCODER.quality].to_numpy(float)
    x0, x1 = _padded(logs)
    y0, y1 = _padded(vmaf)
    return (
        lambda cost: LEFT + (math.log(cost) - x0) / (x1 - x0) * (WIDTH - LEFT - RIGHT),
        lambda quality: HEIGHT - BOTTOM - (quality - y0) / (y1 - y0) * (HEIGHT - TOP - BOTTOM),
    )


def _padded(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    room = 0.05 * (high - low) or 0.5
    return low - room, high + room


def _grid(
    here: pd.DataFrame, across: Callable[[float], float], up: Callable[[float], float]
) -> Sequence[str]:
    cost, quality = here[ENCODER.cost], here[ENCODER.quality]
    floor = HEIGHT - BOTTOM
    parts = []
    for tick in axis.log_ticks(cost.min() * 0.97, cost.max() * 1.03):
        x = across(tick)
        parts.append(svg.line(x, TOP, x, floor, "line"))
        parts.append(svg.text(x, floor + 15, f"{tick:g}", "soft num", "middle"))
    for tick in axis.round_ticks(quality.min(), quality.max()):
        y = up(tick)
        parts.append(svg.line(LEFT, y, WIDTH - RIGHT, y, "line"))
        parts.append(svg.text(LEFT - 6, y + 4, f"{tick:g}", "soft num", "end"))
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(svg.text(middle, HEIGHT - 6, "bitrate, kbps (logarithmic)", "soft", "middle"))
    parts.append(svg.text(4, TOP - 8, "VMAF", "soft"))
    return parts


def _point(
    row: Row, across: Callable[[float], float], up: Callable[[float], float], tip: Tip
) -> str:
    verdict = row["verdict"] if row[ENCODER.bare] or row["is_regression"] else "clean"
    colour = COLOURS.get(verdict, OTHER)
    place = f"translate({across(row[ENCODER.cost]):.1f},{up(row[ENCODER.quality]):.1f})"
    return (
        f'<g data-key="{row[PLACE]}" data-tip="{attribute(tip(row))}" transform="{place}" '
        f'aria-label="{html.escape(str(row[ENCODER.recipe]))}">'
        '<circle class="ring" r="9" fill="transparent" stroke="var(--ink)" stroke-width="2" '
        'stroke-opacity="0"/>' + _shape(verdict, colour, is_full=bool(row["on_hull"])) + "</g>"
    )


def _shape(verdict: str, colour: str, *, is_full: bool) -> str:
    fill = f"var(--{colour})" if is_full and verdict != BARE else "none"
    return (
        f'<path d="{SHAPES.get(verdict, ROUND)}" fill="{fill}" stroke="var(--{colour})" '
        'stroke-width="1.6"/>'
    )


def _legend() -> Sequence[str]:
    names = {
        BARE: "the default",
        "clean": "a recipe",
        STRUCTURAL: "regresses, structural",
        CONTENT: "regresses, content-dependent",
    }
    x, parts = 60, []
    for verdict, name in names.items():
        shape = _shape(verdict, COLOURS.get(verdict, OTHER), is_full=False)
        parts.append(f'<g transform="translate({x},12)">{shape}</g>')
        parts.append(svg.text(x + 10, 16, name, "soft"))
        x += 28 + round(5.6 * len(name))
    parts.append(svg.line(x - 6, 12, x + 10, 12, HULL, 1.5))
    parts.append(svg.text(x + 14, 16, "hull (filled)", "soft"))
    return parts
