"""A sweep as figures: hulls, where recipes lose, and how the cut decides."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
from matplotlib.axes import Axes as Panel
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

from workbench.analysis.axes import Axes
from workbench.analysis.hull import hull
from workbench.publish import style
from workbench.publish.style import Picture

LABELS = {
    "bitrate_kbps": "bitrate, kbps",
    "vmaf_score": "VMAF",
    "elapsed_ns": "ns a request",
    "accuracy": "accuracy",
}
HEAT = LinearSegmentedColormap.from_list("losses", ["white", style.ORANGE, "#8B0000"])
MARKERS = ("o", "s", "^", "D")
CYCLE = (style.BLUE, style.VERMILLION, style.GREEN, style.ORANGE, style.PURPLE, style.SKY)


def hulls(frame: pd.DataFrame, axes: Axes, source: str) -> Picture:
    """Draw the hulls of one source: a panel a rate-control mode, a line a codec."""
    here = frame[frame[axes.source].astype(str) == source]
    first, last = axes.group[0], axes.group[-1]
    modes = sorted(here[last].astype(str).unique())
    codecs = sorted(frame[first].astype(str).unique())
    drawn = Picture(figsize=(style.WIDTH, 3.9), layout="constrained")
    panels = np.atleast_1d(drawn.subplots(1, max(1, len(modes)), sharey=True))
    best = hull(here, axes)
    for panel, mode in zip(panels, modes, strict=True):
        for colour, codec in zip(CYCLE, codecs, strict=False):
            part = best[(best[last].astype(str) == mode) & (best[first].astype(str) == codec)]
            if len(part):
                _draw_hull(panel, part, axes, colour, codec)
        panel.set_title(f"{source}, {mode}", fontsize=10)
        panel.set_xscale("log")
        panel.set_xlabel(spelt(axes.cost), fontsize=9)
        _plain_ticks(panel)
        style.bare(panel)
    panels[0].set_ylabel(spelt(axes.quality))
    handles = {h.get_label(): h for panel in panels for h in panel.get_lines()}
    handles = {name: line for name, line in handles.items() if not str(name).startswith("_")}
    drawn.legend(
        list(handles.values()), list(handles), fontsize=8, loc="outside upper center", ncols=6
    )
    style.caption(
        drawn,
        f"n = {len(here):,} encodes of {source}, of which {len(best)} are on a hull. "
        "Filled: the encoder's default; rings: a recipe.",
    )
    return drawn


def one_slice(frame: pd.DataFrame, axes: Axes, source: str, *group: str) -> Picture:
    """Draw all cells of a slice, and its hull with a mark a recipe."""
    here = frame[frame[axes.source].astype(str) == source]
    for column, value in zip(axes.group, group, strict=True):
        here = here[here[column].astype(str) == value]
    best = hull(here, axes)
    bare = here[here[axes.bare].to_numpy(bool)]
    others = here[~here[axes.bare].to_numpy(bool)]
    drawn = Picture(figsize=(style.WIDTH, 4.6), layout="constrained")
    panel = drawn.subplots()
    panel.plot(others[axes.cost], others[axes.quality], ".", color=style.GREY, label="a recipe")
    panel.plot(bare[axes.cost], bare[axes.quality], "x", color=style.INK, label="the default")
    panel.plot(
        best[axes.cost],
        best[axes.quality],
        "-",
        color=style.GREY,
        linewidth=1,
        label="hull, by recipe:",
    )
    recipes = best.groupby(best[axes.recipe].astype(str), sort=True)
    styles = itertools.product(MARKERS, CYCLE)
    for (name, part), (marker, colour) in zip(recipes, styles, strict=False):
        label = style.shorten(str(name), 30)
        panel.plot(part[axes.cost], part[axes.quality], marker, color=colour, label=label)
    panel.set_xscale("log")
    _plain_ticks(panel)
    panel.set_xlabel(spelt(axes.cost))
    panel.set_ylabel(spelt(axes.quality))
    panel.set_title(" ".join((source, *group)), fontsize=10)
    panel.legend(fontsize=8, loc="lower right")
    style.bare(panel)
    style.caption(drawn, f"n = {len(here)} encodes; {len(best)} on the hull.")
    return drawn


def heat_map(cells: pd.DataFrame, axes: Axes) -> Picture:
    """Draw on how many sources each recipe loses: a panel a codec, recipes by rate control.

    Parameters
    ----------
    cells : DataFrame
        From `structural.classify`.
    """
    first, last = axes.group[0], axes.group[-1]
    codecs = sorted(cells[first].astype(str).unique())
    modes = sorted(cells[last].astype(str).unique())
    sources = int(cells["sources"].iloc[0])
    tables = {codec: _hits(cells[cells[first].astype(str) == codec], axes) for codec in codecs}
    across = min(3, len(codecs))
    down = -(-len(codecs) // across)
    tallest = max(len(table) for table in tables.values())
    size = (style.WIDTH, 0.6 + down * (0.19 * tallest + 0.5))
    drawn = Picture(figsize=size, layout="constrained")
    panels = np.atleast_1d(drawn.subplots(down, across, squeeze=False)).ravel()
    for panel in panels[len(codecs) :]:
        panel.set_axis_off()
    image = None
    for panel, codec in zip(panels, codecs, strict=False):
        table = tables[codec].reindex(columns=modes)
        image = panel.imshow(table.to_numpy(float), vmin=0, vmax=sources, cmap=HEAT, aspect="auto")
        for (i, j), value in np.ndenumerate(table.to_numpy(float)):
            if np.isfinite(value):
                ink = "white" if value > 0.6 * sources else style.INK
                panel.text(j, i, f"{value:.1f}", ha="center", va="center", fontsize=6, color=ink)
        panel.set_xticks(range(len(modes)), modes, fontsize=7)
        panel.set_yticks(range(len(table)), [style.shorten(n, 28) for n in table.index], fontsize=6)
        panel.tick_params(length=0)
        panel.set_title(codec, fontsize=9)
    if image is not None:
        label = f"sources of {sources} that lose"
        drawn.colorbar(image, ax=panels.tolist(), shrink=0.5, label=label)
    style.caption(
        drawn,
        "Mean over a recipe's qualities of the number of sources on which it loses more VMAF "
        "than the tolerance against the default at the same bitrate. Empty: not tried.",
        130,
    )
    return drawn


def sensitivity(table: pd.DataFrame, sources: int) -> Picture:
    """Draw how many cells each cut calls structural, here and where recipes are permuted.

    Parameters
    ----------
    table : DataFrame
        From `structural.sensitivity`.
    sources : int
        Of the corpus.
    """
    drawn = Picture(figsize=(style.WIDTH * 0.7, 3.8), layout="constrained")
    panel = drawn.subplots()
    panel.plot(table["hits"], table["structural"], "o-", color=style.VERMILLION, label="this sweep")
    panel.plot(table["hits"], table["null_mean"], "s--", color=style.GREY, label="recipes permuted")
    panel.fill_between(
        table["hits"], 0, table["null_high"], color=style.PALE, label="95 % of permutations"
    )
    panel.set_xticks(table["hits"], [f"{hits}/{sources}" for hits in table["hits"]])
    panel.set_yscale("symlog", linthresh=1)
    panel.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    panel.set_ylim(0, max(1.0, 1.6 * table[["structural", "null_high"]].to_numpy().max()))
    panel.set_xlabel("a cell is structural when so many sources lose")
    panel.set_ylabel("structural cells")
    panel.legend(fontsize=8)
    style.bare(panel)
    style.caption(
        drawn, "The permuted sweep keeps each source's losses and deals them to other cells.", 100
    )
    return drawn


def spelt(column: str) -> str:
    """An axis' label with its unit."""
    return LABELS.get(column, column)


def _hits(cells: pd.DataFrame, axes: Axes) -> pd.DataFrame:
    names = cells[axes.recipe].astype(str)
    modes = cells[axes.group[-1]].astype(str)
    table = cells["hit"].groupby([names, modes]).mean().unstack()
    return table.loc[table.max(axis=1).sort_values(ascending=False, kind="stable").index]


def _draw_hull(panel: Panel, part: pd.DataFrame, axes: Axes, colour: str, label: str) -> None:
    bare = part[axes.bare].to_numpy(bool)
    panel.plot(part[axes.cost], part[axes.quality], "-", color=colour, linewidth=1, label=label)
    for chosen, fill in ((bare, colour), (~bare, "white")):
        panel.plot(
            part[axes.cost][chosen],
            part[axes.quality][chosen],
            "o",
            color=colour,
            markerfacecolor=fill,
            markersize=4,
        )


def _plain_ticks(panel: Panel) -> None:
    """Plain numbers on a logarithmic axis, some five of them."""
    low, high = panel.get_xlim()
    round_ones = (m * 10**k for k in range(-3, 7) for m in (1, 1.5, 2, 3, 5, 7))
    chosen = [number for number in round_ones if low <= number <= high]
    panel.xaxis.set_major_locator(FixedLocator(chosen[:: max(1, len(chosen) // 5)]))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
