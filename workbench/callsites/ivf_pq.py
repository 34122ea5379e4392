"""The nearest rows of a query in a real Lance IVF_PQ index, end to end, in compiled code.

As Lance answers: for each segment of the index (one, until rows are appended and indexed by
themselves) rank the partitions; for each probed one fill a distance table, get every row's
distance, keep the segment's best ``k``; then merge the lists of the segments. A kernel under test
takes one of the `ROLES`; the other two come from the ``upstream.py`` of their target.

A target's ``callsite.py`` needs these lines::

    bind = ivf_pq.bind("pq", "cosine")
    workloads = ivf_pq.workloads("cosine")
    answer = ivf_pq.answer
    asked = ivf_pq.asked("pq", "cosine")
    ORACLE = ivf_pq.ORACLE

By metric (asked of pylance 14.0.2): L2 ranks by L2 and codes a row as its offset from the
partition's centroid; cosine does the same after scaling rows and queries to length 1, and its
distance is the squared L2 one, not halved; dot ranks by dot product and codes the row itself.
So ``distance_table`` is given the query's offset from the centroid, and with dot the query.
"""

from __future__ import annotations

import functools
import itertools
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench import targets, ticks
from workbench.callsites import ivf_pq_query as query
from workbench.errors import Infrastructure
from workbench.targets import Arrays, Workload
from workbench.upstreams.lance.distribution import pylance, site_folder
from workbench.upstreams.lance.ivf_pq import build_ivf_pq

ROLES = ("rank", "pq", "merge")
METRICS = ("L2", "cosine", "dot")
# A near tie at the last rank is told from a wrong row by the ranks behind it.
RANKS_BEHIND = 10
# Cosine distances are below 1, so that 1e-4 would call other rows equal.
ORACLE = {"kind": "top_k", "atol": 1e-5, "rtol": 1e-6}
# Rows of the index that queries are drawn near to.
SAMPLE = 4_096
QUERY_NOISE = np.float32(1 / 8)


@dataclass(frozen=True)
class Site:
    """An index to build, and how many partitions its queries probe.

    Attributes
    ----------
    dim, sub_vectors : int
        Size of a vector, and the parts it is coded in (256 centroids each).
    partitions, rows : int
        Partitions, and rows in each on average, all segments together.
    probes : tuple of int
        Partitions a query searches in each segment; one workload each.
    segments : int
        Parts the rows arrived in, each with a segment of the index of its own.
    neighbours : int
        Rows a query asks for.
    """

    dim: int
    sub_vectors: int
    partitions: int
    rows: int
    probes: tuple[int, ...]
    segments: int = 1
    neighbours: int = 10

    @property
    def shape(self) -> str:
        """As targets name it: ``dim x sub-vectors x centroids``."""
        return f"{self.dim}x{self.sub_vectors}x256"

    def case(self, probes: int) -> str:
        """The workload's other name: what is asked for, as far as it is not the usual."""
        name = f"{probes}-probes"
        if self.segments > 1:
            name += f"-{self.segments}-segments"
        return name if self.neighbours == 10 else f"{name}-{self.neighbours}-neighbours"


# Lance 14 aims at partitions of 8,192 rows for IVF_PQ; 20 probes are what its clients ask for.
SITES = (Site(128, 16, 32, 8_192, (3, 20)), Site(768, 96, 8, 8_192, (3,)))


def workloads(
    metric: str, sites: tuple[Site, ...] = SITES
) -> Callable[[np.random.Generator], list[Workload]]:
    """``workloads(rng)`` of a call site: one real index a site, one workload a number of probes."""
    return functools.partial(_workloads, metric=metric, sites=sites)


def _workloads(rng: np.random.Generator, *, metric: str, sites: tuple[Site, ...]) -> list[Workload]:
    return [workload(site, metric, probes) for site in sites for probes in site.probes]


def workload(site: Site, metric: str, probes: int) -> Workload:
    """Queries near the rows of an index, which is built now unless this machine has it."""
    folder = open_site(site, metric)
    with np.load(folder / "index.npz") as stored:
        arrays = dict(stored)
    sample = arrays.pop("sample")
    largest = int(np.diff(arrays["starts"]).max())
    k, rows = site.neighbours, site.segments * site.neighbours
    # as targets/ivf_partition/inputs.py gives it: whole vectors fit behind the last partition
    padded = (site.partitions + 16 + 63) // 64 * 64

    def requests(rng: np.random.Generator, n: int) -> Arrays:
        near = sample[rng.integers(len(sample), size=n)]
        noise = rng.standard_normal(near.shape, dtype=np.float32)
        spread = np.sqrt(np.mean(np.square(near), axis=1, keepdims=True))
        return {"query": near + QUERY_NOISE * spread * noise}

    return Workload(
        shape=site.shape,
        distribution=site.case(probes),
        fixture={
            **arrays,
            "probes": np.array([probes]),
            "neighbours": np.array([k]),
            "site": np.frombuffer(folder.name.encode(), np.uint8),
        },
        requests=requests,
        outputs={"ids": ((k,), "uint64"), "distances": ((k,), "float32")},
        scratch={
            "target": ((site.dim,), "float32"),
            "offset": ((site.dim,), "float32"),
            "gaps": ((padded,), "float32"),
            "order": ((padded,), "uint32"),
            "probed": ((probes,), "uint32"),
            "probed_distances": ((probes,), "float32"),
            "table": ((site.sub_vectors, 256), "float32"),
            "row_distances": ((largest,), "float32"),
            "list_starts": ((site.segments + 1,), "int64"),
            "list_distances": ((rows,), "float32"),
            "list_ids": ((rows,), "uint64"),
            "work": ((4 * (site.segments + k) + 64,), "int64"),
            "ticks": ((2,), "int64"),
        },
    )


def open_site(site: Site, metric: str) -> Path:
    """Folder of a real index: ``vectors.lance`` and ``index.npz``, what was read back from it."""
    name = f"ivf-pq-{metric}-{site.shape}-{site.partitions}x{site.rows}"
    if site.segments > 1:
        name += f"-{site.segments}-segments"
    return site_folder(name, functools.partial(_build, site, metric))


def _build(site: Site, metric: str, folder: Path) -> None:
    """Index clusters around the centroids, with a sample of what is coded as codebook."""
    import pyarrow as pa

    rng = np.random.default_rng([site.dim, site.sub_vectors, site.partitions, site.rows])
    centroids = rng.standard_normal((site.partitions, site.dim), dtype=np.float32)
    # of one length, so that with dot each cluster is nearest to its own centroid too
    length = 1.0 if metric == "cosine" else np.sqrt(site.dim)
    centroids *= np.float32(length) / np.linalg.norm(centroids, axis=1, keepdims=True)
    member = rng.permutation(np.repeat(np.arange(site.partitions), site.rows))
    vectors = rng.standard_normal((len(member), site.dim), dtype=np.float32)
    vectors *= np.float32(length / np.sqrt(site.dim) / 2)
    vectors += centroids[member]
    chosen = rng.choice(len(vectors), 256, replace=False)
    coded = vectors[chosen]
    if metric == "cosine":
        coded = coded / np.linalg.norm(coded, axis=1, keepdims=True)
        # lengths that differ, so that an answer without scaling would be another
        vectors *= rng.uniform(0.5, 2, (len(vectors), 1)).astype(np.float32)
    if metric != "dot":
        coded = coded - centroids[member[chosen]]
    parts = coded.reshape(256, site.sub_vectors, -1).transpose(1, 0, 2)
    codebook = np.ascontiguousarray(parts)
    parts_of_rows = np.array_split(vectors, site.segments)
    dataset = build_ivf_pq(folder, parts_of_rows[0], codebook, centroids, metric=metric).dataset
    for part in parts_of_rows[1:]:
        column = pa.FixedSizeListArray.from_arrays(pa.array(part.ravel()), site.dim)
        dataset.insert(pa.table({"vector": column}))
        dataset.optimize.optimize_indices(num_indices_to_merge=0)
    dataset = pylance().dataset(dataset.uri)
    arrays: dict[str, Any] = {
        "centroids": centroids,
        "codebook": codebook,
        "sample": vectors[rng.choice(len(vectors), min(SAMPLE, len(vectors)), replace=False)],
        **_read_segments(dataset, folder, site),
    }
    np.savez(folder / "index.npz", **arrays)


def _read_segments(dataset: Any, folder: Path, site: Site) -> dict[str, NDArray[Any]]:
    """Codes and row ids of all partitions of one segment, then of the next, and their starts."""
    from lance.file import LanceFileReader

    segments = dataset.stats.index_stats("vector_idx")["segments"]
    if len(segments) != site.segments:
        raise Infrastructure(
            f"Lance {pylance().__version__} made {len(segments)} segments of {site.segments}"
        )
    codes, row_ids, sizes = [], [], []
    for segment in segments:
        path = folder / "vectors.lance" / "_indices" / segment["uuid"] / "auxiliary.idx"
        stored = LanceFileReader(str(path)).read_all().to_table()
        row_ids.append(stored["_rowid"].to_numpy())
        flat = stored["__pq_code"].combine_chunks().flatten().to_numpy()
        start = 0
        for size in (partition["size"] for partition in segment["partitions"]):
            # within a partition Lance keeps codes sub-vector by sub-vector
            stop = start + size * site.sub_vectors
            codes.append(flat[start:stop].reshape(site.sub_vectors, size).T)
            sizes.append(size)
            start = stop
    return {
        "codes": np.concatenate(codes),
        "row_ids": np.concatenate(row_ids),
        "starts": np.concatenate([[0], np.cumsum(sizes)]),
    }


def bind(role: str, metric: str) -> Callable[..., Callable[[Arrays, Arrays, Arrays], None]]:
    """``bind(kernels, fixture, now)`` of a call site whose kernel takes ``role``.

    Parameters
    ----------
    role : str
        One of `ROLES`: ``rank`` for the surface of ivf_partition, ``pq`` for that of pq_*
        (with cosine ``normalise`` too, once a query), ``merge`` for that of topk_merge.
    metric : str
        One of `METRICS`. Ranking by dot product is nobody's surface: it is fixed code here.
    """
    if role not in ROLES or metric not in METRICS or (role, metric) == ("rank", "dot"):
        raise ValueError(f"no role {role!r} with metric {metric!r}: see {ROLES} and {METRICS}")
    return functools.partial(_bind, role, metric)


def _bind(
    role: str, metric: str, kernels: Any, fixture: Arrays, now: Callable[[], int] = ticks.off
) -> Callable[[Arrays, Arrays, Arrays], None]:
    def surface_of(part: str, target: str) -> Any:
        return kernels if part == role else _upstream(target, targets.find_root())

    rank = _DOT_RANK if metric == "dot" else surface_of("rank", "ivf_partition")
    pq = surface_of("pq", f"pq_{metric.lower()}")
    merge = surface_of("merge", "topk_merge")
    states = _partition_states(kernels, pq, fixture)
    rank_state = rank.setup(fixture["centroids"])
    run = targets.specialise(
        query.search,
        kernels,
        now=now,
        tested=ROLES.index(role),
        aim=pq.normalise if metric == "cosine" else query.as_it_is,
        nearest_partitions=rank.nearest_partitions,
        distance_table=pq.distance_table,
        row_distances=pq.distances,
        merge=merge.merge,
    )
    code = METRICS.index(metric)
    index = tuple(fixture[name] for name in ("centroids", "starts", "row_ids"))

    def call(requests: Arrays, outputs: Arrays, scratch: Arrays) -> None:
        groups = [tuple(scratch[name] for name in group) for group in _SCRATCH]
        found = outputs["ids"], outputs["distances"]
        run(code, rank_state, states, index, requests["query"], *groups, *found, scratch["ticks"])

    return call


# The arguments `query.search` takes as groups.
_SCRATCH = (
    ("target", "offset"),
    ("gaps", "order", "probed", "probed_distances"),
    ("table", "row_distances"),
    ("list_starts", "list_distances", "list_ids", "work"),
)
_DOT_RANK = types.SimpleNamespace(
    setup=lambda centroids: (centroids,), nearest_partitions=query.nearest_partitions_dot
)


@functools.cache
def _upstream(target: str, root: Path) -> Any:
    """A target's upstream.py, loaded once, so that it is compiled once."""
    return targets.load(target, root).upstream


def _partition_states(kernels: Any, pq: Any, fixture: Arrays) -> Any:
    """One state a partition; a plain Python variant gets a plain list."""
    codebook, codes, starts = (fixture[name] for name in ("codebook", "codes", "starts"))
    if hasattr(pq.setup, "py_func") and _compiled(kernels):
        set_up = targets.specialise(query.set_up, pq, set_up_partition=pq.setup)
        return set_up(codebook, codes, starts)
    return [pq.setup(codebook, codes[a:b]) for a, b in itertools.pairwise(starts)]


def _compiled(kernels: Any) -> bool:
    return any(hasattr(value, "py_func") for value in vars(kernels).values())


def answer(fixture: Arrays, requests: Arrays) -> dict[str, NDArray[Any]]:
    """The same neighbours from pylance itself, and `RANKS_BEHIND` more."""
    folder = targets.find_root() / ".workbench" / "sites" / fixture["site"].tobytes().decode()
    dataset = pylance().dataset(str(folder / "vectors.lance"))
    found = [
        dataset.to_table(
            columns=["_distance"],
            with_row_id=True,
            nearest={
                "column": "vector",
                "q": vector,
                "k": int(fixture["neighbours"][0]) + RANKS_BEHIND,
                "nprobes": int(fixture["probes"][0]),
            },
        )
        for vector in requests["query"]
    ]
    return {
        "ids": np.stack([table["_rowid"].to_numpy() for table in found]),
        "distances": np.stack([table["_distance"].to_numpy() for table in found]),
    }


def asked(role: str, metric: str) -> Callable[[Arrays, Arrays], dict[str, NDArray[np.int64]]]:
    """``asked(fixture, requests)`` of a call site whose kernel takes ``role``."""
    return functools.partial(_asked, role, metric)


def _asked(
    role: str, metric: str, fixture: Arrays, requests: Arrays
) -> dict[str, NDArray[np.int64]]:
    queries, probes = len(requests["query"]), int(fixture["probes"][0])
    partitions = len(fixture["centroids"])
    sizes = np.diff(fixture["starts"]).reshape(-1, partitions)
    segments = len(sizes)
    if role == "rank":
        calls = np.ones(queries * segments, np.int64)
        return {"partitions": partitions * calls, "partitions probed": probes * calls}
    probed = sizes[:, _probed(metric, fixture, requests)]
    if role == "pq":
        return {"rows of a partition": probed.ravel()}
    rows = np.minimum(probed.sum(axis=2), fixture["neighbours"][0])
    return {"lists": np.full(queries, segments), "rows of a list": rows.ravel()}


def _probed(metric: str, fixture: Arrays, requests: Arrays) -> NDArray[np.int64]:
    """Partitions every query probes: i64[queries, probes]."""
    vectors, centroids = requests["query"], fixture["centroids"]
    if metric == "cosine":
        vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    gaps = -2 * vectors @ centroids.T
    if metric != "dot":
        gaps = gaps + np.square(centroids).sum(axis=1)
    ranked: NDArray[np.int64] = gaps.argsort(axis=1, kind="stable")
    return ranked[:, : int(fixture["probes"][0])]
