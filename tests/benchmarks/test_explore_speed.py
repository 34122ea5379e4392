"""Figures of the race explorer.

``pytest -n 0 -m benchmark -s tests/benchmarks/test_explore_speed.py``. Nothing is asserted about
time. Aims: it opens in 3 s after its kernel has started, and the first
interval of a race shows in 4 s, with a warm compilation cache. Another trial on the timing core is
waited for, and counted. On a busy Zen 3 of two cores, with children at real-time priority and the
lock left out, it was 4.9 and 5.1 s before the waiting child began numba and multiplied with one
thread, and 3.7 to 4.5 s after (4.9 once); some 2 s of it are the two pairs of processes. On the
quiet machine, as it is run: 5.6 and 5.8 s before, 4.7 s after.
"""

import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.benchmark

OPEN = """
import time
begin = time.perf_counter()
from workbench.explore import races
races.show("pq_l2")
print(time.perf_counter() - begin)
"""


def test_the_explorer_opens(project):
    times = [
        float(
            subprocess.run(
                [sys.executable, "-c", OPEN],
                cwd=project,
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        )
        for _ in range(3)
    ]
    print(f"\nthe explorer opens in {min(times):.2f} s (aim 3 s; {len(times)} tries)")


def test_the_first_interval(project):
    from workbench.explore.explorer import Explorer

    waited = []
    for warm in (False, True):
        explorer = Explorer("pq_l2", project)
        time.sleep(5)  # as a person does before the first race: the child imports meanwhile
        begin = time.perf_counter()
        explorer.race()
        found, point = None, None
        while found is None or found.whole.ci_low is None:
            assert time.perf_counter() - begin < 300
            time.sleep(0.02)
            found = explorer.screen.seen.standing
            if found is not None and point is None:
                point = time.perf_counter() - begin
        if warm:
            waited = [point, time.perf_counter() - begin]
        explorer.cancel()
        explorer.close()
    print(
        f"\nfirst points after {waited[0]:.2f} s, first interval after {waited[1]:.2f} s (aim 4 s)"
    )
