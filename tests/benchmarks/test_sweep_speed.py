"""Figures of a sweep: ``pytest -n 0 -m benchmark -s tests/benchmarks/test_sweep_speed.py``.

Nothing is asserted about time.
"""

import json
import os
from pathlib import Path

import pytest

from workbench.encoders import grid, plans, results, sweep
from workbench.encoders.grid import Slices

pytestmark = pytest.mark.benchmark


def test_where_the_cpu_time_of_a_sweep_goes(tmp_path: Path):
    parts = [
        Slices(name, recipes=("bare",), qualities=quality)
        for name, quality in (("libx264", (120.0, 150.0)), ("libsvtav1", (120.0, 150.0)))
    ]
    part = [Slices(p.codec, ("vbr",), p.presets, p.recipes, p.qualities) for p in parts]
    plan = plans.plan("small", None, tmp_path)
    cells = grid.cells_of(part, list(plan.clips)) + list(plan.cells)
    asked = sweep.Plan(cells, plan.clips, plan.shape, "benchmark")
    done = sweep.run(asked, tmp_path)
    rows = [json.loads(line) for line in (tmp_path / results.CELLS).read_text().splitlines()]
    inside_s = sum(row["encode_cpu_ms"] + row["score_cpu_ms"] for row in rows) / 1e3
    share = inside_s / (inside_s + done.workers_cpu_s)
    cores = len(os.sched_getaffinity(0))
    print(
        f"\n{done.measured} cells in {done.seconds:.1f} s on {cores} cores: "
        f"{share:.1%} of the CPU time inside encoder and scorer (aim 90 %), "
        f"{inside_s / done.seconds / cores:.1%} of all cores' time"
    )
