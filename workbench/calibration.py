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
        values = known[host_class]
        found = Calibration(
            sigma=float(values["sigma"]),
            sigma_combo=float(values["sigma_combo"]),
            delta=float(values["delta"]),
            processes=int(values["processes"]),
            geomean_ns=float(values["geomean_ns"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Calibration()
    plausible = 0 < found.sigma < 1 and 0 < found.sigma_combo < 1 and 0 < found.delta < 1
    return found if plausible else Calibration()


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
