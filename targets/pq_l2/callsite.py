"""The real query around the kernel: nearest neighbours in a real Lance IVF_PQ index, end to end.

    with site(np.random.default_rng(0)) as (index, queries):
        mine = run(kernels, index, queries)
        theirs = ask_lance(index, queries)      # the same neighbours, from pylance itself

For each query: rank the partitions, take the query's offset from each probed centroid, fill a
table, get the distance of every row of the partition, keep the best ``k`` of all.
"""

import contextlib
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workbench.upstreams.lance.ivf_pq import build_ivf_pq

SHAPE = (128, 16, 256)
PARTITIONS = 8
# Lance 14 aims at partitions of 8,192 rows for IVF_PQ.
ROWS_PER_PARTITION = 8_192
# Three probes read 24,576 rows, the nearest to the 20,000 of a timed workload.
PROBES = 3
NEIGHBOURS = 10
QUERIES = 32


@dataclass(frozen=True)
class Answers:
    """Neighbours of every query, and what finding them took.

    Attributes
    ----------
    row_ids : ndarray
        u64[queries, k], nearest first.
    distances : ndarray
        f32[queries, k], squared.
    query_ns : ndarray
        i64[queries], wall time of the whole query.
    kernel_ns : ndarray
        i64[queries], the part of it inside the surface; 0 where that cannot be seen.
    """

    row_ids: np.ndarray
    distances: np.ndarray
    query_ns: np.ndarray
    kernel_ns: np.ndarray

    @property
    def kernel_share(self):
        """Median share of a query's wall time that is spent in the kernel."""
        return float(np.median(self.kernel_ns / self.query_ns))


@contextlib.contextmanager
def site(
    rng,
    shape=SHAPE,
    partitions=PARTITIONS,
    rows_per_partition=ROWS_PER_PARTITION,
    queries=QUERIES,
):
    """Build a real index in a temporary folder; yield it and queries near its rows.

    Rows are clusters around the IVF centroids, the codebook is a sample of their offsets.
    Building takes 1 s at the default size and 3 s at 768x96x256.
    """
    dim, sub_vectors, centroids = shape
    centres = rng.standard_normal((partitions, dim), dtype=np.float32)
    member = rng.permutation(np.repeat(np.arange(partitions), rows_per_partition))
    offsets = rng.standard_normal((len(member), dim), dtype=np.float32) / 2
    sample = offsets[rng.choice(len(offsets), centroids, replace=False)]
    codebook = sample.reshape(centroids, sub_vectors, -1).transpose(1, 0, 2)
    vectors = centres[member] + offsets
    near = vectors[rng.integers(len(vectors), size=queries)]
    near += rng.standard_normal(near.shape, dtype=np.float32) / 8
    with tempfile.TemporaryDirectory(prefix="workbench-callsite-") as folder:
        yield (
            build_ivf_pq(Path(folder), vectors, np.ascontiguousarray(codebook), centres),
            near,
        )


def run(variant, index, queries, k=NEIGHBOURS, nprobes=PROBES):
    """Find the ``k`` nearest rows of each query with a variant of the kernel.

    Parameters
    ----------
    variant : module
        Any variant that exports the surface of ``target.toml``.
    index : workbench.upstreams.lance.IvfPqIndex
        A real index, e.g. from `site`.
    queries : ndarray
        f32[queries, dim].
    k, nprobes : int
        Neighbours to return, partitions to search.

    Returns
    -------
    Answers
    """
    centres = np.stack([partition.centroid for partition in index.partitions])
    states = [variant.setup(index.codebook, p.codes) for p in index.partitions]
    outs = [np.empty(len(p.codes), np.float32) for p in index.partitions]
    table = np.empty(index.codebook.shape[:2], np.float32)

    def search(query):
        kernel_ns = 0
        gaps = centres - query
        probed = np.einsum("pd,pd->p", gaps, gaps).argsort(kind="stable")[:nprobes]
        for p in probed:
            offset = query - centres[p]
            start = time.perf_counter_ns()
            variant.distance_table(states[p], offset, table)
            variant.distances(states[p], table, outs[p])
            kernel_ns += time.perf_counter_ns() - start
        distances = np.concatenate([outs[p] for p in probed])
        row_ids = np.concatenate([index.partitions[p].row_ids for p in probed])
        best = np.argpartition(distances, k - 1)[:k] if k < len(distances) else slice(None)
        distances, row_ids = distances[best], row_ids[best]
        ranked = np.lexsort((row_ids, distances))
        return row_ids[ranked], distances[ranked], kernel_ns

    return _timed(search, queries)


def ask_lance(index, queries, k=NEIGHBOURS, nprobes=PROBES):
    """Find the same neighbours with pylance: the answer `run` must give, and its whole cost."""

    def search(query):
        return (*index.nearest(query, k, nprobes), 0)

    return _timed(search, queries)


def _timed(search, queries):
    """Search for every query, after one untimed search that compiles and warms what it needs."""
    search(queries[0])
    found, elapsed = [], []
    for query in queries:
        start = time.perf_counter_ns()
        found.append(search(query))
        elapsed.append(time.perf_counter_ns() - start)
    row_ids, distances, kernel_ns = zip(*found, strict=True)
    return Answers(np.stack(row_ids), np.stack(distances), np.array(elapsed), np.array(kernel_ns))
