"""The real work around the kernel: the rows of a batch enter a Lance IVF_PQ index.

As Lance transforms a batch: each row goes to the partition whose centroid is nearest, and its
offset from that centroid is coded. The rows are those of a real index, whose partitions and codes
were read back from it; a request draws some of them. Rows of which rounding could change the
partition or a code are left out, so the answers are held bit by bit.

Ranking centroids is fixed code here, so what a kernel gains is not diluted by its target.
"""

import functools

import numpy as np
from numba import njit

from workbench import simd, targets, ticks
from workbench.targets import Workload
from workbench.upstreams.lance.distribution import site_folder
from workbench.upstreams.lance.ivf_pq import build_ivf_pq

ORACLE = {"kind": "bitwise"}
# (dimensions, parts, partitions); Lance aims at 8,192 rows a partition
SITES = ((128, 16, 128), (768, 96, 128))
ROWS = 16_384
BATCH = 64
# How much farther the next centroid must be, relative to the nearest.
MARGIN = 1e-4

# What `specialise` provides besides ``kernels``.
now = None


def workloads(rng):
    """One real index a workload, built now unless this machine has it."""
    return [workload(*site) for site in SITES]


def workload(dim, parts, partitions, rows=ROWS):
    """Batches of rows of one index."""
    build_site = functools.partial(build, dim, parts, partitions, rows)
    folder = site_folder(f"pq-encode-{dim}x{parts}x256-{partitions}-{rows}", build_site)
    with np.load(folder / "rows.npz") as stored:
        vectors, centroids, codebook = (stored[k] for k in ("rows", "centroids", "codebook"))

    def requests(rng, n):
        picked = rng.integers(len(vectors), size=(n, BATCH))
        return {"rows": vectors[picked], "picked": picked}

    return Workload(
        shape=f"{dim}x{parts}x256",
        distribution=f"{partitions}-partitions",
        fixture={
            "centroids": centroids,
            "codebook": codebook,
            "site": np.frombuffer(folder.name.encode(), np.uint8),
        },
        requests=requests,
        outputs={"partitions": ((BATCH,), "uint32"), "codes": ((BATCH, parts), "uint8")},
        scratch={
            "offsets": ((BATCH, dim), "float32"),
            "gaps": ((256,), "float32"),
            "distances": ((BATCH, parts), "float32"),
            "ticks": ((2,), "int64"),
        },
    )


def build(dim, parts, partitions, rows, folder):
    """Index clusters, and keep the rows whose partition and codes nothing can round away."""
    rng = np.random.default_rng([dim, parts, partitions, rows])
    centroids = rng.standard_normal((partitions, dim), dtype=np.float32)
    member = rng.integers(partitions, size=rows + 256)
    vectors = centroids[member] + np.float32(0.5) * rng.standard_normal(
        (rows + 256, dim), dtype=np.float32
    )
    sample = vectors[rows:] - centroids[member[rows:]]
    codebook = np.ascontiguousarray(sample.reshape(256, parts, -1).transpose(1, 0, 2))
    vectors = vectors[:rows]
    index = build_ivf_pq(folder, vectors, codebook, centroids)
    found, codes = np.empty(rows, np.uint32), np.empty((rows, parts), np.uint8)
    for p, partition in enumerate(index.partitions):
        found[partition.row_ids], codes[partition.row_ids] = p, partition.codes
    clear = is_clear(vectors[:, None], centroids[None])[:, 0]
    offsets = (vectors - centroids[found]).reshape(rows, parts, -1)
    clear &= is_clear(offsets, codebook).all(axis=1)
    kept = {"rows": vectors[clear], "partitions": found[clear], "codes": codes[clear]}
    np.savez(folder / "rows.npz", centroids=centroids, codebook=codebook, **kept)


def is_clear(parts, book):
    """Whether each part f32[n, parts, width] has a nearest centroid by more than `MARGIN`."""
    clear = np.empty(parts.shape[:2], bool)
    for j, centroids in enumerate(book.astype(np.float64)):
        part = parts[:, j].astype(np.float64)
        gaps = (part**2).sum(1)[:, None] - 2 * part @ centroids.T + (centroids**2).sum(1)
        least, next_least = np.partition(gaps, 1, axis=1)[:, :2].T
        clear[:, j] = next_least > least * (1 + MARGIN) + MARGIN**2
    return clear


def bind(kernels, fixture, now=ticks.off):
    """Prepare a variant for one index."""
    state = kernels.setup(fixture["codebook"])
    run = targets.specialise(enter, kernels, now=now)
    centroids = np.ascontiguousarray(fixture["centroids"])

    def call(requests, outputs, scratch):
        run(
            state,
            centroids,
            requests["rows"],
            *(scratch[name] for name in ("offsets", "gaps", "distances")),
            *(outputs[name] for name in ("partitions", "codes")),
            scratch["ticks"],
        )

    return call


def enter(state, centroids, rows, offsets, gaps, distances, partitions, codes, counted):
    """Place and code every batch; ``kernels`` is the global that `specialise` provides."""
    for b in range(len(rows)):
        for i in range(rows.shape[1]):
            nearest = nearest_centroid(centroids, rows[b], i)
            partitions[b, i] = nearest
            for d in range(rows.shape[2]):
                offsets[i, d] = rows[b, i, d] - centroids[nearest, d]
        begin = now()
        kernels.encode(state, offsets, gaps, codes[b], distances)  # noqa: F821
        counted[0] += now() - begin
        counted[1] += 1


@njit
def nearest_centroid(centroids, rows, i):
    """Partition of row ``i``."""
    dim = rows.shape[1]
    nearest, least = 0, np.float32(np.inf)
    for p in range(len(centroids)):
        sums = simd.splat(simd.f32x16, 0)
        for d in range(0, dim, 16):
            gap = simd.load(simd.f32x16, rows, i * dim + d)
            gap = gap - simd.load(simd.f32x16, centroids, p * dim + d)
            sums = sums + gap * gap
        total = simd.reduce_add(sums)
        if total < least:
            nearest, least = p, total
    return nearest


def answer(fixture, requests):
    """Partitions and codes that Lance stored for the same rows."""
    folder = targets.find_root() / ".workbench" / "sites" / fixture["site"].tobytes().decode()
    with np.load(folder / "rows.npz") as stored:
        return {name: stored[name][requests["picked"]] for name in ("partitions", "codes")}


def asked(fixture, requests):
    """What the caller asks of the kernel: one batch a call."""
    calls = len(requests["rows"])
    return {"rows of a batch": np.full(calls, requests["rows"].shape[1])}
