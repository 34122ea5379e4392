"""Inputs of the take target: what the judge checks, and what it times.

Everything is drawn from the generator that is passed in, so one seed replays it all. The column
is the fixture, because it lies in memory before anybody asks for rows of it; the ids are drawn
for every request.

Timed columns, by the bytes of a row: ``4B`` (1 Mi rows, nullable), ``8B`` (4 Mi rows, 32 MiB: 32
times an L2 cache of 1 MiB), ``512B`` (the outlier: 32 Ki vectors of 128 floats) and ``string``
(256 Ki strings of 0 to 48 bytes, 24 on average, nullable).
"""

import numpy as np

from workbench.targets import Workload

# Shape: rows of the column, ids of a request, nullable.
TIMED = {
    "4B": (1 << 20, 32_768, True),
    "8B": (1 << 22, 32_768, False),
    "512B": (1 << 15, 2_048, False),
    "string": (1 << 18, 8_192, True),
}
DTYPES = {"1B": np.uint8, "4B": np.int32, "8B": np.int64, "512B": np.float32}
LONGEST = 48
# Neighbouring rows that are asked for together where ids are clustered.
RUN_ROWS = 32


def random_ids(rng, n, rows, asked):
    """Any rows, in any order, some of them twice: ids of a vector search."""
    return rng.integers(rows, size=(n, asked), dtype=np.uint64)


def sorted_ids(rng, n, rows, asked):
    """Rising ids with gaps of all sizes: what a filter that keeps few rows leaves."""
    widest = rows // max(asked, 1)
    if widest == 0:
        return np.sort(random_ids(rng, n, rows, asked))
    gaps = rng.integers(1, widest + 1, size=(n, asked), dtype=np.uint32)
    ids = gaps.cumsum(axis=1, dtype=np.uint64)
    return ids - np.uint64(1)


def clustered_ids(rng, n, rows, asked):
    """Runs of 32 neighbours at random places: ids of a full-text search in a grouped table."""
    run = min(RUN_ROWS, rows)
    starts = rng.integers(rows - run + 1, size=(n, -(-asked // run)), dtype=np.uint64)
    ids = starts[:, :, None] + np.arange(run, dtype=np.uint64)
    return np.ascontiguousarray(ids.reshape(n, -1)[:, :asked])


DISTRIBUTIONS = {"random": random_ids, "sorted": sorted_ids, "clustered": clustered_ids}


def column(rng, shape, rows, nullable):
    """A column of random bytes (letters where it holds strings), one row in eight null."""
    if shape == "string":
        offsets = np.zeros(rows + 1, np.int32)
        sizes = rng.integers(LONGEST + 1, size=rows, dtype=np.int32)
        np.cumsum(sizes, out=offsets[1:])
        data = rng.integers(97, 123, size=int(offsets[-1]), dtype=np.uint8)
        fixture = {"data": data, "offsets": offsets}
    elif shape == "512B":
        fixture = {"values": rng.random((rows, 128), dtype=np.float32)}
    else:
        dtype = np.dtype(DTYPES[shape])
        values = np.frombuffer(rng.bytes(rows * dtype.itemsize), dtype).copy()
        fixture = {"values": values}
    words = (rows + 63) // 64 if nullable else 0
    validity = rng.integers(2**64, size=(3, words), dtype=np.uint64)
    return {**fixture, "validity": np.bitwise_or.reduce(validity)}


def workload(shape, name, fixture, asked, draw):
    """One combo: a column, and how its ids are drawn: ``draw(rng, n, rows, asked)``."""
    strings = "data" in fixture
    if strings:
        rows, out = len(fixture["offsets"]) - 1, ((0,), "int32")
        longest = int(np.diff(fixture["offsets"]).max(initial=0))
        data, offsets = ((asked * longest,), "uint8"), ((asked + 1,), "int32")
    else:
        values = fixture["values"]
        width = values.shape[1] if values.ndim == 2 else 1
        rows, out = len(values), ((asked * width,), values.dtype.str)
        data, offsets = ((0,), "uint8"), ((0,), "int32")

    def requests(rng, n):
        return {"ids": draw(rng, n, rows, asked)}

    words = (asked + 63) // 64 if len(fixture["validity"]) else 0
    counts = dict.fromkeys(("taken", "bytes", "marks", "words", "status"), ((), "int64"))
    return Workload(
        shape=shape,
        distribution=name,
        fixture=fixture,
        requests=requests,
        outputs={
            "out": out,
            "data": data,
            "offsets": offsets,
            "valid": ((words,), "uint64"),
            **counts,
        },
    )


def workloads(rng):
    """Return the twelve timed combos; those of a shape share its column."""
    found = []
    for shape, (rows, asked, nullable) in TIMED.items():
        fixture = column(rng, shape, rows, nullable)
        found += [
            workload(shape, name, fixture, asked, draw) for name, draw in DISTRIBUTIONS.items()
        ]
    return found


def battery(rng):
    """Correctness cases: every shape and distribution, and the edges of the surface."""
    for shape in ("1B", "4B", "8B", "512B", "string"):
        fixture = column(rng, shape, 1_777, nullable=True)
        draws = {
            **DISTRIBUTIONS,
            "all-equal": lambda rng, n, rows, asked: np.full(
                (n, asked), rng.integers(rows), np.uint64
            ),
            "backwards": lambda rng, n, rows, asked: sorted_ids(rng, n, rows, asked)[
                :, ::-1
            ].copy(),
        }
        for name, draw in draws.items():
            yield workload(shape, name, fixture, 1_000, draw)
        for asked in (0, 1, 63, 64, 65):
            yield workload(shape, f"{asked}-ids", fixture, asked, random_ids)
        asked = int(rng.integers(66, 5_000))
        yield workload(shape, "random-size", fixture, asked, random_ids)

        def one_beyond(rng, n, rows, asked, past=0):
            ids = random_ids(rng, n, rows, asked)
            ids[:, rng.integers(asked)] = rows + past
            return ids

        def far_beyond(rng, n, rows, asked):
            return one_beyond(rng, n, rows, asked, past=2**63)

        yield workload(shape, "one-beyond", fixture, 500, one_beyond)
        yield workload(shape, "far-beyond", fixture, 500, far_beyond)
        single = column(rng, shape, 1, nullable=False)
        yield workload(shape, "one-row", single, 70, random_ids)
        none = column(rng, shape, 0, nullable=False)
        yield workload(shape, "no-rows", none, 0, lambda rng, n, rows, asked: _no_ids(n, 0))
        yield workload(shape, "no-rows-one-id", none, 1, lambda rng, n, rows, asked: _no_ids(n, 1))
    letters = rng.integers(97, 123, size=100, dtype=np.uint8)
    empty = np.full(301, 50, np.int32)
    no_nulls = np.empty(0, np.uint64)
    for name, offsets in (
        ("empty-strings", empty),
        ("falling-offsets", np.tile(np.array([0, 9, 5], np.int32), 100)),
        ("offsets-past-the-bytes", np.linspace(0, 200, 301).astype(np.int32)),
        ("offsets-below-zero", np.linspace(-100, 100, 301).astype(np.int32)),
    ):
        fixture = {"data": letters, "offsets": offsets, "validity": no_nulls}
        yield workload("string", name, fixture, 40, random_ids)


def _no_ids(n, asked):
    return np.zeros((n, asked), np.uint64)
