"""The scan in compiled code answers what pylance answers, whichever kernel takes a role."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from workbench import oracles, targets, ticks
from workbench.callsites import scan
from workbench.errors import Infrastructure
from workbench.targets import Arrays, Workload
from workbench.upstreams.lance import scans

# Not a whole number of batches, chunks, mini-blocks or bitmap words.
ROWS = 60_000


def answers(
    call: Any, load: Workload, requests: Arrays
) -> tuple[Mapping[str, NDArray[Any]], NDArray[np.int64]]:
    """Answer into poisoned buffers; the ticks come second."""
    n = len(requests["low"])
    outputs = {k: np.full((n, *s), 7, d) for k, (s, d) in load.outputs.items()}
    scratch = {k: np.full(s, 7, d) for k, (s, d) in load.scratch.items()}
    scratch["ticks"][:] = 0
    call(requests, outputs, scratch)
    return outputs, scratch["ticks"]


def agree(got: Mapping[str, NDArray[Any]], want: Mapping[str, NDArray[Any]]) -> None:
    verdict = oracles.check(scan.ORACLE, got, want)
    assert isinstance(verdict, oracles.Agreement), verdict.describe()


@pytest.fixture(scope="module")
def load() -> Workload:
    return scan.workload(ROWS, 0.01)


@pytest.fixture(scope="module")
def timed(load: Workload) -> Any:
    """One query with a clock around the kernel; compiling it takes seconds."""
    return scan.bind("predicate")(targets.load("predicate").upstream, load.fixture, ticks.on)


def test_answers_as_lance_does_and_counts_the_kernels_time_alone(
    load: Workload, timed: Any
) -> None:
    requests = load.requests(np.random.default_rng(1), 5)
    answers(timed, load, requests)
    begin = ticks.on()
    got, spent = answers(timed, load, requests)
    whole = ticks.on() - begin
    agree(got, scan.answer(load.fixture, requests))
    assert 0 < spent[0] < whole


def test_a_query_that_keeps_nothing_answers_as_lance_does(load: Workload, timed: Any) -> None:
    requests = dict(load.requests(np.random.default_rng(2), 3))
    requests["high"] = requests["low"] - 1
    requests["low"][1], requests["high"][1] = 0, scans.DAYS
    requests["listed"] = requests["listed"].copy()
    requests["listed"][1] += scans.QUANTITIES
    got, _ = answers(timed, load, requests)
    agree(got, scan.answer(load.fixture, requests))
    assert got["count"].tolist() == [0, 0, 0]


def test_every_workload_keeps_about_the_share_it_is_named_after() -> None:
    for kept in scan.KEPT:
        load = scan.workload(ROWS, kept)
        requests = load.requests(np.random.default_rng(3), 20)
        counts = np.array([len(rows) for rows in scan.selected(load.fixture, requests)])
        assert counts.mean() == pytest.approx(kept * ROWS, rel=0.1)
        assert counts.max() <= load.outputs["rows"][0][0]


@pytest.mark.parametrize("role", scan.ROLES)
def test_what_is_asked_of_a_kernel_is_counted_for_every_role(role: str, load: Workload) -> None:
    requests = load.requests(np.random.default_rng(4), 3)
    asked = scan.asked(role)(load.fixture, requests)
    kept = sum(len(rows) for rows in scan.selected(load.fixture, requests))
    for label, values in asked.items():
        assert values.dtype.kind == "i", label
        assert len(values) > 0, label
        assert values.min() >= 0, label
    whole = {
        "predicate": ("rows kept of a batch", kept),
        # the price of each row at once, its index and its title chunk by chunk
        "take": ("ids of a call", 3 * kept),
        "dictionary": ("indices of a call", kept),
    }
    if role in whole:
        label, total = whole[role]
        assert asked[label].sum() == total
    if role == "bitpack":
        assert set(asked["bits of a value"]) <= {7, 8, 12}


def test_the_raw_pages_are_those_of_every_row(load: Workload) -> None:
    fixture = load.fixture
    assert fixture["title_first"][-1] == len(fixture["price"]) == ROWS
    for name in ("day", "quantity", "category"):
        bounds = fixture[f"{name}_bounds"]
        assert len(bounds) == -(-ROWS // 1_024)
        assert (bounds[1:, 0] >= bounds[:-1, 1]).all()
        assert bounds[-1, 1] <= len(fixture[f"{name}_words"])
    assert len(fixture["dictionary_offsets"]) == scans.CATEGORIES + 1
    assert fixture["dictionary_offsets"][-1] == len(fixture["dictionary_values"])


def test_a_peer_takes_a_role_in_plain_python(load: Workload) -> None:
    requests = load.requests(np.random.default_rng(5), 1)
    peer = targets.load("take").peers.PEERS["pyarrow"]()
    got, _ = answers(scan.bind("take")(peer, load.fixture), load, requests)
    agree(got, scan.answer(load.fixture, requests))


def test_a_role_that_is_none_is_refused() -> None:
    for function in (scan.bind, scan.asked):
        with pytest.raises(ValueError, match="no role 'sort': there are bitpack"):
            function("sort")


def test_a_column_in_another_encoding_is_refused(tmp_path: Any) -> None:
    import pyarrow as pa

    lance = pytest.importorskip("lance")
    names = ("day", "quantity", "price", "category", "title")
    for dtype, complaint in (
        (np.int32, "a dictionary is stored as nothing"),
        (np.int64, "64 bits"),
    ):
        numbers = np.random.default_rng(6).integers(1_000, size=2_000).astype(dtype)
        table = pa.table({name: pa.array(numbers) for name in names})
        place = str(tmp_path / np.dtype(dtype).name / "site.lance")
        lance.write_dataset(table, place)
        with pytest.raises(Infrastructure, match=complaint):
            scans.read_site(tmp_path / np.dtype(dtype).name)
    text = pa.table(
        {name: pa.array([f"{i} is long enough" for i in range(2_000)]) for name in names}
    )
    lance.write_dataset(text, str(tmp_path / "text" / "site.lance"))
    with pytest.raises(Infrastructure, match="wrote column day of the scan as"):
        scans.read_site(tmp_path / "text")
