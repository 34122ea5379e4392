"""Parent side of the judge: correctness first, then paired timing. Never imports a candidate."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench import oracles
from workbench.child import CandidateFailure, ForkServer, Watchdog, pinned_to
from workbench.errors import Infrastructure
from workbench.gate import Footprint
from workbench.lane import MAX_BATCH, POISON, Lane, Plan, plan
from workbench.oracles import Agreement, Mismatch
from workbench.stats import Blocks
from workbench.targets import Arrays, Target
from workbench.timers import PAIRS, Turn, schedule

# A turn costs about 10 us of pipes and switching, which is measured and subtracted; a turn of
# this length keeps what is left of it below the noise.
TURN_NS = 150_000
MEASURE_SECONDS = 0.7
MIN_ROUNDS = 6
ANSWER_SECONDS = 20.0
# The second run of a correctness case starts from other bytes, so that an output that was never
# written, or a value read before it was set, cannot pass twice.
OTHER_POISON = 0x55

CANDIDATE, INCUMBENT, UPSTREAM = range(3)
NAMES = ("candidate", "incumbent", "upstream")

Progress = Callable[[str, int, int], None]


class Incorrect(Exception):
    """The candidate's output is wrong; ``case`` names where."""

    def __init__(self, case: str, mismatch: Mismatch) -> None:
        super().__init__(f"{case}: {mismatch.describe()}")
        self.case, self.mismatch = case, mismatch


@dataclass(frozen=True)
class Replica:
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
    """

    blocks: Blocks
    footprint: Footprint | None
    peak_rss_mb: float
    timed_share: float


@dataclass(frozen=True)
class Bench:
    """All that a measurement needs: processes, files, cores, and who may be killed for what."""

    server: ForkServer
    watchdog: Watchdog
    target: Target
    core: int
    progress: Progress

    @contextlib.contextmanager
    def lanes(
        self, kernels: Sequence[Path], layout: Plan, pad_bytes: int = 0
    ) -> Iterator[list[Lane]]:
        """Fresh runners, loaded on the timing core; closed whatever happens."""
        opened: list[Lane] = []
        try:
            for path in kernels:
                opened.append(  # noqa: PERF401 - a failure half-way must still close the first
                    Lane(self.server, self.target, path, layout, [self.core], pad_bytes)
                )
            yield opened
        finally:
            for lane in opened:
                lane.close()


def check(bench: Bench, kernels: Path, rng: np.random.Generator) -> Agreement:
    """Hold a variant against the reference on the whole battery; compiles it on the way.

    Raises
    ------
    Incorrect
        On the first case whose output is wrong or differs between two runs.
    CandidateFailure
        If the kernel raises, dies, needs too much memory or does not answer.
    """
    target, watchdog = bench.target, bench.watchdog
    cases = list(target.inputs.battery(rng))
    worst, bitwise = 0.0, True
    layout = plan(cases)
    with bench.lanes([kernels], layout) as (lane,):
        with watchdog.over(lane.runner):
            lane.runner.receive()
        for i, case in enumerate(cases):
            bench.progress("correctness", i, len(cases))
            requests = case.requests(rng, case.batch)
            with watchdog.over(lane.runner):
                lane.runner.start_bind(i)
                want = truth(target, case.fixture, requests)  # while the child compiles
                lane.runner.receive()
                lane.runner.prepare(i, case.batch)
                first = _answer(lane, i, requests, POISON)
                second = _answer(lane, i, requests, OTHER_POISON)
            found = _compare(target, case.name, first, want)
            worst, bitwise = max(worst, found.max_abs_err), bitwise and found.bitwise
            again = oracles.check({"kind": "bitwise"}, second, first)
            if isinstance(again, Mismatch):
                raise Incorrect(f"{case.name}, the same request twice", again)
        bench.progress("correctness", len(cases), len(cases))
    return Agreement(worst, bitwise)


def truth(target: Target, fixture: Arrays, requests: Arrays) -> Arrays:
    """What the reference answers."""
    answer: Arrays = target.reference.answer(fixture, requests)
    return answer


def _answer(lane: Lane, combo: int, requests: Arrays, poison: int) -> dict[str, Any]:
    lane.offer(combo, requests, poison)
    lane.runner.turn(combo)
    count = len(next(iter(requests.values())))
    return {name: view.copy() for name, view in lane.answers(combo, count).items()}


def _compare(target: Target, case: str, got: Arrays, want: Arrays) -> Agreement:
    found = oracles.check(target.spec["oracle"], got, want)
    if isinstance(found, Mismatch):
        raise Incorrect(case, found)
    return found


class Requests:
    """Requests no runner has seen, drawn in bulk: every pair of turns takes new ones."""

    POOL = 256

    def __init__(self, layout: Plan, rng: np.random.Generator) -> None:
        self._loads, self._rng = layout.workloads, rng
        self._pools: list[Mapping[str, Any]] = [{}] * len(self._loads)
        self._used = [self.POOL] * len(self._loads)

    def take(self, combo: int, count: int) -> Arrays:
        """``count`` new requests of one combo."""
        if self._used[combo] + count > self.POOL:
            self._pools[combo] = self._loads[combo].requests(self._rng, self.POOL)
            self._used[combo] = 0
        begin = self._used[combo]
        self._used[combo] += count
        return {name: pool[begin : begin + count] for name, pool in self._pools[combo].items()}


def measure(
    bench: Bench,
    kernels: tuple[Path, Path, Path],
    layout: Plan,
    rng: np.random.Generator,
    replica: int,
    batches: list[int] | None,
) -> tuple[Replica, list[int]]:
    """Time (candidate, incumbent, upstream) in lock step on one set of fresh processes.

    Parameters
    ----------
    kernels : tuple of Path
        Candidate, incumbent, upstream.
    layout : Plan
        Of the timed workloads.
    replica : int
        Which pair of processes this is; load order alternates with it.
    batches : list of int or None
        Requests per turn of each combo; None lets this replica choose them.

    Returns
    -------
    Replica, list of int
        The measurement, and the batches that were used.

    Raises
    ------
    Incorrect
        If an output of a timed call is wrong.
    CandidateFailure
        If the candidate fails. An incumbent or upstream that fails is `Infrastructure`.
    """
    order = [0, 1, 2] if replica % 2 == 0 else [1, 0, 2]
    pad_bytes = int(rng.integers(1, 1 << 20))
    with (
        bench.lanes([kernels[i] for i in order], layout, pad_bytes) as loaded,
        pinned_to(bench.core),
    ):
        lanes = [loaded[order.index(i)] for i in range(3)]
        everyone = [lane.runner for lane in lanes]
        for i, lane in enumerate(lanes):
            with blame(i), bench.watchdog.over(lane.runner):
                lane.runner.receive()
                for combo in range(len(layout.places)):
                    lane.runner.bind(combo)
        requests = Requests(layout, rng)
        with bench.watchdog.over(*everyone):
            chosen = warm_up(lanes, requests, batches)
        run = Contest(bench, lanes, requests, chosen, rng)
        rounds = 0
        begin = time.perf_counter()
        while rounds < MIN_ROUNDS or time.perf_counter() - begin < MEASURE_SECONDS:
            for turn in schedule(rng, len(chosen)):
                run.block(turn)
            rounds += 1
        wall_ns = (time.perf_counter() - begin) * 1e9
        peak_rss_mb = lanes[0].runner.peak_rss_mb()
        footprint = measure_footprint(bench, lanes[0]) if replica == 0 else None
    return Replica(run.blocks(), footprint, peak_rss_mb, run.timed_ns / wall_ns), chosen


@contextlib.contextmanager
def blame(who: int) -> Iterator[None]:
    """Only the candidate may fail; an incumbent or upstream that fails is our own trouble."""
    try:
        yield
    except (CandidateFailure, Incorrect) as failure:
        if who == CANDIDATE:
            raise
        raise Infrastructure(
            f"the {NAMES[who]} failed ({failure}): name another with --incumbent upstream|COMMIT"
        ) from failure


def warm_up(lanes: list[Lane], requests: Requests, batches: list[int] | None) -> list[int]:
    """Call everything a few times; choose how many requests make a turn long enough."""
    chosen = []
    for combo in range(len(lanes[0].plan.places)):
        fastest_ns = float("inf")
        for who, lane in enumerate(lanes):
            with blame(who):
                lane.runner.prepare(combo, 1)
                for _ in range(3):
                    lane.offer(combo, requests.take(combo, 1))
                    fastest_ns = min(fastest_ns, lane.runner.turn(combo)[1])
        count = int(np.clip(np.ceil(TURN_NS / max(fastest_ns, 1)), 1, MAX_BATCH))
        if batches is not None:
            count = batches[combo]
        for who, lane in enumerate(lanes):
            with blame(who):
                lane.runner.prepare(combo, count)
        chosen.append(count)
    return chosen


class Contest:
    """Runs blocks and keeps their times."""

    def __init__(
        self,
        bench: Bench,
        lanes: list[Lane],
        requests: Requests,
        batches: list[int],
        rng: np.random.Generator,
    ) -> None:
        self._bench, self._lanes, self._requests = bench, lanes, requests
        self._batches, self._rng = batches, rng
        self._rows: list[tuple[Turn, NDArray[Any], NDArray[Any], NDArray[Any]]] = []
        self._null_ns: list[int] = []
        self.timed_ns = 0

    def block(self, turn: Turn) -> None:
        """Four pairs on one combo, then one beside upstream; outputs are checked after each."""
        combo = turn.combo
        clock, child_clock = np.empty((2, PAIRS)), np.empty((2, PAIRS))
        checked = int(self._rng.integers(PAIRS))
        with self._bench.watchdog.over(*(lane.runner for lane in self._lanes)):
            for pair, order in enumerate(turn.orders):
                requests = self._offer(combo, order)
                for who in order:
                    clock[who, pair], child_clock[who, pair] = self._turn(who, combo)
                self._check(combo, requests, INCUMBENT, in_full=pair == checked)
            beside = self._beside_upstream(combo, turn.headline)
            self._null_ns += [lane.runner.null_turn() for lane in self._lanes[:2]]
        self.timed_ns += int(clock.sum() + beside.sum())
        self._rows.append((turn, clock, child_clock, beside))

    def _beside_upstream(self, combo: int, order: tuple[int, int]) -> NDArray[np.float64]:
        """Time of (candidate, upstream) on new requests, after one untimed turn of each.

        Without that turn the lane that runs more seldom finds colder caches: a kernel identical
        to upstream then read 0.96 to 0.99.
        """
        times = np.zeros(3)
        for _ in ("untimed", "timed"):
            requests = self._offer(combo, order)
            for who in order:
                times[who] = self._turn(who, combo)[0]
        self._check(combo, requests, UPSTREAM, in_full=False)
        return times[[CANDIDATE, UPSTREAM]]

    def _offer(self, combo: int, who: tuple[int, int]) -> Arrays:
        requests = self._requests.take(combo, self._batches[combo])
        for i in who:
            self._lanes[i].offer(combo, requests)
        return requests

    def _turn(self, who: int, combo: int) -> tuple[int, int]:
        with blame(who):
            return self._lanes[who].runner.turn(combo)

    def _check(self, combo: int, requests: Arrays, rival: int, *, in_full: bool) -> None:
        """Compare candidate and rival always, and one request a block with the truth."""
        count = self._batches[combo]
        load = self._lanes[CANDIDATE].plan.workloads[combo]
        answers = {who: self._lanes[who].answers(combo, count) for who in (CANDIDATE, rival)}
        found = oracles.check(self._doubled, answers[CANDIDATE], answers[rival])
        differ = isinstance(found, Mismatch)
        if not (differ or in_full):
            return
        for row in range(count) if differ else [int(self._rng.integers(count))]:
            one = {name: values[row : row + 1] for name, values in requests.items()}
            want = truth(self._bench.target, load.fixture, one)
            for who, given in answers.items():
                mine = {name: values[row : row + 1] for name, values in given.items()}
                with blame(who):
                    _compare(self._bench.target, f"{load.name}, a timed call", mine, want)

    @property
    def _doubled(self) -> Mapping[str, Any]:
        """Two outputs within the tolerance of the truth are within twice that of each other."""
        oracle = self._bench.target.spec["oracle"]
        return {k: 2 * v if k in ("atol", "rtol") else v for k, v in oracle.items()}

    def blocks(self) -> Blocks:
        """All blocks so far, per request, without the cost of a turn itself."""
        null_ns = float(np.median(self._null_ns))
        combo = np.array([turn.combo for turn, *_ in self._rows])
        count = np.array([self._batches[c] for c in combo], dtype=float)
        clock = np.array([row[1] for row in self._rows])
        child = np.log(np.array([row[2] for row in self._rows]))
        beside = np.array([row[3] for row in self._rows])
        per_request = np.maximum(clock - null_ns, 1.0) / count[:, None, None]
        beside_ns = np.maximum(beside - null_ns, 1.0) / count[:, None]
        return Blocks(
            combo=combo,
            candidate_ns=per_request[:, CANDIDATE],
            incumbent_ns=per_request[:, INCUMBENT],
            beside_upstream_ns=beside_ns[:, 0],
            upstream_ns=beside_ns[:, 1],
            child_log_ratio=np.median(child[:, CANDIDATE] - child[:, INCUMBENT], axis=1),
        )


def measure_footprint(bench: Bench, lane: Lane) -> Footprint:
    """Peak memory, and the worst allocations and mean counters over combos."""
    with bench.watchdog.over(lane.runner):
        found = [lane.runner.measure(combo) for combo in range(len(lane.plan.places))]

    def mean(name: str) -> float | None:
        values = [f[name] for f in found if f[name] is not None]
        return float(np.mean(values)) if values else None

    return Footprint(
        peak_rss_mb=lane.runner.peak_rss_mb(),
        allocations=max(f["allocations"] for f in found),
        cycles=mean("cycles"),
        instructions=mean("instructions"),
    )
