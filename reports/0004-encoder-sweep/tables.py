"""Fills README.md and the figures from data/: ``python tables.py`` (``--check`` only compares).

Numbers in the text are filled in by hand from these tables; a test holds the tables to the data.
"""

import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from workbench.analysis import bd, rows
from workbench.analysis.axes import ENCODER
from workbench.analysis.clusters import statements
from workbench.analysis.evidence import FALSE_DISCOVERIES, evidence
from workbench.analysis.regressions import interpolated, regressions
from workbench.analysis.samples import hold
from workbench.analysis.structural import STRUCTURAL, agreement, classify, sensitivity, sign_tests
from workbench.analysis.summary import by_first, by_last, mark, markdown
from workbench.analysis.sweep import load
from workbench.encoders import stratified
from workbench.encoders.grid import Cell
from workbench.publish import sweeps

HERE = Path(__file__).parent
MARK = re.compile(r"(<!-- table (?P<name>[\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
PERMUTATIONS = 500
SOURCES_SHOWN = ("bikes", "screen")
KEYS = [*ENCODER.group, ENCODER.recipe]
TEXT = dict.fromkeys([*KEYS, ENCODER.source], str)
SHOWN = 15


class Sweep:
    """The rows, and what every table needs of them."""

    def __init__(self, path):
        opened = load(path)
        self.frame, self.noises, self.cut = opened.frame, opened.noises, opened.cut
        self.sources = self.frame[ENCODER.source].nunique()
        self.found = regressions(self.frame, ENCODER)
        self.marked = mark(self.frame, ENCODER, self.found)
        self.cells = classify(self.frame, ENCODER, self.found, self.cut)
        self.exact = interpolated(self.frame, ENCODER)
        self.exact_cells = classify(self.frame, ENCODER, self.exact, self.cut)
        self.evidence = evidence(self.frame, ENCODER, rows.VMAF_NEG, self.cut)
        told = bd.by_source(self.frame, ENCODER).dropna(subset="percent").astype(TEXT)
        self.rates = told.groupby(KEYS)["percent"]


def codecs(sweep):
    """A row a codec."""
    return by_first(sweep.marked, ENCODER)


def modes(sweep):
    """A row a rate-control mode."""
    return by_last(sweep.marked, ENCODER)


def exact(sweep):
    """The published rule beside bare interpolated at the row's own bitrate."""
    table = pd.DataFrame(
        {
            "rc_mode": sweep.frame["rc_mode"].astype(str),
            "matched": sweep.found.is_matched,
            "lost": sweep.found.is_regression,
            "exact_matched": sweep.exact.is_matched,
            "exact_lost": sweep.exact.is_regression,
            "both": sweep.found.is_regression & sweep.exact.is_regression,
        }
    )
    each = table.groupby("rc_mode").sum()
    each.loc["all"] = each.sum()
    share = (each["lost"] / each["matched"], each["exact_lost"] / each["exact_matched"])
    shown = pd.DataFrame(
        {
            "rc_mode": each.index,
            "nearest: matched": each["matched"],
            "regress": each["lost"],
            "of matched": share[0].map("{:.1%}".format),
            "interpolated: matched": each["exact_matched"],
            "regress ": each["exact_lost"],
            "of matched ": share[1].map("{:.1%}".format),
            "of the nearest's regressions that remain": (each["both"] / each["lost"]).map(
                "{:.1%}".format
            ),
        }
    )
    one, other = (cells["verdict"] == STRUCTURAL for cells in (sweep.cells, sweep.exact_cells))
    return (
        f"{markdown(shown)}\n\nStructural cells: {one.sum()} by the nearest bare row, "
        f"{other.sum()} at equal bitrate, {(one & other).sum()} by both, of {len(one):,}."
    )


def structural(sweep):
    """The statements."""
    return "\n".join(f"- {statement}" for statement in statements(sweep.cells, ENCODER))


def sources(sweep):
    """The share of matched rows that regress, by source and rate-control mode."""
    marked = sweep.marked.astype({"source": str, "rc_mode": str})
    matched = marked[marked["is_matched"]]
    share = matched.groupby(["source", "rc_mode"])["is_regression"].mean().unstack()
    table = share[["cqp", "vbr", "cbr"]].map("{:.1%}".format).reset_index()
    less = (share["cqp"] < share["vbr"]).sum(), (share["cqp"] < share["cbr"]).sum()
    return (
        f"{markdown(table)}\n\nCQP regresses less than VBR on {less[0]} of {len(share)} sources, "
        f"less than CBR on {less[1]}."
    )


def stand(sweep):
    """Recipes that every test calls worse."""
    table = sweep.evidence[sweep.evidence["stands"]]
    spelt_out = pd.DataFrame(
        {
            "codec": table["codec"],
            "mode": table["rc_mode"],
            "recipe": table["knob_combo"],
            "structural": table["structural"].astype(str) + " of " + table["cells"].astype(str),
            "at equal bitrate": table["at_equal_cost"],
            "by NEG too": table["agreeing"].astype(int),
            "stable": table["stable"],
            "mean VMAF": table["mean_delta"].map("{:+.2f}".format),
            "adjusted p": table["p_adjusted"].map("{:.3f}".format),
            "BD-rate": table["rate_median"].map("{:+.1f} %".format),
            "dearer on": table["rates_lost"].astype(str) + " of " + table["rates"].astype(str),
        }
    )
    return markdown(spelt_out)


def fall(sweep):
    """Why the other structural recipes do not stand."""
    table = sweep.evidence[~sweep.evidence["stands"]]
    reasons = {
        "unstable: one source decides": table["stable"] == 0,
        "sign test, adjusted p above 0.05": table["p_adjusted"] > FALSE_DISCOVERIES,
        "not structural by VMAF NEG": table["agreeing"] == 0,
        "not structural at equal bitrate": table["at_equal_cost"] == 0,
        "BD-rate above 0 on fewer than 7 of 9": table["rates_lost"]
        < sweep.cut.sources(sweep.sources),
    }
    counted = pd.DataFrame({"test": list(reasons), "recipes": [r.sum() for r in reasons.values()]})
    return (
        f"{len(sweep.evidence)} recipes have a structural cell, {len(table)} of them fail a "
        f"further test (some several):\n\n{markdown(counted)}"
    )


def dear(sweep):
    """The recipes that cost most at equal VMAF."""
    return spell_rates(sweep, ascending=False)


def cheap(sweep):
    """The recipes that save most at equal VMAF."""
    return spell_rates(sweep, ascending=True)


def spell_rates(sweep, *, ascending):
    """BD-rate over sources, of recipes that have one on at least seven."""
    table = sweep.rates.agg(
        sources="size",
        median="median",
        least="min",
        most="max",
        dearer=lambda percent: (percent > 0).sum(),
    ).reset_index()
    table = table[table["sources"] >= sweep.cut.sources(sweep.sources)]
    table = table.sort_values("median", ascending=ascending).head(SHOWN)
    for column in ("median", "least", "most"):
        table[column] = table[column].map("{:+.1f} %".format)
    return markdown(table.rename(columns={"dearer": "dearer on"}))


def signs(sweep):
    """Sign tests that survive the correction."""
    table = sign_tests(sweep.frame, ENCODER, sweep.found).sort_values(["p", "mean_delta"])
    table = table[table["p_adjusted"] <= 0.05].round({"mean_delta": 2})
    for column in ("p", "p_adjusted"):
        table[column] = table[column].map("{:.4f}".format)
    return markdown(table)


def floors(sweep):
    """The noise of encoding the same twice."""
    figures = sweep.noises.select_dtypes("float").columns
    return markdown(
        sweep.noises.assign(**{c: sweep.noises[c].map("{:.3g}".format) for c in figures})
    )


def cuts(sweep):
    """How many cells each cut calls structural, here and by chance."""
    table = sensitivity(
        sweep.frame, ENCODER, sweep.found, np.random.default_rng(0), PERMUTATIONS
    ).round(1)
    return markdown(table)


def metrics(sweep):
    """Whether VMAF NEG calls the same cells structural."""
    both = agreement(sweep.frame, ENCODER, rows.VMAF_NEG, sweep.cut)
    table = pd.crosstab(both["verdict"], both["other_verdict"])
    return markdown(table.rename_axis(index="VMAF says, VMAF NEG says", columns=None).reset_index())


def sample(sweep):
    """How well the stratified sample does."""
    chosen = stratified.sample([cell_of(row) for row in sweep.frame.itertuples(index=False)])
    wanted = set(chosen)
    is_sampled = np.array(
        [cell_of(row) in wanted for row in sweep.frame.itertuples(index=False)], bool
    )
    found = hold(sweep.frame, is_sampled, ENCODER, sweep.cut)
    lines = [
        (name, f"{share.hits} of {share.of}", f"{share.value:.0%}", spelt(share.interval))
        for name, share in (("recall", found.recall), ("precision", found.precision))
    ]
    size = f"{found.cells:,} of {found.of:,} cells ({found.cells / found.of:.1%})."
    names = ["of recipes", "", "share", "95 %"]
    return f"{size}\n\n{markdown(pd.DataFrame(lines, columns=names))}"


def cell_of(row):
    """A row as the grid's cell."""
    names = (row.source, row.codec, row.rc_mode, row.preset)
    return Cell(*map(str, names), float(row.quality), str(row.knob_combo))


def spelt(interval):
    """An interval in per cent."""
    return f"{interval[0]:.0%} to {interval[1]:.0%}"


TABLES = {
    table.__name__: table
    for table in (
        *(codecs, modes, sources, exact, structural, stand, fall, dear, cheap),
        *(signs, floors, cuts, metrics, sample),
    )
}


def main():
    """Fill README.md in, or compare."""
    sweep = Sweep(HERE / "data" / "cells.parquet")
    page = HERE / "README.md"
    text = page.read_text()
    written = MARK.sub(lambda m: f"{m[1]}{TABLES[m['name']](sweep)}\n{m[3]}", text)
    if "--check" in sys.argv:
        sys.exit(0 if written == text else "README.md is not what data/ says: python tables.py")
    page.write_text(written)
    table = sensitivity(sweep.frame, ENCODER, sweep.found, np.random.default_rng(0), PERMUTATIONS)
    pictures = {f"hulls-{s}": sweeps.hulls(sweep.frame, ENCODER, s) for s in SOURCES_SHOWN}
    pictures["losses"] = sweeps.heat_map(sweep.cells, ENCODER)
    pictures["cuts"] = sweeps.sensitivity(table, sweep.sources)
    (HERE / "figures").mkdir(exist_ok=True)
    for name, picture in pictures.items():
        (HERE / "figures" / f"{name}.png").write_bytes(picture.png())


if __name__ == "__main__":
    main()
