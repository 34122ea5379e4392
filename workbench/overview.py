"""What was tried so far, as plain rows: for the command line and for notebooks."""

from __future__ import annotations

import dataclasses
import datetime
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench import host, incumbent, ledger, policy, scoreboard, transfer
from workbench import targets as target_folders
from workbench.errors import Usage
from workbench.files import sync
from workbench.targets import Target


def judge_sha256(target: Target) -> str:
    """Digest of the judge that a trial of a target has now."""
    return policy.judge_sha256(policy.judge_files(target.root, target.folder))


def host_class(target: Target) -> str:
    """This machine's class for a target: it covers the judge's files as well."""
    return host.current(judge_sha256(target)).id


def targets(root: Path | None = None) -> list[dict[str, Any]]:
    """One row a target: what is published of it, and what this machine's ledger has.

    ``published_ratio``, ``best_peer``, ``ratio_to_peer`` and ``roofline_share`` are of
    ``reports/scoreboard/``, ``transfer`` and ``query_ratio`` of ``reports/callsites/``; None
    where nothing was published. ``stale`` says that one of them judged another kernels.py.
    """
    root = root or target_folders.find_root()
    board = scoreboard.read(root)
    return [_row(target_folders.load(n, root), board) for n in target_folders.names(root)]


def _row(target: Target, board: Mapping[str, Any]) -> dict[str, Any]:
    trials = ledger.read(ledger.path(target.folder, "performance"))
    found = ledger.best(trials, host_class(target))
    line, query = board.get(target.name), transfer.read(target.root, target.name)
    peer = line.vs_peers[line.best_peer] if line and line.best_peer else None
    digest = incumbent.sha256(target.kernels_path.read_text())
    judged = [line.kernel_sha256] if line else []
    judged += [query["kernel_sha256"]] if query else []
    return {
        "target": target.name,
        "status": target.spec["status"],
        "title": target.spec["title"],
        "trials": len(trials),
        "ratio": found.ratio_vs_upstream if found else None,
        "published_ratio": line.vs_upstream.ratio if line else None,
        "best_peer": line.best_peer if line else None,
        "ratio_to_peer": peer.ratio if peer else None,
        "roofline_share": line.roofline_share if line else None,
        "transfer": query["transfer"] if query else None,
        "query_ratio": query["ratio"] if query else None,
        "stale": any(kernel != digest for kernel in judged),
    }


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """Write `targets` as the table of docs/targets/README.md, which a test holds to it."""

    def spell(value: float | None, form: str) -> str:
        return "not measured" if value is None else format(value, form)

    lines = [
        "| target | status | to upstream | to the best peer | roofline | in the real query |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        peer = f" {row['best_peer']}" if row["best_peer"] else ""
        ratio = f" ({row['query_ratio']:.3f})" if row["query_ratio"] is not None else ""
        cells = [
            f"[{row['target']}]({row['target']}.md): {row['title']}",
            row["status"],
            spell(row["published_ratio"], ".3f"),
            spell(row["ratio_to_peer"], ".3f") + peer,
            spell(row["roofline_share"], ".0%"),
            f"{row['transfer'] or 'not measured'}{ratio}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def best(name: str, focus: str = "performance", root: Path | None = None) -> dict[str, Any]:
    """The ledger row a trial has to beat on this host class.

    Raises
    ------
    Usage
        If this host class has none yet.
    """
    target = target_folders.load(name, root)
    machine = host_class(target)
    found = ledger.best(ledger.read_any(ledger.path(target.folder, focus)), machine)
    if found is None:
        raise Usage(
            f"{name} has no kept row on host class {machine}: run "
            f"`workbench init {name}{ledger.option(focus)}`"
        )
    return dataclasses.asdict(found)


def has_baseline(name: str, focus: str = "performance", root: Path | None = None) -> bool:
    """Whether this host class has measured a target's baseline."""
    target = target_folders.load(name, root)
    machine = host_class(target)
    rows = ledger.read_any(ledger.path(target.folder, focus))
    return any(row.status == "baseline" and row.host_class == machine for row in rows)


def history(
    name: str, focus: str = "performance", root: Path | None = None
) -> list[dict[str, Any]]:
    """Every row of a ledger, oldest first, with ``this_host`` added."""
    target = target_folders.load(name, root)
    machine = host_class(target)
    rows = ledger.history(ledger.read_any(ledger.path(target.folder, focus)))
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
    sync(path.parent)
    return path.relative_to(target.root)
