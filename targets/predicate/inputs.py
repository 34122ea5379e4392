"""Inputs of the predicate target: what the judge checks, and what it times.

Everything is drawn from the generator that is passed in, so one seed replays it all. A plan (see
bench.py) and the number of rows are the fixture: they are known when the scan starts. The rows and
the constants are drawn for every request, because a scan reads its rows once.

A timed request is dealt, because drawing 131,072 rows takes 0.2 to 0.4 ms, ten times what a kernel
takes to filter them. A workload has a deck of places for each column. Every batch is a run of the
deck from a random place on, moved round by a random number, so that a row meets the constants
anew each time.

Timed plans, over whole batches of 8,192 rows:

- ``range``: i32 BETWEEN low AND high.
- ``mixed``: i32 BETWEEN low AND high AND u8 IN (five) AND f32 < limit.
- ``either`` (the outlier): i64 IN (64 constants) OR f64 >= limit.
"""

import dataclasses
import functools

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from workbench.targets import Workload

COMPARE, COMPARE_TOTAL, BETWEEN, IS_IN, AND, OR = range(6)
I32, I64, U8, F32, F64 = range(5)
COLUMNS = ("i32", "i64", "u8", "f32", "f64")
DTYPES = (np.int32, np.int64, np.uint8, np.int32, np.int64)  # floats by their bits
LT, GE = 2, 5

# Enough rows that a request takes upstream.py some 50 us, few enough that drawing takes < 0.1 ms.
TIMED_ROWS = {"range": 131_072, "mixed": 32_768, "either": 16_384}
# Mean length of a run of like rows where the rows are clustered.
RUN_ROWS = 512
# Rows that are dealt together, as many as bench.py filters together; and those of a deck.
BATCH_ROWS = 8_192
DECK = 131_072
TABLE = 2_048
# Name: share of rows kept (nulls apart), whether rows come in runs, share of nulls in 1/64.
TIMED_DISTRIBUTIONS = {
    "random-0.001": (0.001, False, 1),
    "clustered-0.1": (0.1, True, 1),
    "nulls-0.5": (0.5, False, 32),
    "random-0.99": (0.99, False, 0),
}
# kind, column, operator, first constant, number of constants, left node, right node
PLANS = {
    "range": ((BETWEEN, I32, 0, 0, 2, 0, 0),),
    "mixed": (
        (BETWEEN, I32, 0, 0, 2, 0, 0),
        (IS_IN, U8, 0, 2, 5, 0, 0),
        (AND, 0, 0, 0, 0, 0, 1),
        (COMPARE_TOTAL, F32, LT, 7, 1, 0, 0),
        (AND, 0, 0, 0, 0, 2, 3),
    ),
    "either": (
        (IS_IN, I64, 0, 0, 64, 0, 0),
        (COMPARE_TOTAL, F64, GE, 64, 1, 0, 0),
        (OR, 0, 0, 0, 0, 0, 1),
    ),
}


def places_of(rng, rows, clustered):
    """Where each row lies on a circle of 2**32: anywhere, or near its run's place."""
    anywhere = rng.integers(2**32, size=rows, dtype=np.uint32)
    if not clustered:
        return anywhere
    runs = rows // RUN_ROWS + 1
    lengths = rng.multinomial(rows, np.full(runs, 1 / runs))
    places = np.repeat(rng.integers(2**32, size=runs, dtype=np.uint32), lengths)
    return places + (anywhere >> np.uint32(12))


class Deck:
    """Values that are dealt in runs from random places on.

    Random words come as the generator's bits are: `integers` takes 3 to 6 us for four of them.
    """

    def __init__(self, values, run=BATCH_ROWS):
        self.runs = sliding_window_view(values, run)

    def deal(self, rng, rows):
        """Values for so many rows."""
        words = rng.bit_generator.random_raw(-(-rows // self.runs.shape[1]))
        return self.runs[words % np.uint64(len(self.runs))].reshape(-1)[:rows]


class Places(Deck):
    """Places on the circle; each run is moved round by a random number too."""

    def __init__(self, rng, clustered):
        super().__init__(places_of(rng, DECK, clustered))

    def deal(self, rng, rows):
        """u32[rows]."""
        words = rng.bit_generator.random_raw(-(-rows // BATCH_ROWS))
        places = self.runs[words % np.uint64(len(self.runs))]
        places += (words >> np.uint64(32)).astype(np.uint32)[:, None]
        return places.reshape(-1)[:rows]

    def deal_kept(self, rng, rows, kept):
        """Which rows are kept: bool[rows], a share ``kept`` of them true."""
        return self.deal(rng, rows) <= np.uint32(max(0, int(kept * 2**32) - 1))


# Each term draws its decks and returns ``fill(rng, values)``: it fills a column with rows and
# returns the constants.


def between_term(rng, kept, clustered):
    """Integers below 2**20; an interval that holds a share ``kept`` of them."""
    span = 2**20
    places = Places(rng, clustered)

    def fill(rng, values):
        np.right_shift(places.deal(rng, len(values)), np.uint32(12), out=values.view(np.uint32))
        low = int(rng.integers(span - int(kept * span) + 1))
        return [low, low + int(kept * span)]

    return fill


def fill_floats(places, rng, floats):
    """Numbers on [0, 1), of 24 bits as NumPy's f32 have them."""
    floats[:] = (places.deal(rng, len(floats)) >> np.uint32(8)).view(np.int32)
    floats *= floats.dtype.type(2**-24)


def below_term(rng, kept, clustered):
    """f32 on [0, 1), of which a share ``kept`` is below the limit."""
    places = Places(rng, clustered)

    def fill(rng, values):
        fill_floats(places, rng, values.view(np.float32))
        return [int(np.float32(kept).view(np.int32))]

    return fill


def from_term(rng, kept, clustered):
    """f64 on [0, 1), of which a share ``kept`` is at or above the limit."""
    places = Places(rng, clustered)

    def fill(rng, values):
        fill_floats(places, rng, values.view(np.float64))
        return [int(np.float64(1 - kept).view(np.int64))]

    return fill


def listed_bytes(rng, kept, clustered, listed):
    """A share ``kept`` of the rows are one of ``listed`` bytes, the rest anything else.

    The decks hold numbers below ``listed`` and others; which byte is which is drawn.
    """
    places = Places(rng, clustered)
    others = Deck(rng.integers(listed, 256, size=DECK, dtype=np.uint8))
    picks = Deck(rng.integers(listed, size=DECK, dtype=np.uint8))

    def fill(rng, values):
        rows = len(values)
        is_listed = -places.deal_kept(rng, rows, kept).view(np.uint8)  # 0 or 255
        other = others.deal(rng, rows)
        numbers = other ^ ((other ^ picks.deal(rng, rows)) & is_listed)
        byte = rng.permutation(256).astype(np.uint8)
        byte.take(numbers, out=values, mode="wrap")  # 16 us; byte[numbers] takes 32
        return byte[:listed].tolist()

    return fill


def listed_longs(rng, kept, clustered, listed):
    """A share ``kept`` of the rows are one of ``listed`` i64, the rest anything else."""
    places = Places(rng, clustered)
    others = Deck(rng.integers(-(2**40), 2**40, size=DECK))
    picks = Deck(rng.integers(listed, size=DECK, dtype=np.uint8))

    def fill(rng, values):
        rows = len(values)
        constants = rng.integers(-(2**40), 2**40, size=listed)
        chosen = constants.take(picks.deal(rng, rows))
        other = others.deal(rng, rows) ^ rng.integers(-(2**40), 2**40)
        # np.where branches on every row: 40 us more where a third are listed
        is_listed = -places.deal_kept(rng, rows, kept).astype(np.int64)  # all bits or none
        np.bitwise_xor(other, (other ^ chosen) & is_listed, out=values)
        return constants.tolist()

    return fill


# The terms of each plan in order: which column, how it is drawn.
TERMS = {
    "range": ((I32, between_term),),
    "mixed": (
        (I32, between_term),
        (U8, functools.partial(listed_bytes, listed=5)),
        (F32, below_term),
    ),
    "either": ((I64, functools.partial(listed_longs, listed=64)), (F64, from_term)),
}


def term_share(plan, kept):
    """The share of rows that each term keeps, so that the plan keeps ``kept``."""
    terms = len(TERMS[plan])
    return 1 - (1 - kept) ** (1 / terms) if plan == "either" else kept ** (1 / terms)


def validity_words(rng, shape, rows, null_64ths):
    """Bitmaps in which ``null_64ths`` of 64 rows are null: 0, 1 or 32; nothing past the rows."""
    words = np.full(shape, 2**64 - 1, np.uint64)
    if null_64ths:
        nulls = rng.integers(2**64, size=shape, dtype=np.uint64)
        for _ in range({32: 0, 1: 5}[null_64ths]):
            nulls &= rng.integers(2**64, size=shape, dtype=np.uint64)
        words &= ~nulls
    clear_rest(words, rows)
    return words


def clear_rest(words, rows):
    """No row is valid past the last."""
    if rows % 64 and words.size:
        words[..., -1] &= np.uint64(2 ** (rows % 64) - 1)


def filter_workload(shape, name, plan, rows, draw, constants):
    """One combo: a plan over ``rows`` rows; ``draw(rng, columns, validity)`` fills one request.

    It returns the request's constants. ``columns`` has an array for every column, with no rows
    where the plan does not read it.
    """
    nodes = np.array(plan, np.int64)
    read = {int(node[1]) for node in plan if node[0] < AND}
    words = (rows + 63) // 64

    def requests(rng, n):
        arrays = {
            column: np.empty((n, rows if c in read else 0), DTYPES[c])
            for c, column in enumerate(COLUMNS)
        }
        arrays["validity"] = np.empty((n, len(COLUMNS), words), np.uint64)
        arrays["constants"] = np.empty((n, constants), np.int64)
        for r in range(n):
            columns = [arrays[column][r] for column in COLUMNS]
            arrays["constants"][r] = draw(rng, columns, arrays["validity"][r])
        return arrays

    return Workload(
        shape=shape,
        distribution=name,
        fixture={"nodes": nodes, "rows": np.array([rows])},
        requests=requests,
        # Short spellings and few arrays: all cases of the battery reach a runner in one message,
        # 74 KB of the 208 KiB that a socket carries.
        outputs={
            "bits": ((words,), "<u8"),
            "known": ((words,), "<u8"),
            "words": ((), "<i8"),
            "rows": ((rows,), "<u8"),
            "count": ((), "<i8"),
            "status": ((), "<i8"),
        },
        # of every node what is true and what is known, a batch each
        scratch={"table": ((TABLE,), "<i8"), "bitmaps": ((2, len(nodes), 128), "<u8")},
    )


def workload(rng, plan, name, rows, kept, clustered, null_64ths):
    """A timed plan with rows of one distribution: its decks drawn now, its rows dealt later."""
    share = term_share(plan, kept)
    terms = [(column, term(rng, share, clustered)) for column, term in TERMS[plan]]
    words = (rows + 63) // 64
    run = BATCH_ROWS // 64
    valid = Deck(validity_words(rng, DECK // 64, DECK, null_64ths), run)
    constants = sum(node[4] for node in PLANS[plan])

    def draw(rng, columns, validity):
        given = []
        for column, fill in terms:
            given += fill(rng, columns[column])
        whole = -(-words // run) * run
        validity[:] = valid.deal(rng, len(COLUMNS) * whole).reshape(len(COLUMNS), whole)[:, :words]
        clear_rest(validity, rows)
        return given

    return filter_workload(plan, name, PLANS[plan], rows, draw, constants)


def workloads(rng):
    """Return the twelve timed combos."""
    return [
        workload(rng, plan, name, TIMED_ROWS[plan], *distribution)
        for plan in PLANS
        for name, distribution in TIMED_DISTRIBUTIONS.items()
    ]


def extremes(column):
    """Values of a column where comparisons go wrong first."""
    if column == F32:
        numbers = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-45], np.float32)
        bits = numbers.view(np.int32)
    elif column == F64:
        numbers = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 5e-324])
        bits = numbers.view(np.int64)
    else:
        info = np.iinfo(DTYPES[column])
        return np.array([info.min, info.min + 1, 0, 1, info.max - 1, info.max], DTYPES[column])
    # a NaN with its sign set, and one with another payload
    return np.concatenate([bits, [bits[6] | np.iinfo(bits.dtype).min, bits[6] + 1]]).astype(
        bits.dtype
    )


def every_operator(column):
    """One comparison a plan, for each operator."""
    kind = COMPARE_TOTAL if column in (F32, F64) else COMPARE
    return [((kind, column, op, 0, 1, 0, 0),) for op in range(6)]


def draw_extremes(rng, columns, validity, *, constants, nulls=1):
    """Rows and constants are extremes of their columns; the constants those of ``constants``."""
    rows = max(len(values) for values in columns)
    for column, values in enumerate(columns):
        values[:] = rng.choice(extremes(column), len(values))
    validity[:] = validity_words(rng, validity.shape, rows, nulls)
    return [int(rng.choice(extremes(column))) for column in constants]


def draw_below_zero(rng, columns, validity, *, column):
    """Extremes beside a constant with its sign set: -0.0, -1, -infinity or a -NaN."""
    draw_extremes(rng, columns, validity, constants=[])
    found = extremes(column)
    return [int(rng.choice(found[found < 0]))]


def battery(rng):
    """Correctness cases, in all of which bench.py watches what lies behind the row numbers."""
    for case in cases(rng):
        fixture = {**case.fixture, "watched": np.ones(1, np.int64)}
        yield dataclasses.replace(case, fixture=fixture)


def cases(rng):
    """Every timed plan and distribution, every operator, the edges."""
    for plan in PLANS:
        for name, distribution in TIMED_DISTRIBUTIONS.items():
            yield workload(rng, plan, name, 4_096, *distribution)
        for rows in (0, 1, 63, 64, 65, 8_191, 8_193):
            yield workload(rng, plan, f"{rows}-rows", rows, 0.5, False, 1)
        rows = int(rng.integers(8_193, 20_000))
        yield workload(rng, plan, "random-rows", rows, float(rng.random()), True, 1)
        yield workload(rng, plan, "all-kept", 700, 1.0, False, 0)

    for column, name in enumerate(COLUMNS):
        for plan in every_operator(column):
            draw = functools.partial(draw_extremes, constants=[column])
            yield filter_workload(name, f"extremes-op{plan[0][2]}", plan, 331, draw, 1)

    def nothing_known(rng, columns, validity, *, draw):
        constants = draw(rng, columns, validity)
        validity[:] = 0
        return constants

    def all_equal(rng, columns, validity, *, constants):
        given = draw_extremes(rng, columns, validity, constants=constants)
        for column, values in enumerate(columns):
            values[:] = given[constants.index(column)] if len(values) else 0
        return given

    below = ((COMPARE, I32, LT, 0, 1, 0, 0), (COMPARE_TOTAL, F64, GE, 1, 1, 0, 0))
    both = (*below, (AND, 0, 0, 0, 0, 0, 1))
    one = (*below, (OR, 0, 0, 0, 0, 0, 1))
    two_columns = functools.partial(draw_extremes, constants=[I32, F64], nulls=32)
    for shape, plan in (("and", both), ("or", one)):
        yield filter_workload(shape, "half-null", plan, 500, two_columns, 2)
        all_null = functools.partial(nothing_known, draw=two_columns)
        yield filter_workload(shape, "all-null", plan, 500, all_null, 2)
        equal = functools.partial(all_equal, constants=[I32, F64])
        yield filter_workload(shape, "all-equal", plan, 500, equal, 2)
    for listed in (0, 1, 3, 4, 100):
        for column in (I32, I64, U8, F64):
            plan = ((IS_IN, column, 0, 0, listed, 0, 0),)
            draw = functools.partial(draw_extremes, constants=[column] * listed or [column])
            shape = f"{COLUMNS[column]}_in"
            yield filter_workload(shape, f"{listed}-listed", plan, 300, draw, listed or 1)
    backwards = ((BETWEEN, I64, 0, 0, 2, 0, 0),)
    draw = functools.partial(draw_extremes, constants=[I64, I64])
    yield filter_workload("i64_between", "extremes", backwards, 300, draw, 2)
    unknown = ((COMPARE, I32, 6, 0, 1, 0, 0),)
    draw = functools.partial(draw_extremes, constants=[I32])
    yield filter_workload("i32", "unknown-operator", unknown, 300, draw, 1)
    # Beside a negative constant a kernel may turn the order of floats round by the operator's
    # bits: then 6 looked like equality to one that was kept. The last two are 2 in 3 or 32 bits.
    for column in (F32, F64):
        for op in (-1, 6, 7, 10, 2**32 + 2):
            unknown = ((COMPARE_TOTAL, column, op, 0, 1, 0, 0),)
            draw = functools.partial(draw_below_zero, column=column)
            name = f"op{op}-unknown-operator"
            yield filter_workload(COLUMNS[column], name, unknown, 300, draw, 1)
