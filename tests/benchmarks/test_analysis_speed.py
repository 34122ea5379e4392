"""Figures of the analysis: ``pytest -n 0 -m benchmark -s tests/benchmarks/test_analysis_speed.py``.

Nothing is asserted about time. Both the clock on the wall and the processor's are printed: the
first is what a user waits for, the second what it costs on a machine with other work.
"""

import json
import statistics
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from workbench.analysis import rows
from workbench.analysis.axes import ENCODER
from workbench.analysis.hull import hull
from workbench.analysis.regressions import regressions
from workbench.analysis.structural import classify

pytestmark = pytest.mark.benchmark
# As published: codecs, rate-control modes, and 12 bare rows and 11 recipes at 6 qualities a slice.
CODECS, MODES, COMBINATIONS, BARE_ROWS = 6, 3, 78, 12
SOURCE_ROWS = CODECS * MODES * COMBINATIONS
# One process: what it reads, how long that and the analysis took, and its greatest memory.
CHILD = """
import json, sys, time
from pathlib import Path
from workbench.analysis import rows
from workbench.analysis.axes import ENCODER
from workbench.analysis.hull import hull
from workbench.analysis.regressions import regressions

seconds, last = {}, (time.perf_counter(), time.process_time())
def done(what):
    global last
    now = time.perf_counter(), time.process_time()
    seconds[what], last = [b - a for a, b in zip(last, now)], now
frame = rows.read(Path(sys.argv[1]))
done("read")
best = hull(frame, ENCODER)
done("hull")
found = regressions(frame, ENCODER)
done("regressions")
status = Path("/proc/self/status").read_text()
peak_kb = int(status.split("VmHWM:")[1].split()[0])
print(json.dumps({"rows": len(frame), "hull": len(best), "seconds": seconds, "peak_kb": peak_kb,
                  "regressions": int(found.is_regression.sum())}))
"""


def sweep(sources, seed=0):
    """A table of cells in random order: curves that differ by source, one recipe that loses."""
    rng = np.random.default_rng(seed)
    at = rng.permutation(sources * SOURCE_ROWS)
    combination, slices = at % COMBINATIONS, at // COMBINATIONS
    mode, codec, source = slices % MODES, slices // MODES % CODECS, slices // MODES // CODECS
    is_bare = combination < BARE_ROWS
    recipe = np.where(is_bare, 0, 1 + (combination - BARE_ROWS) // 6)
    quality = np.where(is_bare, combination, (combination - BARE_ROWS) % 6 * 2).astype(float)
    level = rng.normal(0, 0.5, sources)[source]
    lost = 0.4 * ((recipe == 5) & (mode > 0))

    def text(numbers, names):
        dictionary = pa.DictionaryArray.from_arrays(numbers.astype(np.int32), names)
        return dictionary.cast(pa.string())

    return pa.table(
        {
            "source": text(source, [f"clip{i}" for i in range(sources)]),
            "codec": text(codec, [f"codec{i}" for i in range(CODECS)]),
            "rc_mode": text(mode, ["cqp", "vbr", "cbr"]),
            "preset": text(np.zeros(len(at)), ["medium"]),
            "quality": quality,
            "knob_combo": text(recipe, ["bare", *(f"knob={i}" for i in range(1, 12))]),
            "is_bare_default": is_bare,
            "bitrate_kbps": np.exp(7 + level + quality / 4 + rng.normal(0, 0.02, len(at))),
            "vmaf_score": 98 - (12 - quality) ** 1.5 - lost + rng.normal(0, 0.2, len(at)),
            "encode_time_ms": rng.gamma(4, 100, len(at)),
        }
    )


def timed(function, runs):
    """Seconds on the wall and of the processor of each run after a warm-up."""
    seconds = []
    for _ in range(runs + 1):
        begin = time.perf_counter(), time.process_time()
        function()
        seconds.append((time.perf_counter() - begin[0], time.process_time() - begin[1]))
    return np.array(seconds[1:]).T


def report(what, seconds, aim, extra=""):
    wall, processor = map(statistics.median, seconds)
    print(
        f"\n{what}: {wall:.3f} s ({min(seconds[0]):.3f} to {max(seconds[0]):.3f}, "
        f"{len(seconds[0])} runs; aim {aim}), of the processor {processor:.3f} s{extra}"
    )


def as_jsonl(table, path):
    with path.open("w") as file:
        for batch in table.to_batches(max_chunksize=50_000):
            file.writelines(json.dumps(row) + "\n" for row in batch.to_pylist())


def test_a_published_sweep_in_memory(tmp_path):
    parquet.write_table(sweep(9), tmp_path / "cells.parquet")
    frame = rows.read(tmp_path / "cells.parquet")

    def run():
        hull(frame, ENCODER)
        classify(frame, ENCODER, regressions(frame, ENCODER))

    report(f"hull, regressions, classify of {len(frame):,} rows", timed(run, 15), "0.06 s")


def test_forty_sweeps_from_jsonl(tmp_path):
    path = tmp_path / "cells.jsonl"
    as_jsonl(sweep(360), path)

    def run():
        frame = rows.read(path)
        hull(frame, ENCODER)
        regressions(frame, ENCODER)
        assert len(frame) == 360 * SOURCE_ROWS

    extra = f"; {path.stat().st_size / 1e6:.0f} MB"
    report("read, hull, regressions of 505,440 rows from JSONL", timed(run, 5), "1.5 s", extra)


@pytest.mark.parametrize("sources", [1781, 7123])
def test_millions_of_rows_from_parquet(tmp_path, sources):
    path = tmp_path / "cells.parquet"
    parquet.write_table(sweep(sources), path)
    command = [sys.executable, "-c", CHILD, str(path)]
    outputs = [
        json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        for _ in range(2)
    ]
    found = outputs[-1]  # the first may have compiled
    seconds = np.array(list(found["seconds"].values())).T
    steps = ", ".join(f"{name} {each[1]:.2f}" for name, each in found["seconds"].items())
    report(
        f"read, hull, regressions of {found['rows']:,} rows from Parquet, a process of its own",
        seconds.sum(axis=1, keepdims=True),
        "30 s and 6 GB for ten million",
        f" ({steps}); peak RSS {found['peak_kb'] / 1e6:.2f} GB",
    )
