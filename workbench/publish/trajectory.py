"""The trajectory of a ledger: ratio to upstream over the trials of one host class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import MaxNLocator

from workbench import ledger
from workbench.ledger import Entry, Row
from workbench.publish import style
from workbench.publish.forest import forest, height, machine
from workbench.publish.style import Picture
from workbench.record import TrialRecord

# Reason to (marker, colour); what was kept is filled, everything else is hollow.
MARKS = {
    "baseline": ("s", style.INK),
    "faster": ("o", style.BLUE),
    "simpler": ("s", style.BLUE),
    "inconclusive": ("o", style.GREY),
    "slower": ("v", style.VERMILLION),
    "worst-combo": ("D", style.ORANGE),
    "trade-off": ("d", style.PURPLE),
    "allocates": ("P", style.GREEN),
    "over-memory": ("P", style.SKY),
    "call-site": ("^", style.VERMILLION),
    "suspect": ("*", style.PURPLE),
}
OTHER_MARK = ("h", style.GREY)
# A trial without a time is a cross above the axes, in the colour of its reason.
UNTIMED_COLOURS = {
    "incorrect": style.VERMILLION,
    "policy": style.PURPLE,
    "over-budget": style.ORANGE,
    "over-memory": style.SKY,
}
KEPT = ("baseline", "keep")
HEIGHT = 4.4  # inches
# Always shown, so that noise does not fill the axis.
LEAST_RANGE = (0.95, 1.0)
LABEL_WIDTH = 36
# Heights of neighbouring labels differ by at least this share of the axis.
LABEL_STEP = 0.062

Entries = Mapping[int, Entry]


def trajectory(
    rows: Sequence[Row], figure: Figure | SubFigure | None = None, host: str = ""
) -> Figure | SubFigure:
    """Draw the ratio to upstream of every trial of the newest row's host class.

    Parameters
    ----------
    rows : sequence of Row
        A ledger, oldest first.
    figure : Figure or SubFigure, optional
        Where to draw; a new `Picture` otherwise.
    host : str, optional
        The machine's name, for the caption.

    Returns
    -------
    Figure or SubFigure
        What was kept is filled and named at the right, the rest is hollow, and the step line is
        the kernel to beat. Every ratio comes from its own trial, in which upstream ran beside
        the candidate: steps are not multiplied.
    """
    figure = figure or Picture(figsize=(style.WIDTH, HEIGHT), layout="constrained")
    figure.suptitle("Ratio to upstream, trial by trial", fontsize=12, x=0.01, ha="left")
    host_class = rows[-1].host_class if rows else ""
    mine = [e for e in ledger.history(rows) if e.host_class == host_class and e.status != "revoke"]
    entries = dict(enumerate(mine, 1))
    timed = {i: e for i, e in entries.items() if e.ratio_vs_upstream is not None}
    axes = figure.add_subplot()
    ratios = [*LEAST_RANGE, *map(_ratio, timed.values())]
    style.set_ratio_axis(axes, "y", *style.padded(min(ratios), max(ratios)))
    axes.set_xlim(0.4, max(len(entries), 4) + 0.6)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.axhline(1, color=style.INK, linewidth=1, zorder=1)
    _draw_steps(axes, timed, len(entries))
    for reason in dict.fromkeys(e.reason for e in timed.values()):
        _draw_reason(axes, reason, {i: e for i, e in timed.items() if e.reason == reason})
    _draw_untimed(axes, {i: e for i, e in entries.items() if i not in timed})
    _name_kept(axes, {i: e for i, e in timed.items() if _counts(e)})
    axes.set_xlabel("trial", fontsize=9)
    axes.set_ylabel("candidate time / upstream time", fontsize=9)
    style.bare(axes)
    if entries:
        axes.legend(
            loc="upper left", bbox_to_anchor=(-0.06, -0.14), ncols=5, fontsize=8, frameon=False
        )
    others = len(rows) - sum(row.host_class == host_class for row in rows)
    style.caption(figure, _caption(len(entries), host_class, others, host))
    return figure


def trial_picture(record: TrialRecord, rows: Sequence[Row]) -> Picture:
    """One image of a trial and of the ledger it belongs to: `forest` above `trajectory`."""
    heights = [height(record), HEIGHT]
    picture = Picture(figsize=(style.WIDTH, sum(heights)), layout="constrained")
    above, below = picture.subfigures(2, 1, squeeze=False, height_ratios=heights)[:, 0]
    forest(record, above)
    trajectory(rows, below, machine(record.host))
    return picture


def _counts(entry: Entry) -> bool:
    return entry.status in KEPT and not entry.revoked


def _ratio(entry: Entry) -> float:
    """The height of a timed entry."""
    assert entry.ratio_vs_upstream is not None
    return entry.ratio_vs_upstream


def _draw_steps(axes: Axes, timed: Entries, last: int) -> None:
    """The ratio of the kernel to beat, after each trial."""
    steps = [(i, _ratio(e)) for i, e in timed.items() if _counts(e)]
    if steps:
        steps.append((last, steps[-1][1]))
        places, ratios = zip(*steps, strict=True)
        axes.step(places, ratios, where="post", color=style.BLUE, linewidth=1.5, zorder=2)


def _draw_reason(axes: Axes, reason: str, entries: Entries) -> None:
    marker, colour = MARKS.get(reason, OTHER_MARK)
    for counts, face in ((True, colour), (False, "white")):
        some = {i: e for i, e in entries.items() if _counts(e) is counts}
        if some:
            status = next(iter(some.values())).status
            label = reason if reason == status else f"{status}: {reason}"
            axes.plot(
                list(some),
                [_ratio(e) for e in some.values()],
                marker,
                color=colour,
                markerfacecolor=face,
                markersize=7,
                zorder=3,
                label=f"{label} (revoked)" if status in KEPT and not counts else label,
            )


def _draw_untimed(axes: Axes, entries: Entries) -> None:
    """Crosses above the axes: a failure is no number, so it gets no height."""
    for reason in dict.fromkeys(e.reason for e in entries.values()):
        places = [i for i, e in entries.items() if e.reason == reason]
        axes.plot(
            places,
            [1.03] * len(places),
            "x",
            transform=axes.get_xaxis_transform(),
            color=UNTIMED_COLOURS.get(reason, style.INK),
            markersize=7,
            clip_on=False,
            label=f"not timed: {reason}",
        )


def _name_kept(axes: Axes, kept: Entries) -> None:
    """Right of the axes: each kept ratio with its description, kept apart from the others."""
    to_axes = axes.transData + axes.transAxes.inverted()
    wanted = [to_axes.transform((1, _ratio(e)))[1] for e in kept.values()]
    order = sorted(range(len(wanted)), key=lambda k: -wanted[k])
    above = 1.0 + LABEL_STEP
    for rank, k in enumerate(order):
        floor = LABEL_STEP * (len(order) - 1 - rank)  # room for those still to come
        above = max(min(wanted[k], above - LABEL_STEP), floor)
        place, entry = list(kept.items())[k]
        what = style.shorten(entry.description, LABEL_WIDTH) or entry.reason
        axes.annotate(
            f"{_ratio(entry):.3f}  #{place} {what}",
            xy=(place, _ratio(entry)),
            xytext=(1.02, above),
            textcoords="axes fraction",
            va="center",
            fontsize=8,
            color=style.INK,
            zorder=0,
            arrowprops={"arrowstyle": "-", "color": style.PALE, "linewidth": 0.8},
        )


def _caption(trials: int, host_class: str, others: int, host: str) -> str:
    where = f"{host}, host class" if host else "Host class"
    text = f"{where} {host_class[:12]}: {trials} trials."
    text += " Each ratio from its own trial, upstream beside the candidate."
    if others:
        text += f" Not comparable, so not shown: rows of other host classes ({others})."
    return text
