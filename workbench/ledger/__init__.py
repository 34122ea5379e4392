"""Append-only ledgers, one tab-separated file a focus: `append`, `read`, `best`, `history`.

A row is written once, with one system call, under a lock, and synced before `append` returns.
Rows are never changed: a ``revoke`` row cancels the kernel it names. A last line without its
newline is what a crash leaves; readers skip it and the next append moves it aside. Anything
else that is wrong in a ledger is refused by file and line.
"""

from workbench.ledger.appending import append, check_appendable
from workbench.ledger.focus import COLUMNS, FILES, ROWS, option, path
from workbench.ledger.reading import read, read_any, read_table
from workbench.ledger.standing import best, confirmations, history, revocation
from workbench.row import (
    MISSING,
    REASONS,
    STATUSES,
    AnyRow,
    Entry,
    Row,
    ScoreEntry,
    ScoreRow,
    spell_text,
)

__all__ = [
    "COLUMNS",
    "FILES",
    "MISSING",
    "REASONS",
    "ROWS",
    "STATUSES",
    "AnyRow",
    "Entry",
    "Row",
    "ScoreEntry",
    "ScoreRow",
    "append",
    "best",
    "check_appendable",
    "confirmations",
    "history",
    "option",
    "path",
    "read",
    "read_any",
    "read_table",
    "revocation",
    "spell_text",
]
