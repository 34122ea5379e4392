"""How much of what the machine allows a kernel uses, with its peers on the same scale."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from workbench.explore import svg
from workbench.explore.standing import Standing
from workbench.scoreboard import Score

WIDTH, HEIGHT, RADIUS = 320.0, 178.0, 112.0
CENTRE = (WIDTH / 2, 146.0)
KERNELS, UPSTREAM = "kernels", "upstream"
NAMES = {KERNELS: "published kernels.py", UPSTREAM: "upstream's algorithm"}
COLOURS = {KERNELS: "soft", UPSTREAM: "ink"}


@dataclass(frozen=True)
class Hand:
    """One contestant.

    Attributes
    ----------
    name : str
        Who.
    share : float
        The least time the machine allows / its time, geometric mean over the chosen combos.
    elapsed_ns : float
        Its time per request, geometric mean.
    """

    name: str
    share: float
    elapsed_ns: float


@dataclass(frozen=True)
class Dial:
    """What the dial shows: the candidate, if it was timed, and the others."""

    candidate: Hand | None
    others: tuple[Hand, ...]
    note: str


def read(
    published: Score | None,
    standing: Standing | None,
    least_ns: Mapping[str, float],
    shape: str = "",
    distribution: str = "",
) -> Dial:
    """Put the race and the scoreboard on one scale.

    Peers were raced beside upstream's algorithm when the scoreboard was made; here they get
    upstream's time of this race times their ratio of that one, so that a busy hour or another
    clock rate does not count for or against them.

    Parameters
    ----------
    published : Score or None
        The target's line of the scoreboard.
    standing : Standing or None
        The race, once there is one.
    least_ns : mapping of str to float
        The limit by shape as measured after this race; the published one is taken before.
    shape, distribution : str
        The combos that are looked at; empty means all.
    """

    def chosen(one_shape: str, one_distribution: str) -> bool:
        return shape in ("", one_shape) and distribution in ("", one_distribution)

    board = {
        (c.shape, c.distribution): c
        for c in (published.combos if published else ())
        if chosen(c.shape, c.distribution)
    }
    lines = {
        (one.shape, one.distribution): one
        for one in (standing.lines if standing else ())
        if chosen(one.shape, one.distribution)
    }
    scale = {
        key: lines[key].candidate_ns / upstream / board[key].elapsed_ns[UPSTREAM]
        for key in board
        if key in lines and (upstream := lines[key].vs_upstream)
    }
    limits = {
        key: least_ns.get(key[0]) or (c.least_ns * scale.get(key, 1.0)) for key, c in board.items()
    }
    limits |= {key: least_ns[key[0]] for key in lines if key[0] in least_ns}
    candidate = None
    if lines and lines.keys() <= limits.keys():
        times = {key: one.candidate_ns for key, one in lines.items()}
        candidate = _hand("this kernel", times, limits)
    names = list(dict.fromkeys(name for c in board.values() for name in c.elapsed_ns))
    others = tuple(
        _hand(
            NAMES.get(name, name),
            {key: c.elapsed_ns[name] * scale.get(key, 1.0) for key, c in board.items()},
            limits,
        )
        for name in names
        if all(name in c.elapsed_ns for c in board.values())
    )
    ordered = tuple(sorted(others, key=lambda hand: -hand.share))
    return Dial(candidate, ordered, _note(published, bool(least_ns)))


def draw(dial: Dial) -> str:
    """Draw the dial as SVG above a table of all hands."""
    x, y = CENTRE
    parts = [_arc(0.0, 1.0, "line", 12)]
    for share in (0, 0.25, 0.5, 0.75, 1):
        a, b = _point(share, RADIUS + 10), _point(share, RADIUS + 24)
        parts += [
            svg.line(*_point(share, RADIUS - 6), *a, "soft"),
            svg.text(b[0], b[1] + 4, f"{share:.0%}", "soft num", "middle"),
        ]
    for hand in dial.others:
        parts.append(
            svg.group(
                svg.line(
                    *_point(hand.share, RADIUS - 12),
                    *_point(hand.share, RADIUS + 6),
                    _colour(hand.name),
                    3.5,
                ),
                title=f"{hand.name}: {hand.share:.0%} of the machine's limit",
            )
        )
    label = "no kernel timed yet"
    if dial.candidate is not None:
        share = dial.candidate.share
        parts.append(_arc(0.0, min(share, 1.0), "fast", 12))
        parts.append(svg.line(x, y, *_point(share, RADIUS - 16), "fast", 3.5))
        label = f"{share:.0%} of what this machine allows"
    parts.append(f'<circle cx="{x:g}" cy="{y:g}" r="5" fill="var(--ink)"/>')
    parts.append(svg.text(x, y + 24, label, "bold num", "middle"))
    picture = svg.picture(WIDTH, HEIGHT, *parts, label=f"roofline: {label}")
    hands = [*((dial.candidate,) if dial.candidate else ()), *dial.others]
    rows = "".join(_table_row(hand) for hand in hands)
    table = (
        "<table><tr><th></th><th>of the limit</th><th>µs a request</th></tr>" + rows + "</table>"
        if rows
        else ""
    )
    return f"{picture}{table}<p class='soft'>{html.escape(dial.note)}</p>"


def _hand(
    name: str, times: Mapping[tuple[str, str], float], limits: Mapping[tuple[str, str], float]
) -> Hand:
    logs = [math.log(ns) for ns in times.values()]
    shares = [math.log(limits[key] / ns) for key, ns in times.items()]
    return Hand(name, math.exp(_mean(shares)), math.exp(_mean(logs)))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _note(published: Score | None, measured: bool) -> str:
    limit = "Limit: least bytes and operations of target.toml at the machine's bandwidth and "
    when = ", measured after the race. " if measured or published is None else ", as published. "
    limit += f"arithmetic{when}"
    if published is None:
        return limit + "No peers: nothing of this target is on the scoreboard."
    day = published.timestamp[:10]
    machine = f"{published.host.get('cpu_model', '?')}, {published.host.get('cores', '?')} cores"
    return (
        f"{limit}Peers: their ratio to upstream on the scoreboard ({day}, {machine}) times "
        "upstream's time in this race. Geometric means over the chosen combos."
    )


def _colour(name: str) -> str:
    by_name = {NAMES[key]: colour for key, colour in COLOURS.items()}
    return "fast" if name == "this kernel" else by_name.get(name, "peer")


def _table_row(hand: Hand) -> str:
    dot = f'<span style="color:var(--{_colour(hand.name)})">&#9632;</span>'
    return (
        f"<tr><td>{dot} {html.escape(hand.name)}</td>"
        f'<td class="right">{hand.share:.0%}</td>'
        f'<td class="right">{hand.elapsed_ns / 1e3:,.1f}</td></tr>'
    )


def _point(share: float, radius: float) -> tuple[float, float]:
    """Where a share lies on the half circle, from the left over the top to the right."""
    angle = math.pi * (1 - min(max(share, 0.0), 1.0))
    return CENTRE[0] + radius * math.cos(angle), CENTRE[1] - radius * math.sin(angle)


def _arc(begin: float, end: float, colour: str, width: float) -> str:
    (x1, y1), (x2, y2) = _point(begin, RADIUS), _point(end, RADIUS)
    return (
        f'<path d="M{x1:.1f} {y1:.1f}A{RADIUS:g} {RADIUS:g} 0 0 1 {x2:.1f} {y2:.1f}" fill="none" '
        f'stroke="var(--{colour})" stroke-width="{width:g}"/>'
    )
