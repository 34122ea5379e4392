"""Queries of the digest on tuned constants: three ledgers of the loop, and records beside them."""

import pandas as pd

from workbench.agents.tunable import values_of
from workbench.digest import Drawing
from workbench.digest.spelling import interval
from workbench.publish import style
from workbench.publish.style import Picture
from workbench.publish.trajectory import MARKS

TARGETS = ("take", "pq_l2", "bitpack")


def tried_on(data, target):
    """Ideas of a loop, in the order in which they were tried."""
    rows = data.ledger(f"{target}/results.tsv")
    return [row for row in rows if row.description.startswith("tune ")]


def ideas(data, target):
    """How many were judged."""
    return len(tried_on(data, target))


def all_ideas(data):
    """Of the three loops."""
    return sum(ideas(data, target) for target in TARGETS)


def kept(data, target="take"):
    """The row that was kept."""
    return next(row for row in tried_on(data, target) if row.status == "keep")


def all_kept(data):
    """Of the three loops."""
    return sum(row.status == "keep" for target in TARGETS for row in tried_on(data, target))


def kept_values(data):
    """Constants of the kept idea."""
    return values_of(kept(data).description)


def saved(data):
    """What the kept idea saves."""
    return 1 - kept(data).ratio


def kept_trial(data):
    """Its record."""
    sha = kept(data).kernel_sha256
    return next(
        one
        for one in data.trials()
        if one.kernel_sha256 == sha and one.description.startswith("tune")
    )


def combo(data, shape, distribution):
    """One workload of the kept trial, with its interval."""
    found = next(
        combo
        for combo in kept_trial(data).combos
        if (combo.shape, combo.distribution) == (shape, distribution)
    )
    return interval(found.ratio, found.ci_low, found.ci_high, ".3f")


def gaining(data):
    """Workloads whose whole interval lies below 1."""
    return sum(one.ci_high < 1 for one in kept_trial(data).combos)


def workloads(data):
    """How many workloads the kept trial has."""
    return len(kept_trial(data).combos)


def after(data):
    """Ideas that followed the kept one."""
    rows = tried_on(data, "take")
    return len(rows) - 1 - rows.index(kept(data))


def traded(data):
    """Ideas that were faster on the whole and refused because of a workload."""
    rows = tried_on(data, "take")
    return [row for row in rows[rows.index(kept(data)) :] if row.reason == "trade-off"]


def fastest_traded(data):
    """The least ratio among them."""
    return min(traded(data), key=lambda row: row.ratio)


def fastest_values(data):
    """Its constants."""
    return "/".join(map(str, values_of(fastest_traded(data).description).values()))


def ahead(data, value):
    """Ideas with one distance for narrow scattered rows."""
    rows = tried_on(data, "take")
    return [row for row in rows if values_of(row.description)["AHEAD"] == value]


def ahead_lost(data, value):
    """What they lose, least and most."""
    lost = [100 * (row.ratio - 1) for row in ahead(data, value)]
    return f"{min(lost):.0f} to {max(lost):.0f} %"


def minutes(data):
    """What the trials took."""
    return sum(row.seconds for target in TARGETS for row in tried_on(data, target)) / 60


def summary(data):
    """A row a target."""
    rows = []
    for target in TARGETS:
        tried = tried_on(data, target)
        kept_rows = [row for row in tried if row.status == "keep"]
        best = min(tried, key=lambda row: row.ratio)
        names = ", ".join(values_of(tried[0].description))
        ratio = f"{interval(best.ratio, best.ci_low, best.ci_high)}, {best.reason}"
        counts = (len(tried), len(kept_rows), len(tried) - len(kept_rows))
        rows.append((target, names, *counts, ratio))
    heads = ("target", "constants", "ideas", "kept", "discarded")
    return pd.DataFrame(rows, columns=[*heads, "best ratio to its incumbent"])


def every_idea(data, target):
    """A row an idea, in the order in which they were tried."""
    tried = tried_on(data, target)
    names = list(values_of(tried[0].description))
    rows = [
        (
            *(str(values_of(row.description)[name]) for name in names),
            interval(row.ratio, row.ci_low, row.ci_high),
            f"{row.ratio_vs_upstream:.4f}",
            f"{row.status} ({row.reason})",
        )
        for row in tried
    ]
    heads = ("ratio to the incumbent", "to upstream", "verdict")
    return pd.DataFrame(rows, columns=[*names, *heads])


def take(data):
    """Every idea's ratio to what it had to beat, with its interval."""
    rows = tried_on(data, "take")
    drawn = Picture(figsize=(style.WIDTH, 4.2), layout="constrained")
    panel = drawn.add_subplot()
    panel.axhline(1, color=style.INK, linewidth=1)
    for reason in dict.fromkeys(row.reason for row in rows):
        chosen = [(number, row) for number, row in enumerate(rows, 1) if row.reason == reason]
        marker, colour = MARKS[reason]
        panel.errorbar(
            [number for number, _ in chosen],
            [row.ratio for _, row in chosen],
            [
                [row.ratio - row.ci_low for _, row in chosen],
                [row.ci_high - row.ratio for _, row in chosen],
            ],
            **{"fmt": marker, "color": colour, "label": f"{chosen[0][1].status}: {reason}"},
            **{"elinewidth": 1, "markerfacecolor": colour if reason == "faster" else "white"},
        )
    line = 0.5 + next(number for number, row in enumerate(rows, 1) if row.status == "keep")
    panel.axvline(line, color=style.GREY, linewidth=1, linestyle=":")
    panel.text(
        line,
        1,
        " against the kept one from here on",
        color=style.GREY,
        va="top",
        transform=panel.get_xaxis_transform(),
        fontsize=8,
    )
    panel.set(xlabel="idea", ylabel="time / the incumbent's", title="take, idea by idea")
    panel.legend(fontsize=8, frameon=False, loc="upper right")
    style.bare(panel)
    style.caption(drawn, f"n = {len(rows)} ideas, each with its 98 % confidence sequence.")
    return Drawing(
        drawn,
        "take, idea by idea: one was kept, and what followed is held against it",
        "time / the incumbent's time",
        f"{len(rows)} ideas, a trial each",
        "98 % confidence sequences over crossovers of processes",
    )
