"""A trial that is judged by a score: the gap of every cell, and the ledger's scores."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from workbench import ledger
from workbench.ledger import ScoreRow
from workbench.publish import style
from workbench.publish.style import Picture
from workbench.record import TrialRecord

ROW_INCHES, FRAME_INCHES, UNNAMED_INCHES, HEIGHT = 0.22, 1.6, 6.0, 3.6
# More cells than these are drawn as their sorted gaps, without names.
NAMED = 60
MARKS = {
    "baseline": ("s", style.INK),
    "better": ("o", style.BLUE),
    "simpler": ("s", style.BLUE),
    "no-better": ("v", style.VERMILLION),
}


def gaps(record: TrialRecord) -> Figure:
    """Draw the gap of each cell, in dB: right of 0 the kernel sounds better than upstream."""
    score = record.score
    if score is None:
        picture = Picture(figsize=(style.WIDTH, 0.9))
        text = f"{record.target}: {record.status} ({record.reason}), so nothing was scored"
        picture.text(0.01, 0.5, text, fontsize=12, color=style.VERMILLION, va="center")
        return picture
    cells = sorted(score.cells.items(), key=lambda cell: cell[1])
    inches = FRAME_INCHES + ROW_INCHES * len(cells) if len(cells) <= NAMED else UNNAMED_INCHES
    picture = Picture(figsize=(style.WIDTH, inches), layout="constrained")
    picture.suptitle(f"{record.target}: quality beside upstream's", fontsize=12, x=0.01, ha="left")
    axes = picture.add_subplot()
    values, places = [gap for _, gap in cells], range(len(cells))
    axes.axvline(0, color=style.INK, linewidth=1)
    axes.hlines(places, 0, values, color=style.PALE, linewidth=2, zorder=1)
    colours = [style.BLUE if gap >= 0 else style.VERMILLION for gap in values]
    axes.scatter(values, places, c=colours, s=18, zorder=2, clip_on=False)
    if len(cells) <= NAMED:
        axes.set_yticks(places, [name for name, _ in cells])
    else:
        axes.set_yticks([])
        axes.set_ylabel(f"{len(cells)} cells, the worst below", fontsize=9)
    axes.set_ylim(-0.8, len(cells) - 0.2)
    axes.set_xlabel("quality of the kernel - quality of upstream, dB", fontsize=9)
    style.bare(axes)
    transition = score.transition_snr_db
    around = "" if transition is None else f", {transition:.2f} dB around changes of the stream"
    if score.features:
        around += f"; {len(score.open_features)} of {score.features} features open"
    style.caption(
        picture,
        f"{len(cells)} cells, the same in every trial; mean {score.mean_gap_db:+.3g} dB, least "
        f"{score.min_gap_db:+.3g} dB{around}. Focus {record.focus}: score {score.value:.6g}.",
    )
    return picture


def scores(rows: Sequence[ScoreRow]) -> Picture:
    """Draw the score of every trial of the newest row's host class; higher is better."""
    picture = Picture(figsize=(style.WIDTH, HEIGHT), layout="constrained")
    picture.suptitle("Score, trial by trial", fontsize=12, x=0.01, ha="left")
    host_class = rows[-1].host_class if rows else ""
    mine = [e for e in ledger.history(rows) if e.host_class == host_class and e.status != "revoke"]
    axes = picture.add_subplot()
    best: list[tuple[int, float]] = []
    for place, entry in enumerate(mine, 1):
        if entry.score is None:
            axes.plot(place, 0.96, "x", color=style.GREY, transform=axes.get_xaxis_transform())
            continue
        kept = entry.status in ("baseline", "keep") and not entry.revoked
        marker, colour = MARKS.get(entry.reason, ("h", style.GREY))
        face = colour if kept else "white"
        axes.plot(place, entry.score, marker, color=colour, markerfacecolor=face)
        if kept:
            best.append((place, entry.score))
            words = style.shorten(entry.description or entry.status, 36)
            axes.annotate(
                words, (place, entry.score), (4, 5), fontsize=7, textcoords="offset points"
            )
    if best:
        places = [*(place for place, _ in best), len(mine) + 0.5]
        heights = [*(score for _, score in best), best[-1][1]]
        axes.step(places, heights, where="post", color=style.BLUE, linewidth=1, zorder=1)
    axes.set_xlim(0.4, max(len(mine), 4) + 1.6)
    axes.margins(y=0.15)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("trial", fontsize=9)
    axes.set_ylabel("score", fontsize=9)
    style.bare(axes)
    style.caption(
        picture,
        f"{len(mine)} trials on host class {host_class}; filled: kept, and the step is the score "
        "to beat; hollow: not kept; x: no score. Scores of one host class are of one battery.",
    )
    return picture
