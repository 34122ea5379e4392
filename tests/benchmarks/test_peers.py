"""Kernels, upstream and peers beside each other: ``pytest -m benchmark -s tests/benchmarks``.

In one process, in turn, so that each call finds the caches as the others leave them: a look, not
a verdict. Nothing is asserted about time.
"""

import numpy as np
import pytest

import workbench as wb

pytestmark = pytest.mark.benchmark
QUERIES = 4


def call_of(target, variant, load, requests):
    """A call without arguments that answers the requests into buffers of its own."""
    bound = target.bench.bind(variant, load.fixture)
    outputs = {k: np.empty((QUERIES, *s), d) for k, (s, d) in load.outputs.items()}
    scratch = {k: np.empty(s, d) for k, (s, d) in load.scratch.items()}
    return lambda: bound(requests, outputs, scratch)


def test_pq_l2_peers():
    target = wb.target("pq_l2")
    rng = np.random.default_rng(1)
    variants = {"upstream": target.upstream, "kernels": target.kernels}
    variants |= {name: make() for name, make in target.peers.PEERS.items()}
    for load in target.inputs.workloads(rng)[::3]:
        requests = load.requests(rng, QUERIES)
        calls = [call_of(target, variant, load, requests) for variant in variants.values()]
        race = wb.timers.race(*calls, seconds=3.0, seed=1)
        medians_us = np.median(race.elapsed_ns, axis=0) / QUERIES / 1e3
        ratios = race.ratios().values()
        for name, time_us, (ratio, low, high) in zip(variants, medians_us, ratios, strict=True):
            print(
                f"\n{load.name:24} {name:10} {time_us:9.1f} us a query, "
                f"{ratio:.3f} x upstream ({low:.3f} to {high:.3f})",
                end="",
            )
    print()
