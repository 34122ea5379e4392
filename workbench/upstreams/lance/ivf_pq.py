"""IVF_PQ indices: build one, read its codes back, ask for its distances."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import Infrastructure
from workbench.upstreams.lance.distribution import Files, pylance

METRICS = ("L2", "cosine", "dot")
PQ_SHAPES = ((128, 16, 256), (256, 16, 256), (768, 96, 256))
PQ_DISTRIBUTIONS = ("clustered", "uniform", "sparse")
PQ_QUERIES = 4
PQ_SEED = 20_260_101


@dataclass(frozen=True)
class Partition:
    """What one inverted list of an index holds.

    Attributes
    ----------
    centroid : ndarray
        f32[dim]; with L2 and cosine the codes are those of the rows minus it, and so is the
        query's table. With dot they are those of the rows themselves.
    row_ids : ndarray
        u64[n].
    codes : ndarray
        u8[n, sub-vectors], as Lance stored them, in the order of ``row_ids``.
    """

    centroid: NDArray[np.float32]
    row_ids: NDArray[np.uint64]
    codes: NDArray[np.uint8]


@dataclass(frozen=True)
class IvfPqIndex:
    """An IVF_PQ index on disk, opened.

    Attributes
    ----------
    dataset : lance.LanceDataset
        The dataset that has the index, on its column ``vector``.
    metric : str
        One of `METRICS`.
    codebook : ndarray
        f32[sub-vectors, centroids, width], as given.
    partitions : tuple of Partition
        The inverted lists, in the order of the given IVF centroids.
    """

    dataset: Any = field(repr=False)
    metric: str
    codebook: NDArray[np.float32] = field(repr=False)
    partitions: tuple[Partition, ...] = field(repr=False)

    def nearest(
        self, query: NDArray[np.float32], k: int, nprobes: int
    ) -> tuple[NDArray[np.uint64], NDArray[np.float32]]:
        """Row ids and distances of the ``k`` nearest rows, as Lance ranks them.

        L2 is squared; cosine is the squared L2 distance of the query, scaled to length 1, and
        the decoded row, not halved; dot is 1 minus the dot product. A row whose distance is not
        finite is never returned.
        """
        found = self.dataset.to_table(
            columns=["_distance"],
            with_row_id=True,
            nearest={"column": "vector", "q": query, "k": k, "nprobes": nprobes},
        )
        return found["_rowid"].to_numpy(), found["_distance"].to_numpy()


def build_ivf_pq(
    folder: Path,
    vectors: NDArray[np.float32],
    codebook: NDArray[np.float32],
    centroids: NDArray[np.float32] | None = None,
    metric: str = "L2",
) -> IvfPqIndex:
    """Write ``vectors`` as a Lance dataset under ``folder`` and index them.

    Parameters
    ----------
    folder : Path
        An existing folder, usually a temporary one.
    vectors : ndarray
        f32[n, dim].
    codebook : ndarray
        f32[sub-vectors, 256, dim / sub-vectors]; Lance uses it instead of training one.
    centroids : ndarray, optional
        f32[partitions, dim]; default: one partition around the origin, so that codes and
        queries are not shifted.
    metric : str
        One of `METRICS`. With cosine Lance scales every vector to length 1 before it is coded,
        and leaves out those that have no direction (zero, not finite).

    Raises
    ------
    Infrastructure
        If pylance is not installed, or lays an index out in a way that is not known here.
    """
    lance = pylance()
    import pyarrow as pa

    dim = vectors.shape[1]
    if centroids is None:
        centroids = np.zeros((1, dim), np.float32)
    column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), dim)
    dataset = lance.write_dataset(pa.table({"vector": column}), str(folder / "vectors.lance"))
    dataset = dataset.create_index(
        "vector",
        "IVF_PQ",
        metric=metric,
        num_partitions=len(centroids),
        num_sub_vectors=len(codebook),
        ivf_centroids=centroids,
        pq_codebook=codebook,
    )
    return IvfPqIndex(dataset, metric, codebook, _read_partitions(dataset, folder, centroids))


def _read_partitions(
    dataset: Any, folder: Path, centroids: NDArray[np.float32]
) -> tuple[Partition, ...]:
    """Read the inverted lists out of the index file that holds the codes."""
    from lance.file import LanceFileReader

    found = sorted(folder.glob("vectors.lance/_indices/*/auxiliary.idx"))
    if len(found) != 1:
        raise Infrastructure(
            f"Lance {pylance().__version__} wrote {len(found)} auxiliary.idx files for one index, "
            "1 was expected: its layout changed, see snapshots/lance/RESYNC.md"
        )
    stored = LanceFileReader(str(found[0])).read_all().to_table()
    row_ids = stored["_rowid"].to_numpy()
    code_column = stored["__pq_code"].combine_chunks()
    sub_vectors = code_column.type.list_size
    codes = code_column.flatten().to_numpy()
    (segment,) = dataset.stats.index_stats("vector_idx")["segments"]
    partitions, start = [], 0
    for centroid, size in zip(centroids, (p["size"] for p in segment["partitions"]), strict=True):
        stop = start + size
        # within a partition Lance keeps codes sub-vector by sub-vector
        columns = codes[start * sub_vectors : stop * sub_vectors].reshape(sub_vectors, size)
        partitions.append(Partition(centroid, row_ids[start:stop], columns.T.copy()))
        start = stop
    return tuple(partitions)


def record_pq_l2() -> Files:
    """Ask Lance for the evidence of target ``pq_l2``: 4,096 rows a case."""
    return _record("L2", 4_096)


def record_pq_cosine() -> Files:
    """Ask Lance for the evidence of target ``pq_cosine``, queries without a direction included."""
    files = _record("cosine", 1_024)
    name = "128x16x256"
    rng = np.random.default_rng([PQ_SEED, 1])
    plain = uniform(rng, 1, 128)[0]
    odd = np.stack([plain, *(np.full(128, fill) for fill in (0, 1e-30, 1e30, np.nan, np.inf))])
    one_nan, one_inf = plain.copy(), plain.copy()
    one_nan[17], one_inf[100] = np.nan, -np.inf
    queries = np.stack([*odd, one_nan, one_inf]).astype(np.float32)
    vectors = uniform(rng, 512, 128).astype(np.float32)
    codebook = files[name]["fixture_codebook"].astype(np.float32)
    files[f"{name}-odd-queries"] = _ask(vectors, codebook, queries, "cosine")
    return files


def record_pq_dot() -> Files:
    """Ask Lance for the evidence of target ``pq_dot``."""
    return _record("dot", 1_024)


def record_pq_l2_u8() -> Files:
    """Ask Lance for the evidence of target ``pq_l2_u8``: exact distances, fewer than for pq_l2."""
    return _record("L2", 1_024, PQ_SHAPES[:2])


def _record(metric: str, rows: int, shapes: tuple[tuple[int, int, int], ...] = PQ_SHAPES) -> Files:
    """Record codes, queries and the distance of every row, in row order.

    For each shape one file with the codebook, and for each shape and distribution one with the
    rest. The codebook is drawn on a grid of 1/32, which float16 holds exactly, to keep the files
    small; queries are not. For cosine its centroids are those of vectors of about length 1.
    """
    files: Files = {}
    for shape in shapes:
        dim, sub_vectors, centroids = shape
        name = "x".join(map(str, shape))
        rng = np.random.default_rng([PQ_SEED, *shape])
        draw = rng.standard_normal((sub_vectors, centroids, dim // sub_vectors))
        spread, grid = (dim**-0.5, 1024) if metric == "cosine" else (1.0, 32)
        codebook = (np.rint(spread * draw * grid) / grid).astype(np.float16)
        files[name] = {"fixture_codebook": codebook}
        for distribution in PQ_DISTRIBUTIONS:
            vectors = _PQ_DRAWS[distribution](rng, rows, dim)
            queries = vectors[rng.integers(rows, size=PQ_QUERIES)]
            queries = queries + 0.1 * rng.standard_normal(queries.shape)
            files[f"{name}-{distribution}"] = _ask(
                vectors.astype(np.float32),
                codebook.astype(np.float32),
                queries.astype(np.float32),
                metric,
            )
    return files


def _ask(
    vectors: NDArray[np.float32],
    codebook: NDArray[np.float32],
    queries: NDArray[np.float32],
    metric: str,
) -> dict[str, NDArray[Any]]:
    """Index ``vectors`` and ask for the distance of every row to every query.

    Lance returns no row for a query without a direction: such rows are recorded as infinitely
    far.
    """
    rows = len(vectors)
    with tempfile.TemporaryDirectory(prefix="workbench-lance-") as folder:
        index = build_ivf_pq(Path(folder), vectors, codebook, metric=metric)
        (partition,) = index.partitions
        # column by column, as Lance keeps them: it also compresses a tenth better
        codes = np.empty_like(partition.codes, order="F")
        codes[partition.row_ids] = partition.codes
        out = np.full((len(queries), rows), np.inf, np.float32)
        for distances, query in zip(out, queries, strict=True):
            row_ids, found = index.nearest(query, k=rows, nprobes=1)
            distances[row_ids] = found
            if len(found) not in (0, rows):
                raise Infrastructure("Lance did not return every row for k = n: see RESYNC.md")
    return {"fixture_codes": codes, "request_query": queries, "output_out": out}


def _clustered(rng: np.random.Generator, rows: int, dim: int) -> NDArray[np.float64]:
    """64 clusters of spread 0.2; rows arrive cluster by cluster, which compresses well."""
    centres = rng.standard_normal((64, dim))
    chosen = np.sort(rng.integers(len(centres), size=rows))
    return centres[chosen] + 0.2 * rng.standard_normal((rows, dim))


def uniform(rng: np.random.Generator, rows: int, dim: int) -> NDArray[np.float64]:
    """Uniform on [-1, 1)."""
    return rng.uniform(-1, 1, (rows, dim))


def sparse(rng: np.random.Generator, rows: int, dim: int) -> NDArray[np.float64]:
    """Draw normals, one component in ten kept."""
    return rng.standard_normal((rows, dim)) * (rng.random((rows, dim)) < 0.1)


_PQ_DRAWS: Mapping[str, Callable[[np.random.Generator, int, int], NDArray[np.float64]]] = {
    "clustered": _clustered,
    "uniform": uniform,
    "sparse": sparse,
}
