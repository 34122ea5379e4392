"""Paired timing: candidate, incumbent and upstream on fresh processes, pair after pair."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workbench.arena import Arena
from workbench.child import pinned_to
from workbench.duel import Duel, Requests
from workbench.gate import Footprint
from workbench.judge import CANDIDATE, INCUMBENT, UPSTREAM, Bench, blame
from workbench.lane import MAX_BATCH, Lane, Plan
from workbench.sandbox import LAYERS
from workbench.stats import Blocks
from workbench.timers import schedule

# A turn costs about 10 us of pipes and switching, which is measured and subtracted; a turn of
# this length keeps what is left of it below the noise.
TURN_NS = 150_000
# Of a pair of processes; 0.2 s more go to starting it. What varies is the pair, so that many short
# ones tell more than a few long ones.
MEASURE_SECONDS = 0.4
MIN_ROUNDS = 6
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
        duel = Duel(bench, lanes, requests, chosen, rng)
        rounds, begin = 0, time.perf_counter()
        while not (
            rounds >= replay.rounds
            if replay
            else rounds >= MIN_ROUNDS and time.perf_counter() - begin > MEASURE_SECONDS
        ):
            for turn in schedule(rng, len(chosen)):
                duel.block(turn)
            rounds += 1
        if replay or UPSTREAM in lanes:
            duel.headline()
        if replay:
            return replay
        wall_ns = (time.perf_counter() - begin) * 1e9
        peak_rss_mb = lanes[CANDIDATE].runner.peak_rss_mb()
        footprint = None if replica else measure_footprint(bench, lanes[CANDIDATE], requests)
    share = duel.timed_ns / wall_ns
    return Measured(
        blocks=duel.blocks(),
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
