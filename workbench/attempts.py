"""Ledgers as attempts, so that `workbench.analysis.progress` can say how a search went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workbench import ledger, scoring
from workbench.analysis.progress import LEVEL, PATIENCE, Progress, progress
from workbench.errors import Usage
from workbench.ledger import Entry, ScoreEntry, ScoreRow
from workbench.ledger.focus import focus_of


@dataclass(frozen=True)
class Search:
    """One ledger on one host class.

    Attributes
    ----------
    name : str
        Its target, and the folder it was published in.
    unit : str
        What a score of its focus is in; empty for a time.
    entries : sequence of Entry or ScoreEntry
        Its rows, oldest first; revocations are marks of the rows that they cancel.
    progress : Progress
        By the ratio to upstream, or by `loss` of a score.
    """

    name: str
    unit: str
    entries: Sequence[Entry | ScoreEntry]
    progress: Progress

    @property
    def is_scored(self) -> bool:
        """Whether a score is raised, instead of a time lowered."""
        return bool(self.unit)

    @property
    def values(self) -> list[float]:
        """Each entry's ratio to upstream, or its score; NaN for none."""
        return [_value(entry) for entry in self.entries]

    @property
    def best(self) -> NDArray[np.float64]:
        """The best of these after each entry."""
        found = self.progress.best
        return -20 * np.log10(found) if self.is_scored else found


def loss(score: float) -> float:
    """A score as `analysis.progress` wants it, positive and the lower the better.

    Of quality and mixed it is decibels, so a level of 5 % is 0.4 dB wide. Of unimplemented it is
    minus the open features, and 0.4 of one is none: on one level equally many are open.

    Examples
    --------
    >>> loss(20.0)
    0.1
    """
    return float(10 ** (-score / 20))


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
                f"no ledger at {pattern}: name a results*.tsv below the project, wildcards allowed"
            )
        found += [_search(path.relative_to(root), path, level, patience) for path in paths]
    return found


def _search(name: Path, path: Path, level: float, patience: int) -> Search:
    entries = [entry for entry in ledger.history(ledger.read_any(path)) if entry.status != "revoke"]
    host_class = entries[-1].host_class if entries else ""
    mine = [entry for entry in entries if entry.host_class == host_class]
    summed = progress(
        [_cost(entry) for entry in mine],
        [entry.status == "keep" and not entry.revoked for entry in mine],
        [entry.status == "baseline" for entry in mine],
        [_number(getattr(entry, "seconds", None)) for entry in mine],
        level,
        patience,
    )
    return Search(_named(name), scoring.UNITS.get(focus_of(name), ""), mine, summed)


def _named(path: Path) -> str:
    """``pq_l2 (0001)`` of reports/0001-pq-l2/data/results.tsv, ``take`` of targets/take.

    Another focus is named: ``opus_celt (quality)`` of targets/opus_celt/results.quality.tsv.
    """
    parts = path.parts
    if parts[0] != "reports" or len(parts) < 3:
        focus = focus_of(path)
        return path.parent.name + (f" ({focus})" if focus in scoring.UNITS else "")
    number, _, slug = parts[1].partition("-")
    target = path.parent.name if path.parent.name != "data" else slug.replace("-", "_")
    return f"{target} ({number})"


def _value(entry: Entry | ScoreEntry) -> float:
    return _number(entry.score if isinstance(entry, ScoreRow) else entry.ratio_vs_upstream)


def _cost(entry: Entry | ScoreEntry) -> float:
    value = _value(entry)
    return loss(value) if isinstance(entry, ScoreRow) else value


def _number(value: float | None) -> float:
    return np.nan if value is None else value
