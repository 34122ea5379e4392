"""Turns in lock step, candidate with incumbent and then upstream: their times, checked outputs."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench import oracles
from workbench.judge import CANDIDATE, INCUMBENT, UPSTREAM, Bench, agree, blame, truth
from workbench.lane import MAX_BATCH, Lane, Plan
from workbench.oracles import Mismatch
from workbench.stats import Blocks
from workbench.targets import Arrays
from workbench.timers import PAIRS, Turn

# One block in so many is held against the truth, all are held against the rival: the reference
# of posting_seek took as long as all its turns.
TRUTH_EVERY = 4
# Candidate beside upstream: a lane that joins cold reads 4 % slow.
UNTIMED, HEADLINE_PAIRS = 2, 8


class Requests:
    """Requests no runner has seen, drawn in bulk: every pair of turns takes new ones."""

    # As many as fit this many bytes, between one full turn and 256: the pools stay out of the
    # way of the kernels' data, and one draw of a page decoder's requests below 50 ms.
    POOL_BYTES, MOST = 4 << 20, 256

    def __init__(self, layout: Plan, rng: np.random.Generator) -> None:
        self._loads, self._rng = layout.workloads, rng
        self._pools: list[Mapping[str, Any]] = [{}] * len(self._loads)
        sizes = [sum(s.nbytes // s.shape[0] for s in p.requests.values()) for p in layout.places]
        self._drawn = [
            int(np.clip(self.POOL_BYTES // max(n, 1), MAX_BATCH, self.MOST)) for n in sizes
        ]
        self._used = list(self._drawn)

    def take(self, combo: int, count: int) -> Arrays:
        """``count`` new requests of one combo."""
        if self._used[combo] + count > self._drawn[combo]:
            self._pools[combo] = self._loads[combo].requests(self._rng, self._drawn[combo])
            self._used[combo] = 0
        begin = self._used[combo]
        self._used[combo] += count
        return {name: pool[begin : begin + count] for name, pool in self._pools[combo].items()}


class Duel:
    """Runs blocks and keeps their times; lanes that are absent (in a replay) are passed over."""

    def __init__(
        self,
        bench: Bench,
        lanes: Mapping[int, Lane],
        requests: Requests,
        batches: tuple[int, ...],
        rng: np.random.Generator,
    ) -> None:
        self._bench, self._lanes, self._requests = bench, lanes, requests
        self._batches, self._rng = batches, rng
        self._rows: list[tuple[Turn, NDArray[Any], NDArray[Any]]] = []
        self._headline: list[tuple[int, int, int]] = []
        self._null_ns: list[int] = []
        self.timed_ns = 0

    def block(self, turn: Turn) -> None:
        """Four pairs on one combo, each on new requests; outputs are checked."""
        combo = turn.combo
        clock, child_clock = np.empty((2, PAIRS)), np.empty((2, PAIRS))
        sampled, sample = int(self._rng.integers(PAIRS)), None
        row = int(self._rng.integers(self._batches[combo]))
        # A replay has no rival that tells.
        due = INCUMBENT not in self._lanes or len(self._rows) % TRUTH_EVERY == 0
        with self._watched():
            for pair, order in enumerate(turn.orders):
                requests = self._offer(combo, order)
                for who in order:
                    clock[who, pair], child_clock[who, pair] = self._turn(who, combo)
                self._compare(combo, requests, order)
                if due and pair == sampled:
                    sample = self._row(combo, requests, row, order)
            # Only now: the reference would push the kernels' data out of the caches.
            if sample:
                self._hold_against_truth(combo, *sample)
            self._null_ns += [self._lanes[w].runner.null_turn() for w in order if w in self._lanes]
        self.timed_ns += int(clock.sum())
        self._rows.append((turn, clock, child_clock))

    def headline(self) -> None:
        """Candidate beside upstream, after the duel and apart from it.

        Inside the duel's blocks it would leave the candidate's caches warmer than the
        incumbent's: identical kernels of 10 us then differed by 0.5 to 1.2 %.
        """
        for combo in self._rng.permutation(len(self._batches)):
            first = int(self._rng.integers(2))
            with self._watched():
                for pair in range(UNTIMED + HEADLINE_PAIRS):
                    order = (CANDIDATE, UPSTREAM) if pair % 2 == first else (UPSTREAM, CANDIDATE)
                    requests = self._offer(combo, order)
                    times = {who: self._turn(who, combo)[0] for who in order}
                    self._compare(combo, requests, order)
                    if pair >= UNTIMED:
                        self.timed_ns += sum(times.values())
                        row = (combo, times[CANDIDATE], times[UPSTREAM])
                        self._headline.append(row)

    def _watched(self) -> contextlib.AbstractContextManager[None]:
        return self._bench.watchdog.over(*(lane.runner for lane in self._lanes.values()))

    def _offer(self, combo: int, order: tuple[int, int]) -> Arrays:
        requests = self._requests.take(combo, self._batches[combo])
        for who in order:
            if who in self._lanes:
                self._lanes[who].offer(combo, requests)
        return requests

    def _turn(self, who: int, combo: int) -> tuple[int, int]:
        if who not in self._lanes:
            return 0, 0
        with blame(who):
            return self._lanes[who].runner.turn(combo)

    def _compare(self, combo: int, requests: Arrays, order: tuple[int, int]) -> None:
        """Compare all outputs of candidate and rival; where they differ, ask who is wrong.

        In the order of their turns: reading the candidate's first each time left its data colder
        than the incumbent's, and a kernel read 1.5 % slower than itself.
        """
        if not self._lanes.keys() >= set(order):
            return
        count = self._batches[combo]
        first, second = (self._lanes[who].answers(combo, count) for who in order)
        if isinstance(oracles.check(self._doubled, first, second), Mismatch):
            for row in range(count):
                self._hold_against_truth(combo, *self._row(combo, requests, row, order))

    def _row(
        self, combo: int, requests: Arrays, row: int, order: tuple[int, int]
    ) -> tuple[Arrays, Mapping[int, Arrays]]:
        """One request of the turn, and a copy of what the candidate and a rival answered."""
        rows = slice(row, row + 1)
        given: dict[int, Arrays] = {
            w: {name: v[rows].copy() for name, v in self._lanes[w].answers(combo, row + 1).items()}
            for w in order
            if w in self._lanes
        }
        return {name: values[rows] for name, values in requests.items()}, given

    def _hold_against_truth(
        self, combo: int, requests: Arrays, given: Mapping[int, Arrays]
    ) -> None:
        load, target = self._lanes[CANDIDATE].plan.workloads[combo], self._bench.target
        want = truth(target, load.fixture, requests)
        for who, answers in given.items():
            with blame(who):
                agree(target, f"{load.name}, a timed call", answers, want)

    @property
    def _doubled(self) -> Mapping[str, Any]:
        """Two outputs within the tolerance of the truth are within twice that of each other.

        What this wrongly calls different is only held against the truth once more.
        """
        oracle = self._bench.target.spec["oracle"]
        return {k: 2 * v if k in ("atol", "rtol") else v for k, v in oracle.items()}

    def blocks(self) -> Blocks:
        """All blocks so far, per request, without the cost of a turn itself."""
        null_ns = float(np.median(self._null_ns))
        batches = np.array(self._batches, dtype=float)
        combo = np.array([turn.combo for turn, *_ in self._rows])
        clock = np.array([row[1] for row in self._rows])
        # At least 1: a clock that a kernel has stopped is an alarm, not an error.
        child = np.log(np.maximum(np.array([row[2] for row in self._rows]), 1))
        orders = np.array([turn.orders for turn, *_ in self._rows])
        per_request = np.maximum(clock - null_ns, 1.0) / batches[combo][:, None, None]
        headline = np.array(self._headline, dtype=int).reshape(-1, 3)
        beside = np.maximum(headline[:, 1:] - null_ns, 1.0) / batches[headline[:, :1]]
        return Blocks(
            combo=combo,
            candidate_first=orders[:, :, 0] == CANDIDATE,
            candidate_ns=per_request[:, CANDIDATE],
            incumbent_ns=per_request[:, INCUMBENT],
            child_log_ratio=child[:, CANDIDATE] - child[:, INCUMBENT],
            headline_combo=headline[:, 0],
            beside_upstream_ns=beside[:, 0],
            upstream_ns=beside[:, 1],
        )
