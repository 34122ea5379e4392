"""A ledger's trials in order; each one says under the mouse what was tried."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from workbench import ledger
from workbench.explore import axis, svg
from workbench.ledger import Row
from workbench.row import Entry

WIDTH, HEIGHT = 760.0, 220.0
LEFT, RIGHT, TOP, BOTTOM = 56.0, 740.0, 26.0, 172.0
KEPT = ("baseline", "keep")
# Always shown, so that noise does not fill the axis.
LEAST_RANGE = (0.95, 1.02)


def draw(rows: Sequence[Row], host_class: str) -> str:
    """Draw the ratio to upstream of every trial of one host class as SVG.

    Parameters
    ----------
    rows : sequence of Row
        A performance ledger, oldest first.
    host_class : str
        Of this machine; rows of others are counted and not drawn.
    """
    every = ledger.history(rows)
    entries = [e for e in every if e.host_class == host_class and e.status != "revoke"]
    others = len(every) - sum(e.host_class == host_class for e in every)
    said = f"{len(entries)} {'trial' if len(entries) == 1 else 'trials'} on this host class"
    if others:
        said += f"; {others} rows of other host classes are not comparable and not shown"
    if not entries:
        elsewhere = f"; {others} rows are of others" if others else ""
        return f"<p class='soft'>Nothing was tried on this host class yet{elsewhere}.</p>"
    timed = {i: e.ratio_vs_upstream for i, e in enumerate(entries, 1) if e.ratio_vs_upstream}
    low, high = axis.padded(
        min([*timed.values(), LEAST_RANGE[0]]), max([*timed.values(), LEAST_RANGE[1]])
    )
    last = max(len(entries), 4)

    def across(i: float) -> float:
        return LEFT + (RIGHT - LEFT) * (i - 0.5) / last

    def up(ratio: float) -> float:
        return axis.place(ratio, low, high, BOTTOM, TOP)

    parts = _axes(low, high, len(entries), across)
    kept = [(i, timed[i]) for i, e in enumerate(entries, 1) if i in timed and _counts(e)]
    ends = [*kept[1:], (len(entries), kept[-1][1])] if kept else []
    for (i, ratio), (j, following) in zip(kept, ends, strict=True):
        parts.append(svg.line(across(i), up(ratio), across(j), up(ratio), "fast", 1.6))
        parts.append(svg.line(across(j), up(ratio), across(j), up(following), "fast", 1.6))
    for i, entry in enumerate(entries, 1):
        parts.append(_entry(i, entry, across(i), up(timed[i]) if i in timed else TOP - 12))
    parts.append(svg.text(LEFT, HEIGHT - 4, _small_print(said), "soft"))
    return svg.picture(WIDTH, HEIGHT, *parts, label=said)


def _small_print(said: str) -> str:
    return f"y: candidate / upstream time, logarithmic. {said}. Filled: kept; cross: not timed."


def _counts(entry: Entry) -> bool:
    return entry.status in KEPT and not entry.revoked


def _entry(i: int, entry: Entry, x: float, y: float) -> str:
    colour = "slow" if entry.reason in ("slower", "worst-combo", "incorrect", "crash") else "open"
    shape = "dot" if entry.ratio_vs_upstream else "cross"
    drawn = svg.mark(x, y, "fast" if _counts(entry) else colour, shape, hollow=not _counts(entry))
    verdict = entry.status if entry.status == entry.reason else f"{entry.status}: {entry.reason}"
    figures = f", {entry.ratio_vs_upstream:.4f} x upstream" if entry.ratio_vs_upstream else ""
    title = f"#{i} {verdict}{' (revoked)' if entry.revoked else ''}{figures}\n"
    title += f"{entry.description or 'no description'}\n{entry.timestamp}, commit {entry.commit}"
    return svg.group(drawn, title=title)


def _axes(low: float, high: float, count: int, across: Callable[[float], float]) -> list[str]:
    parts = [
        svg.line(LEFT, TOP - 4, LEFT, BOTTOM, "soft"),
        svg.line(LEFT, BOTTOM, RIGHT, BOTTOM, "soft"),
    ]
    ticks = axis.ticks(low, high)
    for tick, words in zip(ticks, axis.spell(ticks), strict=True):
        y = axis.place(tick, low, high, BOTTOM, TOP)
        parts += [
            svg.line(LEFT, y, RIGHT, y, "line"),
            svg.text(LEFT - 8, y + 4, words, "soft num", "end"),
        ]
    step = max(1, -(-count // 12))
    for i in range(1, count + 1, step):
        parts.append(svg.text(across(i), BOTTOM + 15, str(i), "soft num", "middle"))
    parts.append(svg.text(RIGHT, BOTTOM + 32, "trial", "soft", "end"))
    return parts
