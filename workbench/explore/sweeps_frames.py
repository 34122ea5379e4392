"""A closeup as HTML: VMAF by frame, and the frame where a recipe and the default differ most."""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np

from workbench.encoders.closeup import Closeup
from workbench.explore import axis, svg, texts

WIDTH, HEIGHT = 960, 190
LEFT, RIGHT, TOP, BOTTOM = 48, 12, 22, 34
RECIPE, BARE, DASH = "slow", "limit", "5 3"
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

    def curve(values: Sequence[float], colour: str, dash: str = "none") -> str:
        corners = " ".join(f"{x(i):.1f},{y(v):.1f}" for i, v in enumerate(values))
        return (
            f'<polyline points="{corners}" fill="none" stroke="var(--{colour})" '
            f'stroke-width="1.6" stroke-dasharray="{dash}"/>'
        )

    def key(at: float, colour: str, words: str, dash: str = "none") -> str:
        sample = f"M{at:g} 9h24"
        return (
            f'<path d="{sample}" stroke="var(--{colour})" stroke-width="2" '
            f'stroke-dasharray="{dash}"/>' + svg.text(at + 30, 13, words, "soft")
        )

    parts = []
    for tick in axis.round_ticks(low, high, 4):
        parts.append(svg.line(LEFT, y(tick), WIDTH - RIGHT, y(tick), "line"))
        parts.append(svg.text(LEFT - 6, y(tick) + 4, f"{tick:g}", "soft num", "end"))
    parts += [
        svg.text(x(tick), floor + 14, f"{tick:g}", "soft num", "middle")
        for tick in axis.round_ticks(0, last, 8)
    ]
    mark = x(seen.frame)
    parts += [
        svg.line(mark, TOP, mark, floor, "ink"),
        curve(seen.bare_vmaf, BARE),
        curve(seen.recipe_vmaf, RECIPE, DASH),
        svg.text(4, 12, "VMAF", "soft"),
        svg.text((LEFT + WIDTH) / 2, HEIGHT - 4, "frame", "soft", "middle"),
        key(60, BARE, "the default"),
        key(180, RECIPE, "the recipe", DASH),
    ]
    return svg.picture(WIDTH, HEIGHT, *parts, label="VMAF by frame")


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
        f'<figcaption class="soft">{html.escape(name)}</figcaption></figure>'
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
    said = texts.said(caption(seen, recipe_vmaf, bare_vmaf), "soft")
    return svg.page(f"{by_frame(seen)}{said}{side_by_side(seen, recipe)}")
