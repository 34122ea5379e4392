"""Inputs of the encoding target: what the judge checks, and what it times.

Everything is drawn from the generator that is passed in, so one seed replays it all.

The codebook is a sample, as a trained one nearly is: centroid ``c`` of part ``j`` is part ``j`` of
the ``c``-th of 256 rows, moved a little, because a mean of rows is none of them and no two are
equal. The rows to encode are drawn afresh from the same distribution.
"""

import functools

import numpy as np

from workbench.targets import Workload

CENTROIDS = 256
# (dimensions, parts) -> rows a request; the last is the outlier: an embedding of a text model,
# whose codebook of 786 kB is larger than a first cache and most second ones.
SHAPES = {(128, 16): 64, (256, 16): 32, (768, 96): 8}
TIMED_DISTRIBUTIONS = ("clustered", "uniform", "sparse")
BATTERY_DISTRIBUTIONS = (
    "gaussian",
    "uniform",
    "sparse",
    "large-dynamic-range",
    "mostly-zero",
)
BATTERY_ROWS = 6
MOVED = np.float32(0.05)


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


def large_dynamic_range(rng, vectors, dim):
    """Both signs, magnitudes log-uniform from 1e-4 to 1e4."""
    exponent = uniform(rng, vectors, dim)
    sign = np.where(rng.random((vectors, dim), dtype=np.float32) < 0.5, -1, 1).astype(np.float32)
    return sign * np.exp(exponent * np.float32(4 * np.log(10)))


def clustered(rng, vectors, dim, centres):
    """Draw normals of spread 0.2 around one of the centres."""
    chosen = centres[rng.integers(len(centres), size=vectors)]
    return chosen + np.float32(0.2) * gaussian(rng, vectors, dim)


def sampler(distribution, rng, dim):
    """``draw(rng, vectors)`` for a distribution; 64 cluster centres are fixed here, once."""
    if distribution == "clustered":
        return functools.partial(clustered, dim=dim, centres=gaussian(rng, 64, dim))
    draw = {
        "gaussian": gaussian,
        "uniform": uniform,
        "sparse": sparse,
        "large-dynamic-range": large_dynamic_range,
        "mostly-zero": functools.partial(sparse, share=0.005),
    }[distribution]
    return functools.partial(draw, dim=dim)


def book(rng, draw, parts):
    """A codebook f32[parts, 256, width] out of 256 rows of a distribution."""
    sample = draw(rng, CENTROIDS)
    sample = sample + MOVED * gaussian(rng, *sample.shape)
    return np.ascontiguousarray(sample.reshape(CENTROIDS, parts, -1).transpose(1, 0, 2))


def workload(rng, shape, distribution, rows, *, name=None, codebook=None, spoil=None):
    """One combo: its codebook drawn now, its rows drawn whenever they are asked for.

    ``spoil(rng, codebook, rows)`` may change the rows of a correctness case.
    """
    dim, parts = shape
    draw = sampler(distribution, rng, dim)
    if codebook is None:
        codebook = book(rng, draw, parts)

    def requests(rng, n):
        drawn = draw(rng, n * rows)
        if spoil:
            spoil(rng, codebook, drawn)
        return {"rows": drawn.reshape(n, rows, dim)}

    return Workload(
        shape=f"{dim}x{parts}x{CENTROIDS}",
        distribution=name or distribution,
        fixture={"codebook": codebook},
        requests=requests,
        # the last axis is that of the oracle's ranks
        outputs={
            "codes": ((rows, parts, 1), "uint8"),
            "distances": ((rows, parts, 1), "float32"),
        },
        scratch={"gaps": ((CENTROIDS,), "float32")},
    )


def workloads(rng):
    """Return the nine timed combos."""
    return [
        workload(rng, shape, distribution, rows)
        for shape, rows in SHAPES.items()
        for distribution in TIMED_DISTRIBUTIONS
    ]


def battery(rng):
    """Correctness cases: fifteen combos, then the edges of the surface."""
    for shape in SHAPES:
        for distribution in BATTERY_DISTRIBUTIONS:
            yield workload(rng, shape, distribution, BATTERY_ROWS)

    def edge(name, shape, rows, **changes):
        return workload(rng, shape, "gaussian", rows, name=name, **changes)

    yield edge("no-row", (32, 4), 0)
    yield edge("one-row", (32, 4), 1)
    yield edge("one-part", (8, 1), 33)
    for width in (1, 3, 4, 7, 9, 12, 17, 24):
        yield edge(f"width-{width}", (5 * width, 5), 3)
    yield edge("rows-are-centroids", (64, 8), 40, spoil=centroids_as_rows)
    yield edge("first-and-last", (48, 6), 21, spoil=first_and_last)
    yield edge("far-away", (64, 8), 9, spoil=far_away)
    twins = np.repeat(gaussian(rng, 8 * CENTROIDS // 2, 8).reshape(8, -1, 8), 2, axis=1)
    yield edge("twins", (64, 8), 9, codebook=twins)
    # a size that nobody can know
    parts, width, rows = (int(n) for n in rng.integers((2, 2, 3), (20, 30, 50)))
    yield edge("random-size", (parts * width, parts), rows)


def centroids_as_rows(rng, codebook, rows):
    """Make every part one of its centroids."""
    place_centroids(codebook, rows, rng.integers(CENTROIDS, size=(len(rows), len(codebook))))


def first_and_last(rng, codebook, rows):
    """Make every part its first or its last centroid."""
    place_centroids(codebook, rows, 255 * rng.integers(2, size=(len(rows), len(codebook))))


def place_centroids(codebook, rows, codes):
    """Make part ``j`` of row ``i`` the centroid ``codes[i, j]``."""
    rows[:] = codebook[np.arange(len(codebook)), codes].reshape(rows.shape)


def far_away(rng, codebook, rows):
    """Move the rows far from every centroid: the distances are large and much alike."""
    rows += np.float32(30)
