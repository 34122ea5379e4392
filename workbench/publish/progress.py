"""How searches went: the running best of each ledger, and what an improvement cost."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from workbench.analysis.samples import Share
from workbench.attempts import Search
from workbench.publish import style
from workbench.publish.style import Picture

ACROSS, PANEL_INCHES, FRAME_INCHES = 5, 1.45, 0.9


def running_best(searches: Sequence[Search]) -> Picture:
    """Draw every attempt's ratio to upstream, or score, and the best so far: a panel a ledger."""
    down = max(1, -(-len(searches) // ACROSS))
    size = (style.WIDTH, FRAME_INCHES + PANEL_INCHES * down)
    drawn = Picture(figsize=size, layout="constrained")
    panels = drawn.subplots(down, ACROSS, squeeze=False).ravel()
    for panel in panels[len(searches) :]:
        panel.set_axis_off()
    seen = style.finite(v for search in searches if not search.is_scored for v in search.values)
    shown = style.padded(min([*seen, 1.0]), max([*seen, 1.0]), 0.08)
    for place, (panel, search) in enumerate(zip(panels, searches, strict=False)):
        _draw(panel, search)
        if search.is_scored:
            panel.margins(y=0.15)
            panel.set_ylabel(f"score, {search.unit}", fontsize=7)
        else:  # one axis for all, labelled where it begins
            style.set_ratio_axis(panel, "y", *shown)
            is_first = place % ACROSS == 0 or searches[place - 1].is_scored
            panel.tick_params(labelleft=is_first)
            panel.set_ylabel("time / upstream's" if is_first else "", fontsize=7)
        panel.set_title(search.name, fontsize=8)
        panel.tick_params(labelsize=7)
    handles, labels = panels[0].get_legend_handles_labels()
    drawn.legend(handles, labels, fontsize=8, loc="outside upper center", ncols=5)
    attempts = sum(search.progress.kept.of for search in searches)
    style.caption(
        drawn,
        f"Horizontally the row of the ledger. n = {attempts} trials in {len(searches)} ledgers, of "
        "each the newest row's host class; a ratio comes of its own trial, in which upstream ran "
        "beside the candidate. Trials without a time or score (a crash, a refusal) have no mark.",
        130,
    )
    return drawn


def table(searches: Sequence[Search]) -> pd.DataFrame:
    """A row a ledger: trials, keeps with their 95 % interval, what a keep cost, the level."""
    return pd.DataFrame(
        {
            "ledger": search.name,
            "trials": found.kept.of,
            "kept": found.kept.hits,
            "keep rate": spelt(found.kept),
            "trials a keep": _median(found.gaps),
            "seconds a keep": "not noted" if search.is_scored else _seconds(found.seconds_a_keep),
            "best": f"{search.best[-1]:.3f}" if len(search.best) else "n/a",
            "level reached": _level(search),
        }
        for search in searches
        for found in [search.progress]
    )


def spelt(share: Share) -> str:
    """A share with its interval.

    Examples
    --------
    >>> spelt(Share(8, 15))
    '53% (27 to 79)'
    """
    if not share.of:
        return "n/a"
    low, high = share.interval
    return f"{share.value:.0%} ({100 * low:.0f} to {100 * high:.0f})"


def summary(searches: Sequence[Search]) -> str:
    """What all ledgers say together, in a paragraph."""
    every = Share(
        sum(search.progress.kept.hits for search in searches),
        sum(search.progress.kept.of for search in searches),
    )
    seconds = sum(search.progress.seconds for search in searches)
    noted = sum(search.progress.noted for search in searches)
    these = "" if noted == every.of else f", {noted} of which"
    took = f"{these} took {seconds / 60:.0f} minutes" if noted else ""
    levels = [search for search in searches if search.progress.plateau]
    reached = [search.name for search in levels if search.progress.plateau.is_reached]  # type: ignore[union-attr]
    kept = sum(search.progress.kept.hits for search in searches if not search.is_scored)
    cost = f", {seconds / kept:.0f} s a keep" if kept and noted else ""
    return (
        f"{every.of} trials in {len(searches)} ledgers{took}; "
        f"{every.hits} were kept, {spelt(every)}{cost}. "
        + (
            f"A plateau is reached in {len(reached)} of {len(levels)}: {', '.join(reached)}."
            if reached
            else f"None of {len(levels)} has held its level long enough to be called a plateau."
        )
    )


def _draw(panel: Axes, search: Search) -> None:
    score = np.array(search.values)
    places = np.arange(1, len(score) + 1)
    kept = np.array([e.status == "keep" and not e.revoked for e in search.entries], bool)
    start = np.array([e.status == "baseline" for e in search.entries], bool)
    upstream = 0 if search.is_scored else 1
    panel.axhline(upstream, color=style.PALE, linewidth=0.8, zorder=0)
    panel.step(places, search.best, where="post", color=style.BLUE, lw=1.3, label="best so far")
    for which, marker, colour, fill, label in (
        (~kept & ~start, "o", style.GREY, "none", "not kept"),
        (kept, "o", style.BLUE, style.BLUE, "kept"),
        (start, "s", style.INK, style.INK, "baseline"),
    ):
        panel.plot(
            places[which],
            score[which],
            marker,
            color=colour,
            markerfacecolor=fill,
            markersize=3,
            label=label,
        )
    found = search.progress.plateau
    at = found.attempt + 1 if found and found.is_reached else math.nan
    panel.axvline(at, color=style.VERMILLION, lw=1, ls="--", label="plateau begins")
    panel.set_xlim(0.4, max(len(score), 4) + 0.6)
    style.bare(panel)


def _median(gaps: Sequence[int]) -> str:
    return f"{np.median(gaps):g}" if gaps else "none kept"


def _seconds(value: float) -> str:
    return f"{value:.0f}" if math.isfinite(value) else "none kept"


def _level(search: Search) -> str:
    found = search.progress.plateau
    if found is None:
        return "n/a"
    held = "a plateau" if found.is_reached else "open"
    spent = "" if search.is_scored else f" after {found.seconds:.0f} s"
    after = f"in row {found.attempt + 1}{spent}"
    return f"{after}, {found.since} trials since: {held}"
