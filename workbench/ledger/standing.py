"""What the rows of a ledger amount to: what was kept, what was revoked, what is to be beaten."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from typing import TypeVar, overload

from workbench.ledger.focus import ROWS
from workbench.row import MISSING, AnyRow, Entry, Row, ScoreEntry, ScoreRow, kinds

OneKind = TypeVar("OneKind", bound=AnyRow)
SLACK = 1.05


def best(rows: Iterable[OneKind], host_class: str) -> OneKind | None:
    """Return the row a trial of a host class has to beat; None if there is none.

    That is the newest kept row or baseline that no later row revokes. A kept row more than 5 %
    slower than the best before it does not count: it was raced against something else, for
    instance upstream. The slack is there because ``ratio_vs_upstream`` of different runs differs
    by 1-2 %. A baseline always counts: measuring one is a person's explicit act.
    """
    every = list(rows)
    found: OneKind | None = None
    for row, entry in zip(every, history(every), strict=True):
        if entry.host_class != host_class or entry.revoked:
            continue
        if row.status == "baseline" or (row.status == "keep" and not _slower(row, found)):
            found = row
    return found


def _slower(entry: AnyRow, before: AnyRow | None) -> bool:
    """Whether a row is clearly slower than another, as far as both were raced with upstream."""
    if not isinstance(entry, Row) or not isinstance(before, Row):
        return False
    if before.ratio_vs_upstream is None or entry.ratio_vs_upstream is None:
        return False
    return entry.ratio_vs_upstream > SLACK * before.ratio_vs_upstream


@overload
def history(rows: Iterable[Row]) -> list[Entry]: ...
@overload
def history(rows: Iterable[ScoreRow]) -> list[ScoreEntry]: ...
@overload
def history(rows: Iterable[AnyRow]) -> Sequence[Entry | ScoreEntry]: ...
def history(rows: Iterable[AnyRow]) -> Sequence[Entry | ScoreEntry]:
    """Return every row, oldest first, marked when a later ``revoke`` cancels its kernel.

    A revocation holds for a kernel on every host class; a kernel judged again after it counts.
    """
    every = list(rows)
    cancelled: set[str] = set()
    entries: list[Entry | ScoreEntry] = []
    for row in reversed(every):
        revoked = row.status != "revoke" and row.kernel_sha256 in cancelled
        if row.status == "revoke":
            cancelled.add(row.kernel_sha256)
        values = {name: getattr(row, name) for name in kinds(type(row))}
        entry = Entry if isinstance(row, Row) else ScoreEntry
        entries.append(entry(**{**values, "revoked": revoked}))
    return entries[::-1]


def revocation(
    kernel_sha256: str,
    reason: str,
    description: str,
    *,
    commit: str,
    host_class: str,
    ratio: float | None = None,
    ci_low: float | None = None,
    ci_high: float | None = None,
    focus: str = "performance",
) -> AnyRow:
    """A row that takes a kernel's keep back; ``ratio`` is what took it, where a time did."""
    known = {
        "commit": commit,
        "timestamp": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "status": "revoke",
        "reason": reason,
        "ratio": ratio,
        "ci_low": ci_low,
        "ci_high": ci_high,
        "host_class": host_class,
        "kernel_sha256": kernel_sha256,
        "description": description,
    }
    row = ROWS[focus]
    unknown = {name: None if "None" in kind else MISSING for name, kind in kinds(row).items()}
    values = {name: known.get(name, value) for name, value in unknown.items()}
    return row(**values)  # type: ignore[arg-type]  # the mixed values of a row


def confirmations(rows: Iterable[AnyRow], host_class: str) -> int:
    """How many keeps a host class has tried to confirm since its newest baseline."""
    count = 0
    for row in rows:
        if row.host_class != host_class:
            continue
        if row.status == "baseline":
            count = 0
        count += row.status == "keep" or row.reason == "unconfirmed"
    return count
