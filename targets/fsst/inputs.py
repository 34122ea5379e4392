"""Inputs of the FSST target: what the judge checks, and what it times.

Codes come from a deck of 65,536 tokens (a code, or an escape and its byte) that is made once for
a workload; a request's codes are runs of 64 bytes of it, each from a random token on. They are
cut into strings without regard to the runs: the lengths of a chunk's strings are a run of 65,536
random lengths. So no chunk has both the codes and the lengths of another, and a request takes
0.01 to 0.07 ms; a run for each string took up to 0.4 ms. The decks of ``text`` are what Lance
itself made, table and codes, of words (strings of 8 bytes), URLs (40) and log lines (400): they
are taken from the snapshot, because Lance trains on strings it draws at random and no second run
makes the same table. In them a token decodes to 3.5, 3.6 and 3.0 bytes, and 0, 0 and 0.6 % of the
tokens are escapes.

A mini-block of Lance has 256 strings of 8 bytes or 128 of 40. Strings of 400 bytes are not in
mini-blocks, and Lance decodes those of a batch at once; here they come 128 at a time, because
every call needs 8 bytes of room for each that is compressed.
"""

import functools
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from workbench import snapshots
from workbench.targets import Workload

# name: (mean bytes of a string, chunks of a request, strings of a chunk, text)
SHAPES = {
    "8B": (8, 64, 256, "word"),
    "40B": (40, 64, 128, "url"),
    "400B": (400, 8, 128, "log"),
}
TIMED_DISTRIBUTIONS = ("text", "escapes", "long-symbols")
BATTERY_DISTRIBUTIONS = ("text", "escapes", "long-symbols", "short-symbols", "any-symbols")
DECK = 65_536
# Bytes of a run: as long as the codes of a longer string; 256 would take half as long.
RUN = 64
ESCAPE = 255
TABLE_BYTES = 8 + 256 * 8 + 256


def symbol_table(symbols, lengths, switch=1):
    """Serialise symbols u8[n, 8] and their lengths as Lance does."""
    table = np.zeros(TABLE_BYTES, np.uint8)
    n = len(symbols)
    table[:8] = n, 0, 0, switch, *b"TSSF"
    table[8 : 8 + 8 * n] = np.where(np.arange(8) < lengths[:, None], symbols, 0).ravel()
    table[8 + 8 * n : 8 + 9 * n] = lengths
    return table


def lengths_of(table):
    """Decoded length of every code; 0 where the table has none."""
    n = int(table[0])
    lengths = np.zeros(256, np.int64)
    lengths[:n] = table[8 + 8 * n : 8 + 9 * n]
    return lengths


@functools.cache
def recorded_text(kind):
    """Symbol table and codes that Lance made of 20,000 bytes of text."""
    root = Path(__file__).resolve().parents[2]
    arrays = snapshots.load("lance", "fsst", root).files[f"text-{kind}.npz"]
    bounds = arrays["request_offsets"][0, 0]
    return arrays["fixture_table"], arrays["request_compressed"][0, bounds[0] : bounds[1]]


def tokens_of(codes):
    """Cut a code stream into tokens: the codes, and the byte behind each that is an escape."""
    found, literals, at = [], [], 0
    stream = codes.tolist()
    while at < len(stream):
        escape = stream[at] == ESCAPE
        found.append(stream[at])
        literals.append(stream[at + 1] if escape else 0)
        at += 1 + escape
    return np.array(found, np.uint8), np.array(literals, np.uint8)


def random_table(rng, low, high, count=255):
    """Table of ``count`` random symbols of ``low`` to ``high`` bytes."""
    lengths = rng.integers(low, high, count, endpoint=True)
    return symbol_table(rng.integers(256, size=(count, 8), dtype=np.uint8), lengths)


def random_tokens(rng, table, escapes):
    """Draw tokens of a table, frequent codes as often as in text (1 / rank), some of them escapes.

    Ranks are given to codes at random.
    """
    count = int(table[0])
    weight = 1 / np.arange(1, count + 1)
    codes = rng.permutation(count)[rng.choice(count, DECK, p=weight / weight.sum())]
    codes = np.where(rng.random(DECK) < escapes, ESCAPE, codes).astype(np.uint8)
    return codes, rng.integers(256, size=DECK, dtype=np.uint8)


def deck_of(rng, distribution, text):
    """Symbol table, codes and literals of a distribution."""
    if distribution == "text":
        table, codes = recorded_text(text)
        codes, literals = tokens_of(codes)
        again = np.arange(DECK) % len(codes)
        return table, codes[again], literals[again]
    if distribution == "escapes":  # text in a language that the sample had not
        table, _ = recorded_text(text)
        return table, *random_tokens(rng, table, 0.3)
    low, high, escapes = {
        "long-symbols": (8, 8, 0.0),
        "short-symbols": (1, 2, 0.02),
        "any-symbols": (1, 8, 0.05),
    }[distribution]
    table = random_table(rng, low, high)
    return table, *random_tokens(rng, table, escapes)


class Deck:
    """Codes to deal requests from.

    Attributes
    ----------
    first : ndarray
        i64, where the tokens start from which a run of `RUN` bytes ends with a token too.
    runs, literals : ndarray
        u8[n, RUN], the run from each byte on, and which of its bytes follow an escape. There are
        no ``literals`` where no token is an escape.
    bytes, decoded : float
        Mean bytes of a token, and that it decodes to.
    """

    def __init__(self, table, codes, literals):
        sizes = 1 + (codes == ESCAPE)
        stream = np.stack([codes, literals], axis=1)
        is_literal = np.broadcast_to(np.array([0, 1], np.uint8), stream.shape)
        kept = np.arange(2) < sizes[:, None]
        data, is_literal = self.round(stream[kept]), self.round(is_literal[kept])
        self.runs = sliding_window_view(data, RUN)
        self.literals = sliding_window_view(is_literal, RUN) if is_literal.any() else None
        self.first = np.flatnonzero((is_literal[:-RUN] | is_literal[RUN:]) == 0)
        self.decoded = float(np.where(sizes == 2, 1, lengths_of(table)[codes]).mean())
        self.bytes = float(sizes.mean())

    @staticmethod
    def round(data):
        """Go on from the end with the beginning."""
        return np.concatenate([data, data[:RUN]])

    def whole_tokens(self, first, offsets):
        """Move each bound between an escape and its byte to before the escape."""
        if self.literals is not None:
            for starts, bounds in zip(first, offsets, strict=True):
                bounds -= self.literals[starts].reshape(-1).take(bounds)


def workload(rng, shape, distribution, *, chunks=None, strings=None):
    """One combo: its table and deck drawn now, its strings whenever they are asked for."""
    mean, shape_chunks, shape_strings, text = SHAPES[shape]
    chunks, strings = chunks or shape_chunks, shape_strings if strings is None else strings
    table, codes, literals = deck_of(rng, distribution, text)
    deck = Deck(table, codes, literals)
    tokens = mean / deck.decoded
    # as of a gamma distribution with a standard deviation of half its mean; bounds fall on bytes
    # and are moved to tokens, which is nearly as if tokens were counted: among ``escapes``, 11.2 %
    # of the strings of 8 bytes are empty instead of 12.4 %
    lengths = rng.poisson(rng.standard_gamma(4, DECK) * (tokens * deck.bytes / 4))
    ends = sliding_window_view(np.cumsum(lengths, dtype=np.int32), strings + 1)
    total = chunks * strings

    # what no request in a million reaches: six standard deviations above the mean
    def enough(strings, each):
        return int(each * (strings + 6 * np.sqrt(strings * (1 / tokens + 1 / 4)))) + 64

    capacity = -(-enough(total, tokens * deck.bytes) // RUN) * RUN
    room = enough(total, mean) + 8 * enough(strings, tokens * deck.bytes)

    def requests(rng, n):
        first = deck.first[rng.integers(len(deck.first), size=(n, capacity // RUN))]
        compressed = deck.runs[first].reshape(n, capacity)
        offsets = ends[rng.integers(len(ends), size=(n, chunks))]
        # every chunk starts where the one before it ends
        begins = np.cumsum(offsets[:, :, -1] - offsets[:, :, 0], axis=1, dtype=np.int32)
        offsets += (begins - offsets[:, :, -1])[:, :, None]
        np.minimum(offsets, np.int32(capacity - 1), out=offsets)
        deck.whole_tokens(first, offsets)
        return {"compressed": compressed, "offsets": offsets} | rooms(n, room)

    return Workload(
        shape=shape,
        distribution=distribution,
        fixture={"table": table},
        requests=requests,
        outputs=outputs(room, chunks, strings),
    )


def rooms(n, room):
    """Say how many bytes of ``out`` each request may use: all."""
    return {"room": np.full(n, room, np.int64)}


def outputs(room, chunks, strings):
    """Buffers of one request."""
    return {
        "out": ((room,), "uint8"),
        "out_offsets": ((chunks, strings + 1), "int32"),
        "count": ((), "int64"),
        "status": ((), "int64"),
    }


def workloads(rng):
    """Return the nine timed combos."""
    return [workload(rng, s, d) for s in SHAPES for d in TIMED_DISTRIBUTIONS]


def battery(rng):
    """Correctness cases: fifteen combos, then the edges of the format and input that is bad."""
    for shape in SHAPES:
        for distribution in BATTERY_DISTRIBUTIONS:
            yield workload(rng, shape, distribution, chunks=2)
    few = random_table(rng, 1, 8, 3)
    yield edge("no-strings", few, [[]])
    yield edge("one-string", few, [[b"\0\1\2\0\1"]])
    yield edge("empty-strings", few, [[b""] * 40, [b"", b"\1", b"", b""]])
    yield edge("equal-strings", few, [[b"\2\1\xff!\0"] * 300])
    yield edge("every-escape", few, [[bytes([ESCAPE, b]) for b in range(256)]])
    yield edge("only-escapes", few, [[bytes([ESCAPE, b]) * (b % 9) for b in range(64)]])
    yield edge("every-code", random_table(rng, 1, 8), [[bytes(range(255)), bytes([254] * 99)]])
    yield edge("full-symbols", random_table(rng, 8, 8), [[rng.bytes(5_000).replace(b"\xff", b"")]])
    yield edge("no-symbols", random_table(rng, 1, 8, 0), [[b"\xffa\xffb", b"\7"]])
    yield edge("undefined-codes", few, [[bytes([0, c, 1]) for c in range(255)]])
    off = few.copy()
    off[3] = 0
    yield edge("switched-off", off, [[b"plain", b"", b"\xff"], [b"\xff\xff"]])
    for codes in range(6):  # a string that ends in an escape, in every place of a group of four
        strings = [b"\1\2", bytes([1] * codes) + b"\xff", b"\0"]
        yield edge(f"escape-at-end-{codes}", few, [[b"\0"] * 3, strings])
    for name, place, value in (("magic", 5, 0), ("length-0", 33, 0), ("length-9", 34, 9)):
        bad = few.copy()
        bad[place] = value
        yield edge(f"bad-{name}", bad, [[b"\0\1"]])
    yield edge("short-table", few[:-1].copy(), [[b"\0\1"]])
    yield edge("small-out", few, [[b"\0\1\2"] * 9], room=7)
    for name, offsets in (
        ("descending", [0, 5, 4, 9]),
        ("negative", [-1, 5, 7, 9]),
        ("beyond", [0, 5, 7, 1_000]),
        ("wrapping", [0, 2**31 - 1, -(2**31), 9]),
    ):
        yield edge(f"{name}-offsets", few, [[b"\0\1\2"] * 3], offsets=offsets)


def edge(name, table, chunks, *, room=8, offsets=None):
    """Build a case of given strings, the same for every request."""
    data = np.frombuffer(b"".join(s for chunk in chunks for s in chunk), np.uint8)
    strings = max(len(chunk) for chunk in chunks)
    bounds = np.zeros((len(chunks), strings + 1), np.int32)
    end = 0
    for row, chunk in zip(bounds, chunks, strict=True):
        padded = chunk + [b""] * (strings - len(chunk))
        row[0] = end
        row[1:] = end + np.cumsum([len(s) for s in padded])
        end = row[-1]
    if offsets is not None:
        bounds[0] = offsets

    def requests(rng, n):
        given = {"compressed": np.tile(data, (n, 1)), "offsets": np.tile(bounds, (n, 1, 1))}
        return given | rooms(n, room * len(data))

    return Workload(
        shape="edge",
        distribution=name,
        fixture={"table": table},
        requests=requests,
        outputs=outputs(room * len(data), len(chunks), strings),
        batch=2,
    )
