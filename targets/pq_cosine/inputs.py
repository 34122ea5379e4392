"""Inputs of the PQ cosine target: what the judge checks, and what it times.

Everything is drawn from the generator that is passed in, so one seed replays it all.

What is indexed has length 1, as Lance scales it; queries have any length.

The codebook is a sample: centroid ``c`` of sub-vector ``j`` is part ``j`` of the ``c``-th of 256
vectors drawn from the distribution. Codes keep the skew that real ones have (a clustered or
sparse collection uses few centroids often): 320 further vectors are coded by nearest centroid,
and each row takes its code for a sub-vector from one of them at random. That costs a sixtieth
of coding 20,000 vectors and gives every column the frequencies of real codes. Measured share of
a column's commonest code: uniform 0.02, clustered 0.03, sparse 0.46, mostly-zero 0.99; an even
spread would be 0.004.
"""

import functools

import numpy as np

from workbench.targets import Workload

# (dimensions, sub-vectors, centroids); the last is the outlier: an embedding of a text model.
SHAPES = ((128, 16, 256), (256, 16, 256), (768, 96, 256))
TIMED_ROWS = 20_000
TIMED_DISTRIBUTIONS = ("clustered", "uniform", "sparse")
BATTERY_ROWS = 4_096
BATTERY_DISTRIBUTIONS = (
    "gaussian",
    "uniform",
    "sparse",
    "large-dynamic-range",
    "mostly-zero",
)
SAMPLE = 320
# Neither a multiple of the rows of a vector step nor many: the cases are about magnitudes.
MAGNITUDE_ROWS = 1_003
# Of more sub-vectors than this no row takes an entry that is a million times its others: added up
# one after another, as Lance does, 96 of them are up to 1.7 of what is allowed from float64.
MIXED_SUB_VECTORS = 16


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


def mostly_zero(rng, vectors, dim):
    """One component in 200 is not zero: most sub-vectors are the origin."""
    return sparse(rng, vectors, dim, share=0.005)


def large_dynamic_range(rng, vectors, dim):
    """Both signs, magnitudes log-uniform from 1e-4 to 1e4."""
    exponent = uniform(rng, vectors, dim)
    sign = np.where(rng.random((vectors, dim), dtype=np.float32) < 0.5, -1, 1).astype(np.float32)
    return sign * np.exp(exponent * np.float32(4 * np.log(10)))


def clustered(rng, vectors, dim, centres):
    """Draw normals of spread 0.2 around one of the centres."""
    chosen = centres[rng.integers(len(centres), size=vectors)]
    return chosen + np.float32(0.2) * gaussian(rng, vectors, dim)


def unit(vectors):
    """Scale to length 1; zeros, which Lance would not index, stay zeros."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(length > 0, length, np.float32(1))


def sampler(distribution, rng, dim):
    """``draw(rng, vectors)`` for a distribution; 64 cluster centres are fixed here, once."""
    if distribution == "clustered":
        return functools.partial(clustered, dim=dim, centres=gaussian(rng, 64, dim))
    draw = {
        "gaussian": gaussian,
        "uniform": uniform,
        "sparse": sparse,
        "large-dynamic-range": large_dynamic_range,
        "mostly-zero": mostly_zero,
    }[distribution]
    return functools.partial(draw, dim=dim)


def nearest_codes(codebook, vectors):
    """Code vectors by the nearest centroid of each sub-vector, ties to the first.

    One sub-vector at a time: all at once are 31 MB, which took two to five times as long.
    """
    sub_vectors, _, width = codebook.shape
    parts = vectors.reshape(len(vectors), sub_vectors, width).transpose(1, 0, 2)
    norms = np.einsum("jcd,jcd->jc", codebook, codebook)
    codes = np.empty((len(vectors), sub_vectors), np.uint8)
    for j in range(sub_vectors):
        gaps = norms[j] - parts[j] @ (2 * codebook[j].T)
        codes[:, j] = gaps.argmin(axis=1)
    return codes


def skewed_codes(rng, codebook, sample, rows):
    """``rows`` codes whose columns have the frequencies of the coded ``sample``."""
    deck = nearest_codes(codebook, sample)
    card = rng.integers(len(deck), size=(rows, deck.shape[1]), dtype=np.uint16)
    return deck[card, np.arange(deck.shape[1])]


def workload(rng, shape, distribution, rows, *, name=None, codes=None, queries=None):
    """One combo: its fixture drawn now, its requests drawn whenever they are asked for.

    ``queries(rng, n, dim)`` draws the queries where they are not of the distribution.
    """
    dim, sub_vectors, centroids = shape
    draw = sampler(distribution, rng, dim)
    parts = unit(draw(rng, centroids)).reshape(centroids, sub_vectors, dim // sub_vectors)
    codebook = np.ascontiguousarray(parts.transpose(1, 0, 2))
    if codes is None:
        codes = skewed_codes(rng, codebook, unit(draw(rng, SAMPLE)), rows)

    def requests(rng, n):
        return {"query": queries(rng, n, dim) if queries else draw(rng, n)}

    return combo(shape, name or distribution, codebook, codes, requests)


def combo(shape, name, codebook, codes, requests):
    """Build the workload of a codebook f32[m, k, width] and codes u8[n, m]."""
    dim, sub_vectors, centroids = shape
    return Workload(
        shape="x".join(map(str, shape)),
        distribution=name,
        fixture={"codebook": codebook, "codes": codes},
        requests=requests,
        outputs={"out": ((len(codes),), "float32")},
        scratch={"unit": ((dim,), "float32"), "table": ((sub_vectors, centroids), "float32")},
    )


def odd_queries(rng, n, dim):
    """Normals, of which some are all zero, or too small or large to square, or not numbers."""
    drawn = gaussian(rng, n, dim)
    scale = np.array([0, 1e-30, 1e30, np.nan, np.inf, 1], np.float32)
    drawn *= rng.choice(scale, size=(n, 1))
    spoilt = rng.random(n) < 0.25
    drawn[spoilt, rng.integers(dim)] = rng.choice([np.nan, np.inf, -np.inf], size=spoilt.sum())
    return drawn


def scaled(rng, shape, name, scale):
    """Normals of one magnitude; queries of any length from a thousandth to a thousand times it."""
    dim, sub_vectors, centroids = shape
    codebook = scale * rng.standard_normal((sub_vectors, centroids, dim // sub_vectors))
    codes = rng.integers(centroids, size=(MAGNITUDE_ROWS, sub_vectors), dtype=np.uint8)

    def requests(rng, n):
        lengths = scale * 10 ** rng.uniform(-3, 3, (n, 1))
        return {"query": (lengths * rng.standard_normal((n, dim))).astype(np.float32)}

    return combo(shape, name, codebook.astype(np.float32), codes, requests)


def mixed_scales(rng, shape, name, *, near):
    """Vectors of length 1 whose centroids of one part are zero, but for half, a thousand long.

    Half of the rows, or all, take a zero there: their distance is about 2 (0 where ``near``, as
    each query is then one of them but for its length), next to entries of a million. Fixed point
    is off by a share of those; float32 is not, as no term of the sum is negative.
    """
    dim, sub_vectors, centroids = shape
    width, half = dim // sub_vectors, centroids // 2
    large = rng.integers(sub_vectors)
    vectors = gaussian(rng, centroids, dim).reshape(centroids, sub_vectors, width)
    vectors[:, large] = 0
    vectors = unit(vectors.reshape(centroids, dim)).reshape(vectors.shape)
    codebook = np.ascontiguousarray(vectors.transpose(1, 0, 2))
    codebook[large, half:] = 1e3 * rng.standard_normal((half, width))
    codes = rng.integers(centroids, size=(MAGNITUDE_ROWS, sub_vectors), dtype=np.uint8)
    if sub_vectors > MIXED_SUB_VECTORS:
        codes[:, large] %= half
    # whole vectors, to which a query can be near
    codes[:half] = np.arange(half)[:, None]

    def requests(rng, n):
        drawn = gaussian(rng, n, dim)
        if near:
            drawn = vectors[rng.integers(half, size=n)].reshape(n, dim)
        return {"query": drawn * (10 ** rng.uniform(-6, 6, (n, 1))).astype(np.float32)}

    return combo(shape, name, codebook, codes, requests)


def magnitudes(rng, shape):
    """Cases at other scales than 1; at one scale alone, fixed point of 23 bits passes."""
    yield scaled(rng, shape, "tiny", 1e-6)
    yield scaled(rng, shape, "large", 10 ** rng.uniform(4, 6))
    yield mixed_scales(rng, shape, "mixed-scales", near=False)
    yield mixed_scales(rng, shape, "near-rows", near=True)


def workloads(rng):
    """Return the nine timed combos."""
    return [
        workload(rng, shape, distribution, TIMED_ROWS)
        for shape in SHAPES
        for distribution in TIMED_DISTRIBUTIONS
    ]


def battery(rng):
    """Correctness cases: fifteen combos, magnitudes, edges, two lengths nobody can know."""
    for shape in SHAPES:
        for distribution in BATTERY_DISTRIBUTIONS:
            yield workload(rng, shape, distribution, BATTERY_ROWS)
    small, _, large = SHAPES
    for shape in (small, large):
        yield from magnitudes(rng, shape)

    def edge(name, shape, rows, codes=None):
        return workload(rng, shape, "gaussian", rows, name=name, codes=codes)

    yield workload(rng, small, "gaussian", 100, name="odd-queries", queries=odd_queries)
    yield edge("no-rows", small, 0)
    yield edge("one-row", small, 1)
    yield edge("63-rows", small, 63)
    yield edge("77-rows", large, 77)
    yield edge("1025-rows", small, 1_025)
    yield edge("every-code", large, 513, rng.integers(256, size=(513, large[1]), dtype=np.uint8))
    yield edge("one-code", large, 200, np.full((200, large[1]), 131, np.uint8))
    extremes = rng.integers(2, size=(333, small[1]), dtype=np.uint8) * np.uint8(255)
    yield edge("extreme-codes", small, 333, extremes)
    for shape in (small, large):
        rows = int(rng.integers(BATTERY_ROWS + 1, 30_000))
        codes = rng.integers(256, size=(rows, shape[1]), dtype=np.uint8)
        yield edge("random-rows", shape, rows, codes)
