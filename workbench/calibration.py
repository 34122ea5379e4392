"""What identical kernels do on a machine, remembered beside the target's ledger."""

from __future__ import annotations

import dataclasses
import json

from workbench import record
from workbench.stats import Calibration
from workbench.targets import Target

FILE = "calibration.json"


def load(target: Target, host_class: str) -> Calibration:
    """This host class's calibration, or the careful default."""
    try:
        known = json.loads((target.folder / FILE).read_text())
        return Calibration(**known[host_class])
    except (OSError, ValueError, KeyError, TypeError):
        return Calibration()


def save(target: Target, host_class: str, calibration: Calibration) -> None:
    """Remember a calibration; a file that cannot be read is replaced."""
    path = target.folder / FILE
    try:
        known = dict(json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        known = {}
    known[host_class] = dataclasses.asdict(calibration)
    draft = path.with_suffix(".partial")
    draft.write_text(json.dumps(known, indent=1) + "\n")
    record.sync(draft)
    draft.rename(path)
