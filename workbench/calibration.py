"""What identical kernels do on a machine, remembered beside the target's ledger."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.errors import Infrastructure
from workbench.files import write_whole
from workbench.stats import Calibration
from workbench.targets import Target

FILE = "calibration.json"
# What parsing a damaged file raises; the last two for Infinity as a count, and 100,000 brackets.
DAMAGE = (
    *(OSError, ValueError, LookupError, TypeError, AttributeError),
    *(OverflowError, RecursionError),
)


def load(target: Target, host_class: str) -> Calibration:
    """This host class's calibration, or the careful default."""
    try:
        return _parse(json.loads((target.folder / FILE).read_text(encoding="utf-8"))[host_class])
    except DAMAGE:  # `workbench fsck` names it; the default only makes intervals wider
        return Calibration()


def read(path: Path) -> dict[str, Calibration]:
    """Every host class's calibration; none where nothing was calibrated.

    Raises
    ------
    Infrastructure
        Naming the file and what is wrong in it.
    """
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        return {host_class: _parse(values) for host_class, values in known.items()}
    except FileNotFoundError:
        return {}
    except DAMAGE as error:
        raise Infrastructure(
            f"{path} is no calibration ({type(error).__name__}: {error}): "
            f"`workbench init {path.parent.name} --rebaseline` measures a new one"
        ) from error


def _parse(values: Mapping[str, Any]) -> Calibration:
    found = Calibration(
        sigma=float(values["sigma"]),
        sigma_combo=float(values["sigma_combo"]),
        delta=float(values["delta"]),
        processes=int(values["processes"]),
        geomean_ns=float(values["geomean_ns"]),
    )
    shares = (found.sigma, found.sigma_combo, found.delta)
    if not all(0 < share < 1 for share in shares):
        raise ValueError(f"sigma, sigma_combo and delta are {shares}, not between 0 and 1")
    if found.processes < 0 or not 0 <= found.geomean_ns < math.inf:
        raise ValueError(f"{found.processes} processes, {found.geomean_ns} ns")
    return found


def save(target: Target, host_class: str, calibration: Calibration) -> None:
    """Remember a calibration; a file that cannot be read is replaced.

    Raises
    ------
    Infrastructure
        If the disk is full or the folder cannot be written; the old file stays.
    """
    path = target.folder / FILE
    try:
        known = read(path)
    except Infrastructure:
        known = {}
    known[host_class] = calibration
    document = {name: dataclasses.asdict(found) for name, found in known.items()}
    write_whole(path, f"{json.dumps(document, indent=1)}\n".encode())
