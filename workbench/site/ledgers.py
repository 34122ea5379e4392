"""A published ledger as a page."""

from __future__ import annotations

import dataclasses
import posixpath
from pathlib import Path
from typing import Any

from workbench import ledger

INDEX = "reports/ledgers.md"
PERFORMANCE = {
    "ratio": "to the incumbent",
    "ratio_vs_upstream": "to upstream",
    "worst_ratio": "worst combo",
    "geomean_ns": "ns a unit",
}
SCORE = {
    "score": "score",
    "quality_mean_gap_db": "mean gap, dB",
    "quality_min_gap_db": "least gap, dB",
}


def published(files: list[str]) -> list[str]:
    """The ledgers that reports publish.

    Examples
    --------
    >>> published(["reports/0001-a/data/results.tsv", "targets/a/results.tsv", "reports/x.tsv"])
    ['reports/0001-a/data/results.tsv']
    """
    names = set(ledger.FILES.values())
    return [f for f in files if f.startswith("reports/") and posixpath.basename(f) in names]


def page_of(path: str) -> str:
    """The page that shows a ledger."""
    return path.removesuffix(".tsv") + ".md"


def index(root: Path, paths: list[str]) -> str:
    """Write the page that lists all of them, `INDEX`."""
    lines = [
        "# Published ledgers",
        "",
        "One row a trial, good or bad; what each digest rests on.",
        "",
        "| ledger | rows | kept |",
        "|---|---|---|",
    ]
    for path in paths:
        rows = ledger.history(ledger.read_any(root / path))
        kept = sum(row.status == "keep" and not row.revoked for row in rows)
        link = posixpath.relpath(path, posixpath.dirname(INDEX))
        lines.append(f"| [{title(path)}]({link}) | {len(rows)} | {kept} |")
    return "\n".join(lines) + "\n"


def title(path: str) -> str:
    """What a ledger is of, from its path.

    Examples
    --------
    >>> title("reports/0002-lance-kernels/data/ledgers/fsst/results.tsv")
    'fsst / 0002-lance-kernels'
    """
    _, report, *folders, _ = path.split("/")
    where = [part for part in folders if part not in ("data", "ledgers")]
    return " / ".join((*where[::-1], report))


def page(root: Path, path: str) -> str:
    """Write a ledger as Markdown: every row, newest last, and where the file itself is."""
    rows = ledger.history(ledger.read_any(root / path))
    score = any(isinstance(row, ledger.ScoreRow) for row in rows)
    columns = SCORE if score else PERFORMANCE
    name = posixpath.basename(path)
    lines = [
        "---",
        "orphan: true",
        "---",
        f"# Ledger of {title(path)}",
        "",
        f"{len(rows)} rows, oldest first; one row a trial, none was ever changed. Ratios are "
        "candidate / other, below 1 is faster; in brackets the interval. The words are explained "
        f"in [A trial's record]({'../' * path.count('/')}docs/record.md). The file: "
        f'<a href="{name}">{name}</a>.',
        "",
        f"| # | when | verdict | {' | '.join(columns.values())} | what was tried |",
        "|---|---|---|" + "---|" * (len(columns) + 1),
    ]
    for number, row in enumerate(rows, 1):
        lines.append(_line(number, dataclasses.asdict(row), tuple(columns)))
    return "\n".join(lines) + "\n"


def _line(number: int, row: dict[str, Any], columns: tuple[str, ...]) -> str:
    verdict = (
        row["status"] if row["status"] == row["reason"] else f"{row['status']} ({row['reason']})"
    )
    if row["status"] in ("keep", "baseline"):
        verdict = f"**{verdict}**"
    if row["revoked"]:
        verdict += ", revoked later"
    numbers = ["n/a" if row[k] is None else _spell(k, row[k]) for k in columns]
    if row.get("ci_low") is not None and row.get("ci_high") is not None:
        numbers[0] += f" ({row['ci_low']:.4f} to {row['ci_high']:.4f})"
    words = row["description"].replace("|", "\\|").replace("<", "&lt;") or "none written"
    when = f"<span class='moment'>{row['timestamp'][:16].replace('T', ' ')}</span>"
    return f"| {number} | {when} | {verdict} | {' | '.join(numbers)} | {words} |"


def _spell(column: str, value: float) -> str:
    return f"{value:,.0f}" if column == "geomean_ns" else f"{value:.4f}"
