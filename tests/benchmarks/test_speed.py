"""Figures of the workbench itself: ``pytest -n 0 -m benchmark -s tests/benchmarks``.

Nothing is asserted about time.

Medians of whole processes on an otherwise idle machine, the first run of each left out.
"""

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from workbench import targets

pytestmark = pytest.mark.benchmark
WORKBENCH = [sys.executable, "-c", "from workbench.cli import main; main()"]


def wall_seconds(command, runs, **options):
    """Wall time of each run after a warm-up, and the last run's output."""
    seconds = []
    for _ in range(runs + 1):
        begin = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
        seconds.append(time.perf_counter() - begin)
    return seconds[1:], done


def report(what, seconds, aim, extra=""):
    median, low, high = statistics.median(seconds), min(seconds), max(seconds)
    print(
        f"\n{what}: {median:.2f} s ({low:.2f} to {high:.2f}, {len(seconds)} runs; aim {aim}){extra}"
    )


def test_help():
    seconds, _ = wall_seconds([*WORKBENCH, "--help"], 9)
    report("workbench --help", seconds, "0.3 s")


def test_import():
    seconds, _ = wall_seconds([sys.executable, "-c", "import workbench"], 9)
    report("import workbench", seconds, "0.25 s")


def test_verdict(project):
    for name, options in {
        "unchanged kernel": [],
        "against upstream": ["--incumbent", "upstream"],
    }.items():
        command = [*WORKBENCH, "trial", "pq_l2", "--json", *options]
        seconds, done = wall_seconds(command, 3, cwd=project)
        record = json.loads(done.stdout)
        extra = (
            f"; {record['status']} ({record['reason']}) after {record['processes']} pairs of "
            f"processes, {record['timed_share']:.0%} of the measuring time inside timed calls"
        )
        report(f"workbench trial pq_l2, {name}", seconds, "12 s", extra)


@pytest.mark.parametrize("name", targets.names())
def test_verdict_of_every_target(project, name):
    command = [*WORKBENCH, "trial", name, "--json"]
    seconds, done = wall_seconds(command, 1, cwd=project)
    record = json.loads(done.stdout)
    report(f"workbench trial {name}", seconds, "15 s", f"; {record['reason']}")


def test_scoreboard(project):
    begin = time.perf_counter()
    subprocess.run([*WORKBENCH, "scoreboard"], cwd=project, capture_output=True, check=True)
    report("workbench scoreboard, nothing compiled yet", [time.perf_counter() - begin], "360 s")


def test_papermill(project):
    output = Path("reports") / "trials" / "first.ipynb"
    command = [sys.executable, "-m", "papermill", "notebooks/trial.ipynb", str(output)]
    seconds, done = wall_seconds([*command, "-p", "target", "pq_l2"], 3, cwd=project)
    report("papermill notebooks/trial.ipynb", seconds, "16 s", f"; exit {done.returncode}")
