"""A sweep's findings as files: hulls, a table a codec, regressions, statements."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from workbench.analysis.axes import Axes
from workbench.analysis.bd import by_source
from workbench.analysis.clusters import statements
from workbench.analysis.evidence import evidence
from workbench.analysis.hull import hull
from workbench.analysis.regressions import Found, regressions
from workbench.analysis.structural import Cut, classify, sign_tests
from workbench.analysis.sweep import of


def write(
    frame: pd.DataFrame,
    axes: Axes,
    folder: Path,
    cut: Cut | None = None,
    other: str | None = None,
) -> list[Path]:
    """Write what is found in a folder.

    ``pareto_<source>_<group>.csv`` (a slice's hull), ``cells.csv``, ``evidence.csv``,
    ``sign_tests.csv``, ``bd_rates.csv``, ``summary.md``; and ``noise.csv`` where cells were
    measured twice. Second measurements are for that alone: without a cut of its own, a structural
    loss has to exceed what they differ by.

    Parameters
    ----------
    other : str, optional
        Column of a second measure of quality, to hold verdicts against.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []

    def table(name: str, rows: pd.DataFrame) -> None:
        path = folder / f"{name}.csv"
        while path in written:  # two names that differ only in what a file name cannot have
            path = path.with_stem(f"{path.stem}-2")
        rows.to_csv(path, index=False, lineterminator="\n")
        written.append(path)

    sweep = of(frame, axes)
    if len(sweep.noises):
        table("noise", sweep.noises)
    frame, cut = sweep.frame, cut or sweep.cut
    found = regressions(frame, axes)
    cells = classify(frame, axes, found, cut)
    best = hull(frame, axes)
    for key, part in best.groupby(list(axes.slice), observed=True, sort=True, dropna=False):
        table("pareto_" + "_".join(map(plain, key)), part)
    table("cells", cells.sort_values(list(axes.cell)))
    table("evidence", evidence(frame, axes, other, cut))
    table("sign_tests", sign_tests(frame, axes, found).sort_values(["p", "mean_delta"]))
    table("bd_rates", by_source(frame, axes))
    page = folder / "summary.md"
    page.write_text(summarise(frame, axes, found, cells), encoding="utf-8")
    return [*written, page]


def summarise(frame: pd.DataFrame, axes: Axes, found: Found, cells: pd.DataFrame) -> str:
    """One page: a row a first part of the group, regressions by its last part, statements."""
    marked = mark(frame, axes, found)
    lines = [
        f"{len(frame):,} cells, {int(frame[axes.bare].sum()):,} of them bare, on "
        f"{frame[axes.source].nunique()} sources. {int(found.is_regression.sum()):,} regressions "
        f"among {int(found.is_matched.sum()):,} rows with a bare row near enough; "
        f"{int(marked['abstains'].sum()):,} abstain.",
        "",
        by_first(marked, axes),
        "",
        by_last(marked, axes),
        "",
        "## Structural",
        "",
        *[f"- {statement}" for statement in statements(cells, axes)],
    ]
    return "\n".join(lines) + "\n"


def mark(frame: pd.DataFrame, axes: Axes, found: Found) -> pd.DataFrame:
    """Each row's slice and figures, with ``is_regression, is_matched, abstains``."""
    return frame[[*axes.slice, axes.cost, axes.quality, axes.tiebreak]].assign(
        is_regression=found.is_regression,
        is_matched=found.is_matched,
        abstains=~frame[axes.bare].to_numpy(bool) & ~found.is_matched,
    )


def by_first(marked: pd.DataFrame, axes: Axes) -> str:
    """Codecs, in the columns of the published table."""
    each = marked.groupby(axes.group[0], observed=True, sort=True)
    slices = marked[list(axes.slice)].drop_duplicates().groupby(axes.group[0], observed=True).size()
    table = pd.DataFrame(
        {
            "slices": slices,
            "max quality": each[axes.quality].max().round(2),
            f"{axes.cost} p50": each[axes.cost].median().round(),
            f"{axes.cost} p95": each[axes.cost].quantile(0.95).round(),
            f"{axes.tiebreak} p50": each[axes.tiebreak].median().round(),
            "regressions": each["is_regression"].sum(),
        }
    )
    return markdown(table.reset_index())


def by_last(marked: pd.DataFrame, axes: Axes) -> str:
    """Rate-control modes: how many rows regress, of all and of those matched."""
    each = marked.groupby(axes.group[-1], observed=True, sort=True)
    count, matched = each["is_regression"].sum(), each["is_matched"].sum()
    table = pd.DataFrame(
        {
            "rows": each.size(),
            "matched": matched,
            "abstain": each["abstains"].sum(),
            "regressions": count,
            "of rows": (count / each.size()).map("{:.1%}".format),
            "of matched": (count / matched.replace(0, np.nan)).map("{:.1%}".format),
        }
    )
    return markdown(table.reset_index())


def markdown(table: pd.DataFrame) -> str:
    """A frame as a Markdown table."""
    rows = [list(map(str, table.columns)), ["---"] * len(table.columns)]
    rows += [[_cell(value) for value in row] for row in table.itertuples(index=False)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.2f}".rstrip("0").rstrip(".")
    return f"{value:,}" if isinstance(value, int) else str(value)


def plain(part: object) -> str:
    """A file name's part."""
    return re.sub(r"[^\w.-]+", "-", str(part)).strip("-.") or "none"
