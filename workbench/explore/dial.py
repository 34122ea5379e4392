"""How much of what the machine allows a kernel uses, with its peers on the same scale."""

from __future__ import annotations

import html
import math

from workbench.explore import svg
from workbench.explore.shares import CANDIDATE, KERNELS, UPSTREAM, Hand, Shares

WIDTH, HEIGHT, RADIUS = 320.0, 178.0, 112.0
CENTRE = (WIDTH / 2, 146.0)
COLOURS = {CANDIDATE: "fast", KERNELS: "soft", UPSTREAM: "ink"}


def draw(shares: Shares) -> str:
    """Draw the dial as SVG above a table of all hands."""
    x, y = CENTRE
    parts = [_arc(0.0, 1.0, "line", 12)]
    for share in (0, 0.25, 0.5, 0.75, 1):
        a, b = _point(share, RADIUS + 10), _point(share, RADIUS + 24)
        parts += [
            svg.line(*_point(share, RADIUS - 6), *a, "soft"),
            svg.text(b[0], b[1] + 4, f"{share:.0%}", "soft num", "middle"),
        ]
    for hand in shares.others:
        parts.append(
            svg.group(
                svg.line(
                    *_point(hand.share, RADIUS - 12),
                    *_point(hand.share, RADIUS + 6),
                    COLOURS.get(hand.name, "peer"),
                    3.5,
                ),
                title=f"{hand.name}: {hand.share:.0%} of the machine's limit",
            )
        )
    label = "the limit comes after the race" if shares.is_timed else "no kernel timed yet"
    if shares.candidate is not None:
        share = shares.candidate.share
        parts.append(_arc(0.0, min(share, 1.0), "fast", 12))
        parts.append(svg.line(x, y, *_point(share, RADIUS - 16), "fast", 3.5))
        label = f"{share:.0%} of what this machine allows"
    parts.append(f'<circle cx="{x:g}" cy="{y:g}" r="5" fill="var(--ink)"/>')
    parts.append(svg.text(x, y + 24, label, "bold num", "middle"))
    picture = svg.picture(WIDTH, HEIGHT, *parts, label=f"roofline: {label}")
    hands = [*((shares.candidate,) if shares.candidate else ()), *shares.others]
    rows = "".join(_table_row(hand) for hand in hands)
    table = (
        "<table><tr><th></th><th>of the limit</th><th>µs a request</th></tr>" + rows + "</table>"
        if rows
        else ""
    )
    return f"{picture}{table}<p class='soft'>{html.escape(shares.note)}</p>"


def _table_row(hand: Hand) -> str:
    dot = f'<span style="color:var(--{COLOURS.get(hand.name, "peer")})">&#9632;</span>'
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
