"""One slice as SVG: bitrate against VMAF, every point a button that says what it is."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from workbench.analysis.axes import ENCODER
from workbench.analysis.structural import CONTENT, STRUCTURAL
from workbench.explore.sweeps_slices import BARE, PLACE, Row, records
from workbench.explore.sweeps_texts import attribute

WIDTH, HEIGHT = 640, 400
LEFT, RIGHT, TOP, BOTTOM = 48, 12, 34, 40
# More points hide each other, and a page of 10,000 is slow. Hull and regressions are drawn first.
MOST_POINTS = 1000
INK, FAINT = "var(--jp-ui-font-color1, #222)", "var(--jp-border-color2, #ddd)"
# Okabe and Ito's palette; told apart by shape as well.
COLOURS = {STRUCTURAL: "#D55E00", CONTENT: "#E69F00", BARE: INK}
OTHER, LINE = "#56B4E9", "#009E73"
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
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" style="max-width:100%;height:auto" '
        f'role="group" aria-label="bitrate against VMAF" font-size="11" fill="{INK}">',
        *_grid(here, across, up),
        f'<polyline points="{corners}" fill="none" stroke="{LINE}" stroke-width="1.5"/>',
        *(_point(row, across, up, tip) for row in records(drawn)),
        *_legend(),
        "</svg>",
    ]
    return "".join(parts)


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


def round_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers between two, evenly spaced.

    Examples
    --------
    >>> round_ticks(71, 98)
    [75.0, 80.0, 85.0, 90.0, 95.0]
    """
    raw = max((high - low) / most, 1e-9)
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(m * size for m in (1, 2, 5, 10) if m * size >= raw)
    return [round(k * step, 9) for k in range(math.ceil(low / step), math.floor(high / step) + 1)]


def log_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers between two, for a logarithmic axis.

    Examples
    --------
    >>> log_ticks(60, 420)
    [70.0, 100.0, 150.0, 200.0, 300.0]
    """
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found = [m * 10.0**k for k in powers for m in (1, 1.5, 2, 3, 5, 7)]
    inside = [number for number in found if low <= number <= high]
    return inside[:: max(1, math.ceil(len(inside) / most))]


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
    for tick in log_ticks(cost.min() * 0.97, cost.max() * 1.03):
        x = across(tick)
        parts += [
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{floor}" stroke="{FAINT}"/>',
            f'<text x="{x:.1f}" y="{floor + 15}" text-anchor="middle">{tick:g}</text>',
        ]
    for tick in round_ticks(quality.min(), quality.max()):
        y = up(tick)
        parts += [
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{FAINT}"/>',
            f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>',
        ]
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts += [
        f'<text x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">bitrate, kbps (logarithmic)'
        "</text>",
        f'<text x="4" y="{TOP - 8}">VMAF</text>',
    ]
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
        f'<circle class="ring" r="9" fill="transparent" stroke="{INK}" stroke-width="2" '
        'stroke-opacity="0"/>' + _shape(verdict, colour, is_full=bool(row["on_hull"])) + "</g>"
    )


def _shape(verdict: str, colour: str, *, is_full: bool) -> str:
    fill = colour if is_full and verdict != BARE else "none"
    return (
        f'<path d="{SHAPES.get(verdict, ROUND)}" fill="{fill}" stroke="{colour}" '
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
        parts.append(f'<text x="{x + 10}" y="16">{name}</text>')
        x += 28 + round(5.6 * len(name))
    parts.append(f'<line x1="{x - 6}" x2="{x + 10}" y1="12" y2="12" stroke="{LINE}"/>')
    parts.append(f'<text x="{x + 14}" y="16">hull (filled)</text>')
    return parts
