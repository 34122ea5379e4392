"""The forest plot of one trial: a ratio and its interval for every combo, and the whole."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from workbench.publish import style
from workbench.publish.style import Picture
from workbench.record import TrialRecord
from workbench.stats import ALPHA

# An interval wider than this beyond the outermost ratio is cut, and an arrow says so.
MAX_REACH = 1.25
# Where the columns of figures end, in points right of the axes.
COLUMNS = (48, 104, 162)
ROW_INCHES, FRAME_INCHES = 0.27, 1.9


def forest(record: TrialRecord, figure: Figure | SubFigure | None = None) -> Figure | SubFigure:
    """Draw candidate / incumbent time for every combo, with intervals, and D as a diamond.

    Parameters
    ----------
    record : TrialRecord
        Any trial. One without times gives a figure that says so.
    figure : Figure or SubFigure, optional
        Where to draw; a new `Picture` otherwise.

    Returns
    -------
    Figure or SubFigure
        Ratios on a logarithmic axis: below 1 the candidate is faster. A row's colour says
        whether its own interval excludes 1; the verdict is the diamond's alone.
    """
    if not record.combos or record.ratio is None:
        return _nothing_timed(record, figure)
    figure = figure or Picture(figsize=(style.WIDTH, height(record)), layout="constrained")
    axes = figure.add_subplot()
    _set_range(axes, record)
    _draw_reference(axes, record)
    places = _places(record)
    for place, combo in zip(places, record.combos, strict=True):
        _draw_interval(axes, place, combo.ratio, combo.ci_low, combo.ci_high)
        colour = _colour(combo.ci_low, combo.ci_high)
        axes.plot(combo.ratio, place, "o", color=colour, markersize=6, zorder=3)
        _write_figures(axes, place, combo.ratio, combo.candidate_ns, combo.incumbent_ns)
    _draw_whole(axes, record)
    _label_rows(axes, record, places)
    axes.set_xlabel("candidate time / incumbent time  (below 1 is faster)", fontsize=9)
    figure.suptitle(
        f"{record.target}: {record.status} ({record.reason}), "
        f"{record.ratio:.4f} x the incumbent's time",
        fontsize=12,
        x=0.01,
        ha="left",
    )
    style.caption(figure, _caption(record))
    return figure


def height(record: TrialRecord) -> float:
    """How many inches a record's forest needs."""
    return FRAME_INCHES + ROW_INCHES * (len(record.combos) + 2) if record.combos else 0.9


def machine(host: Mapping[str, Any]) -> str:
    """Name a record's machine: CPU model and cores."""
    return f"{host.get('cpu_model', 'unknown CPU')}, {host.get('cores', '?')} cores"


def _nothing_timed(record: TrialRecord, figure: Figure | SubFigure | None) -> Figure | SubFigure:
    figure = figure or Picture(figsize=(style.WIDTH, height(record)))
    text = f"{record.target}: {record.status} ({record.reason}), so nothing was timed"
    figure.text(0.01, 0.5, text, fontsize=12, color=style.VERMILLION, va="center")
    return figure


def _set_range(axes: Axes, record: TrialRecord) -> None:
    """Fit all ratios, 1 and the delta band; intervals as far as `MAX_REACH`."""
    ratios = style.finite([*(c.ratio for c in record.combos), record.ratio])
    delta = math.exp(record.calibration.delta)
    low, high = min(*ratios, 1 / delta), max(*ratios, delta)
    bounds = style.finite([b for c in record.combos for b in (c.ci_low, c.ci_high)])
    low = max(min([low, *bounds]), low / MAX_REACH)
    high = min(max([high, *bounds]), high * MAX_REACH)
    style.set_ratio_axis(axes, "x", *style.padded(low, high))


def _draw_reference(axes: Axes, record: TrialRecord) -> None:
    delta = math.exp(record.calibration.delta)
    axes.axvspan(1 / delta, delta, color=style.PALE, linewidth=0, zorder=0)
    axes.axvline(1, color=style.INK, linewidth=1, zorder=1)


def _places(record: TrialRecord) -> list[float]:
    """Heights of the rows, from above; shapes are set apart by half a row."""
    places: list[float] = []
    for i, combo in enumerate(record.combos):
        new_shape = i > 0 and combo.shape != record.combos[i - 1].shape
        places.append((places[-1] if places else 0.0) - (1.5 if new_shape else 1.0))
    return places


def _draw_interval(axes: Axes, place: float, ratio: float, low: float, high: float) -> None:
    left, right = axes.get_xlim()
    inner, outer = max(low, left), min(high, right)
    colour = _colour(low, high)
    axes.hlines(place, inner, outer, color=colour, linewidth=2.2, zorder=2)
    for end, cut, marker in ((inner, low < left, "<"), (outer, high > right, ">")):
        axes.plot(end, place, marker if cut else "|", color=colour, markersize=6, clip_on=False)


def _colour(low: float, high: float) -> str:
    if high < 1:
        return style.BLUE
    return style.VERMILLION if low > 1 else style.GREY


def _draw_whole(axes: Axes, record: TrialRecord) -> None:
    """D with its confidence sequence, on a row of its own below a line."""
    assert record.ratio is not None
    assert record.ci_low is not None
    assert record.ci_high is not None
    place = _whole_place(record)
    axes.axhline(place + 0.9, color=style.PALE, linewidth=1)
    _draw_interval(axes, place, record.ratio, record.ci_low, record.ci_high)
    axes.plot(record.ratio, place, "D", color=style.INK, markersize=8, zorder=3)
    _write_figures(axes, place, record.ratio, record.geomean_ns, None, weight="bold")


def _whole_place(record: TrialRecord) -> float:
    return _places(record)[-1] - 1.8


def _write_figures(
    axes: Axes,
    place: float,
    ratio: float,
    candidate_ns: float | None,
    incumbent_ns: float | None,
    weight: str = "normal",
) -> None:
    """Right of the axes: the ratio, and both times in microseconds."""
    times = ["" if ns is None else f"{ns / 1e3:,.1f}" for ns in (candidate_ns, incumbent_ns)]
    for column, text in zip(COLUMNS, (f"{ratio:.4f}", *times), strict=True):
        _write_right(axes, place, column, text, fontweight=weight)


def _write_right(axes: Axes, place: float, column: int, text: str, **style_of: Any) -> None:
    """Right-aligned text that ends ``column`` points to the right of the axes."""
    axes.annotate(
        text,
        xy=(1, place),
        xycoords=axes.get_yaxis_transform(),
        xytext=(column, 0),
        textcoords="offset points",
        **{"ha": "right", "va": "center", "fontsize": 9, "color": style.INK, **style_of},
    )


def _label_rows(axes: Axes, record: TrialRecord, places: list[float]) -> None:
    labels = []
    for i, combo in enumerate(record.combos):
        first = i == 0 or combo.shape != record.combos[i - 1].shape
        labels.append(f"{combo.shape}   {combo.distribution}" if first else combo.distribution)
    whole = _whole_place(record)
    axes.set_yticks([*places, whole], [*labels, "all combos (D)"])
    axes.get_yticklabels()[-1].set_fontweight("bold")
    axes.set_ylim(whole - 0.8, 0)
    axes.tick_params(axis="y", length=0)
    style.bare(axes)
    axes.spines["left"].set_visible(False)
    heads = ("ratio", "candidate\nµs", "incumbent\nµs")
    for column, text in zip(COLUMNS, heads, strict=True):
        _write_right(axes, 0.1, column, text, va="bottom", fontsize=8, color=style.GREY)


def _caption(record: TrialRecord) -> str:
    delta = -math.expm1(-record.calibration.delta)
    # Before decision 0012 a pair was a sample of its own; only then can their number be odd.
    sample = "those pairs" if record.processes % 2 else "crossovers of two"
    return (
        f"{machine(record.host)}. n = {record.processes} pairs of fresh processes. "
        f"Bars: {1 - ALPHA:.0%} confidence sequences over {sample}, valid where the trial "
        f"stopped. Grey band: changes below delta = {delta:.2%}, which are never kept as "
        f"faster. Times: medians per request; the last row's is the geometric mean. "
        f"Raced against: {record.incumbent.origin} {record.incumbent.commit or ''}".rstrip()
        + f". Record {record.id}."
    )
