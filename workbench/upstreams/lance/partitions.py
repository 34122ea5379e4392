"""Evidence about choosing: which partitions a query probes, and how partial results are merged."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import Infrastructure
from workbench.upstreams.lance.distribution import Files, pylance

Array = NDArray[Any]

SEED = 20_260_102
# dimensions x partitions x probes; 17 dimensions end in one that no whole vector holds.
PARTITION_SHAPES = ((128, 256, 20), (768, 64, 20), (17, 100, 8))
PARTITION_QUERIES = 6
ASSIGNED_ROWS = 120
# lists x rows of a list x neighbours; fewer rows than neighbours would not hold the answer
MERGE_SHAPES = ((20, 10, 10), (64, 100, 100), (7, 50, 50))
MERGE_DIM = 8
MERGE_QUERIES = 2


def record_ivf_partition() -> Files:
    """Ask Lance for the evidence of target ``ivf_partition``.

    For each shape and distribution: the partitions of an IVF_FLAT index with given centroids that
    a query probes, in the order in which a growing ``nprobes`` adds them, and the distances that a
    flat search over the centroids themselves returns. For each shape also the partition that
    rows were assigned to. Centroids lie on a grid of 1/32, which float16 holds exactly.
    """
    files: Files = {}
    for shape in PARTITION_SHAPES:
        name = "x".join(map(str, shape))
        rng = np.random.default_rng([SEED, *shape])
        for distribution, draw in _CENTROIDS.items():
            centroids = np.rint(draw(rng, shape[1], shape[0]) * 32) / 32
            centroids = centroids.astype(np.float16)
            chosen = centroids[rng.integers(shape[1], size=ASSIGNED_ROWS)].astype(np.float64)
            rows = chosen + chosen.std() / 2 * rng.standard_normal(chosen.shape)
            probed, assigned = _ask_partitions(
                centroids.astype(np.float32), rows.astype(np.float32), shape[2]
            )
            files[f"{name}-{distribution}"] = {"fixture_centroids": centroids, **probed}
            if distribution == "gaussian":
                files[f"{name}-assigned"] = {"fixture_centroids": centroids, **assigned}
    return files


def _ask_partitions(
    centroids: NDArray[np.float32], rows: NDArray[np.float32], nprobes: int
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Index ``rows`` and the centroids themselves, so that no partition is empty, and ask."""
    vectors = np.concatenate([centroids, rows])
    with tempfile.TemporaryDirectory(prefix="workbench-lance-") as folder:
        flat = _write(Path(folder) / "centroids.lance", centroids)
        indexed = _write(Path(folder) / "rows.lance", vectors)
        indexed = indexed.create_index(
            "vector",
            "IVF_FLAT",
            metric="L2",
            num_partitions=len(centroids),
            ivf_centroids=centroids,
        )
        partition = _partition_of_rows(indexed, Path(folder) / "rows.lance")
        queries = rows[:PARTITION_QUERIES]
        ids = np.array([_probe_order(indexed, partition, query, nprobes) for query in queries])
        distances = np.stack(
            [
                _distances_of_centroids(flat, query, ids_)
                for query, ids_ in zip(queries, ids, strict=True)
            ]
        )
        own = partition[len(centroids) :, None]
        own_distances = np.stack(
            [_distances_of_centroids(flat, row, p) for row, p in zip(rows, own, strict=True)]
        )
    return _partition_case(queries, ids, distances), _partition_case(rows, own, own_distances)


def _partition_case(queries: Array, ids: Array, distances: Array) -> dict[str, Array]:
    """One query a request."""
    return {
        "fixture_nprobes": np.array([ids.shape[1]]),
        "request_query": queries[:, None],
        "output_ids": ids[:, None].astype(np.uint32),
        "output_distances": distances[:, None],
        "output_count": np.full((len(ids), 1), ids.shape[1], np.int32),
    }


def _partition_of_rows(dataset: Any, path: Path) -> NDArray[np.int64]:
    """Partition that each row of a one-segment index was assigned to."""
    from lance.file import LanceFileReader

    (segment,) = dataset.stats.index_stats("vector_idx")["segments"]
    stored = LanceFileReader(str(path / "_indices" / segment["uuid"] / "auxiliary.idx"))
    row_ids = stored.read_all().to_table()["_rowid"].to_numpy()
    sizes = [p["size"] for p in segment["partitions"]]
    partition = np.empty(len(row_ids), np.int64)
    partition[row_ids] = np.repeat(np.arange(len(sizes)), sizes)
    return partition


def _probe_order(
    dataset: Any, partition: NDArray[np.int64], query: NDArray[np.float32], nprobes: int
) -> list[int]:
    """Partitions in the order in which one more probe adds them."""
    order: list[int] = []
    for probes in range(1, nprobes + 1):
        row_ids, _ = _nearest(dataset, query, len(partition), nprobes=probes)
        added = set(partition[row_ids].tolist()) - set(order)
        if len(added) != 1:
            raise Infrastructure(
                f"probe {probes} added the partitions {sorted(added)}, one was expected: "
                "see snapshots/lance/RESYNC.md"
            )
        order += added
    return order


def _distances_of_centroids(
    dataset: Any, query: NDArray[np.float32], ids: Array
) -> NDArray[np.float32]:
    """Distances of the centroids ``ids``, by Lance's flat search over all of them."""
    row_ids, distances = _nearest(dataset, query, dataset.count_rows())
    by_id = np.empty(len(row_ids), np.float32)
    by_id[row_ids] = distances
    found: NDArray[np.float32] = by_id[ids]
    return found


def record_topk_merge() -> Files:
    """Ask Lance for the evidence of target ``topk_merge``.

    A list is what ``nearest`` returns over one fragment alone (by a filter that is applied
    first), the answer what it returns over all of them. In the case ``segments`` each fragment is
    a segment of an IVF_FLAT index of its own, and all partitions are probed. An index adds up in
    another order with AVX2 than with AVX-512, so there the vectors lie on a grid, where every
    order gives the same sum.
    """
    files: Files = {}
    for shape in MERGE_SHAPES:
        name = "x".join(map(str, shape))
        rng = np.random.default_rng([SEED, *shape])
        for distribution, draw in _FRAGMENTS.items():
            files[f"{name}-{distribution}"] = _ask_merge(rng, shape, draw(rng, *shape[:2]))
    shape = MERGE_SHAPES[-1]
    rng = np.random.default_rng([SEED, *shape, 1])
    fragments = [_on_grid(vectors) for vectors in _interleaved(rng, *shape[:2])]
    name = "x".join(map(str, shape))
    files[f"{name}-segments"] = _ask_merge(rng, shape, fragments, indexed=True)
    return files


def _ask_merge(
    rng: np.random.Generator,
    shape: tuple[int, int, int],
    fragments: list[NDArray[np.float32]],
    *,
    indexed: bool = False,
) -> dict[str, Array]:
    """Ask for the nearest rows of every fragment alone, then of all."""
    _, rows, k = shape
    with tempfile.TemporaryDirectory(prefix="workbench-lance-") as folder:
        path = Path(folder) / "vectors.lance"
        centroids = _on_grid(rng.standard_normal((4, MERGE_DIM), dtype=np.float32))
        for i, vectors in enumerate(fragments):
            dataset = _write(path, vectors, shard=i)
            if indexed and i == 0:
                dataset.create_index(
                    "vector", "IVF_FLAT", metric="L2", num_partitions=4, ivf_centroids=centroids
                )
            elif indexed:
                dataset.optimize.optimize_indices(num_indices_to_merge=0)
        dataset = pylance().dataset(str(path))
        probes = {"nprobes": len(centroids)} if indexed else {}
        own = rng.integers(len(fragments), size=MERGE_QUERIES)
        queries = np.stack([fragments[i][0] for i in own])
        lists = [
            [_nearest(dataset, query, rows, shard=i, **probes) for i in range(len(fragments))]
            for query in queries
        ]
        found = [_nearest(dataset, query, k, **probes) for query in queries]
    sizes = [len(row_ids) for row_ids, _ in lists[0]]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    return {
        "fixture_k": np.array([k]),
        "request_distances": np.stack([[np.concatenate([d for _, d in ls])] for ls in lists]),
        "request_ids": np.stack([[np.concatenate([r for r, _ in ls])] for ls in lists]),
        "request_starts": np.broadcast_to(starts, (MERGE_QUERIES, 1, len(starts))).copy(),
        "output_distances": np.stack([[distances] for _, distances in found]),
        "output_ids": np.stack([[row_ids] for row_ids, _ in found]),
        "output_count": np.array([[len(row_ids)] for row_ids, _ in found], np.int32),
    }


def _write(path: Path, vectors: NDArray[np.float32], shard: int = 0) -> Any:
    """Append the vectors to a dataset as a fragment of its own."""
    import pyarrow as pa

    column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])
    shards = pa.array(np.full(len(vectors), shard, np.int32))
    mode = "append" if path.exists() else "create"
    table = pa.table({"vector": column, "shard": shards})
    return pylance().write_dataset(table, str(path), mode=mode)


def _nearest(
    dataset: Any, query: NDArray[np.float32], k: int, shard: int | None = None, **options: int
) -> tuple[NDArray[np.uint64], NDArray[np.float32]]:
    """Row ids and distances of the nearest rows, of one shard or of all."""
    found = dataset.to_table(
        columns=["_distance"],
        with_row_id=True,
        filter=None if shard is None else f"shard = {shard}",
        prefilter=shard is not None,
        nearest={"column": "vector", "q": query, "k": k, **options},
    )
    return found["_rowid"].to_numpy(), found["_distance"].to_numpy()


def _gaussian(rng: np.random.Generator, count: int, dim: int) -> NDArray[np.float64]:
    return rng.standard_normal((count, dim))


def _clustered(rng: np.random.Generator, count: int, dim: int) -> NDArray[np.float64]:
    centres = rng.standard_normal((8, dim))
    return centres[rng.integers(8, size=count)] + 0.2 * rng.standard_normal((count, dim))


def _sparse(rng: np.random.Generator, count: int, dim: int) -> NDArray[np.float64]:
    """One component in ten is not zero; none is zero everywhere, so that none are equal."""
    kept = rng.random((count, dim)) < 0.1
    kept[np.arange(count), rng.integers(dim, size=count)] = True
    return rng.standard_normal((count, dim)) * kept


_CENTROIDS: Mapping[str, Callable[[np.random.Generator, int, int], NDArray[np.float64]]] = {
    "gaussian": _gaussian,
    "clustered": _clustered,
    "sparse": _sparse,
}


def _interleaved(rng: np.random.Generator, lists: int, rows: int) -> list[NDArray[np.float32]]:
    return [rng.standard_normal((2 * rows, MERGE_DIM), dtype=np.float32) for _ in range(lists)]


def _on_grid(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Multiples of 1/64: the squares of eight differences below 16 add up in 24 bits, exactly."""
    grid: NDArray[np.float32] = np.round(vectors * 64) / np.float32(64)
    return grid


def _skewed(rng: np.random.Generator, lists: int, rows: int) -> list[NDArray[np.float32]]:
    """Fragments far apart and of unlike size, some with fewer rows than are asked for."""
    sizes = rng.integers(1, 3 * rows, size=lists)
    return [
        (9 * i + rng.standard_normal((size, MERGE_DIM))).astype(np.float32)
        for i, size in enumerate(sizes)
    ]


def _ties(rng: np.random.Generator, lists: int, rows: int) -> list[NDArray[np.float32]]:
    """Points of a small lattice: most distances are equal to many others."""
    return [
        rng.integers(-1, 2, size=(2 * rows, MERGE_DIM)).astype(np.float32) for _ in range(lists)
    ]


_FRAGMENTS: Mapping[str, Callable[[np.random.Generator, int, int], list[NDArray[np.float32]]]] = {
    "interleaved": _interleaved,
    "skewed": _skewed,
    "ties": _ties,
}
