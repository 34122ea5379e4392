"""What the explorer of a sweep says: of a point, of a chosen recipe, of all that lose."""

from __future__ import annotations

import html
import math

import pandas as pd

from workbench.analysis.axes import ENCODER
from workbench.analysis.structural import ABSTAINED, CONTENT, STRUCTURAL
from workbench.encoders.advice import cell_of, command_lines
from workbench.errors import Usage
from workbench.explore import svg
from workbench.explore.sweeps_slices import BARE, PLACE, Row, records

# A list is for reading; what does not fit is counted.
MOST_LISTED = 200


def figures(row: Row) -> str:
    """A point's figures in one line."""
    return (
        f"{row[ENCODER.cost]:,.1f} kbps, VMAF {row[ENCODER.quality]:.2f}, "
        f"{row[ENCODER.tiebreak]:,.0f} ms to encode"
    )


def setting(row: Row) -> str:
    """Where a recipe was tried."""
    return f"preset {row['preset']}, quality {row['quality']:g}"


def verdict(row: Row) -> str:
    """What the row says here, and its cell over all sources."""
    if row["verdict"] == BARE:
        return "the encoder's default, which recipes are held against"
    here = (
        f"{row['delta']:+.2f} VMAF here against the default at the same bitrate"
        if math.isfinite(row["delta"])
        else "no default within 5 % of its bitrate here: it abstains"
    )
    return f"{here}; {over_sources(row)}"


def over_sources(row: Row) -> str:
    """A cell's verdict with its count."""
    if row["verdict"] == ABSTAINED:
        return f"abstains on all {row['sources']:.0f} sources"
    counted = f"loses on {row['hit']:.0f} of {row['sources']:.0f} sources"
    if row["matched"] < row["sources"]:
        counted += f" ({row['matched']:.0f} could be matched)"
    if row["verdict"] not in (STRUCTURAL, CONTENT):
        return counted
    stays = ", whichever source is left out" if row["is_stable"] else ""
    return f"{counted}: {row['verdict']}{stays}"


def commands(row: Row) -> list[str]:
    """The exact command lines, or why there are none: a row of a file may say anything."""
    try:
        return command_lines(cell_of(row), f"{row[ENCODER.source]}.y4m")
    except Usage as error:
        return [f"(no command line: {error})"]


def tip(row: Row) -> str:
    """What a point says when it is pointed at."""
    head = f"{row[ENCODER.recipe]}  ({setting(row)})"
    return "\n".join([head, figures(row), verdict(row), "", *commands(row)])


def attribute(text: str) -> str:
    """A text as the value of an attribute, its lines kept."""
    return html.escape(text).replace("\n", "&#10;")


def detail(row: Row, bare: Row | None) -> str:
    """A chosen row as HTML."""
    lines = [
        f"<b>{html.escape(str(row[ENCODER.recipe]))}</b> ({html.escape(setting(row))})",
        html.escape(figures(row)),
    ]
    if bare is not None:
        lines.append(f"held against the default at quality {bare['quality']:g}: {figures(bare)}")
    lines.append(html.escape(verdict(row)))
    code = html.escape("\n".join(commands(row)))
    return svg.page(f"{'<br>'.join(lines)}<pre class='wrapped'>{code}</pre>")


def losing(rows: pd.DataFrame) -> str:
    """The rows of `Explored.losing` as an HTML table of buttons."""
    if rows.empty:
        return "<i>Nothing loses here.</i>"
    heads = ("recipe", "preset", "quality", "over all sources", "mean VMAF", "VMAF here")
    lines = [
        f'<tr data-key="{row[PLACE]}" data-tip="{attribute(tip(row))}">'
        + "".join(f"<td>{c}</td>" for c in _cells(row))
        + "</tr>"
        for row in records(rows.head(MOST_LISTED))
    ]
    head = "".join(f"<th>{name}</th>" for name in heads)
    more = f"<i>{len(rows) - MOST_LISTED:,} more</i>" if len(rows) > MOST_LISTED else ""
    return svg.page(f"<table class='wrapped'><tr>{head}</tr>{''.join(lines)}</table>{more}")


def _cells(row: Row) -> list[str]:
    here = f"{row['delta']:+.2f}" if math.isfinite(row["delta"]) else "abstains"
    spelt = (row[ENCODER.recipe], row["preset"], f"{row['quality']:g}")
    counted = f"{row['hit']:.0f} of {row['sources']:.0f}, {row['verdict']}"
    return [html.escape(str(v)) for v in (*spelt, counted, f"{row['mean_delta']:+.2f}", here)]
