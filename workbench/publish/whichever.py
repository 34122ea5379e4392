"""The picture that fits what a trial was judged by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure, SubFigure

from workbench.ledger import AnyRow, Row, ScoreRow
from workbench.publish.forest import forest, machine
from workbench.publish.scores import gaps, scores
from workbench.publish.trajectory import trajectory
from workbench.record import TrialRecord


def measured(record: TrialRecord) -> Figure | SubFigure:
    """Ratios by combo, or gaps by cell."""
    return forest(record) if record.focus == "performance" else gaps(record)


def tried(rows: Sequence[AnyRow], host: Mapping[str, Any]) -> Figure | SubFigure:
    """A ledger's ratios, or its scores.

    Parameters
    ----------
    rows : sequence of Row or ScoreRow
        A ledger, oldest first.
    host : mapping
        The machine, as in a record.
    """
    scored = [row for row in rows if isinstance(row, ScoreRow)]
    if scored:
        return scores(scored)
    return trajectory([row for row in rows if isinstance(row, Row)], host=machine(host))
