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
from workbench.upstreams.lance.distribution import pylance

PQ_SHAPES = ((128, 16, 256), (256, 16, 256), (768, 96, 256))
PQ_DISTRIBUTIONS = ("clustered", "uniform", "sparse")
PQ_ROWS = 4_096
PQ_QUERIES = 4
PQ_SEED = 20_260_101

Files = dict[str, dict[str, NDArray[Any]]]


@dataclass(frozen=True)
class Partition:
    """What one inverted list of an index holds.

    Attributes
    ----------
    centroid : ndarray
        f32[dim]; codes are those of the rows minus it, and so is the query's table.
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
    codebook : ndarray
        f32[sub-vectors, centroids, width], as given.
    partitions : tuple of Partition
        The inverted lists, in the order of the given IVF centroids.
    """

    dataset: Any = field(repr=False)
    codebook: NDArray[np.float32] = field(repr=False)
    partitions: tuple[Partition, ...] = field(repr=False)

    def nearest(
        self, query: NDArray[np.float32], k: int, nprobes: int
    ) -> tuple[NDArray[np.uint64], NDArray[np.float32]]:
        """Row ids and squared distances of the ``k`` nearest rows, as Lance ranks them."""
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
        metric="L2",
        num_partitions=len(centroids),
        num_sub_vectors=len(codebook),
        ivf_centroids=centroids,
        pq_codebook=codebook,
    )
    return IvfPqIndex(dataset, codebook, _read_partitions(dataset, folder, centroids))


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
    """Ask Lance for the evidence of target ``pq_l2``.

    For each shape one file with the codebook, and for each shape and distribution one with the
    codes, the queries and the distance of every row, in row order. The codebook is drawn on a
    grid of 1/32, which float16 holds exactly, to keep the files small; queries are not.
    """
    files: Files = {}
    for shape in PQ_SHAPES:
        dim, sub_vectors, centroids = shape
        name = "x".join(map(str, shape))
        rng = np.random.default_rng([PQ_SEED, *shape])
        draw = rng.standard_normal((sub_vectors, centroids, dim // sub_vectors))
        codebook = (np.rint(draw * 32) / 32).astype(np.float16)
        files[name] = {"fixture_codebook": codebook}
        for distribution in PQ_DISTRIBUTIONS:
            vectors = _PQ_DRAWS[distribution](rng, PQ_ROWS, dim)
            queries = vectors[rng.integers(PQ_ROWS, size=PQ_QUERIES)]
            queries = queries + 0.1 * rng.standard_normal(queries.shape)
            files[f"{name}-{distribution}"] = _ask_pq(
                vectors.astype(np.float32), codebook.astype(np.float32), queries.astype(np.float32)
            )
    return files


def _ask_pq(
    vectors: NDArray[np.float32], codebook: NDArray[np.float32], queries: NDArray[np.float32]
) -> dict[str, NDArray[Any]]:
    """Index ``vectors`` and ask for the distance of every row to every query."""
    rows = len(vectors)
    with tempfile.TemporaryDirectory(prefix="workbench-lance-") as folder:
        index = build_ivf_pq(Path(folder), vectors, codebook)
        (partition,) = index.partitions
        # column by column, as Lance keeps them: it also compresses a tenth better
        codes = np.empty_like(partition.codes, order="F")
        codes[partition.row_ids] = partition.codes
        out = np.full((len(queries), rows), np.nan, np.float32)
        for distances, query in zip(out, queries, strict=True):
            row_ids, found = index.nearest(query, k=rows, nprobes=1)
            distances[row_ids] = found
    if np.isnan(out).any():
        raise Infrastructure("Lance did not return every row for k = n: see RESYNC.md")
    return {"fixture_codes": codes, "request_query": queries, "output_out": out}


def _clustered(rng: np.random.Generator, rows: int, dim: int) -> NDArray[np.float64]:
    """64 clusters of spread 0.2; rows arrive cluster by cluster, which compresses well."""
    centres = rng.standard_normal((64, dim))
    chosen = np.sort(rng.integers(len(centres), size=rows))
    return centres[chosen] + 0.2 * rng.standard_normal((rows, dim))


def _uniform(rng: np.random.Generator, rows: int, dim: int) -> NDArray[np.float64]:
    """Uniform on [-1, 1)."""
    return rng.uniform(-1, 1, (rows, dim))


def _sparse(rng: np.random.Generator, rows: int, dim: int) -> NDArray[np.float64]:
    """Draw normals, one component in ten kept."""
    return rng.standard_normal((rows, dim)) * (rng.random((rows, dim)) < 0.1)


_PQ_DRAWS: Mapping[str, Callable[[np.random.Generator, int, int], NDArray[np.float64]]] = {
    "clustered": _clustered,
    "uniform": _uniform,
    "sparse": _sparse,
}

RECORDERS: Mapping[str, Callable[[], Files]] = {"pq_l2": record_pq_l2}
