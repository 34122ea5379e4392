"""Queries of the digest on Lance's kernels: ledgers, scoreboard and queries as they were then."""

import numpy as np
import pandas as pd
from matplotlib.ticker import LogLocator, NullLocator
from pydantic import TypeAdapter

from workbench.digest import Drawing
from workbench.digest.spelling import interval
from workbench.publish import board, query, style
from workbench.scoreboard import Score
from workbench.transfer import CallSiteRecord


def targets(data):
    """The targets' names."""
    return [path.parent.name for path in data.paths("committed/*/results.tsv")]


def rows(data, target):
    """A published ledger; none of what was done in digest 0001."""
    return data.ledger(f"ledgers/{target}/results.tsv") if target != "pq_l2" else []


def row(data, target, number):
    """One row of a ledger."""
    return rows(data, target)[number - 1]


def ratio(data, target, number, form=".3f"):
    """Its ratio to the incumbent, with the interval."""
    one = row(data, target, number)
    return interval(one.ratio, one.ci_low, one.ci_high, form)


def verdict(data, target):
    """The trial of the committed kernel against upstream."""
    (one,) = data.ledger(f"committed/{target}/results.tsv")
    return one


def verdict_interval(data, target):
    """Its interval."""
    one = verdict(data, target)
    return f"{one.ci_low:.3f} to {one.ci_high:.3f}"


def below(data, aim):
    """Targets whose ratio lies below an aim with the whole interval."""
    return sum(verdict(data, target).ci_high < aim for target in targets(data))


def over_budget(data):
    """Trials that ended because a kernel did not answer in time."""
    return sum(
        one.reason == "over-budget" for target in targets(data) for one in rows(data, target)
    )


def baselines(data):
    """Least and most of the baselines' ratios, which are 1 but for noise."""
    told = [
        one.ratio
        for target in targets(data)
        for one in rows(data, target)
        if one.status == "baseline"
    ]
    return f"{min(told):.2f} to {max(told):.2f}"


def revoked(data):
    """Revocations over all ledgers."""
    return sum(one.status == "revoke" for target in targets(data) for one in rows(data, target))


def call_site(data, target):
    """What was found in the query."""
    return data.json(f"callsites/{target}.json")


def stays(data, target, label):
    """The share of a caller's calls that pass nothing, from the histogram of what it asks."""
    (found,) = [one for one in call_site(data, target)["asked"] if one["label"] == label]
    return found["counts"][0] / sum(found["counts"])


def _board(data):
    lines = TypeAdapter(list[Score]).validate_python(data.json("scoreboard.json")["targets"])
    return {line.target: line for line in lines}


def _spelt(one, form=".3f"):
    return f"{one['ratio']:{form}} ({one['ci_low']:{form}}-{one['ci_high']:{form}})"


def summary(data):
    """One line a target: what the loop, the scoreboard and the query said."""
    lines, found = data.once(_board), []
    for name in targets(data):
        ledger = rows(data, name)
        kept = [r for r in ledger if r.status == "keep"]
        tried = [r for r in ledger if r.status in ("keep", "discard", "crash")]
        line, asked, one = lines[name], call_site(data, name), verdict(data, name)
        peer = line.vs_peers[line.best_peer]
        shares = [case["incumbent_share"] for case in asked["cases"]]
        found.append(
            (
                name,
                f"{len(kept)} of {len(tried)}" if ledger else "0001",
                f"{one.ratio:.3f} ({one.ci_low:.3f}-{one.ci_high:.3f})",
                f"{line.vs_upstream.ratio:.3f}",
                f"{peer.ratio:.3f} {line.best_peer}",
                f"{line.roofline_share:.0%}",
                f"{min(shares):.1%} to {max(shares):.1%}",
                _spelt(asked),
                f"**{asked['transfer']}**",
            )
        )
    heads = (
        *("target", "kept of tried", "a trial's verdict", "scoreboard", "to the best peer"),
        *("roofline", "share of the query", "query / query with upstream's", "transfer"),
    )
    return pd.DataFrame(found, columns=heads)


def queries(data):
    """Every kind of query of every target."""
    found = [
        (
            name,
            f"{case['shape']} {case['distribution']}",
            _spelt(case),
            f"{case['candidate_ns'] / 1e3:,.0f} µs",
            f"{case['incumbent_share']:.1%} to {case['candidate_share']:.1%}",
            f"{case['kernel_calls']:,.0f}",
        )
        for name in targets(data)
        for case in call_site(data, name)["cases"]
    ]
    heads = ("target", "query", "ratio", "a query", "kernel's share, before to after", "calls")
    return pd.DataFrame(found, columns=heads)


def trials(data, name):
    """One ledger, in order."""
    found = []
    for i, r in enumerate(rows(data, name), 1):
        said = r.status if r.status == r.reason else f"{r.status} ({r.reason})"
        told = "" if r.ratio is None else f"{r.ratio:.4f} ({r.ci_low:.4f}-{r.ci_high:.4f})"
        upstream = "" if r.ratio_vs_upstream is None else f"{r.ratio_vs_upstream:.4f}"
        bold = "**" if r.status == "keep" else ""
        found.append((i, f"{bold}{said}{bold}", told, upstream, r.description))
    heads = ("#", "verdict", "ratio to the incumbent", "to upstream", "what was tried")
    return pd.DataFrame(found, columns=heads)


def lossy_table(data):
    """Recall against time of the lossy variants, over all slices."""
    found = [
        (
            variant,
            f"{np.exp(np.log(part.elapsed_ns).mean()) / 1e3:,.1f}",
            f"{part.recall_at_10.min():.3f}",
            f"{part.recall_at_10.median():.3f}",
            f"{part.max_error_share.max():.2%}",
        )
        for variant, part in data.csv("hull.csv").groupby("variant", sort=False)
    ]
    heads = ("variant", "µs a query (geometric mean)", "least recall@10", "median", "worst error")
    return pd.DataFrame(found, columns=heads)


def galloping_run(data, where, against):
    """One run of the known case: ``micro`` or ``query-1M``."""
    return data.json(f"galloping/{where}-vs-{against}.json")


def galloping(data):
    """The known case: a seek alone and in the query, against two searches."""
    found = []
    for name, label in (("linear", "linear walk (Lance 1.0)"), ("lance14", "Lance 14's search")):
        alone = galloping_run(data, "micro", name)
        asked = galloping_run(data, "query-1M", name)
        cases = sorted(asked["cases"], key=lambda case: case["distribution"] != "or")
        spelt = [_spelt(part) for part in (alone, asked, *cases)]
        spelt[0] += f", {alone['status']}"
        spelt[1] += f", {asked['transfer']}"
        found.append((label, *spelt))
    heads = ("galloping against", "alone", "query, OR and AND", "OR", "AND")
    return pd.DataFrame(found, columns=heads)


def contestants(data):
    """Every contestant relative to upstream."""
    lines = data.once(_board)
    chosen = [lines[name] for name in targets(data)]
    return Drawing(
        board.figure(chosen),
        "Every contestant relative to upstream",
        "time / upstream's time (logarithmic)",
        f"{chosen[0].processes} processes of {chosen[0].rounds} rounds a target",
        "98 % confidence over the processes",
    )


def asked_of_seek(data):
    """The seek in its query: ratios, shares, and what the caller asks."""
    document = call_site(data, "posting_seek")
    return Drawing(
        query.figure(TypeAdapter(CallSiteRecord).validate_python(document)),
        "posting_seek in the query: what it gains there, and what the query asks of it",
        "query time / query time with the incumbent; share of the query; share of calls",
        f"{document['processes']} pairs of fresh processes",
        "98 % confidence",
    )


def lossy(data):
    """One panel a shape: recall against time, a colour a variant, the hull as a line."""
    cells = data.csv("hull.csv")
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
        axes.plot(hull.ns / 1e3, hull.q, ".-", color=style.GREY, linewidth=1, markersize=5)
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
        "A mark a distribution. Grey dots and their line: the variants on the hull of (median time "
        "over distributions, least recall) of the shape; the pale line is the "
        "oracle's minimum of 0.95. 20,000 rows, data/hull.csv.",
    )
    return Drawing(
        picture,
        "Recall against time of the lossy variants",
        "recall@10; µs a query (logarithmic)",
        f"{len(cells)} cells of variant, shape and distribution",
        "none, times of one script on a shared core, for the shape of the hull only",
    )
