"""Which ledgers a target has: a file and a kind of row for each focus."""

from __future__ import annotations

from pathlib import Path

from workbench.errors import Infrastructure
from workbench.row import Row, ScoreRow, kinds

# What each focus remembers of a trial.
ROWS: dict[str, type[Row] | type[ScoreRow]] = {
    "performance": Row,
    "quality": ScoreRow,
    "unimplemented": ScoreRow,
    "mixed": ScoreRow,
}
COLUMNS = {focus: tuple(kinds(row)) for focus, row in ROWS.items()}
FILES = {
    focus: "results.tsv" if focus == "performance" else f"results.{focus}.tsv" for focus in COLUMNS
}


def path(folder: Path, focus: str) -> Path:
    """Where a target keeps the ledger of a focus.

    Examples
    --------
    >>> path(Path("targets/pq_l2"), "quality").name
    'results.quality.tsv'
    """
    if focus not in FILES:
        raise Infrastructure(f"no ledger for focus {focus!r}; there are {', '.join(FILES)}")
    return folder / FILES[focus]


def option(focus: str) -> str:
    """How a command line names a focus, for advice; nothing for the one that is meant anyhow.

    Examples
    --------
    >>> option("quality")
    ' --focus quality'
    """
    return "" if focus == "performance" else f" --focus {focus}"


def focus_of(path: Path) -> str:
    """The focus whose ledger a file is, by its name."""
    for focus, name in FILES.items():
        if path.name == name:
            return focus
    raise Infrastructure(f"{path.name} is no ledger; there are {', '.join(FILES.values())}")
