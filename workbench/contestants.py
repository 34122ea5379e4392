"""One process in which a target's kernel, upstream's algorithm and every peer take turns.

``python -m workbench.contestants TARGET ROOT SEED SECONDS CORES`` prints one JSON object: for each
combo the ns a request of every variant, round by round, and what the machine can do at most.
With SECONDS 0 it only compiles. It is `workbench.tournament`'s child; a look, not a verdict.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workbench import oracles, runner, targets
from workbench.contest import TURN_NS
from workbench.lane import MAX_BATCH
from workbench.scoreboard import MIN_ROUNDS, SLOW
from workbench.targets import Arrays, Target, Workload

KERNELS, UPSTREAM = "kernels", "upstream"


@dataclass(frozen=True)
class Stand:
    """One variant bound to one combo, with buffers of its own."""

    call: Callable[..., None]
    outputs: Mapping[str, Any]
    scratch: Mapping[str, Any]

    def __call__(self, requests: Arrays) -> None:
        """Answer the requests; outputs are as long as they are."""
        count = len(next(iter(requests.values())))
        self.call(requests, {k: v[:count] for k, v in self.outputs.items()}, self.scratch)


def stand(target: Target, variant: Any, load: Workload) -> Stand:
    """Bind a variant and give it buffers."""
    return Stand(
        target.bench.bind(variant, load.fixture),
        {k: np.zeros((MAX_BATCH, *s), d) for k, (s, d) in load.outputs.items()},
        {k: np.zeros(s, d) for k, (s, d) in load.scratch.items()},
    )


def variants(target: Target) -> dict[str, Any]:
    """Kernel, upstream's algorithm and every peer, by name."""
    compiled = {KERNELS: target.kernels, UPSTREAM: target.upstream}
    for module in compiled.values():
        targets.cache_compiled(module)
    return compiled | {name: make() for name, make in target.peers.PEERS.items()}


def wrong(target: Target, load: Workload, found: Stand, requests: Arrays) -> str | None:
    """What is wrong with a variant's answer, or None."""
    one = {name: values[:1] for name, values in requests.items()}
    found(one)
    want = target.reference.answer(load.fixture, one)
    got = {name: values[:1] for name, values in found.outputs.items()}
    verdict = oracles.check(target.spec["oracle"], got, want)
    return verdict.describe() if isinstance(verdict, oracles.Mismatch) else None


def batch_of(upstream: Stand, requests: Arrays) -> int:
    """How many requests make a turn of upstream's long enough for the clock."""
    times = []
    for _ in range(3):
        begin_ns = time.perf_counter_ns()
        upstream({name: values[:1] for name, values in requests.items()})
        times.append(time.perf_counter_ns() - begin_ns)
    return int(np.clip(np.ceil(TURN_NS / min(times)), 1, MAX_BATCH))


def quick(names: Sequence[str], times: Sequence[Mapping[str, Sequence[float]]]) -> list[str]:
    """Kernel, upstream and the peers that are nowhere `SLOW` times as slow as upstream."""
    return [
        name
        for name in names
        if name == KERNELS
        or all(np.median(of[name]) < SLOW * np.median(of[UPSTREAM]) for of in times)
    ]


def race(target: Target, seed: int, seconds: float) -> dict[str, Any]:
    """Interleave all variants on all combos; each turn has a request not seen before.

    Beside a kernel or an upstream.py that answers wrongly nothing is timed.
    """
    rng = np.random.default_rng(seed)
    loads = target.inputs.workloads(rng)
    known = variants(target)
    stands = [{name: stand(target, v, load) for name, v in known.items()} for load in loads]
    failures: dict[str, str] = {}
    batches = []
    for load, found in zip(loads, stands, strict=True):
        requests = load.requests(rng, MAX_BATCH)
        for name, one in found.items():
            said = wrong(target, load, one, requests)
            if said is not None:
                failures.setdefault(name, f"{load.name}: {said}")
        batches.append(batch_of(found[UPSTREAM], requests))
    right = [name for name in known if name not in failures]
    times: list[dict[str, list[float]]] = [{name: [] for name in right} for _ in loads]
    limits = {}
    if seconds > 0 and not failures.keys() & {KERNELS, UPSTREAM}:
        from workbench import roofline  # numba, which the parent does without

        limits = roofline.least_ns(target.spec["roofline"], {load.shape for load in loads})
        end = time.monotonic() + seconds
        for rounds in itertools.count():
            if rounds == MIN_ROUNDS:
                right = quick(right, times)
                end = max(end, time.monotonic() + seconds / 2)
            if rounds >= MIN_ROUNDS and time.monotonic() >= end:
                break
            for combo in rng.permutation(len(loads)):
                count = batches[combo]
                drawn = loads[combo].requests(rng, 2 * count)
                before = {name: values[:count] for name, values in drawn.items()}
                requests = {name: values[count:] for name, values in drawn.items()}
                for i in rng.permutation(len(right)):
                    contestant = stands[combo][right[i]]
                    # Untimed: a peer of 7 ms leaves nothing of a 12 us kernel in the caches, and
                    # a kernel that always starts cold is not what its caller sees.
                    contestant(before)
                    begin_ns = time.perf_counter_ns()
                    contestant(requests)
                    elapsed_ns = time.perf_counter_ns() - begin_ns
                    times[combo][right[i]].append(elapsed_ns / count)
    combos = [
        {"shape": load.shape, "distribution": load.distribution, "elapsed_ns": found}
        for load, found in zip(loads, times, strict=True)
    ]
    return {"combos": combos, "least_ns": limits, "failures": failures}


def main(arguments: list[str]) -> None:
    """Run one race as the module's docstring says."""
    from llvmlite import binding

    binding.set_option("workbench", runner.ALIGNMENT_OPTION)
    name, root, seed, seconds, cores = arguments
    os.sched_setaffinity(0, {int(core) for core in cores.split(",")})
    found = race(targets.load(name, Path(root)), int(seed), float(seconds))
    sys.stdout.write(json.dumps({**found, "cpu": binding.get_host_cpu_name()}))


if __name__ == "__main__":
    main(sys.argv[1:])
