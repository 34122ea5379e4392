"""Ledgers as attempts, so that `workbench.analysis.progress` can say how a search went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workbench import ledger
from workbench.analysis.progress import LEVEL, PATIENCE, Progress, progress
from workbench.errors import Usage
from workbench.ledger import Entry


@dataclass(frozen=True)
class Search:
    """One ledger on one host class.

    Attributes
    ----------
    name : str
        Its target, and the folder it was published in.
    entries : sequence of Entry
        Its rows, oldest first; revocations are marks of the rows that they cancel.
    progress : Progress
        By the ratio to upstream.
    """

    name: str
    entries: Sequence[Entry]
    progress: Progress


def searches(
    root: Path, patterns: Sequence[str], level: float = LEVEL, patience: int = PATIENCE
) -> list[Search]:
    """Every ledger that some patterns name, by name; of each the newest row's host class.

    Parameters
    ----------
    root : Path
        Where the patterns begin.
    patterns : sequence of str
        Paths with wildcards: ``reports/*/data/results.tsv``.

    Raises
    ------
    Usage
        If a pattern names no ledger.
    Infrastructure
        If one cannot be read.
    """
    found = []
    for pattern in patterns:
        paths = sorted(root.glob(pattern))
        if not paths:
            raise Usage(
                f"no ledger at {pattern}: name a results.tsv below the project, wildcards allowed"
            )
        found += [_search(path.relative_to(root), path, level, patience) for path in paths]
    return found


def _search(name: Path, path: Path, level: float, patience: int) -> Search:
    rows = ledger.read(path)
    entries = [entry for entry in ledger.history(rows) if entry.status != "revoke"]
    host_class = entries[-1].host_class if entries else ""
    mine = [entry for entry in entries if entry.host_class == host_class]
    summed = progress(
        [_number(entry.ratio_vs_upstream) for entry in mine],
        [entry.status == "keep" and not entry.revoked for entry in mine],
        [entry.status == "baseline" for entry in mine],
        [_number(entry.seconds) for entry in mine],
        level,
        patience,
    )
    return Search(_named(name), mine, summed)


def _named(path: Path) -> str:
    """``pq_l2 (0001)`` of reports/0001-pq-l2/data/results.tsv, ``take`` of targets/take."""
    parts = path.parts
    if parts[0] != "reports" or len(parts) < 3:
        return path.parent.name
    number, _, slug = parts[1].partition("-")
    target = path.parent.name if path.parent.name != "data" else slug.replace("-", "_")
    return f"{target} ({number})"


def _number(value: float | None) -> float:
    return np.nan if value is None else value
