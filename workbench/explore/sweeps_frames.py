"""A closeup as HTML: VMAF by frame, and the frame where a recipe and the default differ most."""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np

from workbench.encoders.closeup import Closeup
from workbench.explore.sweeps_chart import FAINT, INK, LINE, round_ticks
from workbench.explore.sweeps_texts import small

WIDTH, HEIGHT = 960, 190
LEFT, RIGHT, TOP, BOTTOM = 48, 12, 22, 34
RECIPE = "#D55E00"
# What a repeated encode may differ by in print and still be called the same.
PRINTED = 0.005


def by_frame(seen: Closeup) -> str:
    """Both curves as SVG, the chosen frame marked."""
    recipe, bare = np.array(seen.recipe_vmaf), np.array(seen.bare_vmaf)
    low, high = float(min(recipe.min(), bare.min())), float(max(recipe.max(), bare.max()))
    room = 0.05 * (high - low) or 0.5
    low, high = low - room, high + room
    floor, last = HEIGHT - BOTTOM, max(1, len(bare) - 1)

    def x(frame: float) -> float:
        return LEFT + frame / last * (WIDTH - LEFT - RIGHT)

    def y(vmaf: float) -> float:
        return floor - (vmaf - low) / (high - low) * (floor - TOP)

    def line(values: Sequence[float], colour: str, dash: str) -> str:
        corners = " ".join(f"{x(i):.1f},{y(v):.1f}" for i, v in enumerate(values))
        style = f'stroke="{colour}" stroke-width="1.6" stroke-dasharray="{dash}"'
        return f'<polyline points="{corners}" fill="none" {style}/>'

    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" style="max-width:100%;height:auto" '
        f'role="img" aria-label="VMAF by frame" font-size="11" fill="{INK}">'
    ]
    for tick in round_ticks(low, high, 4):
        parts += [
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}" '
            f'stroke="{FAINT}"/>',
            f'<text x="{LEFT - 6}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>',
        ]
    for tick in round_ticks(0, last, 8):
        parts.append(
            f'<text x="{x(tick):.1f}" y="{floor + 14}" text-anchor="middle">{tick:g}</text>'
        )
    mark = x(seen.frame)
    parts += [
        f'<line x1="{mark:.1f}" x2="{mark:.1f}" y1="{TOP}" y2="{floor}" stroke="{INK}"/>',
        line(seen.bare_vmaf, LINE, "none"),
        line(seen.recipe_vmaf, RECIPE, "5 3"),
        f'<text x="4" y="12">VMAF</text><text x="{(LEFT + WIDTH) / 2}" y="{HEIGHT - 4}" '
        'text-anchor="middle">frame</text>',
        f'<line x1="60" x2="84" y1="9" y2="9" stroke="{LINE}" stroke-width="2"/>'
        '<text x="90" y="13">the default</text>'
        f'<line x1="180" x2="204" y1="9" y2="9" stroke="{RECIPE}" stroke-width="2" '
        'stroke-dasharray="5 3"/><text x="210" y="13">the recipe</text>',
        "</svg>",
    ]
    return "".join(parts)


def side_by_side(seen: Closeup, recipe: str) -> str:
    """The frame as it was, as the default has it, and as the recipe has it."""
    frame = seen.frame
    pictures = (
        ("the original", seen.original_png),
        (f"the default, VMAF {seen.bare_vmaf[frame]:.2f}", seen.bare_png),
        (f"{recipe}, VMAF {seen.recipe_vmaf[frame]:.2f}", seen.recipe_png),
    )
    shown = "".join(
        '<figure style="margin:0;flex:1 1 280px;max-width:480px">'
        f'<img alt="{html.escape(name)}" src="data:image/png;base64,{png}" '
        'style="width:100%;image-rendering:pixelated">'
        f'<figcaption style="font-size:12px">{html.escape(name)}</figcaption></figure>'
        for name, png in pictures
    )
    return f'<div style="display:flex;flex-wrap:wrap;gap:8px">{shown}</div>'


def caption(seen: Closeup, recipe_vmaf: float, bare_vmaf: float) -> str:
    """What both curves say, and whether the encodes are the sweep's.

    Parameters
    ----------
    recipe_vmaf, bare_vmaf : float
        Means that the sweep has of both.
    """
    recipe, bare = np.array(seen.recipe_vmaf), np.array(seen.bare_vmaf)
    worse = int((recipe < bare).sum())
    text = (
        f"n = {len(bare)} frames; the recipe is below the default in {worse} of them, "
        f"{recipe.mean() - bare.mean():+.2f} VMAF in the mean. Frame {seen.frame} differs most: "
        f"{recipe[seen.frame] - bare[seen.frame]:+.2f}."
    )
    gaps = (float(recipe.mean()) - recipe_vmaf, float(bare.mean()) - bare_vmaf)
    if max(map(abs, gaps)) < PRINTED:
        return f"{text} Both were encoded again just now, with the sweep's own scores."
    return (
        f"{text} Both were encoded again on this machine, where they score {gaps[0]:+.2f} and "
        f"{gaps[1]:+.2f} from the sweep's rows: an encoder's code depends on the CPU."
    )


def page(seen: Closeup, recipe: str, recipe_vmaf: float, bare_vmaf: float) -> str:
    """All of it."""
    said = small(caption(seen, recipe_vmaf, bare_vmaf))
    return f"{by_frame(seen)}{said}{side_by_side(seen, recipe)}"
