"""How fluid a large sweep is: ``pytest -n 0 -m benchmark -s`` and this file.

Nothing is asserted about time.
"""

import time
from pathlib import Path

import pandas as pd
import pytest

from workbench.analysis import sweep
from workbench.explore import sweeps
from workbench.explore.sweeps_slices import explored

pytestmark = pytest.mark.benchmark
DATA = Path(__file__).resolve().parents[2] / "reports/0004-encoder-sweep/data/cells.parquet"
COPIES = 9


def test_a_sweep_of_a_hundred_thousand_cells_opens_and_changes_its_slice(tmp_path):
    published = sweep.load(DATA).frame.drop(columns="cell_id")
    many = [
        published.assign(source=published["source"].astype(str) + str(i)) for i in range(COPIES)
    ]
    path = tmp_path / "cells.parquet"
    pd.concat(many).to_parquet(path)
    for _ in range(2):  # the first compiles, where nothing is compiled yet
        begin = time.perf_counter()
        explorer = sweeps.Explorer(explored(path), tmp_path)
        opened_s = time.perf_counter() - begin
    times_s = []
    for codec in explorer.choosers["codec"].options:
        begin = time.perf_counter()
        explorer.choosers["codec"].value = codec
        times_s.append(time.perf_counter() - begin)
    print(f"\n{COPIES * len(published):,} cells: open {opened_s:.2f} s")
    print(f"another slice: {max(times_s):.3f} s at most, of {len(times_s)}")
