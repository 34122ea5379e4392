"""Verdicts of a campaign on disk: one JSON object a line, synced as it falls."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from workbench import files
from workbench.errors import Infrastructure

FILE = "verdicts.jsonl"


@dataclass(frozen=True)
class Found:
    """One verdict, as a trial would have given it, on kernels whose difference is known.

    Attributes
    ----------
    kernel : str
        ``target`` or ``target/upstream``: whose kernel was raced.
    condition : str
        What ran beside it.
    variant : str
        What was done: ``identical``, ``faster-1%``, or a neutral edit.
    kept, reason : bool, str
        Of the verdict, confirmation included.
    screened : bool
        Whether the screen alone kept it.
    seconds : float
        Wall time of screen and confirmation.
    geomean_ns : float
        Time per request of the candidate.
    sigma, delta : float
        Calibration in use.
    d_median, d_min : tuple of float
        Each crossover's D in the screen, log ratios in both forms.
    confirm_median, confirm_min : tuple of float
        Likewise in the confirmation; empty where there was none.
    shorter : mapping of str to list of [float, float]
        Share of the blocks to each crossover's D (both forms) from these first blocks alone.
    crossover_seconds : float
        Wall time of one crossover.
    candidate_pooled, incumbent_pooled : tuple of float
        Intervals of the pooled gate, ns.
    host_class, timestamp : str
        Where and when.
    """

    kernel: str
    condition: str
    variant: str
    kept: bool
    reason: str
    screened: bool
    seconds: float
    geomean_ns: float
    sigma: float
    delta: float
    d_median: tuple[float, ...]
    d_min: tuple[float, ...]
    confirm_median: tuple[float, ...]
    confirm_min: tuple[float, ...]
    shorter: Mapping[str, list[list[float]]]
    crossover_seconds: float
    candidate_pooled: tuple[float, float]
    incumbent_pooled: tuple[float, float]
    host_class: str
    timestamp: str


def append(folder: Path, found: Found) -> None:
    """Add one verdict, durably."""
    line = json.dumps(dataclasses.asdict(found), separators=(",", ":")).encode()
    files.append_line(folder / FILE, line)


def read(folder: Path) -> list[Found]:
    """Read a campaign, oldest first; a torn last line is what a crash leaves, and is skipped.

    Raises
    ------
    Infrastructure
        Naming the line that is no verdict.
    """
    from pydantic import TypeAdapter, ValidationError

    adapter = TypeAdapter(Found)
    found = []
    for number, line in enumerate(files.whole_lines(folder / FILE), 1):
        try:
            found.append(adapter.validate_json(line))
        except ValidationError as error:
            why = error.errors()[0]["msg"]
            path = folder / FILE
            raise Infrastructure(f"{path} line {number} is no verdict: {why}") from error
    return found
