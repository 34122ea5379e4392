"""A duel without processes: who is read first, and when the truth is asked."""

import contextlib
from types import SimpleNamespace

import numpy as np
import pytest

from workbench import duel
from workbench.judge import CANDIDATE, INCUMBENT
from workbench.timers import PAIRS, Turn

ORDERS = ((0, 1), (1, 0), (1, 0), (0, 1))


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
    """``still(*who)`` gives a duel of such lanes and its notes."""

    def make(*who, answers=(1.0, 1.0)):
        notes = []
        monkeypatch.setattr(duel, "truth", lambda *_: notes.append("truth") or {})
        monkeypatch.setattr(duel, "agree", lambda *_: notes.append("agree"))
        load = SimpleNamespace(name="a/b", fixture=None)
        lanes = {w: Still(w, notes, load, answers[w]) for w in who}
        requests = SimpleNamespace(take=lambda combo, n: {"query": np.zeros((n, 2))})
        spec = {"oracle": {"kind": "max_abs_err", "atol": 1e-6, "rtol": 0.0}}
        watched = SimpleNamespace(over=lambda *_: contextlib.nullcontext())
        held = SimpleNamespace(watchdog=watched, target=SimpleNamespace(spec=spec))
        return duel.Duel(held, lanes, requests, (2,), np.random.default_rng(1)), notes

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
    for _ in range(3 * duel.TRUTH_EVERY):
        found.block(Turn(0, ORDERS))
    assert notes.count("truth") == 3
    assert notes.count("agree") == 6  # of both


def test_a_replay_holds_every_block_against_the_truth(still):
    found, notes = still(CANDIDATE)
    for _ in range(3 * duel.TRUTH_EVERY):
        found.block(Turn(0, ORDERS))
    assert notes.count("truth") == notes.count("agree") == 3 * duel.TRUTH_EVERY


def test_where_two_differ_the_truth_is_asked_at_once(still):
    found, notes = still(CANDIDATE, INCUMBENT, answers=(1.0, 1.1))
    for _ in range(duel.TRUTH_EVERY):
        found.block(Turn(0, ORDERS))
    every_row = 2 * PAIRS * duel.TRUTH_EVERY
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
