"""Inputs of the BM25 scoring target: what the judge checks, and what it times.

Everything is drawn from the generator that is passed in, so one seed replays it all.

A request is one query on a few windows of 4,096 documents: every term's postings of those windows,
as Lance's bulk loop hands them over. Windows lie anywhere in the corpus, so document lengths are
read where no earlier window has read them. Postings are spread at random: how many of a term fall
into a window varies as it does for a real term of that frequency.

Two of the timed shapes, `ASKED_SHAPES`, are calls instead as whole queries make them: a
kernel that was 0.58 of upstream on long lists only lost there (1.08), where 77 and 90 of 100 calls
hold fewer than 16 postings.

Timed requests are dealt, because drawing and sorting 60,000 postings takes 0.5 to 0.7 ms, several
times what a kernel takes to score them. Gaps between ids, and frequencies, are runs of decks that
a workload draws once. In other windows and with other weights, they are new to a kernel.
"""

import functools

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from workbench.targets import Workload

WINDOW = 4_096
# name: (documents, windows of a request, mean postings of each term in a window).
# The last is the outlier: five stop words, every second document has the commonest.
SHAPES = {
    "131072x2x1024": (131_072, 32, (768, 256)),
    "1048576x5x4864": (1_048_576, 12, (2_048, 1_024, 1_024, 512, 256)),
}
TIMED_DISTRIBUTIONS = ("zipf", "uniform", "mostly-ones")
BATTERY_DISTRIBUTIONS = (*TIMED_DISTRIBUTIONS, "all-equal", "heavy-tail")
LARGEST = 2**32 - 1
DECK = 4_096
# Frequencies or gaps of what requests are dealt from, and of a run of them.
DEALT = 65_536
RUN = 128

# Postings per call, measured at the call site: callsite.asked over 1,000 OR and 1,000 AND queries
# at 1 M documents (200 each of the seeds 0 to 4): 642 calls of 60.7 postings a query, and 772 of
# 6.7. reports/callsites/fts_bm25.json has both kinds in one histogram, of 32 queries each. A bin
# is (first length, calls); it ends where the next begins.
OR_CALLS = (
    (1, 382_656),
    (2, 22_758),
    (3, 15_855),
    (4, 21_368),
    (6, 14_769),
    (8, 20_693),
    (12, 13_525),
    (16, 17_480),
    (24, 11_881),
    (32, 25_924),
    (64, 15_512),
    (128, 51_535),
    (129, 7_563),
    (256, 3_280),
    (512, 5_905),
    (1_024, 6_384),
    (2_048, 4_688),
    (2_604, 0),
)
AND_CALLS = (
    (1, 286_449),
    (2, 125_606),
    (3, 69_377),
    (4, 74_509),
    (6, 43_398),
    (8, 56_617),
    (12, 36_440),
    (16, 37_204),
    (24, 17_201),
    (32, 17_657),
    (64, 1_659),
    (128, 5_744),
    (129, 0),
)
# name: (documents, windows, calls of a request, histogram, calls in a row with the same ids).
# AND scores the matches of a block window once for each term; two is the commonest number.
ASKED_SHAPES = {
    "1048576-or-calls": (1_048_576, 16, 1_024, OR_CALLS, 1),
    "1048576-and-calls": (1_048_576, 16, 4_096, AND_CALLS, 2),
}


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


def lengths_asked(histogram, calls):
    """i64[calls], lengths at equal steps of the histogram, log-uniform within a bin.

    The same lengths in every request, so that all requests hold as many postings.
    """
    first, counts = np.array(histogram).T
    below = np.concatenate([[0], np.cumsum(counts[:-1])])
    at = (np.arange(calls) + 0.5) / calls * below[-1]
    return np.exp(np.interp(at, below, np.log(first))).astype(np.int64)


class Deck:
    """Values that are dealt in runs from random places on."""

    def __init__(self, values):
        self.runs = sliding_window_view(values, RUN)

    def deal(self, rng, shape):
        """So many values, in an array of this shape."""
        size = int(np.prod(shape))
        first = rng.integers(len(self.runs), size=-(-size // RUN))
        return self.runs[first].reshape(-1)[:size].reshape(shape)


def freqs_dealt(rng, drawn):
    """Deck of frequencies like those that are drawn."""
    return Deck(np.asarray(drawn).astype(np.uint32)[rng.integers(len(drawn), size=DEALT)])


def windows_drawn(rng, n, whole, windows):
    """i64[n, windows], first ids of distinct windows in ascending order."""
    order = rng.permuted(np.broadcast_to(np.arange(whole), (n, whole)), axis=1)
    return np.sort(order[:, :windows], axis=1) * WINDOW


class Term:
    """A term's postings in as many documents as the windows have, dealt in another order of gaps.

    All orders of the gaps between sorted random places are equally likely, so runs of them
    change places: their number and their sum stay, and the places are as random as before.
    """

    def __init__(self, rng, mean, windows):
        self.windows, self.span = windows, windows * WINDOW
        count = mean * windows
        # as in `query`
        places = np.sort(rng.integers(self.span - count + 1, size=count)) + np.arange(count)
        self.slack = self.span - int(places[-1])
        gaps = np.diff(places, prepend=-1).reshape(-1, RUN)
        self.sums = np.cumsum(gaps, axis=1, dtype=np.uint32)

    def deal(self, rng, first_ids, ids):
        """Fill ``ids`` u32[n, count]; return where each window ends, i64[n, windows]."""
        n, runs = len(first_ids), len(self.sums)
        order = rng.permuted(np.broadcast_to(np.arange(runs), (n, runs)), axis=1)
        # queries one behind the other, so that one search finds the windows of all
        begins = np.arange(n)[:, None] * self.span
        sums = self.sums[order, -1]
        sums = np.cumsum(sums, axis=1) - sums + begins + rng.integers(self.slack, size=(n, 1)) - 1
        places = self.sums[order] + sums.astype(np.uint32)[:, :, None]
        places = places.reshape(-1)
        ends = (begins + WINDOW * np.arange(1, self.windows + 1)).astype(np.uint32)
        bounds = places.searchsorted(ends)
        shifts = (first_ids - ends + WINDOW).astype(np.uint32)
        counts = np.diff(bounds.reshape(-1), prepend=0)
        places += np.repeat(shifts.reshape(-1), counts)
        ids[:] = places.reshape(ids.shape)
        return bounds - np.arange(n)[:, None] * ids.shape[1]


def spread_workload(rng, shape, distribution):
    """One timed combo of long lists, whose postings are spread over the windows at random."""
    documents, windows, means = shape
    drawn, lengths = DRAWS[distribution](rng, documents)
    freqs = freqs_dealt(rng, drawn)
    terms = [Term(rng, mean, windows) for mean in means]
    at = windows * np.cumsum([0, *means])

    def requests(rng, n):
        first_ids = windows_drawn(rng, n, documents // WINDOW, windows)
        ids = np.empty((n, at[-1]), np.uint32)
        starts = np.empty((n, len(terms), windows + 1), np.int64)
        starts[:, :, 0] = at[:-1]
        for t, term in enumerate(terms):
            ends = term.deal(rng, first_ids, ids[:, at[t] : at[t + 1]])
            starts[:, t, 1:] = at[t] + ends
        return {
            "ids": ids,
            "freqs": freqs.deal(rng, ids.shape),
            "weights": rng.uniform(0.1, 12, (n, len(terms))).astype(np.float32),
            "starts": starts,
            "first_ids": first_ids,
        }

    return combo(name_of(shape), distribution, windows, lengths, requests)


def spread(gaps, after, sizes):
    """Distinct ascending places in a window for each call, u32[sum of sizes], one after another.

    Sums of exponential ``gaps``, divided by the sum of all and the one ``after`` the last, are as
    sorted uniform numbers; then they are spread by one each. Sorting takes 100 us for 60,000.
    """
    ends = np.cumsum(sizes)
    sums = gaps.cumsum(dtype=np.uint32)  # may go round: differences do not
    last = sums[ends - 1]
    before = np.concatenate([np.zeros(1, np.uint32), last[:-1]])
    sums -= np.repeat(before, sizes)
    # a little less, lest rounding reach the end
    scale = (WINDOW + 1 - sizes) / (last - before + after) * (1 - 2**-20)
    places = sums.view(np.int32).astype(np.float32)
    places *= np.repeat(scale.astype(np.float32), sizes)
    return places.astype(np.int32).view(np.uint32)


def asked_workload(rng, shape_name, shape, distribution):
    """One combo of calls as queries make them: each "term" is one call in each window.

    Lengths follow one another at random, which is how those of OR look: candidates, one posting
    each, between blocks of 128. ``repeats`` calls in a row have the same ids.
    """
    documents, windows, calls, histogram, repeats = shape
    drawn, lengths = DRAWS[distribution](rng, documents)
    freqs = freqs_dealt(rng, drawn)
    gaps = Deck((rng.standard_exponential(DEALT) * 4_096).astype(np.uint32) + np.uint32(1))
    # four lengths change places together: 5 us, where 2,048 one by one take 17
    counts = rng.permutation(lengths_asked(histogram, calls // repeats)).reshape(-1, 4)
    terms, total = calls // windows, int(counts.sum())
    numbers = np.arange(total * repeats)
    among = numbers[:total].astype(np.uint32)
    bounds = windows * np.arange(terms // repeats)[:, None] + np.arange(windows + 1)

    def fill(rng, first_ids, between, after, ids, starts):
        sizes = rng.permutation(counts).reshape(-1)
        at = np.concatenate([[0], np.cumsum(sizes)])
        places = spread(between, after, sizes)
        places += among
        shifts = (np.tile(first_ids, terms // repeats) - at[:-1]).astype(np.uint32)
        within = at.take(bounds)
        if repeats == 1:
            starts[:] = within
            np.add(places, np.repeat(shifts, sizes), out=ids)
        else:
            places += np.repeat(shifts, sizes)
            order, starts[:] = repeated(numbers, within, repeats)
            places.take(order, out=ids, mode="wrap")

    def requests(rng, n):
        first_ids = windows_drawn(rng, n, documents // WINDOW, windows)
        between, after = gaps.deal(rng, (n, total)), gaps.deal(rng, (n, counts.size))
        ids = np.empty((n, total * repeats), np.uint32)
        starts = np.empty((n, terms, windows + 1), np.int64)
        for each in zip(first_ids, between, after, ids, starts, strict=True):
            fill(rng, *each)
        return {
            "ids": ids,
            "freqs": freqs.deal(rng, ids.shape),
            "weights": rng.uniform(0.1, 12, (n, terms)).astype(np.float32),
            "starts": starts,
            "first_ids": first_ids,
        }

    return combo(shape_name, distribution, windows, lengths, requests)


def repeated(numbers, within, repeats):
    """Repeat each term as a whole: which postings then follow one another, and where calls start.

    ``within`` i64[terms, windows + 1] is where the calls of each term start and the last ends.
    """
    widths = np.repeat(within[:, -1] - within[:, 0], repeats)
    within = np.repeat(within, repeats, axis=0)
    shifts = np.cumsum(widths) - widths - within[:, 0]
    return numbers - np.repeat(shifts, widths), within + shifts[:, None]


def workload(rng, shape, distribution, *, name=None, lengths=None, deck=None, change=None):
    """One correctness case: document lengths drawn now, queries whenever they are asked for.

    ``lengths`` and ``deck`` replace what the distribution draws; ``change`` edits each query.
    """
    documents, windows, terms = shape
    drawn_deck, drawn_lengths = DRAWS[distribution](rng, documents)
    lengths = drawn_lengths if lengths is None else lengths
    deck = np.asarray(drawn_deck if deck is None else deck).astype(np.uint32)

    def one(rng):
        each = query(rng, documents, windows, terms, deck)
        if change is not None:
            change(each)
        return each

    def requests(rng, n):
        queries = [one(rng) for _ in range(n)]
        return {key: np.stack([each[key] for each in queries]) for key in queries[0]}

    return combo(name_of(shape), name or distribution, windows, lengths, requests)


def name_of(shape):
    """A shape's name: documents, terms, and postings in a window."""
    documents, _, terms = shape
    return "x".join(map(str, (documents, len(terms), sum(terms))))


def combo(shape_name, distribution, windows, lengths, requests):
    """Build a workload."""
    lengths = np.asarray(lengths).astype(np.uint32)
    return Workload(
        shape=shape_name,
        distribution=distribution,
        fixture={"lengths": lengths, "average_length": average_of(lengths)},
        requests=requests,
        outputs={"scores": ((windows, WINDOW), "float32"), "status": ((windows,), "int64")},
    )


def workloads(rng):
    """Return the twelve timed combos."""
    asked = [
        asked_workload(rng, name, shape, distribution)
        for name, shape in ASKED_SHAPES.items()
        for distribution in TIMED_DISTRIBUTIONS
    ]
    return asked + [
        spread_workload(rng, shape, distribution)
        for shape in SHAPES.values()
        for distribution in TIMED_DISTRIBUTIONS
    ]


def battery(rng):
    """Correctness cases: twenty combos, then the edges, then what must be refused."""
    for documents, windows, terms in SHAPES.values():
        for distribution in BATTERY_DISTRIBUTIONS:
            yield workload(rng, (min(documents, 140_001), windows // 8, terms), distribution)
    for name, (_, _, _, histogram, repeats) in ASKED_SHAPES.items():
        for distribution in BATTERY_DISTRIBUTIONS:
            shape = (140_001, 4, 512, histogram, repeats)
            yield asked_workload(rng, name, shape, distribution)
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
    # more lengths than 16-bit codes can tell apart
    shape = (70_000, 4, (2_000, 500))
    yield one(shape, name="every-length-once", lengths=rng.permutation(70_000))
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
