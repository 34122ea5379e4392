"""What tests of the loop share: a project with a baseline, and agents that misbehave."""

import dataclasses
import datetime
import sys
import textwrap

from workbench import incumbent, ledger, overview, record, targets
from workbench.stats import Calibration

# An agent's script begins so: `row(...)` is what a trial leaves in the ledger, without the race.
PRELUDE = """
import dataclasses, os, pathlib, subprocess, sys
sys.path.insert(0, {here!r})
from loops import append
from workbench import targets
root = pathlib.Path(os.environ["WORKBENCH_ROOT"])
target = targets.load(os.environ["WORKBENCH_TARGET"], root)
def row(status, reason="inconclusive", **more):
    append(target, status, reason, **more)
def edit(text="# edited"):
    path = target.kernels_path
    path.write_text(path.read_text() + text + "\\n")
"""


def append(target, status, reason, description="an idea", **more):
    """Write a row of the kernel as it lies there, and what of its record tells the kernel."""
    source = target.kernels_path.read_text()
    fields = dict.fromkeys(f.name for f in dataclasses.fields(ledger.Row))
    fields |= {
        **{
            "commit": incumbent.head(target, source),
            "timestamp": datetime.datetime.now(datetime.UTC).isoformat(),
        },
        **{"status": status, "reason": reason, "ratio": 0.9, "ratio_vs_upstream": 0.5},
        **{"host_class": overview.host_class(target), "description": description},
        **{"kernel_sha256": incumbent.sha256(source)},
    }
    row = ledger.Row(**{**fields, **more})
    record.write(target.root, record_of(target, row), source, [])
    ledger.append(ledger.path(target.folder, "performance"), row)


def record_of(target, row):
    """The record that a trial of a row would leave."""
    moment = "".join(c for c in row.timestamp if c.isalnum())
    known = {
        **dataclasses.asdict(row),
        **{"id": f"{moment}-{target.name}-{row.kernel_sha256[:8]}", "target": target.name},
        **{"mode": "trial", "focus": "performance", "exit_code": 0, "sentence": row.status},
        **{"incumbent": record.IncumbentRef("commit", "c", "other"), "judge_sha256": "j"},
        **{"judge_files": {}, "host": {}, "versions": {}, "seed": 1, "seconds": 1.0},
        **{"calibration": Calibration()},
    }
    return record.TrialRecord(**known)


def begun(project, name="pq_l2"):
    """Give a project a baseline, without measuring it."""
    target = targets.load(name, project)
    append(target, "baseline", "baseline", description="")
    return target


def agent(folder, script, name="agent.py"):
    """An agent that runs a script; the command for ``--agent``."""
    from pathlib import Path

    path = folder / name
    here = str(Path(__file__).parent)
    path.write_text(PRELUDE.format(here=here) + textwrap.dedent(script))
    return f"{sys.executable} {path}"
