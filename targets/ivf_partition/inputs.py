"""Inputs of the partition ranking target: what the judge checks, and what it times.

Everything is drawn from the generator that is passed in, so one seed replays it all.

A query is a centroid plus noise of half its spread, as real queries are near real rows and real
rows near their centroid. The noise is fresh in every component. Several queries make a request
where one would be over in a few microseconds.
"""

import functools

import numpy as np

from workbench.targets import Workload

# (dimensions, partitions, probes) -> queries a request; the last is the outlier: centroids of an
# index over 33 million embeddings (8,192 rows a partition), 25 MB, which no second cache holds.
SHAPES = {(128, 1_024, 20): 8, (768, 256, 20): 8, (1_536, 4_096, 20): 1}
TIMED_DISTRIBUTIONS = ("clustered", "uniform", "sparse")
BATTERY_DISTRIBUTIONS = (
    "clustered",
    "uniform",
    "sparse",
    "large-dynamic-range",
    "mostly-zero",
)
# The outlier's correctness cases have fewer partitions, to be quick.
BATTERY_SHAPES = ((128, 1_024, 20), (768, 256, 20), (1_536, 512, 20))


def gaussian(rng, vectors, dim):
    """Independent standard normals."""
    return rng.standard_normal((vectors, dim), dtype=np.float32)


def uniform(rng, vectors, dim):
    """Uniform on [-1, 1)."""
    return rng.random((vectors, dim), dtype=np.float32) * np.float32(2) - np.float32(1)


def sparse(rng, vectors, dim, share=0.1):
    """Draw normals of which only ``share`` are not zero."""
    kept = rng.random((vectors, dim), dtype=np.float32) < share
    return gaussian(rng, vectors, dim) * kept


def clustered(rng, vectors, dim):
    """Draw normals of spread 0.2 around one of 32 centres: partitions have close rivals."""
    centres = gaussian(rng, 32, dim)
    return centres[rng.integers(32, size=vectors)] + np.float32(0.2) * gaussian(rng, vectors, dim)


def large_dynamic_range(rng, vectors, dim):
    """Both signs, magnitudes log-uniform from 1e-4 to 1e4."""
    exponent = uniform(rng, vectors, dim)
    sign = np.where(rng.random((vectors, dim), dtype=np.float32) < 0.5, -1, 1).astype(np.float32)
    return sign * np.exp(exponent * np.float32(4 * np.log(10)))


DRAWS = {
    "clustered": clustered,
    "uniform": uniform,
    "sparse": sparse,
    "large-dynamic-range": large_dynamic_range,
    "mostly-zero": functools.partial(sparse, share=0.005),
    "gaussian": gaussian,
}


def near(rng, queries, centroids):
    """Draw queries: a centroid each, plus noise of half its root mean square."""
    if not (len(centroids) and np.isfinite(centroids).all()):
        return rng.standard_normal((queries, centroids.shape[1]), dtype=np.float32)
    chosen = centroids[rng.integers(len(centroids), size=queries)]
    # float64, because the squares of a case that overflows do so
    spread = np.sqrt(np.mean(np.square(chosen, dtype=np.float64), axis=1, keepdims=True)) / 2
    noise = rng.standard_normal(chosen.shape, dtype=np.float32)
    return chosen + spread.astype(np.float32) * noise


def padded(size):
    """Scratch is a multiple of 64 and has at least 16 to spare, so that whole vectors fit."""
    return (size + 16 + 63) // 64 * 64


def workload(rng, shape, distribution, *, queries=2, name=None, centroids=None, spoil=None):
    """One combo: its centroids drawn now, its queries drawn whenever they are asked for.

    ``spoil(rng, query)`` may change the queries of a correctness case.
    """
    dim, partitions, nprobes = shape
    if centroids is None:
        centroids = DRAWS[distribution](rng, partitions, dim)

    def requests(rng, n):
        query = near(rng, n * queries, centroids).reshape(n, queries, dim)
        if spoil:
            spoil(rng, query)
        return {"query": query}

    return Workload(
        shape="x".join(map(str, shape)),
        distribution=name or distribution,
        fixture={"centroids": centroids, "nprobes": np.array([nprobes])},
        requests=requests,
        outputs={
            "ids": ((queries, nprobes), "uint32"),
            "distances": ((queries, nprobes), "float32"),
            "count": ((queries,), "int32"),
        },
        scratch={
            "gaps": ((padded(partitions),), "float32"),
            "order": ((padded(partitions),), "uint32"),
        },
    )


def workloads(rng):
    """Return the nine timed combos."""
    return [
        workload(rng, shape, distribution, queries=queries)
        for shape, queries in SHAPES.items()
        for distribution in TIMED_DISTRIBUTIONS
    ]


def battery(rng):
    """Correctness cases: fifteen combos, then the edges of the surface."""
    for shape in BATTERY_SHAPES:
        for distribution in BATTERY_DISTRIBUTIONS:
            yield workload(rng, shape, distribution)

    def edge(name, shape, **changes):
        return workload(rng, shape, "gaussian", name=name, **changes)

    yield edge("no-partition", (32, 0, 5))
    yield edge("one-partition", (32, 1, 1))
    yield edge("more-probes-than-partitions", (48, 7, 20))
    yield edge("no-probes", (32, 33, 0))
    yield edge("every-partition", (32, 333, 333))
    yield edge("one-dimension", (1, 65, 9))
    yield edge("17-dimensions", (17, 1_023, 20))
    yield edge("100-dimensions", (100, 77, 3))
    yield edge("all-equal", (40, 100, 20), centroids=np.full((100, 40), 0.7, np.float32))
    yield edge("zero-centroids", (64, 50, 10), centroids=np.zeros((50, 64), np.float32))
    twins = np.repeat(gaussian(rng, 64, 64), 2, axis=0)
    yield edge("twins", (64, 128, 21), centroids=twins)
    broken = gaussian(rng, 90, 32)
    broken[rng.integers(90, size=12), rng.integers(32, size=12)] = np.inf
    broken[rng.integers(90, size=12), rng.integers(32, size=12)] = np.nan
    yield edge("centroids-not-finite", (32, 90, 80), centroids=broken)
    yield edge("queries-not-finite", (33, 64, 8), queries=6, spoil=not_finite)
    huge = gaussian(rng, 64, 32) * np.float32(1e25)
    yield edge("overflow", (32, 64, 8), centroids=huge)
    # a size that nobody can know
    partitions, dim = (int(n) for n in rng.integers(300, 2_000, size=2))
    yield edge("random-size", (dim, partitions, int(rng.integers(1, 60))))


def not_finite(rng, query):
    """Make two queries in three NaN or infinite, in one component."""
    for i, j in np.ndindex(query.shape[:2]):
        if j % 3:
            query[i, j, rng.integers(query.shape[2])] = (np.nan, np.inf, -np.inf)[(i + j) % 3]
