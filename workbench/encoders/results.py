"""A sweep's folder: rows as they fall, failures beside them, and what was asked."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from workbench import files
from workbench.encoders.grid import Cell
from workbench.encoders.measure import Failure, Row
from workbench.errors import Infrastructure

CELLS, FAILURES, PLAN = "cells.jsonl", "failures.jsonl", "sweep.json"
SCRATCH = "scratch"


def append(folder: Path, result: Row | Failure) -> None:
    """Put a result on disk, synced, before the next is waited for.

    Raises
    ------
    Infrastructure
        If it cannot be written; what is there stays whole.
    """
    if isinstance(result, Failure):
        files.append_line(folder / FAILURES, json.dumps(dataclasses.asdict(result)).encode())
    else:
        files.append_line(folder / CELLS, json.dumps(result, allow_nan=False).encode())


def measured(folder: Path) -> set[str]:
    """Addresses of the cells that have a row."""
    return {row["cell_id"] for row in _read(folder / CELLS)}


def failures(folder: Path) -> dict[str, Failure]:
    """The last failure of each cell that has no row."""
    done = measured(folder)
    path = folder / FAILURES
    found = {}
    for number, line in enumerate(_read(path), 1):
        if line["cell_id"] not in done:
            try:
                cell, error = Cell(**line["cell"]), str(line["error"])
            except (KeyError, TypeError) as problem:
                raise Infrastructure(f"{path} line {number} is no failure of a cell") from problem
            found[line["cell_id"]] = Failure(line["cell_id"], cell, error)
    return found


def write_plan(folder: Path, plan: dict[str, Any]) -> None:
    """Note what was asked, for `sweep status` and for readers."""
    folder.mkdir(parents=True, exist_ok=True)
    files.write_whole(folder / PLAN, json.dumps(plan, indent=1).encode())


def read_plan(folder: Path) -> dict[str, Any]:
    """What was asked.

    Raises
    ------
    Infrastructure
        If this is no sweep's folder.
    """
    try:
        plan = json.loads((folder / PLAN).read_bytes())
        assert isinstance(plan["cells"], int)
        assert isinstance(plan["ids"], list)
    except (OSError, ValueError, KeyError, TypeError, AssertionError) as error:
        raise Infrastructure(f"{folder} holds no sweep: {PLAN} cannot be read") from error
    return dict(plan)


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Be the one writer of a sweep; what a killed one was encoding goes.

    Raises
    ------
    Infrastructure
        If there is one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise Infrastructure(f"another process is running the sweep in {folder}") from error
    try:
        shutil.rmtree(folder / SCRATCH, ignore_errors=True)
        yield
    finally:
        shutil.rmtree(folder / SCRATCH, ignore_errors=True)
        lock.release()


def _read(path: Path) -> list[dict[str, Any]]:
    found = []
    for number, line in enumerate(files.whole_lines(path), 1):
        try:
            row = json.loads(line)
            row["cell_id"]
        except (ValueError, KeyError, TypeError) as error:
            raise Infrastructure(f"{path} line {number} is no result of a sweep") from error
        found.append(row)
    return found
