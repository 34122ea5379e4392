"""Inputs of the posting intersect target: what the judge checks, and what it times.

Everything is drawn from the generator that is passed in, so one seed replays it all, and all of
it is in the requests: every query brings lists of its own, the rarest first, as Lance sorts them.

A list is a sum of gaps. Gaps are geometric, as they are where each document has the word with the
same probability, read from a table of 256 quantiles. Each workload draws a deck of them once, and
a list is put together from runs of the deck, 250 gaps from a random place on: no two lists have
their ids alike, and 200,000 ids take 0.06 ms (0.3 ms if every gap is drawn).
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from workbench.targets import Workload

# Lists of a query; the last is the outlier.
SHAPES = (2, 3, 5)
# Queries in a request, so that the scalar merge takes at least 50 us and a request 1 MB at most.
INSTANCES = {2: 4, 3: 3, 5: 2}
# Ids of the first list, ids of the others, and the share of documents each kind of list has.
TIMED = {
    "balanced": ((10_000, 0.01), (10_000, 0.01)),
    "skewed": ((50, 0.0001), (25_000, 0.05)),
    "dense": ((5_000, 0.5), (5_000, 0.5)),
}
BATTERY = {
    "balanced": ((1_000, 0.01), (1_000, 0.01)),
    "skewed": ((5, 0.0001), (2_500, 0.05)),
    "dense": ((500, 0.5), (500, 0.5)),
    "sparse": ((4, 0.00004), (4, 0.00004)),
    "rarest-last": ((2_500, 0.05), (60, 0.002)),
}
LARGEST_ID = 2**32 - 1
# Gaps of a deck, 512 KB of sums, and of each run that is dealt.
DECK = 131_072
RUN = 250


def gap_table(share):
    """Quantiles of the gap between documents that have a word, in 256 equal steps."""
    middle = (np.arange(256) + 0.5) / 256
    return np.ceil(np.log1p(-middle) / np.log1p(-share)).astype(np.uint16)


def ascending(rng, shape, share, out=None):
    """Lists along the last axis; their first ids are gaps too."""
    if share < 0.001:
        # few and far apart: 256 gaps would not be enough of them
        steps = rng.geometric(share, shape)
    else:
        steps = gap_table(share).take(rng.integers(256, size=shape, dtype=np.uint8))
    return steps.cumsum(axis=-1, dtype=np.uint32, out=out)


class Deck:
    """Lists of one share of the documents, put together from runs of a deck's gaps.

    The deck itself is one list, so that a run is a slice of it from which a number is taken.
    """

    def __init__(self, rng, share):
        self.sums = np.zeros(DECK + 1, np.uint32)
        ascending(rng, DECK, share, out=self.sums[1:])
        self.runs = sliding_window_view(self.sums, RUN)

    def deal(self, rng, out):
        """Fill ``out`` with lists along its last axis, whose length is a multiple of `RUN`."""
        runs = out.reshape(*out.shape[:-1], -1, RUN)
        first = rng.integers(DECK - RUN, size=runs.shape[:-1])
        last = self.sums[first + RUN]
        sums = np.cumsum(last - self.sums[first], axis=-1, dtype=np.uint32)
        np.add(self.runs[first + 1], (sums - last)[..., None], out=runs)


def lists_of(rng, length, share):
    """``fill(rng, out)`` for lists of one kind; those that are no whole runs are drawn."""
    if share < 0.001 or length % RUN:
        return lambda rng, out: ascending(rng, out.shape, share, out=out)
    return Deck(rng, share).deal


def drawing(rng, lists, instances, first, others):
    """``requests(rng, n)`` for lists of two kinds, each up to an eighth shorter than its kind."""
    lengths = np.array([first[0]] + [others[0]] * (lists - 1))
    begins = np.cumsum(lengths) - lengths
    per_query = int(lengths.sum())
    fills = [lists_of(rng, *first)] + [lists_of(rng, *others)] * (lists - 1)

    def requests(rng, n):
        ids = np.empty((n, instances, per_query), np.uint32)
        for fill, begin, length in zip(fills, begins, lengths, strict=True):
            fill(rng, ids[:, :, begin : begin + length])
        starts = begins + per_query * np.arange(instances)[:, None]
        starts = np.broadcast_to(starts, (n, instances, lists)).copy()
        stops = starts + lengths - rng.integers(1 + lengths // 8, size=starts.shape)
        return {"ids": ids.reshape(n, -1), "starts": starts, "stops": stops}

    return requests


def workload(shape, distribution, requests, instances, capacity):
    """One combo from what draws its requests."""
    return Workload(
        shape=shape,
        distribution=distribution,
        fixture={"capacity": np.array([capacity])},
        requests=requests,
        outputs={
            "out": ((capacity,), "uint32"),
            "count": ((), "int64"),
            "counts": ((instances,), "int64"),
        },
    )


def drawn(rng, lists, distribution, kinds, instances):
    """One combo of ``lists`` lists, the first of one kind and the others of another."""
    first, others = kinds
    requests = drawing(rng, lists, instances, first, others)
    return workload(f"k{lists}", distribution, requests, instances, instances * first[0])


def workloads(rng):
    """Return the nine timed combos: of their lists only the decks are drawn yet."""
    return [
        drawn(rng, lists, distribution, kinds, INSTANCES[lists])
        for lists in SHAPES
        for distribution, kinds in TIMED.items()
    ]


def packed(queries):
    """One request's arrays from queries of equally many lists each."""
    flat = [np.asarray(ids, np.uint32) for query in queries for ids in query]
    stops = np.cumsum([len(ids) for ids in flat], dtype=np.int64)
    starts = stops - np.array([len(ids) for ids in flat], np.int64)
    ends = (len(queries), len(queries[0]))
    return {
        "ids": np.concatenate([np.empty(0, np.uint32), *flat]),
        "starts": starts.reshape(ends),
        "stops": stops.reshape(ends),
    }


def given(name, queries, change=None, capacity=None):
    """One combo of queries that are always the same, after ``change`` has been at the arrays."""
    arrays = packed(queries)
    if change is not None:
        change(arrays)
    room = sum(len(query[0]) for query in queries) if capacity is None else capacity

    def requests(rng, n):
        return {name: np.repeat(array[None], n, axis=0) for name, array in arrays.items()}

    return workload("edge", name, requests, len(queries), max(room, 1))


def battery(rng):
    """Correctness cases: fifteen combos, the edges of the surface, ranges that are none."""
    for lists in (*SHAPES, 1):
        for distribution, kinds in BATTERY.items():
            yield drawn(rng, lists, distribution, kinds, 3)

    def some(length, share=0.1):
        return ascending(rng, length, share)

    one, nothing = some(1_000), np.empty(0, np.uint32)
    yield given("empty-lists", [(one, nothing), (nothing, one), (nothing, nothing)])
    yield given("identical", [(one, one, one), (one[:1], one, one), (one[-1:], one, one)])
    yield given("disjoint", [(2 * one, 2 * one + 1), (one, one + one[-1] + 1)])
    yield given("one-id", [([5], [5]), ([5], [6]), ([6], [5]), ([0], [0])])
    yield given("last-ids-meet", [(one, np.append(some(300), one[-1])), (one[-1:], one)])
    top = LARGEST_ID - (one[::-1] - one[0])
    every = np.array([0, 1, 2**31 - 1, 2**31, LARGEST_ID])
    yield given(
        "largest-ids", [(top, LARGEST_ID - 2 * (one[::-1] - one[0])), (every, every), (every, top)]
    )
    runs = np.unique((some(40, 0.002)[:, None] + np.arange(150)).ravel())
    yield given("runs", [(runs, np.unique(np.append(some(3_000, 0.05), runs[::3])))] * 2)
    lengths = [[some(n, 0.3) for n in (2, 4_000, 37)], [some(n, 0.3) for n in (4_000, 16, 511)]]
    yield given("unlike-lengths", lengths)
    # every length and offset around a vector of 16 ids
    ladder = [(some(n, 0.6), some(m, 0.6)) for n in range(36) for m in (0, 1, 15, 16, 17, 31, 64)]
    yield given("short-lists", ladder)
    yield given("nine-lists", [[some(700, 0.8) for _ in range(9)]])
    unknown = int(rng.integers(5_000, 60_000))
    yield given("random-length", [(some(unknown, 0.2), some(unknown // 3, 0.2), some(unknown))])

    def bad(arrays):
        starts, stops = arrays["starts"], arrays["stops"]
        starts[0, 1], stops[1, 1] = -1, len(arrays["ids"]) + 1
        stops[2, 0] = starts[2, 0] - 1
        starts[3], stops[3] = 2**62, 2**63 - 1

    yield given("bad-ranges", [(one, one)] * 5, bad)
    # room for the first two answers only
    yield given("no-room", [(one[:9], one), (one[:5], one), (one, one)], capacity=20)
    yield given("no-lists", [()] * 3, capacity=4)
