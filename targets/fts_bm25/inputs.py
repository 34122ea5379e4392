"""Inputs of the BM25 scoring target: what the judge checks, and what it times.

Everything is drawn from the generator that is passed in, so one seed replays it all.

A request is one query on a few windows of 4,096 documents: every term's postings of those windows,
as Lance's bulk loop hands them over. Windows lie anywhere in the corpus, so document lengths are
read where no earlier window has read them. Postings are spread at random: how many of a term fall
into a window varies as it does for a real term of that frequency.
"""

import functools

import numpy as np

from workbench.targets import Workload

WINDOW = 4_096
# name: (documents, windows of a request, mean postings of each term in a window).
# The last is the outlier: five stop words, every second document has the commonest.
SHAPES = {
    "131072x2x1024": (131_072, 32, (768, 256)),
    "1048576x3x1344": (1_048_576, 24, (1_024, 256, 64)),
    "1048576x5x4864": (1_048_576, 12, (2_048, 1_024, 1_024, 512, 256)),
}
TIMED_DISTRIBUTIONS = ("zipf", "uniform", "mostly-ones")
BATTERY_DISTRIBUTIONS = (*TIMED_DISTRIBUTIONS, "all-equal", "heavy-tail")
LARGEST = 2**32 - 1
DECK = 4_096


def zipf(rng, documents):
    """Frequencies by a power law, log-normal lengths with a median of 30 tokens."""
    return rng.zipf(2.2, DECK).clip(1, 500), lognormal(rng, documents)


def uniform(rng, documents):
    """Frequencies 1 to 16, lengths 1 to 1,000."""
    return rng.integers(1, 17, DECK), rng.integers(1, 1_001, documents)


def mostly_ones(rng, documents):
    """Frequency 1 in 97 of 100 postings, as in titles; lengths as in zipf."""
    freqs = np.where(rng.random(DECK) < 0.97, 1, rng.integers(2, 6, DECK))
    return freqs, lognormal(rng, documents)


def all_equal(rng, documents):
    """One frequency, one length."""
    return np.full(DECK, 3), np.full(documents, 40)


def heavy_tail(rng, documents):
    """Frequencies to a million and lengths to ten million, most of both small."""
    freqs = rng.pareto(0.5, DECK).clip(0, 999_999) + 1
    return freqs, rng.pareto(0.5, documents).clip(0, 9_999_999) + 1


def lognormal(rng, documents):
    """Lengths with a median of 30 tokens."""
    return rng.lognormal(3.4, 0.6, documents).clip(1, 500)


DRAWS = {
    "zipf": zipf,
    "uniform": uniform,
    "mostly-ones": mostly_ones,
    "all-equal": all_equal,
    "heavy-tail": heavy_tail,
}


def average_of(lengths):
    """f32[1], tokens per document as Lance rounds it."""
    tokens = np.float32(lengths.sum(dtype=np.uint64))
    return np.array([tokens / np.float32(len(lengths))], np.float32)


def query(rng, documents, windows, terms, deck):
    """One request: distinct windows in ascending order, and the postings each term has there."""
    whole = -(-documents // WINDOW)
    first_ids = np.sort(rng.choice(whole, windows, replace=False)) * WINDOW
    sizes = np.minimum(WINDOW, documents - first_ids)
    ends = np.cumsum(sizes)
    starts = np.empty((len(terms), windows + 1), np.int64)
    ids, at = [], 0
    for t, mean in enumerate(terms):
        count = min(mean * windows, int(ends[-1]))
        # sorted with repeats, then spread by one each: distinct, ascending, below the last end
        places = np.sort(rng.integers(ends[-1] - count + 1, size=count, dtype=np.uint32))
        places += np.arange(count, dtype=np.uint32)
        bounds = np.searchsorted(places, ends)
        starts[t, 0], starts[t, 1:] = at, at + bounds
        shifts = (first_ids - ends + sizes).astype(np.uint32)
        ids.append(places + np.repeat(shifts, np.diff(bounds, prepend=0)))
        at += count
    # where windows have fewer documents than postings were asked for, the last places stay unused
    drawn = np.zeros(sum(terms) * windows, np.uint32)
    drawn[:at] = np.concatenate(ids)
    freqs = deck[rng.integers(len(deck), size=len(drawn), dtype=np.uint16)]
    weights = rng.uniform(0.1, 12, len(terms)).astype(np.float32)
    return {
        "ids": drawn,
        "freqs": freqs,
        "weights": weights,
        "starts": starts,
        "first_ids": first_ids,
    }


def workload(rng, shape, distribution, *, name=None, lengths=None, deck=None, change=None):
    """One combo: document lengths drawn now, queries whenever they are asked for.

    ``lengths`` and ``deck`` replace what the distribution draws; ``change`` edits each query.
    """
    documents, windows, terms = shape
    drawn_deck, drawn_lengths = DRAWS[distribution](rng, documents)
    lengths = np.asarray(drawn_lengths if lengths is None else lengths).astype(np.uint32)
    deck = np.asarray(drawn_deck if deck is None else deck).astype(np.uint32)

    def requests(rng, n):
        queries = [query(rng, documents, windows, terms, deck) for _ in range(n)]
        if change is not None:
            for each in queries:
                change(each)
        return {key: np.stack([each[key] for each in queries]) for key in queries[0]}

    return Workload(
        shape="x".join(map(str, (documents, len(terms), sum(terms)))),
        distribution=name or distribution,
        fixture={"lengths": lengths, "average_length": average_of(lengths)},
        requests=requests,
        outputs={"scores": ((windows, WINDOW), "float32"), "status": ((windows,), "int64")},
    )


def workloads(rng):
    """Return the nine timed combos."""
    return [
        workload(rng, shape, distribution)
        for shape in SHAPES.values()
        for distribution in TIMED_DISTRIBUTIONS
    ]


def battery(rng):
    """Correctness cases: fifteen combos, then the edges, then what must be refused."""
    for documents, windows, terms in SHAPES.values():
        for distribution in BATTERY_DISTRIBUTIONS:
            yield workload(rng, (min(documents, 140_001), windows // 8, terms), distribution)
    yield from edges(rng)
    yield from refused(rng)


def edges(rng):
    """Lists of none, one, some and all documents; lengths and frequencies at their ends."""
    one = functools.partial(workload, rng, distribution="zipf")
    yield one((9_000, 2, (0, 0)), name="no-postings")
    yield one((9_000, 2, (1, 0)), name="one-posting")
    for count in (7, 63, 65):
        yield one((4_096, 1, (count,)), name="odd-lists")
    yield one((1, 1, (1,)), name="one-document")
    yield one((12_345, 4, (4_096, 100)), name="every-document")
    # idf of a term that every document has, and of one that a single one of 2**32 has
    yield one((8_192, 2, (300, 300)), name="idf-of-all", change=set_weights(6.1e-5))
    yield one((8_192, 2, (300, 300)), name="largest-idf", change=set_weights(22.2))
    yield one((8_192, 2, (500, 50)), name="largest-frequency", deck=[LARGEST, LARGEST - 1, 2**31])
    yield one((8_192, 2, (500, 50)), name="lengths-0-and-1", lengths=np.arange(8_192) % 2)
    yield one((8_192, 2, (500, 50)), name="largest-length", lengths=np.full(8_192, LARGEST))
    documents = int(rng.integers(4_097, 60_000))
    counts = tuple(int(c) for c in rng.integers(1, 1_500, 3))
    yield one((documents, 2, counts), name="random-size")


def refused(rng):
    """Ids outside the window or the corpus, and ids that do not ascend: errors of the window."""
    shape = (9_000, 3, (100, 50))
    one = functools.partial(workload, rng, shape, "zipf")
    yield one(name="id-after-window", change=set_id(lambda ids, at: WINDOW))
    yield one(name="id-before-window", change=set_id(lambda ids, at: -(2**13)))
    yield one(name="id-beyond-corpus", change=set_id(lambda ids, at: LARGEST - int(ids[at])))
    yield one(name="id-repeated", change=set_id(lambda ids, at: int(ids[at - 1]) - int(ids[at])))
    yield one(name="ids-descend", change=reverse_ids)


def set_weights(weight):
    """Give every term this idf."""

    def change(each):
        each["weights"][:] = weight

    return change


def set_id(step):
    """Move the last posting of each term's first window by ``step(ids, place)``."""

    def change(each):
        for row in each["starts"]:
            at = row[1] - 1
            if at > row[0]:
                each["ids"][at] = (int(each["ids"][at]) + step(each["ids"], at)) % 2**32

    return change


def reverse_ids(each):
    """Turn the middle window's postings of the first term round."""
    start, stop = each["starts"][0, 1:3]
    each["ids"][start:stop] = each["ids"][start:stop][::-1].copy()
