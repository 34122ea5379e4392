"""One line of a ledger: what is remembered of a trial, and how it is spelt as text."""

from __future__ import annotations

import dataclasses
import datetime
import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

MISSING = "n/a"
STATUSES = ("baseline", "keep", "discard", "crash", "revoke")
REASONS = (
    *("baseline", "faster", "simpler", "inconclusive", "slower", "worst-combo", "trade-off"),
    *("unconfirmed", "call-site", "incorrect", "suspect", "allocates", "over-memory"),
    # of scores: higher than the incumbent's, not higher, and slower than a guardrail allows
    *("better", "no-better", "over-time"),
    *("over-budget", "policy", "infra"),
)
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", re.ASCII | re.IGNORECASE)


class _Spelt:
    """A row that becomes the text of its columns, and is read back as the same row."""

    @classmethod
    def from_fields(cls, fields: Mapping[str, str]) -> Self:
        """Parse the text of one line, column by column.

        Raises
        ------
        ValueError
            Naming the column and the value that cannot be read.
        """
        check(cls, fields)
        values: dict[str, Any] = dict(fields)
        for column, kind in kinds(cls).items():
            if "None" in kind and fields[column] == MISSING:
                values[column] = None
            elif "float" in kind:
                values[column] = float(fields[column])
        return cls(**values)

    def to_fields(self: DataclassInstance) -> dict[str, str]:
        """Spell every column as text that `from_fields` reads back as the same row.

        Tabs, newlines and control characters in a text become spaces.

        Raises
        ------
        ValueError
            Naming a column that holds no number (NaN, infinity), or an unknown status or reason.
        """
        fields = {name: spell(value) for name, value in dataclasses.asdict(self).items()}
        check(type(self), fields)
        return fields


@dataclass(frozen=True)
class Row(_Spelt):
    """One line of a performance ledger; None is written as ``n/a``, never as 0.

    Attributes
    ----------
    commit : str
        Short commit of the checkout, with ``+`` when the kernel differs from it.
    timestamp : str
        When the verdict fell, ISO 8601.
    status, reason : str
        One of `STATUSES`, one of `REASONS`.
    ratio, ci_low, ci_high : float or None
        Candidate time / incumbent time with its interval; below 1 is faster.
    ratio_vs_upstream : float or None
        Candidate time / upstream time, from the same run.
    worst_ratio : float or None
        Ratio of the combo where the candidate does worst against the incumbent.
    worst_combo : str or None
        That combo, ``shape/distribution``.
    geomean_ns : float or None
        Nanoseconds per unit, geometric mean over combos.
    peak_rss_mb : float or None
        Peak resident memory of the candidate's process.
    allocations : float or None
        Per hot call.
    seconds : float or None
        Of the whole trial.
    host_class : str
        Figures of different host classes are never compared.
    kernel_sha256 : str
        Of the kernel judged; of the kernel cancelled, in a ``revoke`` row.
    description : str
        The hypothesis, in one line.
    """

    commit: str
    timestamp: str
    status: str
    reason: str
    ratio: float | None
    ci_low: float | None
    ci_high: float | None
    ratio_vs_upstream: float | None
    worst_ratio: float | None
    worst_combo: str | None
    geomean_ns: float | None
    peak_rss_mb: float | None
    allocations: float | None
    seconds: float | None
    host_class: str
    kernel_sha256: str
    description: str


@dataclass(frozen=True)
class ScoreRow(_Spelt):
    """One line of a ledger whose focus is a score instead of a time: higher is better.

    Attributes
    ----------
    commit : str
        As in `Row`.
    quality : str
        ``pass`` or ``fail``: whether the outputs were right.
    benchguard : str
        ``pass`` or ``fail``: whether the guardrails held; ``n/a`` if they were not asked.
    quality_mean_gap_db, quality_min_gap_db : float or None
        Candidate's quality above upstream's, mean and least over the cells of the score.
    transition_snr_db : float or None
        Least quality where the stream changes its frame size or bandwidth.
    open_features : float or None
        Features that fail their judge.
    score : float or None
        What a candidate must raise, see `workbench.scoring`.
    status, reason, timestamp, host_class, kernel_sha256, description : str
        As in `Row`.
    """

    commit: str
    quality: str
    benchguard: str
    quality_mean_gap_db: float | None
    quality_min_gap_db: float | None
    transition_snr_db: float | None
    open_features: float | None
    score: float | None
    status: str
    reason: str
    timestamp: str
    host_class: str
    kernel_sha256: str
    description: str


AnyRow = Row | ScoreRow


@dataclass(frozen=True)
class Entry(Row):
    """A row as history sees it: ``revoked`` when a later row cancels its kernel."""

    revoked: bool = False


@dataclass(frozen=True)
class ScoreEntry(ScoreRow):
    """The same of a score."""

    revoked: bool = False


def kinds(row: type) -> dict[str, str]:
    """The columns of a kind of row, and how their values are typed."""
    return {field.name: str(field.type) for field in dataclasses.fields(row)}


def spell_text(text: str) -> str:
    r"""Spell a text so that it stays on one line of any file: what would not becomes a space.

    Examples
    --------
    >>> spell_text("two\nlines")
    'two lines'
    """
    # Cc and Cs: control characters and lone surrogates; Zl and Zp: line ends of Unicode.
    kept = (" " if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") else c for c in text)
    return "".join(kept).strip()


def spell(value: object) -> str:
    """Spell a value as one field."""
    if value is None:
        return MISSING
    if isinstance(value, bool | int):
        return str(int(value))
    if isinstance(value, float):
        return repr(float(value))  # float() because a numpy float has another repr
    return spell_text(str(value))


def check(row: type, fields: Mapping[str, str]) -> None:
    """Raise ValueError for a field that is not what its column holds."""
    known = kinds(row)
    for column, text in fields.items():
        if "float" in known.get(column, "") and text != MISSING:
            if not _NUMBER.fullmatch(text) or not math.isfinite(float(text)):
                raise ValueError(f"{column} is {text[:40]!r}, not a finite number or {MISSING}")
        elif column == "status" and text not in STATUSES:
            raise ValueError(f"status is {text[:40]!r}; there are {', '.join(STATUSES)}")
        elif column == "reason" and text not in REASONS:
            raise ValueError(f"reason is {text[:40]!r}; there are {', '.join(REASONS)}")
        elif column == "timestamp":
            try:
                datetime.datetime.fromisoformat(text)
            except ValueError:
                raise ValueError(f"timestamp is {text[:40]!r}, not ISO 8601") from None
