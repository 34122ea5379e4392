"""What was tried so far, as plain rows: for the command line and for notebooks."""

from __future__ import annotations

import dataclasses
import datetime
import os
from pathlib import Path
from typing import Any

from workbench import host, ledger, policy, record
from workbench import targets as target_folders
from workbench.errors import Usage
from workbench.targets import Target


def host_class(target: Target) -> str:
    """This machine's class for a target: it covers the judge's files as well."""
    files = policy.judge_files(target.root, target.folder)
    return host.current(policy.judge_sha256(files)).id


def targets(root: Path | None = None) -> list[dict[str, Any]]:
    """One row a target: name, status, title, trials, and the best kept ratio to upstream."""
    rows = []
    for name in target_folders.names(root):
        target = target_folders.load(name, root)
        trials = ledger.read(ledger.path(target.folder, "performance"))
        found = ledger.best(trials, host_class(target))
        rows.append(
            {
                "target": name,
                "status": target.spec["status"],
                "title": target.spec["title"],
                "trials": len(trials),
                "ratio": found.ratio_vs_upstream if found else None,
            }
        )
    return rows


def best(name: str, focus: str = "performance", root: Path | None = None) -> dict[str, Any]:
    """The ledger row a trial has to beat on this host class.

    Raises
    ------
    Usage
        If this host class has none yet.
    """
    target = target_folders.load(name, root)
    machine = host_class(target)
    found = ledger.best(ledger.read(ledger.path(target.folder, focus)), machine)
    if found is None:
        raise Usage(f"{name} has no kept row on host class {machine}: run `workbench init {name}`")
    return dataclasses.asdict(found)


def history(
    name: str, focus: str = "performance", root: Path | None = None
) -> list[dict[str, Any]]:
    """Every row of a ledger, oldest first, with ``this_host`` added."""
    target = target_folders.load(name, root)
    machine = host_class(target)
    rows = ledger.history(ledger.read(ledger.path(target.folder, focus)))
    return [{**dataclasses.asdict(row), "this_host": row.host_class == machine} for row in rows]


def add_lesson(name: str, text: str, root: Path | None = None) -> Path:
    """Append one line to the target's lessons.md, synced; returns its path in the project."""
    target = target_folders.load(name, root)
    line = " ".join(ledger.spell_text(text).split())
    if not line:
        raise Usage("a lesson needs words: workbench lesson TARGET TEXT")
    path = target.folder / "lessons.md"
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    with path.open("a", encoding="utf-8") as file:
        file.write(f"- {today}: {line}\n")
        file.flush()
        os.fsync(file.fileno())
    record.sync(path.parent)
    return path.relative_to(target.root)
