"""The real Lance: indexes with a given codebook, their codes and their distances."""

from __future__ import annotations

import sys
from pathlib import Path

import naive
import numpy as np
import pytest

from workbench import snapshots
from workbench.errors import Infrastructure
from workbench.upstreams.lance import ivf_pq as lance

ROWS, DIM, SUB_VECTORS = 900, 32, 4


@pytest.fixture(scope="module", params=lance.METRICS)
def index(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[lance.IvfPqIndex, np.ndarray]:
    rng = np.random.default_rng(0)
    centroids = rng.standard_normal((3, DIM), dtype=np.float32)
    vectors = rng.standard_normal((ROWS, DIM), dtype=np.float32)
    codebook = rng.standard_normal((SUB_VECTORS, 256, DIM // SUB_VECTORS), dtype=np.float32)
    folder = tmp_path_factory.mktemp("index")
    return lance.build_ivf_pq(folder, vectors, codebook, centroids, request.param), vectors


def coded(metric: str, vectors: np.ndarray, centroid: np.ndarray) -> np.ndarray:
    """What is compared with the codebook: of a row for its codes, of a query for its table."""
    if metric == "cosine":
        vectors = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors if metric == "dot" else vectors - centroid


def test_partitions_hold_every_row_once(index: tuple[lance.IvfPqIndex, np.ndarray]) -> None:
    found, _ = index
    row_ids = np.concatenate([partition.row_ids for partition in found.partitions])
    assert sorted(row_ids) == list(range(ROWS))


def test_codes_are_the_nearest_centroids(index: tuple[lance.IvfPqIndex, np.ndarray]) -> None:
    found, vectors = index
    for partition in found.partitions:
        rows = coded(found.metric, vectors[partition.row_ids], partition.centroid)
        # by L2, with dot too
        np.testing.assert_array_equal(partition.codes, naive.nearest_codes(found.codebook, rows))


def test_distances_are_those_of_the_decoded_rows(
    index: tuple[lance.IvfPqIndex, np.ndarray],
) -> None:
    found, vectors = index
    query = vectors[5] + np.float32(0.25)
    row_ids, distances = found.nearest(query, k=ROWS, nprobes=3)
    assert len(row_ids) == ROWS
    got = np.empty(ROWS)
    got[row_ids] = distances
    for partition in found.partitions:
        part = coded(found.metric, query, partition.centroid)
        if found.metric == "dot":
            # |x - q|^2 = |x|^2 + |q|^2 - 2 x.q, with x the decoded row
            gap, size = (
                naive.pq_l2(found.codebook, partition.codes, x) for x in (part, np.zeros_like(part))
            )
            want = 1 - (size + np.square(part, dtype=np.float64).sum() - gap) / 2
        else:
            want = naive.pq_l2(found.codebook, partition.codes, part)  # cosine is not halved
        np.testing.assert_allclose(got[partition.row_ids], want, rtol=1e-6, atol=1e-5)


def test_cosine_leaves_out_a_row_without_a_direction(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((ROWS, DIM), dtype=np.float32)
    vectors[7] = 0
    codebook = rng.standard_normal((SUB_VECTORS, 256, DIM // SUB_VECTORS), dtype=np.float32)
    (partition,) = lance.build_ivf_pq(tmp_path, vectors, codebook, metric="cosine").partitions
    assert sorted(partition.row_ids) == [row for row in range(ROWS) if row != 7]


def test_without_pylance_the_error_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "lance", None)
    with pytest.raises(Infrastructure, match=r"pip install -e '\.\[lance\]'"):
        lance.build_ivf_pq(tmp_path, np.zeros((1, 8), np.float32), np.zeros((1, 256, 8)))


def test_an_unknown_index_layout_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    monkeypatch.setattr(Path, "glob", lambda *_: iter(()))
    with pytest.raises(Infrastructure, match=r"wrote 0 auxiliary.idx files"):
        lance.build_ivf_pq(
            tmp_path,
            rng.standard_normal((300, 8), dtype=np.float32),
            rng.standard_normal((1, 256, 8), dtype=np.float32),
        )


def test_the_installed_pylance_returns_the_recorded_evidence() -> None:
    (report,) = snapshots.drift("lance")
    assert report.installed == "14.0.2"
    assert report.recorded == ("14.0.2",)
    assert {file.status for file in report.files} == {"identical"}, report.files
