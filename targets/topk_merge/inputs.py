"""Inputs of the top-k merge target: what the judge checks, and what it times.

Everything is drawn from the generator that is passed in, so one seed replays it all.

A workload has a deck of sorted lists, four times as many as a merge takes. Each merge deals
from it afresh, scales the distances by a power of two, which is exact and keeps their order, and
adds a random number to the row ids. So a request costs no sorting (sorting 60,000 rows takes
5 ms), and no kernel can know it beforehand.
"""

import numpy as np

from workbench.targets import Workload

# (lists, rows in a list, k) -> merges a request: 20 probes of the usual 10 neighbours; 64
# fragments or shards; the outlier: as many lists as a large, much appended dataset has fragments.
SHAPES = {(20, 10, 10): 64, (64, 100, 100): 8, (600, 100, 100): 1}
TIMED_DISTRIBUTIONS = ("interleaved", "skewed", "ties")
BATTERY_DISTRIBUTIONS = (
    "interleaved",
    "skewed",
    "ties",
    "blocks",
    "ragged",
    "all-equal",
)
BATTERY_MERGES = 3
DECKS = 4


def deck_of(rng, distribution, lists, rows):
    """Sorted lists: distances f32[lists, rows] from 0.5 up, and unlike row ids u64."""
    if distribution == "ties":
        distances = rng.integers(4, 20, size=(lists, rows)) / 8
    elif distribution == "all-equal":
        distances = np.ones((lists, rows))
    elif distribution == "blocks":
        distances = 0.5 + (rng.permutation(lists)[:, None] + rng.random((lists, rows))) / lists
    else:
        distances = rng.uniform(0.5, 2, (lists, rows))
    distances = distances.astype(np.float32)
    # a fragment's number in the high half, as Lance's row ids have it
    offsets = rng.permutation(lists * rows).reshape(lists, rows).astype(np.uint64)
    ids = offsets + (np.arange(lists, dtype=np.uint64)[:, None] << np.uint64(32))
    ranked = np.lexsort((ids, distances), axis=-1)
    return np.take_along_axis(distances, ranked, 1), np.take_along_axis(ids, ranked, 1)


def workload(rng, shape, distribution, *, merges=BATTERY_MERGES, name=None, spoil=None):
    """One combo: its deck drawn now, its merges dealt whenever they are asked for.

    ``spoil(rng, arrays)`` may change the requests of a correctness case.
    """
    lists, rows, k = shape
    deck, deck_ids = deck_of(rng, distribution, DECKS * lists, rows)

    def requests(rng, n):
        dealt = rng.random((n, merges, DECKS * lists)).argsort(axis=2)[..., :lists]
        exponent = rng.integers(-20, 20, size=(n, merges, 1, 1))
        if distribution == "skewed":
            near = rng.integers(max(1, lists), size=(n, merges, 1, 1))
            exponent = exponent - 8 * (np.arange(lists)[:, None] == near)
        distances = np.ldexp(deck[dealt], exponent.astype(np.int32))
        shift = rng.integers(2**40, size=(n, merges, 1, 1), dtype=np.uint64)
        starts = np.broadcast_to(np.arange(lists + 1) * rows, (n, merges, lists + 1)).copy()
        arrays = {
            "distances": distances.reshape(n, merges, lists * rows),
            "ids": (deck_ids[dealt] + shift).reshape(n, merges, lists * rows),
            "starts": starts,
        }
        if distribution == "ragged":
            ragged(rng, arrays)
        if spoil:
            spoil(rng, arrays)
        return arrays

    return Workload(
        shape="x".join(map(str, shape)),
        distribution=name or distribution,
        fixture={"k": np.array([k])},
        requests=requests,
        outputs={
            "distances": ((merges, k), "float32"),
            "ids": ((merges, k), "uint64"),
            "count": ((merges,), "int32"),
        },
        scratch={"work": ((4 * (lists + k) + 64,), "int64")},
    )


def workloads(rng):
    """Return the nine timed combos."""
    return [
        workload(rng, shape, distribution, merges=merges)
        for shape, merges in SHAPES.items()
        for distribution in TIMED_DISTRIBUTIONS
    ]


def battery(rng):
    """Correctness cases: eighteen combos, then the edges of the surface."""
    for shape in SHAPES:
        for distribution in BATTERY_DISTRIBUTIONS:
            yield workload(rng, shape, distribution)

    def edge(name, shape, distribution="ties", spoil=None):
        return workload(rng, shape, distribution, name=name, spoil=spoil)

    yield edge("no-list", (0, 5, 3))
    yield edge("empty-lists", (7, 0, 3))
    yield edge("one-list", (1, 100, 10))
    yield edge("one-row-lists", (33, 1, 20))
    yield edge("no-neighbours", (5, 10, 0))
    yield edge("more-neighbours-than-rows", (3, 7, 50))
    yield edge("every-row", (9, 31, 279))
    yield edge("infinite-distances", (6, 20, 70), spoil=infinite_tails)
    yield edge("zero-of-both-signs", (6, 20, 30), spoil=zero_heads)
    yield edge("row-twice", (8, 25, 60), spoil=rows_twice)
    yield edge("largest-ids", (5, 12, 20), spoil=largest_ids)
    yield edge("not-a-number", (8, 25, 10), spoil=some_nan)
    yield edge("unsorted", (16, 30, 10), spoil=some_unsorted)
    yield edge("ids-unsorted-in-a-tie", (16, 30, 10), "all-equal", spoil=ties_unsorted)
    yield edge("starts-descend", (16, 30, 10), spoil=starts_descend)
    yield edge("starts-outside", (16, 30, 10), spoil=starts_outside)
    # a size that nobody can know
    lists, rows, k = (int(n) for n in rng.integers(2, 300, size=3))
    yield edge("random-size", (lists, rows, k), "interleaved")


def ragged(rng, arrays):
    """Shorten every list from its end by a random number of rows, some to nothing.

    Rows that no list holds any more are closed up; what is left over at the end stays unused.
    """
    n, merges, ends = arrays["starts"].shape
    for at in np.ndindex(n, merges):
        starts, distances, ids = (arrays[k][at] for k in ("starts", "distances", "ids"))
        lists = np.diff(starts)
        kept = rng.integers(lists + 1) * (rng.random(ends - 1) < 0.8)
        rank = np.arange(len(distances)) - np.repeat(starts[:-1], lists)
        chosen = np.flatnonzero(rank < np.repeat(kept, lists))
        distances[: len(chosen)], ids[: len(chosen)] = distances[chosen], ids[chosen]
        starts[1:] = np.cumsum(kept)


def each_list(rng, arrays, share=0.5):
    """Yield (distances, ids) of a random list of about ``share`` of the merges."""
    n, merges, ends = arrays["starts"].shape
    for at in np.ndindex(n, merges):
        if rng.random() < share:
            i = rng.integers(ends - 1)
            rows = slice(*arrays["starts"][at][i : i + 2])
            yield arrays["distances"][at][rows], arrays["ids"][at][rows]


def infinite_tails(rng, arrays):
    """Infinite distances are in order at the end of a list."""
    for distances, ids in each_list(rng, arrays, 1.0):
        distances[-7:] = np.inf
        ids[-7:].sort()


def zero_heads(rng, arrays):
    """Zeros tie, whatever their sign, and keep it."""
    for distances, ids in each_list(rng, arrays, 1.0):
        distances[:5] = 0.0
        distances[rng.integers(5)] = -0.0
        ids[:5].sort()


def rows_twice(rng, arrays):
    """Two lists that are the same: a row that two lists name comes out twice."""
    for values in (arrays["distances"], arrays["ids"]):
        values[..., 25:50] = values[..., :25]


def largest_ids(rng, arrays):
    """Row ids that are as large as can be, and the id that stands for no row."""
    for _, ids in each_list(rng, arrays, 1.0):
        ids[:] = np.uint64(2**64 - len(ids)) + np.arange(len(ids), dtype=np.uint64)


def some_nan(rng, arrays):
    """Put a NaN anywhere in half the merges: at the head and the end of a list too."""
    for distances, _ in each_list(rng, arrays):
        distances[rng.choice([0, len(distances) - 1, rng.integers(len(distances))])] = np.nan


def some_unsorted(rng, arrays):
    """Put one row out of order, anywhere in half the merges."""
    for distances, _ in each_list(rng, arrays):
        at = rng.integers(1, len(distances))
        distances[at] = distances[at - 1] / 2


def ties_unsorted(rng, arrays):
    """Exchange two row ids among equal distances."""
    for _, ids in each_list(rng, arrays):
        at = rng.integers(1, len(ids))
        ids[[at - 1, at]] = ids[[at, at - 1]]


def starts_descend(rng, arrays):
    """Let a list end before it starts."""
    starts = arrays["starts"]
    starts[:, 1::2, rng.integers(1, starts.shape[2] - 1)] = -1


def starts_outside(rng, arrays):
    """Let the first list start before the rows, or the last end behind them."""
    starts = arrays["starts"]
    starts[:, 0, 0] = -5
    starts[:, 1, -1] += 1_000
    starts[:, 2, -1] = 2**62
