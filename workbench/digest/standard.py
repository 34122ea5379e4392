"""Queries that fit any ledger and any sweep: what `workbench digest new` begins with.

Each takes the data and the name of a file in it. What failed is asked for beside what won.
"""

from __future__ import annotations

import pandas as pd

from workbench.analysis.axes import ENCODER
from workbench.analysis.clusters import statements
from workbench.analysis.regressions import regressions
from workbench.analysis.structural import classify
from workbench.analysis.summary import by_first, by_last, mark
from workbench.digest.data import Data
from workbench.digest.drawing import Drawing
from workbench.digest.spelling import interval
from workbench.ledger import history
from workbench.publish import style, sweeps
from workbench.publish.scores import scores
from workbench.publish.style import Picture
from workbench.publish.trajectory import trajectory
from workbench.row import AnyRow, Row, ScoreRow

FAILED = ("discard", "crash", "revoke")


def trials(data: Data, name: str) -> int:
    """How many rows a ledger has."""
    return len(data.any_ledger(name))


def count(data: Data, name: str, *statuses: str) -> int:
    """How many of them have one of some statuses."""
    return sum(row.status in statuses for row in data.any_ledger(name))


def standing(data: Data, name: str) -> str:
    """The newest kept kernel that nothing revoked, in a sentence."""
    entries = history(data.any_ledger(name))
    kept = [entry for entry in entries if entry.status == "keep" and not entry.revoked]
    if not kept:
        return "Nothing was kept."
    last = kept[-1]
    said = f"Kept last: {last.description or 'a kernel without a description'}"
    if isinstance(last, ScoreRow):
        return f"{said} (score {last.score:.4f})."
    if last.ratio_vs_upstream is None:
        return f"{said}."
    return f"{said}, {last.ratio_vs_upstream:.4f} of upstream's time."


def ledger(data: Data, name: str) -> pd.DataFrame:
    """Every row, in order."""
    return _table(list(enumerate(data.any_ledger(name), 1)))


def dead_ends(data: Data, name: str) -> pd.DataFrame | str:
    """What did not help, with why: discards, crashes, and what was taken back."""
    numbered = enumerate(data.any_ledger(name), 1)
    failed = [(number, row) for number, row in numbered if row.status in FAILED]
    return _table(failed) if failed else "Everything that was tried was kept."


def progress(data: Data, name: str) -> Drawing:
    """The ledger's trajectory: ratios to upstream, or scores."""
    rows = data.any_ledger(name)
    newest = rows[-1].host_class
    shown = sum(row.host_class == newest and row.status != "revoke" for row in rows)
    drawn = Picture(figsize=(style.WIDTH, 4.4), layout="constrained")
    timed = [row for row in rows if isinstance(row, Row)]
    if timed:
        trajectory(timed, drawn)
    scored = [row for row in rows if isinstance(row, ScoreRow)]
    return Drawing(
        drawn if timed else scores(scored),
        f"{name.split('/')[0]}, trial by trial: filled was kept, hollow was not",
        "time / upstream's time (logarithmic)" if timed else "score, higher is better",
        f"{shown} trials of one host class",
        "none drawn; each trial's stands in the table",
    )


def _table(numbered: list[tuple[int, AnyRow]]) -> pd.DataFrame:
    heads = ["#", "verdict", "to the incumbent (interval)", "to upstream", "what was tried"]
    rows = []
    for number, row in numbered:
        said = row.status if row.status == row.reason else f"{row.status} ({row.reason})"
        bold = "**" if row.status == "keep" else ""
        if isinstance(row, ScoreRow):
            heads[2:4] = ["score", "mean gap, dB"]
            gap = row.quality_mean_gap_db
            told = (
                "" if row.score is None else f"{row.score:.4f}",
                "" if gap is None else f"{gap:+.3f}",
            )
        else:
            upstream = row.ratio_vs_upstream
            told = (
                interval(row.ratio, row.ci_low, row.ci_high),
                "" if upstream is None else f"{upstream:.4f}",
            )
        rows.append((number, f"{bold}{said}{bold}", *told, row.description))
    return pd.DataFrame(rows, columns=heads)


def cells(data: Data, name: str) -> int:
    """Rows of a sweep, without second measurements of a cell."""
    return len(data.sweep(name).frame)


def clips(data: Data, name: str) -> int:
    """Its sources."""
    return int(data.sweep(name).frame[ENCODER.source].nunique())


def codecs(data: Data, name: str) -> str:
    """A row a codec."""
    frame = data.sweep(name).frame
    return by_first(mark(frame, ENCODER, regressions(frame, ENCODER)), ENCODER)


def modes(data: Data, name: str) -> str:
    """A row a rate-control mode: how many rows regress, of all and of those matched."""
    frame = data.sweep(name).frame
    return by_last(mark(frame, ENCODER, regressions(frame, ENCODER)), ENCODER)


def structural(data: Data, name: str) -> str:
    """Recipes that lose on nearly every clip, in sentences."""
    opened = data.sweep(name)
    table = classify(opened.frame, ENCODER, regressions(opened.frame, ENCODER), opened.cut)
    said = statements(table, ENCODER)
    return "\n".join(f"- {one}" for one in said) or "No recipe loses on nearly every clip."


def losing(data: Data, name: str) -> pd.DataFrame | str:
    """Recipes by how many rows lose against the default, most first, down to none."""
    frame = data.sweep(name).frame
    found = regressions(frame, ENCODER)
    keys = [*ENCODER.group, ENCODER.recipe]
    rows = frame[keys].astype(str).assign(matched=found.is_matched, lost=found.is_regression)
    each = rows[~frame[ENCODER.bare].to_numpy(bool)].groupby(keys)[["matched", "lost"]].sum()
    if each.empty:
        return "No recipe was tried beside the default."
    table = each.reset_index().sort_values(
        ["lost", *keys], ascending=[False, *(True for _ in keys)]
    )
    return table.astype({"matched": int, "lost": int})


def hulls(data: Data, name: str, clip: str) -> Drawing:
    """The hulls of one clip."""
    frame = data.sweep(name).frame
    here = frame[frame[ENCODER.source].astype(str) == clip]
    return Drawing(
        sweeps.hulls(frame, ENCODER, clip),
        f"Hulls of {clip}, a panel a rate-control mode",
        "VMAF; kbps (logarithmic)",
        f"{len(here):,} encodes",
        "none drawn; what an encode repeats to is in docs/encoders.md",
    )
