"""The tables and the figure of this report, from its data: ``python tables.py [--check]``.

Writes what stands between ``<!-- table NAME -->`` and ``<!-- end -->`` in README.md; with --check
it writes nothing and exits 1 when a table is not what the data says.
"""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.ticker import LogLocator, NullLocator

from workbench import ledger, scoreboard, targets, transfer
from workbench.publish import style

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
MARK = re.compile(r"(<!-- table (?P<name>[\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
# This report is of Lance's kernels; other targets came later.
NAMES = [name for name in targets.names(ROOT) if (HERE / "data" / "committed" / name).is_dir()]


def ledgers():
    """Every published ledger by target."""
    paths = sorted(HERE.glob("data/ledgers/*/results.tsv"))
    return {path.parent.name: ledger.read(path) for path in paths}


def row(cells):
    """One line of a Markdown table."""
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def table(heads, rows):
    """Write a Markdown table."""
    return "\n".join([row(heads), row("---" for _ in heads), *map(row, rows)])


def summary():
    """One line a target: what the loop, the scoreboard and the query said."""
    board, found = scoreboard.read(ROOT), []
    for name in NAMES:
        rows = ledgers().get(name, [])
        kept = [r for r in rows if r.status == "keep"]
        tried = [r for r in rows if r.status in ("keep", "discard", "crash")]
        line, query = board[name], transfer.read(ROOT, name)
        (verdict,) = ledger.read(HERE / "data" / "committed" / name / "results.tsv")
        peer = line.vs_peers[line.best_peer]
        shares = [case["incumbent_share"] for case in query["cases"]]
        found.append(
            (
                name,
                f"{len(kept)} of {len(tried)}" if rows else "0001",
                f"{verdict.ratio:.3f} ({verdict.ci_low:.3f}-{verdict.ci_high:.3f})",
                f"{line.vs_upstream.ratio:.3f}",
                f"{peer.ratio:.3f} {line.best_peer}",
                f"{line.roofline_share:.0%}",
                f"{min(shares):.1%} to {max(shares):.1%}",
                f"{query['ratio']:.3f} ({query['ci_low']:.3f}-{query['ci_high']:.3f})",
                f"**{query['transfer']}**",
            )
        )
    heads = (
        *("target", "kept of tried", "a trial's verdict", "scoreboard", "to the best peer"),
        "roofline",
        *("share of the query", "query / query with upstream's", "transfer"),
    )
    return table(heads, found)


def queries():
    """Every kind of query of every target."""
    found = [
        (
            name,
            f"{case['shape']} {case['distribution']}",
            f"{case['ratio']:.3f} ({case['ci_low']:.3f}-{case['ci_high']:.3f})",
            f"{case['candidate_ns'] / 1e3:,.0f} µs",
            f"{case['incumbent_share']:.1%} to {case['candidate_share']:.1%}",
            f"{case['kernel_calls']:,.0f}",
        )
        for name in NAMES
        for case in transfer.read(ROOT, name)["cases"]
    ]
    heads = ("target", "query", "ratio", "a query", "kernel's share, before to after", "calls")
    return table(heads, found)


def trials(name):
    """One ledger, in order."""
    found = []
    for i, r in enumerate(ledgers()[name], 1):
        verdict = r.status if r.status == r.reason else f"{r.status} ({r.reason})"
        ratio = "" if r.ratio is None else f"{r.ratio:.4f} ({r.ci_low:.4f}-{r.ci_high:.4f})"
        upstream = "" if r.ratio_vs_upstream is None else f"{r.ratio_vs_upstream:.4f}"
        bold = "**" if r.status == "keep" else ""
        found.append((i, f"{bold}{verdict}{bold}", ratio, upstream, r.description))
    heads = ("#", "verdict", "ratio to the incumbent", "to upstream", "what was tried")
    return table(heads, found)


def lossy():
    """Recall against time of the lossy variants, over all slices."""
    cells = pd.read_csv(HERE / "data" / "hull.csv")
    grouped = cells.groupby("variant", sort=False)
    found = [
        (
            variant,
            f"{np.exp(np.log(part.elapsed_ns).mean()) / 1e3:,.1f}",
            f"{part.recall_at_10.min():.3f}",
            f"{part.recall_at_10.median():.3f}",
            f"{part.max_error_share.max():.2%}",
        )
        for variant, part in grouped
    ]
    heads = ("variant", "µs a query (geometric mean)", "least recall@10", "median", "worst error")
    return table(heads, found)


def galloping():
    """Write the known case: a seek alone and in the query, against two searches."""
    found = []
    for name, label in (("linear", "linear walk (Lance 1.0)"), ("lance14", "Lance 14's search")):
        folder = HERE / "data" / "galloping"
        alone = json.loads((folder / f"micro-vs-{name}.json").read_text())
        query = json.loads((folder / f"query-1M-vs-{name}.json").read_text())
        spelt = [
            f"{part['ratio']:.3f} ({part['ci_low']:.3f}-{part['ci_high']:.3f})"
            for part in (alone, query, *sorted(query["cases"], key=by_operator))
        ]
        spelt[0] += f", {alone['status']}"
        spelt[1] += f", {query['transfer']}"
        found.append((label, *spelt))
    return table(("galloping against", "alone", "query, OR and AND", "OR", "AND"), found)


def by_operator(case):
    """Order OR before AND."""
    return case["distribution"] != "or"


def draw_lossy():
    """Draw one panel a shape: recall against time, a colour a variant, the hull as a line."""
    cells = pd.read_csv(HERE / "data" / "hull.csv")
    shapes = list(dict.fromkeys(cells["shape"]))
    variants = list(dict.fromkeys(cells["variant"]))
    colours = (style.INK, style.BLUE, style.ORANGE, style.GREEN, style.VERMILLION, style.PURPLE)
    picture = style.Picture(figsize=(style.WIDTH, 3.6), layout="constrained")
    panels = np.atleast_1d(picture.subplots(1, len(shapes), sharey=True))
    for axes, shape in zip(panels, shapes, strict=True):
        part = cells[cells["shape"] == shape]
        for i, variant in enumerate(variants):
            mine = part[part["variant"] == variant]
            colour = colours[i % len(colours)]
            marker = "o" if i < len(colours) else "s"
            x = mine.elapsed_ns / 1e3
            axes.plot(x, mine.recall_at_10, marker, color=colour, alpha=0.7, label=variant)
        least = part.groupby("variant").agg(ns=("elapsed_ns", "median"), q=("recall_at_10", "min"))
        least = least.sort_values(["ns", "q"], ascending=[True, False])
        hull = least[least.q > least.q.cummax().shift(fill_value=-1)]
        axes.plot(hull.ns / 1e3, hull.q, "-", color=style.GREY, linewidth=1, zorder=0)
        axes.axhline(0.95, color=style.PALE, zorder=0)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(10, (1, 2, 5)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.set_title(shape, fontsize=9)
        axes.set_xlabel("µs a query (logarithmic)", fontsize=9)
        style.bare(axes)
    panels[0].set_ylabel("recall@10", fontsize=9)
    panels[0].legend(fontsize=7, frameon=False, loc="lower right")
    style.caption(
        picture,
        "A dot a distribution; the line joins the variants on the hull of (median time, least "
        "recall) of the shape; the pale line is the oracle's minimum of 0.95. 20,000 rows, "
        f"{HERE.name}/data/hull.csv.",
    )
    (HERE / "figures").mkdir(exist_ok=True)
    (HERE / "figures" / "lossy.png").write_bytes(picture.png())


def fill(match):
    """Text of one table with its marks."""
    name = match["name"]
    known = {"summary": summary, "queries": queries, "lossy": lossy, "galloping": galloping}
    body = known[name]() if name in known else trials(name)
    return f"{match[1]}{body}\n{match[3]}"


def main(arguments):
    """Fill the tables; say whether anything was out of date."""
    page = HERE / "README.md"
    old = page.read_text()
    new = MARK.sub(fill, old)
    if "--check" in arguments:
        return int(new != old)
    page.write_text(new)
    draw_lossy()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
