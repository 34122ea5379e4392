"""What a notebook's figure means, in sentences whose numbers come from the same data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.analysis.axes import Axes
from workbench.analysis.structural import STRUCTURAL, Cut
from workbench.scoreboard import Score

if TYPE_CHECKING:
    from workbench.errorrates.rates import Line

SHOWN_RECIPES = 4


def hulls(frame: pd.DataFrame, axes: Axes, best: pd.DataFrame) -> str:
    """How much of the hulls is the default, beside how much of the cells is."""
    slices = frame[list(axes.slice)].drop_duplicates()
    of_cells, of_hull = (float(part[axes.bare].mean()) for part in (frame, best))
    return (
        f"{len(frame):,} cells in {len(slices)} slices; {len(best):,} of them "
        f"({len(best) / len(frame):.0%}) are on the hull of their slice. The default makes up "
        f"{of_cells:.0%} of the cells and {of_hull:.0%} of the hulls."
    )


def members(best: pd.DataFrame, axes: Axes) -> pd.DataFrame:
    """The recipes that make up most of each group's hulls, with their share of its members."""
    keys = list(axes.group)
    made = best.groupby([*keys, axes.recipe], observed=True).size().rename("members").reset_index()
    made["share"] = made["members"] / made.groupby(keys, observed=True)["members"].transform("sum")
    order = [*keys, "share", axes.recipe]
    made = made.sort_values(order, ascending=[True] * len(keys) + [False, True])
    shown = made.groupby(keys, observed=True).head(SHOWN_RECIPES).reset_index(drop=True)
    return shown.assign(share=shown["share"].map("{:.0%}".format))


def by_chance(table: pd.DataFrame, cut: Cut, sources: int) -> str:
    """How many of the cells that a cut calls structural chance would call so too.

    Parameters
    ----------
    table : DataFrame
        From `structural.sensitivity`.
    """
    at = cut.sources(sources)
    (row,) = table[table["hits"] == at].to_dict("records")
    found, null, high = row["structural"], row["null_mean"], row["null_high"]
    share = f", {null / found:.0%} of them" if found else ""
    strictest = table.iloc[-1]
    return (
        f"At {at} of {sources} sources {found:g} cells are structural; with recipes permuted "
        f"{null:.1f} are on average{share}, and {high:.1f} in one permutation of twenty. On all "
        f"{sources} it is {strictest['structural']:g} and {strictest['null_mean']:.1f}."
    )


def what_is_left(counts: pd.DataFrame) -> str:
    """How many structural cells would stay under the strictest cut of a table of cuts."""
    first, last = counts["structural"].max(), counts["structural"].min()
    return (
        f"Between the loosest and the strictest of these cuts {first} cells become {last}: a "
        "number of structural cells means nothing without its cut."
    )


def evidence_of(cells: pd.DataFrame, found: pd.DataFrame) -> str:
    """How many recipes have a structural cell, and how many of them stand.

    Parameters
    ----------
    cells : DataFrame
        From `structural.classify`.
    found : DataFrame
        From `evidence.evidence`.
    """
    structural = int((cells["verdict"] == STRUCTURAL).sum())
    return (
        f"{structural} of {len(cells):,} cells are structural, of {len(found)} recipes in a group; "
        f"{int(found['stands'].sum())} of these stand."
    )


def standing(found: pd.DataFrame, axes: Axes) -> pd.DataFrame:
    """The recipes that stand, in the columns that a page has room for.

    Parameters
    ----------
    found : DataFrame
        From `evidence.evidence`.
    """
    left = found[found["stands"]]
    of = zip(left["structural"], left["cells"], strict=True)
    dearer = zip(left["rates_lost"], left["rates"], strict=True)
    columns: dict[str, Any] = {
        **{name: left[name].astype(str) for name in (*axes.group, axes.recipe)},
        "structural": [f"{some} of {every}" for some, every in of],
        "at equal cost": left["at_equal_cost"],
        "mean loss": left["mean_delta"].map("{:+.2f}".format),
        "adjusted p": left["p_adjusted"].map("{:.3f}".format),
        "delta rate": left["rate_median"].map("{:+.1f} %".format),
        "dearer on": [f"{some} of {every}" for some, every in dearer],
    }
    return pd.DataFrame(columns)


def error_rates(lines: Sequence[Line], identical: str) -> str:
    """How often the judge and the pooled gate keep a kernel that is no faster."""
    return "\n".join(
        f"- {line.condition}, {line.variant}: this judge keeps {line.judge}, the pooled gate "
        f"{line.pooled}."
        for line in lines
        if line.variant == identical
    )


def scores(lines: Sequence[Score]) -> str:
    """How many kernels beat what, in a paragraph."""
    faster = [line for line in lines if line.vs_upstream.ci_high < 1]
    peers = [line for line in lines if line.best_peer]
    beaten = [line for line in peers if line.vs_peers[line.best_peer or ""].ci_high < 1]
    shares = sorted(line.roofline_share for line in lines)
    worse = [line.target for line in lines if line.vs_upstream.worst > 1]
    text = (
        f"{len(faster)} of {len(lines)} kernels are faster than upstream's algorithm (the whole "
        f"interval below 1), {len(beaten)} of {len(peers)} than their best peer. The "
        f"least time that the machine each was measured on allows is {100 * shares[0]:.2g} % to "
        f"{100 * shares[-1]:.2g} % of theirs."
    )
    return f"{text} Slower than upstream on their worst combo: {', '.join(worse) or 'none'}."
