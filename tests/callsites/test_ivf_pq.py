"""The IVF_PQ query in compiled code answers what pylance answers, whichever kernel takes a role."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from workbench import oracles, targets, ticks
from workbench.callsites import ivf_pq
from workbench.targets import Workload

SMALL = ivf_pq.Site(32, 4, 4, 700, (3,))
SEGMENTED = ivf_pq.Site(32, 4, 4, 700, (2,), segments=5, neighbours=30)
# Fewer rows than are asked for, and a partition probed more than there are.
TINY = ivf_pq.Site(32, 4, 3, 100, (3,), neighbours=25)
TARGETS = {"rank": "ivf_partition", "merge": "topk_merge"}
CASES = [
    (role, metric)
    for metric in ivf_pq.METRICS
    for role in ivf_pq.ROLES
    if (role, metric) != ("rank", "dot")
]


@functools.cache
def variant_of(role: str, metric: str) -> Any:
    return targets.load(TARGETS.get(role, f"pq_{metric.lower()}")).upstream


def answers(
    bind: Any, variant: Any, load: Workload, queries: NDArray[Any], now: Any = ticks.off
) -> tuple[Mapping[str, NDArray[Any]], NDArray[np.int64]]:
    """Answer into poisoned buffers; the ticks come second."""
    n = len(queries)
    outputs = {k: np.full((n, *s), 7, d) for k, (s, d) in load.outputs.items()}
    scratch = {k: np.full(s, 7, d) for k, (s, d) in load.scratch.items()}
    scratch["ticks"][:] = 0
    bind(variant, load.fixture, now)({"query": queries}, outputs, scratch)
    return outputs, scratch["ticks"]


def agree(got: Mapping[str, NDArray[Any]], want: Mapping[str, NDArray[Any]]) -> None:
    verdict = oracles.check(ivf_pq.ORACLE, got, want)
    assert isinstance(verdict, oracles.Agreement), verdict.describe()


@pytest.mark.parametrize(("role", "metric"), CASES)
def test_every_role_and_metric_answers_as_lance_does(role: str, metric: str) -> None:
    rng = np.random.default_rng(1)
    (load,) = ivf_pq.workloads(metric, (SMALL,))(rng)
    requests = load.requests(rng, 8)
    got, found_ticks = answers(
        ivf_pq.bind(role, metric), variant_of(role, metric), load, requests["query"]
    )
    agree(got, ivf_pq.answer(load.fixture, requests))
    calls = {"rank": 8, "pq": 24, "merge": 8}[role]
    assert found_ticks.tolist() == [0, calls]


@pytest.mark.parametrize("site", [SEGMENTED, TINY], ids=["segments", "tiny"])
def test_segments_and_short_partitions_answer_as_lance_does(site: ivf_pq.Site) -> None:
    rng = np.random.default_rng(2)
    (load,) = ivf_pq.workloads("L2", (site,))(rng)
    assert len(load.fixture["starts"]) == 1 + site.segments * site.partitions
    requests = load.requests(rng, 6)
    variant = variant_of("merge", "L2")
    got, found_ticks = answers(ivf_pq.bind("merge", "L2"), variant, load, requests["query"])
    agree(got, ivf_pq.answer(load.fixture, requests))
    assert found_ticks[1] == 6


def test_a_peer_takes_a_role_in_plain_python() -> None:
    rng = np.random.default_rng(3)
    (load,) = ivf_pq.workloads("L2", (SMALL,))(rng)
    requests = load.requests(rng, 3)
    want = ivf_pq.answer(load.fixture, requests)
    for role, target, peer in (
        ("rank", "ivf_partition", "numpy"),
        ("pq", "pq_l2", "numpy"),
        ("merge", "topk_merge", "numpy"),
    ):
        variant = targets.load(target).peers.PEERS[peer]()
        got, _ = answers(ivf_pq.bind(role, "L2"), variant, load, requests["query"])
        agree(got, want)


def test_the_clock_counts_the_time_inside_the_kernel_alone() -> None:
    rng = np.random.default_rng(4)
    (load,) = ivf_pq.workloads("L2", (SMALL,))(rng)
    queries = load.requests(rng, 8)["query"]
    bind, variant = ivf_pq.bind("pq", "L2"), variant_of("pq", "L2")
    before = ticks.on()
    _, found = answers(bind, variant, load, queries, ticks.on)
    assert 0 < found[0] < ticks.on() - before


def test_a_query_that_is_no_direction_finds_nothing() -> None:
    rng = np.random.default_rng(5)
    (load,) = ivf_pq.workloads("cosine", (SMALL,))(rng)
    queries = load.requests(rng, 2)["query"]
    queries[0] = 0.0
    got, _ = answers(ivf_pq.bind("pq", "cosine"), variant_of("pq", "cosine"), load, queries)
    assert np.isinf(got["distances"][0]).all()
    assert (got["ids"][0] == np.uint64(2**64 - 1)).all()
    assert np.isfinite(got["distances"][1]).all()


@pytest.mark.parametrize("metric", ivf_pq.METRICS)
def test_what_is_asked_of_a_kernel_is_what_the_query_asks(metric: str) -> None:
    rng = np.random.default_rng(6)
    (load,) = ivf_pq.workloads(metric, (SMALL,))(rng)
    requests = load.requests(rng, 5)
    asked = ivf_pq.asked("pq", metric)(load.fixture, requests)["rows of a partition"]
    assert asked.shape == (15,)
    assert set(asked) <= set(np.diff(load.fixture["starts"]))
    ranks = ivf_pq.asked("rank", metric)(load.fixture, requests)
    assert {k: v.tolist() for k, v in ranks.items()} == {
        "partitions": [4] * 5,
        "partitions probed": [3] * 5,
    }


def test_a_merge_is_asked_for_a_list_of_every_segment() -> None:
    rng = np.random.default_rng(7)
    (load,) = ivf_pq.workloads("L2", (SEGMENTED,))(rng)
    asked = ivf_pq.asked("merge", "L2")(load.fixture, load.requests(rng, 4))
    assert asked["lists"].tolist() == [5] * 4
    assert asked["rows of a list"].tolist() == [30] * 20


def test_a_role_or_metric_that_is_none_is_refused() -> None:
    for role, metric in (("rank", "dot"), ("sort", "L2"), ("pq", "l2")):
        with pytest.raises(ValueError, match="no role"):
            ivf_pq.bind(role, metric)
