"""The scoreboard as a page and as a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from workbench.errors import Usage
from workbench.nearest import nearest
from workbench.publish import style
from workbench.publish.forest import machine
from workbench.publish.style import Picture
from workbench.scoreboard import MIN_ROUNDS, SLOW, Ratio, Score

ROW_INCHES, FRAME_INCHES = 0.34, 1.5


def figure(scores: Sequence[Score]) -> Picture:
    """Draw every contestant's time relative to upstream's, one row a target."""
    size = (style.WIDTH, FRAME_INCHES + ROW_INCHES * max(len(scores), 1))
    drawn = Picture(figsize=size, layout="constrained")
    axes = drawn.add_subplot()
    axes.set_xscale("log")
    axes.axvline(1, color=style.INK, linewidth=1, zorder=1)
    for place, line in enumerate(reversed(scores)):
        kernel = line.vs_upstream
        axes.axhline(place, color=style.PALE, linewidth=0.6, zorder=0)
        for name, ratio in line.vs_peers.items():
            relative = kernel.ratio / ratio.ratio
            axes.plot(relative, place, "s", color=style.ORANGE, markersize=5, zorder=2)
            if name == line.best_peer:
                axes.annotate(
                    name,
                    (relative, place),
                    xytext=(0, 5),
                    textcoords="offset points",
                    fontsize=7,
                    color=style.GREY,
                    ha="center",
                    bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.4},
                )
        limit = kernel.ratio * line.roofline_share
        axes.plot(limit, place, "|", color=style.GREEN, markersize=11, markeredgewidth=2, zorder=2)
        axes.hlines(place, kernel.ci_low, kernel.ci_high, color=style.BLUE, linewidth=2.2)
        axes.plot(kernel.ratio, place, "o", color=style.BLUE, markersize=7, zorder=3)
    axes.set_yticks(range(len(scores)), [line.target for line in reversed(scores)])
    axes.set_ylim(-0.7, max(len(scores), 1) - 0.2)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlabel("time / upstream's time  (logarithmic; left is faster)", fontsize=9)
    style.bare(axes)
    for marker, colour, label in (
        ("o", style.BLUE, "kernels.py"),
        ("s", style.ORANGE, "peers (the best is named)"),
        ("|", style.GREEN, "the machine's limit"),
    ):
        axes.plot([], [], marker, color=colour, label=label)
    drawn.legend(loc="outside upper right", fontsize=8, frameon=False, ncols=3)
    if scores:
        style.caption(drawn, caption(scores))
    return drawn


def chosen(published: Mapping[str, Score], names: Sequence[str] = ()) -> list[Score]:
    """Some published lines, or all.

    Raises
    ------
    Usage
        If one was not published.
    """
    for name in names:
        if name not in published:
            raise Usage(f"{name} is not on the scoreboard; {nearest(name, published)}")
    return [published[name] for name in names or published]


def caption(scores: Sequence[Score]) -> str:
    """Small print: machine, sample, what the marks mean."""
    # They began to be left out when the processor began to be noted.
    fewer = (
        f"Where the processor is named, a peer that took {SLOW:g} times upstream's time had the "
        f"first {MIN_ROUNDS} rounds only. "
        if any(line.cpu for line in scores)
        else ""
    )
    machines = sorted({_machine(line) for line in scores})
    processes = sorted({line.processes for line in scores})
    return (
        f"{'; '.join(machines)}. Geometric means over each target's combos; all contestants of a "
        f"target in one process, in turn, on the same new requests; "
        f"{'/'.join(map(str, processes))} processes a target, bars: 98 % confidence over them. "
        f"{fewer}Limit: least bytes and operations of target.toml at the bandwidth and arithmetic "
        "measured in the same processes."
    )


def page(scores: Sequence[Score]) -> str:
    """Write the table as a Markdown page."""
    lines = [
        "# Scoreboard",
        "",
        "Written by `workbench scoreboard`, which measures it all again. Ratios are kernel time /",
        "the other's time, below 1 the kernel is faster; ranges are 98 % confidence intervals over",
        "fresh processes. Roofline: the least time that the machine each was measured on allows /",
        "the kernel's time.",
        "",
        "![Every contestant relative to upstream](scoreboard.png)",
        "",
        "| target | kernel | to upstream | worst combo | best peer | to best peer | worst combo "
        "| roofline |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for line in scores:
        peer = line.vs_peers[line.best_peer] if line.best_peer else None
        cells = [
            f"[{line.target}](../../docs/targets/{line.target}.md)",
            f"{line.geomean_ns / 1e3:,.1f} µs a {line.unit}",
            _interval(line.vs_upstream),
            _worst(line.vs_upstream),
            line.best_peer or "none",
            _interval(peer) if peer else "",
            _worst(peer) if peer else "",
            f"{line.roofline_share:.0%}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "## Peers", "", "| target | peer | kernel / peer |", "|---|---|---|"]
    for line in scores:
        lines += [f"| {line.target} | {n} | {_interval(r)} |" for n, r in line.vs_peers.items()]
        lines += [f"| {line.target} | {n} | wrong: {why} |" for n, why in line.failures.items()]
    lines += ["", "## Measured", "", "| target | when | commit | machine | processes x rounds |"]
    lines += ["|---|---|---|---|---|"]
    lines += [
        f"| {s.target} | {s.timestamp} | {s.commit} | {_machine(s)} | {s.processes} x {s.rounds} |"
        for s in scores
    ]
    lines += ["", caption(scores) if scores else "", ""]
    return "\n".join(lines)


def table(scores: Sequence[Score]) -> pd.DataFrame:
    """The table of `page` as a frame, without its links."""
    rows = []
    for line in scores:
        peer = line.vs_peers[line.best_peer] if line.best_peer else None
        rows.append(
            {
                "target": line.target,
                "kernel": f"{line.geomean_ns / 1e3:,.1f} µs a {line.unit}",
                "to upstream": _interval(line.vs_upstream),
                "worst combo": _worst(line.vs_upstream),
                "best peer": line.best_peer or "none",
                "to best peer": _interval(peer) if peer else "",
                "roofline": f"{line.roofline_share:.0%}",
            }
        )
    return pd.DataFrame(rows)


def queries(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """What kernels do at their call sites.

    Parameters
    ----------
    rows : sequence of mapping
        Of `overview.targets`.
    """
    return pd.DataFrame(
        {
            "target": row["target"],
            "transfer": row["transfer"] or "not measured",
            "query's ratio": "" if row["query_ratio"] is None else f"{row['query_ratio']:.3f}",
            "of the committed kernel": "no" if row["stale"] else "yes",
        }
        for row in rows
    )


def _machine(line: Score) -> str:
    """CPU and cores; and which CPU that is, where it was noted."""
    return machine(line.host) + (f" ({line.cpu})" if line.cpu else "")


def _interval(found: Ratio) -> str:
    return f"{found.ratio:.3f} ({found.ci_low:.3f}-{found.ci_high:.3f})"


def _worst(found: Ratio) -> str:
    return f"{found.worst:.3f} {found.worst_combo}"
