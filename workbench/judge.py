"""Parent side of the judge: correctness. It never imports a candidate; timing is in contest."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from workbench import locks, oracles
from workbench.arena import Arena
from workbench.child import CandidateFailure, Watchdog
from workbench.errors import Infrastructure
from workbench.forkserver import ForkServer, Servers
from workbench.lane import POISON, Lane, Plan, plan
from workbench.oracles import Agreement, Mismatch
from workbench.targets import Arrays, Target, Workload

ANSWER_SECONDS = 20.0
# The second run of a correctness case starts from other bytes, so that an output that was never
# written, or a value read before it was set, cannot pass twice.
OTHER_POISON = 0x55

CANDIDATE, INCUMBENT, UPSTREAM = range(3)
NAMES = ("candidate", "incumbent", "upstream")

Progress = Callable[[str, int, int], None]


def ignore_progress(phase: str, done: int, total: int) -> None:
    """Progress for nobody."""


class Incorrect(Exception):
    """The candidate's output is wrong; ``case`` names where."""

    def __init__(self, case: str, mismatch: Mismatch) -> None:
        super().__init__(f"{case}: {mismatch.describe()}")
        self.case, self.mismatch = case, mismatch


@dataclass(frozen=True)
class Bench:
    """All that a measurement needs: processes, files, cores, and who may be killed for what."""

    server: ForkServer
    watchdog: Watchdog
    target: Target
    core: int
    progress: Progress
    # Turns of a dependent multiplication that a build takes on top of each request, a combo: how
    # calibration makes a kernel slower by a known share.
    spins: Mapping[Path, Sequence[int]] = field(default_factory=dict)

    @contextlib.contextmanager
    def lanes(
        self,
        kernels: Sequence[Path],
        layout: Plan,
        pad_bytes: int = 0,
        arenas: Sequence[Arena | None] = (),
        checked: Path | None = None,
    ) -> Iterator[list[Lane]]:
        """Fresh runners, loaded on the timing core; closed whatever happens.

        They get the ``arenas`` in this order, and new ones where there is none. The kernel
        ``checked`` is built with every index checked.
        """
        opened: list[Lane] = []
        try:
            for path, arena in itertools.zip_longest(kernels, arenas[: len(kernels)]):
                bounds = path == checked
                lane = Lane(
                    *(self.server, self.target, path, layout, [self.core], pad_bytes, arena),
                    bounds=bounds,
                    spins=self.spins.get(path, ()),
                )
                opened.append(lane)
            yield opened
        finally:
            for lane in opened:
                lane.close()


@contextlib.contextmanager
def bench(
    target: Target,
    progress: Progress,
    answer_seconds: float | None = None,
    budget_seconds: float = math.inf,
) -> Iterator[tuple[Bench, Servers]]:
    """Take the timing core and start all that a measurement needs; ended whatever happens.

    The budget starts once the core is ours: waiting for others is nobody's fault. An answer may
    take as long as the target's guardrails say, or else `ANSWER_SECONDS`.
    """
    if answer_seconds is None:
        answer_seconds = target.spec["guardrails"].get("answer_seconds", ANSWER_SECONDS)
    core = max(os.sched_getaffinity(0))

    def waiting() -> None:
        progress("waiting for the timing core", 0, 0)

    with locks.timing_core(core, waiting), contextlib.ExitStack() as stack:
        watchdog = Watchdog(answer_seconds, time.monotonic() + budget_seconds)
        stack.callback(watchdog.close)
        server = ForkServer()
        stack.callback(server.close)
        servers = Servers()
        stack.callback(servers.close)
        yield Bench(server, watchdog, target, core, progress), servers


@contextlib.contextmanager
def compiling(
    bench: Bench, kernels: Sequence[Path], rng: np.random.Generator, *, bounds: bool = False
) -> Iterator[Callable[[], None]]:
    """Compile builds on another core while this one goes on, with every index checked or without.

    Yields a function that waits until they are done. Where there is no other core it does
    nothing, and whoever needs a build first compiles it.
    """
    cores = sorted(os.sched_getaffinity(0) - {bench.core})
    if not cores or not kernels:
        yield lambda: None
        return
    case = next(iter(bench.target.inputs.battery(rng)))
    aside = dataclasses.replace(bench, core=cores[-1])
    each = list(dict.fromkeys(kernels))
    with aside.lanes(each, plan([case]), checked=each[0] if bounds else None) as lanes:
        for lane in lanes:
            lane.offer(0, case.requests(rng, 1))
            lane.runner.start_first_turn()

        def wait() -> None:
            for lane in lanes:
                with bench.watchdog.over(lane.runner):
                    lane.runner.finish_first_turn()

        yield wait


def check(
    bench: Bench, kernels: Path, rng: np.random.Generator, *, bounds: bool = False
) -> Agreement:
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
    recalls = []
    phase = "bounds" if bounds else "correctness"
    with bench.lanes([kernels], plan(cases), checked=kernels if bounds else None) as (lane,):
        with watchdog.over(lane.runner):
            lane.runner.receive()
        for i, case in enumerate(cases):
            bench.progress(phase, i, len(cases))
            requests = case.requests(rng, case.batch)
            lane.runner.start_bind(i)
            want = truth(target, case.fixture, requests)  # while the child compiles
            with watchdog.over(lane.runner):
                lane.runner.receive()
                lane.runner.prepare(i, case.batch)
                first = _answer(lane, i, requests, POISON)
                second = _answer(lane, i, requests, OTHER_POISON)
            found = agree(target, case.name, first, want)
            worst, bitwise = max(worst, found.max_abs_err), bitwise and found.bitwise
            if found.recall is not None:
                recalls.append(found.recall)
            again = oracles.identical(target.spec["oracle"], second, first)
            if isinstance(again, Mismatch):
                raise Incorrect(f"{case.name}, the same request twice", again)
        bench.progress(phase, len(cases), len(cases))
    return Agreement(worst, bitwise, min(recalls, default=None))


def answers(
    bench: Bench,
    kernels: Path,
    cases: Sequence[Workload],
    rng: np.random.Generator,
    *,
    bounds: bool = False,
) -> Iterator[tuple[Arrays, Arrays]]:
    """What a variant answers, case by case: the requests that were drawn, and the outputs.

    Raises
    ------
    CandidateFailure
        As in `check`.
    """
    with bench.lanes([kernels], plan(cases), checked=kernels if bounds else None) as (lane,):
        with bench.watchdog.over(lane.runner):
            lane.runner.receive()
        for i, case in enumerate(cases):
            bench.progress("score", i, len(cases))
            requests = case.requests(rng, case.batch)
            with bench.watchdog.over(lane.runner):
                lane.runner.bind(i)
                lane.runner.prepare(i, case.batch)
                outputs = _answer(lane, i, requests, POISON)
            yield requests, outputs
        bench.progress("score", len(cases), len(cases))


def truth(target: Target, fixture: Arrays, requests: Arrays) -> Arrays:
    """What the reference answers."""
    answer: Arrays = target.reference.answer(fixture, requests)
    return answer


def _answer(lane: Lane, combo: int, requests: Arrays, poison: int) -> dict[str, Any]:
    lane.offer(combo, requests, poison)
    lane.runner.turn(combo)
    count = len(next(iter(requests.values())))
    return {name: view.copy() for name, view in lane.answers(combo, count).items()}


def agree(target: Target, case: str, got: Arrays, want: Arrays) -> Agreement:
    """Hold an output against the truth, or raise `Incorrect` with the case's name."""
    found = oracles.check(target.spec["oracle"], got, want)
    if isinstance(found, Mismatch):
        raise Incorrect(case, found)
    return found


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
