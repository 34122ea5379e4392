"""Conditions under which a verdict falls: an idle machine, or a neighbour that comes and goes.

Started as ``python -s -P neighbours.py CONDITION CORE SEED`` it is the neighbour itself.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np

QUIET, OTHER_CORE, SAME_CORE = "quiet", "other-core", "same-core"
CONDITIONS = (QUIET, OTHER_CORE, SAME_CORE)
# Bursts and pauses last between 20 ms and 0.5 s: longer and shorter than one pair of turns.
SHORTEST_S, LONGEST_S = 0.02, 0.5
# Larger than any last-level cache here, so that the neighbour takes memory bandwidth.
HOG_BYTES = 256 << 20


@contextlib.contextmanager
def beside(condition: str, timing_core: int, seed: int) -> Iterator[None]:
    """Run a neighbour while the block lasts.

    Parameters
    ----------
    condition : str
        One of `CONDITIONS`. On another core it copies memory, on the same one it computes.
    timing_core : int
        Where the judge measures.
    seed : int
        Of its bursts and pauses.

    Raises
    ------
    ValueError
        If there is no other core.
    """
    if condition == QUIET:
        yield
        return
    others = sorted(os.sched_getaffinity(0) - {timing_core})
    if condition == OTHER_CORE and not others:
        raise ValueError("this process may use one core only: there is no other core")
    core = timing_core if condition == SAME_CORE else others[0]
    command = [sys.executable, "-s", "-P", __file__, condition, str(core), str(seed)]
    neighbour = subprocess.Popen(command, stdin=subprocess.PIPE)
    try:
        yield
    finally:
        neighbour.kill()
        neighbour.wait()
        assert neighbour.stdin is not None
        neighbour.stdin.close()


def _disturb(condition: str, core: int, seed: int) -> None:
    """Burst and pause until the parent is gone."""
    os.sched_setaffinity(0, [core])
    os.set_blocking(0, False)
    parent = os.getppid()
    rng = np.random.default_rng(seed)
    source = np.ones(HOG_BYTES if condition == OTHER_CORE else 1 << 12, np.uint8)
    target = np.empty_like(source)
    while os.getppid() == parent:
        end = time.monotonic() + rng.uniform(SHORTEST_S, LONGEST_S)
        while time.monotonic() < end:
            for begin in range(0, len(source), 1 << 20):  # a burst ends within a millisecond
                part = slice(begin, begin + (1 << 20))
                np.copyto(target[part], source[part])
        time.sleep(rng.uniform(SHORTEST_S, LONGEST_S))


if __name__ == "__main__":
    _disturb(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
