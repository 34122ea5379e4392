"""The full-text query: its loops against pylance, what it asks of a kernel, and its inputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from workbench import oracles, targets, ticks
from workbench.callsites import full_text, full_text_lists
from workbench.targets import Workload

DOCUMENTS = 20_000
QUERIES = 40
SITES: dict[str, list[Workload]] = {}


def loads(role: str) -> list[Workload]:
    if role not in SITES:
        SITES[role] = full_text.workloads(np.random.default_rng(0), role, DOCUMENTS)
    return SITES[role]


def ask(call: Any, load: Workload, requests: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    n = len(requests["terms"])
    outputs = {name: np.full((n, *s), 7, d) for name, (s, d) in load.outputs.items()}
    scratch = {name: np.full(s, 3, d) for name, (s, d) in load.scratch.items()}
    call(requests, outputs, scratch)
    return {**outputs, "ticks": scratch["ticks"]}


@pytest.fixture(scope="module", params=full_text.ROLES)
def role(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def call(role: str) -> Any:
    upstream = targets.load(full_text.ROLES[role]).upstream
    return full_text.bind(upstream, loads(role)[0].fixture, now=ticks.on, role=role)


def test_the_answers_are_lances_bit_by_bit_and_the_kernel_is_counted(role: str, call: Any) -> None:
    for load in loads(role):
        requests = load.requests(np.random.default_rng(1), QUERIES)
        got = ask(call, load, requests)
        want = full_text.answer(load.fixture, requests)
        counted = got.pop("ticks")
        verdict = oracles.check(full_text.ORACLE, got, want)
        assert isinstance(verdict, oracles.Agreement), verdict.describe()
        np.testing.assert_array_equal(got["scores"], want["scores"][:, :10])
        assert counted[0] > counted[1] > QUERIES / 2


def test_edges_of_a_query(role: str, call: Any) -> None:
    """The commonest five terms, the rarest, one term, and none at all."""
    load = loads(role)[-1]
    last = len(load.fixture["ranks"]) - 1
    terms = np.array(
        [[0, 1, 2, 3, 4], [last, last - 1, 0, -1, -1], [last, -1, -1, -1, -1], [-1] * 5]
    )
    for every in {int(load.requests(np.random.default_rng(0), 1)["every"][0]), 1}:
        requests = {"terms": terms, "every": np.full(4, every, np.uint8)}
        got = ask(call, load, requests)
        want = full_text.answer(load.fixture, requests)
        np.testing.assert_array_equal(got["scores"], want["scores"][:, :10])
        assert (got["ids"][3] == -1).all()


def test_what_is_asked_is_one_value_a_call() -> None:
    load = loads("intersect")[0]
    requests = load.requests(np.random.default_rng(1), 20)
    said = full_text.asked(load.fixture, requests, role="intersect")
    lists = said["lists per call"]
    assert len(said["ids found by a call"]) == len(lists) > 0
    assert len(said["ids per list of a call"]) == lists.sum()
    # a window lies in one block of every list
    assert said["ids per list of a call"].max() <= full_text_lists.BLOCK
    assert 1 <= lists.min() <= lists.max() <= full_text_lists.LISTS
    assert said["postings per list"].sum() == sum(
        np.diff(load.fixture["starts"])[term] for term in requests["terms"].ravel() if term >= 0
    )


def test_queries_have_one_to_five_distinct_terms_common_and_rare() -> None:
    load = loads("score")[0]
    terms = load.requests(np.random.default_rng(2), 4_000)["terms"]
    sizes = (terms >= 0).sum(axis=1)
    assert np.bincount(sizes)[1:] / 4_000 == pytest.approx(full_text.TERM_COUNTS, abs=0.03)
    for row, size in zip(terms, sizes, strict=True):
        assert len(set(row[:size])) == size
        assert (row[size:] == -1).all()
    ranks = load.fixture["ranks"][terms[terms >= 0]]
    decades = np.histogram(ranks, [0, 9, 99, 999, 9_999])[0] / len(ranks)
    assert decades == pytest.approx([decades[1]] * 4, rel=0.25)


def test_a_queue_of_best_keeps_the_earlier_of_equals() -> None:
    ids, scores = np.full(3, -1), np.zeros(3, np.float32)
    held = 0
    for doc, reached in enumerate([1.0, 3.0, 1.0, 3.0, 2.0, 1.0]):
        held = full_text_lists.keep(doc, np.float32(reached), held, ids, scores)
    assert held == 3
    np.testing.assert_array_equal(ids, [1, 3, 4])
    np.testing.assert_array_equal(scores, np.float32([3, 3, 2]))


@pytest.mark.parametrize("place", [0, 1, 31, 52, 53, 62, 63])
def test_the_place_of_a_bit(place: int) -> None:
    assert full_text_lists.trailing_zeros(np.uint64(1) << np.uint64(place)) == place


def test_the_size_of_the_corpus_is_asked_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert full_text.documents_asked() == 1_000_000
    monkeypatch.setenv("WORKBENCH_SITE_DOCS", "10_000_000")
    assert full_text.documents_asked() == 10_000_000


def test_a_site_is_built_once() -> None:
    place = full_text.site(DOCUMENTS)
    before = {path: path.stat().st_mtime_ns for path in place.iterdir()}
    assert full_text.site(DOCUMENTS) == place
    assert before == {path: path.stat().st_mtime_ns for path in Path(place).iterdir()}
