"""Paired timing: candidate, incumbent and upstream in lock step on fresh processes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench import oracles
from workbench.arena import Arena
from workbench.child import pinned_to
from workbench.gate import Footprint
from workbench.judge import (
    CANDIDATE,
    INCUMBENT,
    UPSTREAM,
    Bench,
    agree,
    blame,
    truth,
)
from workbench.lane import MAX_BATCH, Lane, Plan
from workbench.oracles import Mismatch
from workbench.sandbox import LAYERS
from workbench.stats import Blocks
from workbench.targets import Arrays
from workbench.timers import PAIRS, Turn, schedule

# A turn costs about 10 us of pipes and switching, which is measured and subtracted; a turn of
# this length keeps what is left of it below the noise.
TURN_NS = 150_000
# Of a pair of processes; 0.2 s more go to starting it. What varies is the pair, so that many short
# ones tell more than a few long ones.
MEASURE_SECONDS = 0.4
MIN_ROUNDS = 6
# One block in so many is held against the truth, all are held against the rival: the reference
# of posting_seek took as long as all its turns.
TRUTH_EVERY = 4
# Candidate beside upstream: a lane that joins cold reads 4 % slow.
UNTIMED, HEADLINE_PAIRS = 2, 8
WARM_UP_CALLS = 3


@dataclass(frozen=True)
class Measured:
    """What one pair of fresh processes gave.

    Attributes
    ----------
    blocks : Blocks
        Every block's times.
    footprint : Footprint or None
        Of the candidate; only the first replica measures more than its peak memory.
    peak_rss_mb : float
        The candidate's peak resident memory.
    timed_share : float
        Share of the measuring wall time that lies inside timed turns.
    rounds : int
        How many blocks of each combo.
    batches : tuple of int
        Requests per turn of each combo.
    confinement : tuple of str
        What held the candidate's process, by its own word.
    """

    blocks: Blocks
    footprint: Footprint | None
    peak_rss_mb: float
    timed_share: float
    rounds: int
    batches: tuple[int, ...]
    confinement: tuple[str, ...]


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


def measure(
    bench: Bench,
    kernels: Sequence[Path],
    layout: Plan,
    rng: np.random.Generator,
    replica: int,
    batches: tuple[int, ...] | None,
    replay: Measured | None = None,
    *,
    arenas: Sequence[Arena] = (),
    bounds: bool = False,
) -> Measured:
    """Time candidate and incumbent in lock step on fresh processes, and then upstream.

    Parameters
    ----------
    kernels : sequence of Path
        Candidate, incumbent and, where the headline is wanted, upstream.
    layout : Plan
        Of the timed workloads.
    replica : int
        Which pair of processes this is; load order alternates with it.
    batches : tuple of int or None
        Requests per turn of each combo; None lets this replica choose them.
    arenas : sequence of Arena, optional
        Memory for the processes, in the order they are loaded in; else each gets its own.
    replay : Measured, optional
        Repeat this measurement's turns with the candidate alone.
    bounds : bool
        Build the candidate with every index checked: a kernel that reads ahead to the next
        requests of its turn raises then.

    Raises
    ------
    Incorrect
        If an output of a timed call is wrong.
    CandidateFailure
        If the candidate fails. An incumbent or upstream that fails is `Infrastructure`.
    """
    order = [CANDIDATE, INCUMBENT, UPSTREAM][: len(kernels)]
    if replica % 2:
        order[:2] = [INCUMBENT, CANDIDATE]
    if replay:
        order = [CANDIDATE]
    pad_bytes = int(rng.integers(1, 1 << 20))
    files = [kernels[who] for who in order]
    checked = kernels[CANDIDATE] if bounds else None
    with (
        bench.lanes(files, layout, pad_bytes, arenas, checked) as loaded,
        pinned_to(bench.core),
    ):
        lanes = dict(zip(order, loaded, strict=True))
        confined: dict[int, tuple[str, ...]] = {}
        for who, lane in lanes.items():
            with blame(who), bench.watchdog.over(lane.runner):
                said = lane.runner.receive().get("confined", [])
                confined[who] = tuple(n for n in LAYERS if isinstance(said, list) and n in said)
                for combo in range(len(layout.places)):
                    lane.runner.bind(combo)
        requests = Requests(layout, rng)
        with bench.watchdog.over(*(lane.runner for lane in loaded)):
            chosen = warm_up(lanes, requests, batches)
        contest = Contest(bench, lanes, requests, chosen, rng)
        rounds, begin = 0, time.perf_counter()
        while not (
            rounds >= replay.rounds
            if replay
            else rounds >= MIN_ROUNDS and time.perf_counter() - begin > MEASURE_SECONDS
        ):
            for turn in schedule(rng, len(chosen)):
                contest.block(turn)
            rounds += 1
        if replay or UPSTREAM in lanes:
            contest.headline()
        if replay:
            return replay
        wall_ns = (time.perf_counter() - begin) * 1e9
        peak_rss_mb = lanes[CANDIDATE].runner.peak_rss_mb()
        footprint = None if replica else measure_footprint(bench, lanes[CANDIDATE], requests)
    share = contest.timed_ns / wall_ns
    return Measured(
        blocks=contest.blocks(),
        footprint=footprint,
        peak_rss_mb=peak_rss_mb,
        timed_share=share,
        rounds=rounds,
        batches=chosen,
        confinement=confined[CANDIDATE],
    )


def cross(
    bench: Bench,
    kernels: Sequence[Path],
    layout: Plan,
    rngs: Sequence[np.random.Generator],
    before: Sequence[Measured],
) -> list[Measured]:
    """Two pairs of fresh processes; the second exchange their arenas and the order of loading.

    Where a kernel's memory lies decides more than most changes do, and pages that one pair has
    given back are what the next one gets: posting_seek lost to itself by 1.5 to 3 %, pair after
    pair. The first process loaded gets the first arena, so who begins decides about both.

    Parameters
    ----------
    rngs : sequence of Generator
        One for each pair.
    before : sequence of Measured
        All pairs so far: the first one has chosen the batches.
    """
    with contextlib.ExitStack() as stack:
        arenas = [Arena.create() for _ in range(2)]
        for arena in arenas:
            stack.callback(arena.close)
        done = list(before)
        for rng in rngs:
            for arena in arenas:
                arena.wipe()
            batches = done[0].batches if done else None
            done.append(measure(bench, kernels, layout, rng, len(done), batches, arenas=arenas))
        return done[len(before) :]


def warm_up(
    lanes: Mapping[int, Lane], requests: Requests, batches: tuple[int, ...] | None
) -> tuple[int, ...]:
    """Call everything a few times; choose how many requests make a turn long enough.

    The incumbent's time decides, so that no candidate can choose its own batch.
    """
    chosen = []
    for combo in range(len(lanes[CANDIDATE].plan.places)):
        fastest_ns = float("inf")
        for who in (CANDIDATE, INCUMBENT, UPSTREAM):
            drawn = [requests.take(combo, 1) for _ in range(WARM_UP_CALLS)]
            if who not in lanes:
                continue
            with blame(who):
                lanes[who].runner.prepare(combo, 1)
                for request in drawn:
                    lanes[who].offer(combo, request)
                    elapsed_ns = lanes[who].runner.turn(combo)[1]
                    if who == INCUMBENT:
                        fastest_ns = min(fastest_ns, elapsed_ns)
        count = int(np.clip(np.ceil(TURN_NS / max(fastest_ns, 1)), 1, MAX_BATCH))
        if batches is not None:
            count = batches[combo]
        for who, lane in lanes.items():
            with blame(who):
                lane.runner.prepare(combo, count)
        chosen.append(count)
    return tuple(chosen)


class Contest:
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


def measure_footprint(bench: Bench, lane: Lane, requests: Requests) -> Footprint:
    """Peak memory, and the worst allocations and mean counters over combos, on new requests."""
    found = []
    for combo in range(len(lane.plan.places)):
        lane.offer(combo, requests.take(combo, MAX_BATCH))
        with bench.watchdog.over(lane.runner):
            found.append(lane.runner.measure(combo))

    def mean(name: str) -> float | None:
        values = [f[name] for f in found if f[name] is not None]
        return float(np.mean(values)) if values else None

    return Footprint(
        peak_rss_mb=lane.runner.peak_rss_mb(),
        allocations=max(f["allocations"] for f in found),
        cycles=mean("cycles"),
        instructions=mean("instructions"),
    )
