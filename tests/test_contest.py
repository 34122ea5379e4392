"""A contest on real processes: who gets which memory."""

import os

import numpy as np
import pytest

from workbench import builds, child, contest, duel, forkserver, judge, lane, targets
from workbench.timers import PAIRS


def inode(arena):
    """Which memory it is, whoever holds it."""
    return os.fstat(arena.fd).st_ino


def is_blank(arena):
    """Whether every byte is zero; holes are."""
    begin = end = 0
    while True:
        try:
            begin = os.lseek(arena.fd, end, os.SEEK_DATA)
        except OSError:
            return True
        end = os.lseek(arena.fd, begin, os.SEEK_HOLE)
        if os.pread(arena.fd, end - begin, begin).strip(b"\0"):
            return False


@pytest.fixture
def loaded(monkeypatch):
    """What every lane gets, as it is loaded: (kernel, arena, whether that is blank)."""
    seen = []

    class Recorded(lane.Lane):
        def __init__(self, server, target, kernels, layout, cores, pad_bytes, arena, **options):
            blank = arena is None or is_blank(arena)
            super().__init__(server, target, kernels, layout, cores, pad_bytes, arena, **options)
            seen.append((kernels, inode(self.arena), blank))

    monkeypatch.setattr(judge, "Lane", Recorded)
    return seen


@pytest.fixture
def bench(project):
    server, watchdog = forkserver.ForkServer(), child.Watchdog(60)
    core = max(os.sched_getaffinity(0))
    yield judge.Bench(server, watchdog, targets.load("pq_l2", project), core, lambda *_: None)
    watchdog.close()
    server.close()


@pytest.mark.usefixtures("quick")
def test_the_second_pair_exchanges_memory_and_the_order_of_loading(bench, loaded):
    """The same kernel thrice: nothing here depends on a time."""
    source = (bench.target.folder / "upstream.py").read_text()
    kernels = [builds.stage(bench.target.root, "t", f"{source}\n# {who}\n") for who in range(3)]
    candidate, incumbent, upstream = kernels
    layout = lane.plan(bench.target.inputs.workloads(np.random.default_rng(1))[:1])
    before = []
    for seeds in ((1, 2), (3, 4)):
        loaded.clear()
        rngs = [np.random.default_rng(seed) for seed in seeds]
        done = contest.cross(bench, kernels, layout, rngs, before)
        one, other, *_ = (arena for _, arena, _ in loaded)
        assert one != other
        assert [(kernel, arena) for kernel, arena, _ in loaded if kernel != upstream] == [
            (candidate, one),
            (incumbent, other),
            (incumbent, one),
            (candidate, other),
        ]
        assert all(blank for *_, blank in loaded)
        uncrossed = [arena for kernel, arena, _ in loaded if kernel == upstream]
        assert len(uncrossed) == 2
        assert not {one, other} & set(uncrossed)
        before += done
    assert [m.footprint is not None for m in before] == [True, False, False, False]
    assert len({m.batches for m in before}) == 1
    for m in before:
        blocks = m.blocks
        assert blocks.candidate_first.shape == blocks.candidate_ns.shape == (m.rounds, PAIRS)
        assert (blocks.candidate_first.sum(axis=1) == PAIRS // 2).all()
        assert len(blocks.upstream_ns) == duel.HEADLINE_PAIRS
