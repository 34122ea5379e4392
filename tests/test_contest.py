"""A contest on real processes and on none: who gets which memory, who is read first."""

import contextlib
import os
from types import SimpleNamespace

import numpy as np
import pytest

from workbench import builds, child, contest, forkserver, judge, lane, targets
from workbench.judge import CANDIDATE, INCUMBENT
from workbench.timers import PAIRS, Turn

ORDERS = ((0, 1), (1, 0), (1, 0), (0, 1))


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
        assert len(blocks.upstream_ns) == contest.HEADLINE_PAIRS


class Still:
    """A lane without a process: it answers at once and notes who is asked for what."""

    def __init__(self, who, notes, load, answer):
        self.who, self.notes, self.answer = who, notes, answer
        self.plan = SimpleNamespace(workloads=[load])
        self.runner = SimpleNamespace(turn=self.turn, null_turn=lambda: 1)

    def offer(self, combo, requests):
        pass

    def turn(self, combo):
        self.notes.append(("turn", self.who))
        return 100, 90

    def answers(self, combo, count):
        self.notes.append(("read", self.who))
        return {"out": np.full((count, 3), self.answer, np.float32)}


@pytest.fixture
def still(monkeypatch):
    """``still(*who)`` gives a contest of such lanes and its notes."""

    def make(*who, answers=(1.0, 1.0)):
        notes = []
        monkeypatch.setattr(contest, "truth", lambda *_: notes.append("truth") or {})
        monkeypatch.setattr(contest, "agree", lambda *_: notes.append("agree"))
        load = SimpleNamespace(name="a/b", fixture=None)
        lanes = {w: Still(w, notes, load, answers[w]) for w in who}
        requests = SimpleNamespace(take=lambda combo, n: {"query": np.zeros((n, 2))})
        spec = {"oracle": {"kind": "max_abs_err", "atol": 1e-6, "rtol": 0.0}}
        watched = SimpleNamespace(over=lambda *_: contextlib.nullcontext())
        held = SimpleNamespace(watchdog=watched, target=SimpleNamespace(spec=spec))
        return contest.Contest(held, lanes, requests, (2,), np.random.default_rng(1)), notes

    return make


def test_answers_are_read_in_the_order_of_the_turns(still):
    found, notes = still(CANDIDATE, INCUMBENT)
    for _ in range(8):
        found.block(Turn(0, ORDERS))
    pairs = [i for i, note in enumerate(notes) if note[0] == "turn"][::2]
    assert len(pairs) == 8 * PAIRS
    for i, order in zip(pairs, ORDERS * 8, strict=True):
        wanted = [(what, who) for what in ("turn", "read") for who in order]
        assert notes[i : i + 4] == wanted


def test_one_block_in_so_many_is_held_against_the_truth(still):
    found, notes = still(CANDIDATE, INCUMBENT)
    for _ in range(3 * contest.TRUTH_EVERY):
        found.block(Turn(0, ORDERS))
    assert notes.count("truth") == 3
    assert notes.count("agree") == 6  # of both


def test_a_replay_holds_every_block_against_the_truth(still):
    found, notes = still(CANDIDATE)
    for _ in range(3 * contest.TRUTH_EVERY):
        found.block(Turn(0, ORDERS))
    assert notes.count("truth") == notes.count("agree") == 3 * contest.TRUTH_EVERY


def test_where_two_differ_the_truth_is_asked_at_once(still):
    found, notes = still(CANDIDATE, INCUMBENT, answers=(1.0, 1.1))
    for _ in range(contest.TRUTH_EVERY):
        found.block(Turn(0, ORDERS))
    every_row = 2 * PAIRS * contest.TRUTH_EVERY
    assert notes.count("truth") == every_row + 1


def test_blocks_say_who_began_each_pair_of_turns(still):
    found, _ = still(CANDIDATE, INCUMBENT)
    other = tuple((b, a) for a, b in ORDERS)
    for orders in (ORDERS, other):
        found.block(Turn(0, orders))
    assert found.blocks().candidate_first.tolist() == [
        [True, False, False, True],
        [False, True, True, False],
    ]
