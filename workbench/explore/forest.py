"""The live forest plot: a ratio and its interval for every combo, filling in pair by pair."""

from __future__ import annotations

import math

from workbench.explore import axis, svg
from workbench.explore.standing import CONFIRMATION, Line, Standing

WIDTH, ROW, HEAD, FOOT = 760.0, 22.0, 34.0, 66.0
LEFT, RIGHT = 210.0, 500.0
COLUMNS = (566.0, 652.0, 748.0)
# Intervals reach so far beyond the outermost ratio; what is cut ends in an arrow.
REACH = 1.25


def draw(
    standing: Standing, shape: str = "", distribution: str = "", *, running: bool = False
) -> str:
    """Draw a standing as SVG.

    Parameters
    ----------
    standing : Standing
        After some pairs.
    shape, distribution : str
        The combos that are looked at; the others are faint. Empty means all.
    running : bool
        Whether more pairs are on their way.
    """
    rows = standing.lines
    bottom = HEAD + ROW * (len(rows) + 1.4)
    low, high = _range(standing)

    def at(ratio: float) -> float:
        return axis.place(ratio, low, high, LEFT, RIGHT)

    delta = math.exp(standing.delta)
    raced = any(one.vs_upstream is not None for one in rows)
    heads = ("ratio", "µs a request", "to upstream" if raced else "")
    parts = [
        f'<rect x="{at(1 / delta):.1f}" y="{HEAD - 8:g}" width="{at(delta) - at(1 / delta):.1f}" '
        f'height="{bottom - HEAD + 14:g}" fill="var(--line)"/>',
        svg.line(at(1), HEAD - 8, at(1), bottom + 6, "soft"),
        *(
            svg.text(x, HEAD - 16, head, "soft", "end")
            for x, head in zip(COLUMNS, heads, strict=True)
        ),
    ]
    for i, one in enumerate(rows):
        new_shape = i == 0 or one.shape != rows[i - 1].shape
        faint = (shape not in ("", one.shape)) or (distribution not in ("", one.distribution))
        y = HEAD + ROW * (i + 0.3)
        label = svg.text(0, y + 4, one.shape, "soft") if new_shape else ""
        name = svg.text(LEFT - 12, y + 4, one.distribution, anchor="end")
        parts += [label, svg.group(name, _row(one, y, low, high), faint=faint)]
    y = HEAD + ROW * (len(rows) + 0.9)
    parts.append(svg.line(0, y - ROW / 2 - 1, WIDTH, y - ROW / 2 - 1, "line"))
    parts += [svg.text(0, y + 4, "all combos (D)", "bold"), _row(standing.whole, y, low, high)]
    parts += _axis(low, high, bottom + 12)
    for i, words in enumerate(_small_print(standing, running)):
        parts.append(svg.text(0, bottom + 42 + 15 * i, words, "soft"))
    return svg.picture(WIDTH, bottom + FOOT, *parts, label=sentence(standing))


def sentence(standing: Standing) -> str:
    """How it stands, in words.

    Returns
    -------
    str
        Without a verdict: only the judge has one.
    """
    whole = standing.whole
    said = f"{whole.ratio:.4f} x the incumbent's time"
    if whole.ci_low is not None and whole.ci_high is not None:
        said += f" ({whole.ci_low:.4f} to {whole.ci_high:.4f})"
    if standing.phase == CONFIRMATION:
        said = f"again {said} on other data"
    return f"{said} after {_pairs(standing.pairs)}"


def _pairs(count: int) -> str:
    return "one pair of processes" if count == 1 else f"{count} pairs of processes"


def _range(standing: Standing) -> tuple[float, float]:
    every = (*standing.lines, standing.whole)
    delta = math.exp(standing.delta)
    ratios = [*(one.ratio for one in every), delta, 1 / delta]
    bounds = [b for one in every for b in (one.ci_low, one.ci_high) if b is not None]
    low = max(min([*ratios, *bounds]), min(ratios) / REACH)
    high = min(max([*ratios, *bounds]), max(ratios) * REACH)
    return axis.padded(low, high)


def _row(one: Line, y: float, low: float, high: float) -> str:
    is_whole = not one.shape
    parts = []
    if one.ci_low is not None and one.ci_high is not None:
        colour = "fast" if one.ci_high < 1 else "slow" if one.ci_low > 1 else "open"
        begin, end = (axis.place(b, low, high, LEFT, RIGHT) for b in (one.ci_low, one.ci_high))
        parts.append(svg.line(begin, y, end, y, colour, 2.4))
        for x, cut, way in ((begin, one.ci_low < low, 6), (end, one.ci_high > high, -6)):
            if cut:
                parts.append(
                    f'<path d="M{x + way:.1f} {y - 5:.1f}L{x:.1f} {y:.1f}l{way} 5" fill="none" '
                    f'stroke="var(--{colour})" stroke-width="2"/>'
                )
            else:
                parts.append(svg.line(x, y - 4, x, y + 4, colour, 2))
        waiting = False
    else:
        colour, waiting = "open", True
    x = axis.place(one.ratio, low, high, LEFT, RIGHT)
    shape = "diamond" if is_whole else "dot"
    parts.append(svg.mark(x, y, "ink" if is_whole else colour, shape, hollow=waiting))
    upstream = "" if one.vs_upstream is None else f"{one.vs_upstream:.4f}"
    look = "num bold" if is_whole else "num"
    figures = (f"{one.ratio:.4f}", f"{one.candidate_ns / 1e3:,.1f}", upstream)
    parts += [
        svg.text(x, y + 4, words, look, "end") for x, words in zip(COLUMNS, figures, strict=True)
    ]
    return "".join(parts)


def _axis(low: float, high: float, y: float) -> list[str]:
    parts = [svg.line(LEFT, y - 6, RIGHT, y - 6, "soft")]
    ticks = axis.ticks(low, high)
    for tick, words in zip(ticks, axis.spell(ticks), strict=True):
        x = axis.place(tick, low, high, LEFT, RIGHT)
        parts += [
            svg.line(x, y - 6, x, y - 2, "soft"),
            svg.text(x, y + 9, words, "soft num", "middle"),
        ]
    return parts


def _small_print(standing: Standing, running: bool) -> tuple[str, str]:
    delta = -math.expm1(-standing.delta)
    # A confirmation is stricter than the screen, by how many the ledger has had.
    bars = f"Bars: {100 * (1 - standing.alpha):.4g}% confidence sequences"
    if standing.whole.ci_low is None:
        bars = "Intervals come with the second pair"
    elif standing.provisional:
        bars = "Bars: from this machine's calibration alone, until there are two crossovers"
    more = "; more is on its way" if running else ""
    return (
        "x: candidate / incumbent time, logarithmic; below 1 is faster. "
        f"Band: {delta:.2%}, the smallest change worth keeping.",
        f"{bars}. n = {_pairs(standing.pairs)}{more}.",
    )
