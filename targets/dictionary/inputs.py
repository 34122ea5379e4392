"""Inputs of the dictionary target: what the judge checks, and what it times.

A request is four batches of 8,192 rows, the batch of a Lance scan; its indices are u32, as the
ones Lance unpacks. Values are those of what Lance encodes with a dictionary: 8-byte and 16-byte
ones and strings (4-byte ones never). Strings have 4 to 20 bytes.
"""

import numpy as np

from workbench.targets import Workload

# name: (bytes of a value, 0 for strings; values in the dictionary); the last is the outlier: its
# 600 kB of values and 200 kB of offsets are beyond the first two caches.
SHAPES = {
    "8Bx16": (8, 16),
    "16Bx1000": (16, 1_000),
    "textx1000": (0, 1_000),
    "textx50000": (0, 50_000),
}
TIMED_DISTRIBUTIONS = ("uniform", "zipf", "runs")
BATTERY_DISTRIBUTIONS = (*TIMED_DISTRIBUTIONS, "sorted", "constant")
ROWS = 8_192
CALLS = 4
DECK = 65_536
MEAN_RUN = 32


def dictionary(rng, width, items, low=4, high=20):
    """Random values as a fixture."""
    if width:
        values = rng.integers(256, size=width * items, dtype=np.uint8)
        offsets = np.zeros(0, np.int32)
    else:
        offsets = np.zeros(items + 1, np.int32)
        np.cumsum(rng.integers(low, high, items, endpoint=True), out=offsets[1:])
        values = rng.integers(256, size=offsets[-1], dtype=np.uint8)
    return {"values": values, "offsets": offsets, "width": np.array([width])}


def longest(fixture):
    """Bytes of the largest value."""
    width = int(fixture["width"][0])
    return width or int(np.diff(fixture["offsets"]).max(initial=0))


def sampler(rng, distribution, items):
    """``draw(rng, n)`` for a distribution of indices; which ones are frequent is fixed here."""
    if distribution == "zipf":  # the value of rank r as often as 1 / r
        weight = 1 / np.arange(1, items + 1)
        ranked = rng.choice(items, DECK, p=weight / weight.sum())
        deck = rng.permutation(items).astype(np.uint32)[ranked]
        return lambda rng, n: deck[rng.integers(DECK, size=n, dtype=np.uint16)]

    def uniform(rng, n):
        return rng.integers(items, size=n, dtype=np.uint32)

    def runs(rng, n):
        sizes = rng.geometric(1 / MEAN_RUN, 64 + 2 * n // MEAN_RUN)
        sizes[-1] = n  # in case the others are short of n
        return np.repeat(uniform(rng, len(sizes)), sizes)[:n]

    return {
        "uniform": uniform,
        "runs": runs,
        "sorted": lambda rng, n: np.sort(uniform(rng, n)),
        "constant": lambda rng, n: np.full(n, uniform(rng, 1)),
    }[distribution]


def workload(rng, shape, distribution, *, rows=ROWS, calls=CALLS, dtype=np.uint32):
    """One combo: its dictionary drawn now, its indices whenever they are asked for."""
    width, items = SHAPES[shape]
    fixture = dictionary(rng, width, items)
    draw = sampler(rng, distribution, items)

    def requests(rng, n):
        indices = np.empty((n, calls, rows), dtype)
        for row in indices.reshape(n, -1):
            row[:] = draw(rng, len(row))
        return indices

    return case(shape, distribution, fixture, calls, rows, requests)


def case(shape, distribution, fixture, calls, rows, indices, *, room=None, batch=4):
    """Build a workload; ``room`` is by default what the largest value in every row takes."""
    if room is None:
        room = longest(fixture) * calls * rows
    outputs = {"out": ((room,), "uint8"), "count": ((), "int64"), "status": ((), "int64")}
    if not fixture["width"][0]:
        outputs["out_offsets"] = ((calls, rows + 1), "int32")

    def requests(rng, n):
        return {"indices": indices(rng, n), "room": np.full(n, room, np.int64)}

    return Workload(
        shape=shape,
        distribution=distribution,
        fixture=fixture,
        requests=requests,
        outputs=outputs,
        batch=batch,
    )


def workloads(rng):
    """Return the twelve timed combos."""
    return [workload(rng, s, d) for s in SHAPES for d in TIMED_DISTRIBUTIONS]


def battery(rng):
    """Correctness cases: twenty combos, the edges of both forms, and input that is bad."""
    for shape in SHAPES:
        for distribution in BATTERY_DISTRIBUTIONS:
            yield workload(rng, shape, distribution, rows=1_237, calls=2)
    for width in (1, 3, 4, 8, 16, 33):
        yield edge(f"width-{width}", dictionary(rng, width, 50), rng.integers(50, size=301))
    for dtype in (np.uint8, np.uint64):
        name = np.dtype(dtype).name
        for width in (0, 8):
            form = "text" if width == 0 else "8B"
            indices = rng.integers(200, size=500)
            yield edge(f"{name}-indices-{form}", dictionary(rng, width, 200), indices, dtype=dtype)
    for form, width in (("text", 0), ("8B", 8)):
        some = dictionary(rng, width, 40)
        yield edge(f"no-rows-{form}", some, [])
        yield edge(f"one-row-{form}", some, [39])
        yield edge(f"empty-dictionary-{form}", dictionary(rng, width, 0), [])
        yield edge(f"one-value-{form}", dictionary(rng, width, 1), [0] * 70)
        yield edge(f"index-beyond-{form}", some, [3] * 20 + [40] + [3] * 20)
        yield edge(f"index-far-beyond-{form}", some, [3] * 20 + [2**32 - 1])
        yield edge(f"index-of-none-{form}", dictionary(rng, width, 0), [0])
        yield edge(f"exact-out-{form}", some, [7] * 33, room=33 * length(some, 7))
        yield edge(f"small-out-{form}", some, [7] * 33, room=33 * length(some, 7) - 1)
        yield edge(f"no-out-{form}", some, [7], room=0)
        yield edge(f"small-out-and-index-beyond-{form}", some, [7, 7, 41], room=1)
    yield edge("empty-strings", dictionary(rng, 0, 40, 0, 2), rng.integers(40, size=300))
    yield edge("only-empty-strings", dictionary(rng, 0, 9, 0, 0), rng.integers(9, size=300))
    yield edge("long-strings", dictionary(rng, 0, 9, 0, 3_000), rng.integers(9, size=60))
    yield edge("any-length", dictionary(rng, 0, 130, 0, 129), rng.integers(130, size=400))
    strings = dictionary(rng, 0, 4, 5, 5)
    for name, offsets in (
        ("descending", [0, 10, 5, 15, 20]),
        ("negative", [-5, 5, 10, 15, 20]),
        ("beyond", [0, 5, 10, 15, 21]),
    ):
        bad = {**strings, "offsets": np.array(offsets, np.int32)}
        yield edge(f"{name}-offsets", bad, [0, 1], room=1_000)
    ragged = {**dictionary(rng, 8, 4), "values": rng.integers(256, size=31, dtype=np.uint8)}
    yield edge("ragged-values", ragged, [0, 1])
    negative = {**dictionary(rng, 8, 4), "width": np.array([-8])}
    yield edge("negative-width", negative, [0, 1], room=1_000)


def length(fixture, item):
    """Bytes of one value."""
    width = int(fixture["width"][0])
    return width or int(np.diff(fixture["offsets"])[item])


def edge(name, fixture, indices, *, dtype=np.uint32, room=None):
    """Build a case of given indices, the same for every request."""
    indices = np.array(indices).astype(dtype)[None]

    def requests(rng, n):
        return np.tile(indices, (n, 1, 1))

    return case("edge", name, fixture, 1, indices.shape[1], requests, room=room, batch=2)
