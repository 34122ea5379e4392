"""Inputs of the bit-packing target: what the judge checks, and what it times.

A request is the second buffer of a mini-block page as Lance writes it, viewed as words of its type:
8 bytes of a block's header, one word with the width of its 1,024 values, ``128 * width`` bytes of
packed values, padded to 8 bytes; then the next block. ``bounds`` says where each block's chunk is
(from its width to behind its last word), which the caller knows from the page's metadata. Any bits
are valid packed values, so a page is drawn as random bits and the widths are put in their places.

The widths are those of a column: all chunks of a ``narrow`` or ``wide`` page have one width, but
one chunk in eight happens to need a bit less; in a ``mixed`` page each chunk has its own, from 0
bits to all.
"""

import numpy as np

from workbench.targets import Workload

# Bits of the value type to chunks of a timed page; the last is the outlier. 512 kB of values each.
SHAPES = {32: 128, 64: 64, 8: 512}
TYPES = (8, 16, 32, 64)
DISTRIBUTIONS = ("narrow", "mixed", "wide")
# Least and most bits that a page of one width has.
NARROW = {8: (1, 2), 16: (1, 4), 32: (1, 7), 64: (1, 15)}
WIDE = {8: (5, 7), 16: (10, 15), 32: (20, 31), 64: (40, 63)}
BATTERY_CHUNKS = 9


def name(bits, chunks):
    """Name of a shape, e.g. ``u32x128``."""
    return f"u{bits}x{chunks}"


def widths(rng, distribution, bits, pages, chunks):
    """Widths of every chunk of ``pages`` pages."""
    if distribution == "mixed":
        return rng.integers(bits + 1, size=(pages, chunks))
    least, most = {"narrow": NARROW, "wide": WIDE}[distribution][bits]
    return rng.integers(least, most + 1, size=(pages, 1)) - (rng.random((pages, chunks)) < 1 / 8)


def most_bits(distribution, bits):
    """Return the largest width of a distribution."""
    return {"narrow": NARROW[bits][1], "wide": WIDE[bits][1]}.get(distribution, bits)


def page(rng, bits, chunk_widths, most):
    """Random pages of the given widths, as long as pages of width ``most`` are.

    Parameters
    ----------
    rng : Generator
        Source of the packed bits.
    bits : int
        Bits of the value type.
    chunk_widths : ndarray
        i64[pages, chunks].
    most : int
        Bits; a page's buffer has room for chunks of this width.

    Returns
    -------
    dict
        ``words`` u<bits>[pages, room] and ``bounds`` i64[pages, chunks, 2].
    """
    pages, chunks = chunk_widths.shape
    room = chunks * (16 + 128 * most) // 8
    words = rng.integers(2**64, size=(pages, room), dtype=np.uint64).view(f"u{bits // 8}")
    blocks = (16 + 128 * chunk_widths) * 8 // bits
    starts = blocks.cumsum(axis=1) - blocks + 64 // bits
    np.put_along_axis(words, starts, chunk_widths.astype(words.dtype), axis=1)
    bounds = np.stack([starts, starts + 1 + 1024 * chunk_widths // bits], axis=2)
    return {"words": words, "bounds": bounds}


def packed(values, width):
    """Pack 1,024 values into ``width`` bits each: the inverse of the kernel, for the edges."""
    bits = 8 * values.itemsize
    lanes = 1024 // bits
    row, lane = np.arange(bits), np.arange(lanes)[:, None]
    order = np.array([0, 4, 2, 6, 1, 5, 3, 7])
    rows = np.ascontiguousarray(values[16 * order[row // 8] + 128 * (row % 8) + lane])
    planes = np.unpackbits(rows.view(np.uint8), bitorder="little").reshape(lanes, bits, bits)
    streams = np.packbits(planes[:, :, :width].reshape(lanes, -1), axis=1, bitorder="little")
    return np.ascontiguousarray(streams.view(values.dtype).T).ravel()


def workload(bits, chunks, distribution, requests, batch=4):
    """One combo: ``requests(rng, n)`` draws its pages."""
    return Workload(
        shape=name(bits, chunks),
        distribution=distribution,
        fixture={},
        requests=requests,
        outputs={"out": ((1024 * chunks,), f"uint{bits}"), "status": ((), "int64")},
        batch=batch,
    )


def drawn(bits, chunks, distribution, case=None):
    """One combo of pages with widths of a distribution, under the name of a ``case``."""

    def requests(rng, n):
        return page(
            rng,
            bits,
            widths(rng, distribution, bits, n, chunks),
            most_bits(distribution, bits),
        )

    return workload(bits, chunks, case or distribution, requests)


def workloads(rng):
    """Return the nine timed combos; nothing of them is known before a request."""
    return [
        drawn(bits, chunks, distribution)
        for bits, chunks in SHAPES.items()
        for distribution in DISTRIBUTIONS
    ]


def battery(rng):
    """Correctness cases: every type and width, the edges of the surface, and damaged pages."""
    for bits in TYPES:
        for distribution in DISTRIBUTIONS:
            yield drawn(bits, BATTERY_CHUNKS, distribution)
        yield every_width(bits)
    for bits, width in ((32, 0), (8, 0), (16, 16), (32, 32), (64, 64)):
        yield one_width(bits, 3, width)
    yield drawn(32, 0, "mixed", "no-chunks")
    yield one_width(64, 1, 33)
    for bits in TYPES:
        yield filled(bits, "all-ones")
        yield filled(bits, "all-equal")
        yield filled(bits, "one-value")
        yield filled(bits, "last-chunk-partial")
    for bits in (8, 32):
        yield any_order(bits)
        yield drawn(bits, int(rng.integers(10, 100)), "mixed", "random-chunks")
    for bits in (8, 32, 64):
        yield damaged(bits)


def every_width(bits):
    """One chunk of each width, in a random order."""

    def requests(rng, n):
        order = rng.permuted(np.tile(np.arange(bits + 1), (n, 1)), axis=1)
        return page(rng, bits, order, bits)

    return workload(bits, bits + 1, "every-width", requests, batch=2)


def one_width(bits, chunks, width):
    """All chunks of one width."""

    def requests(rng, n):
        return page(rng, bits, np.full((n, chunks), width), width)

    return workload(bits, chunks, f"width-{width}", requests)


def filled(bits, kind):
    """Pages whose values are chosen, then packed: what an encoder really makes of them."""
    chunks = 1 if kind == "one-value" else 4

    def requests(rng, n):
        chosen = widths(rng, "mixed", bits, n, chunks)
        made = page(rng, bits, chosen, bits)
        words, bounds = made["words"], made["bounds"]
        for i in range(n):
            for chunk, width in enumerate(chosen[i].tolist()):
                values = chosen_values(rng, kind, bits, width, last=chunk == chunks - 1)
                start, end = bounds[i, chunk]
                words[i, start + 1 : end] = packed(values, width)
        return made

    return workload(bits, chunks, kind, requests)


def chosen_values(rng, kind, bits, width, last):
    """1,024 values of at most ``width`` bits; what pads a last chunk is 0, as in Lance's pages."""
    top = (1 << width) - 1
    values = np.full(1024, top, f"uint{bits}")
    if kind != "all-ones":
        values &= rng.integers(2**64, dtype=np.uint64).astype(values.dtype)
    if kind == "one-value":
        values[1:] = 0
    if kind == "last-chunk-partial" and last:
        values[rng.integers(1, 1024) :] = 0
    return values


def any_order(bits):
    """Chunks in any order and some of them twice; the page starts anywhere in its buffer."""
    chunks = 12

    def requests(rng, n):
        made = page(rng, bits, widths(rng, "mixed", bits, n, chunks), bits)
        shift = int(rng.integers(1, 64 // bits + 1))
        front = rng.integers(256, size=(n, shift), dtype=np.uint8).astype(made["words"].dtype)
        words = np.concatenate([front, made["words"]], axis=1)[:, : made["words"].shape[1]]
        order = rng.integers(chunks - 1, size=(n, chunks, 1))
        return {
            "words": np.ascontiguousarray(words),
            "bounds": np.take_along_axis(made["bounds"], order, axis=1) + shift,
        }

    return workload(bits, chunks, "any-order", requests)


def damaged(bits):
    """Pages of which a chunk, two in three times, is not what its bounds or its header say."""
    chunks = 6

    def requests(rng, n):
        made = page(rng, bits, widths(rng, "mixed", bits, n, chunks), bits)
        for words, bounds in zip(made["words"], made["bounds"], strict=True):
            damage(rng, words, bounds[rng.integers(chunks)])
        return made

    return workload(bits, chunks, "damaged", requests, batch=8)


def damage(rng, words, bound):
    """Spoil one chunk in one of twelve ways, of which four leave it as it is."""
    bits = 8 * words.itemsize
    extremes = np.iinfo(np.int64)
    match int(rng.integers(12)):
        case 0:
            bound[0] = -1
        case 1:
            bound[1] = len(words) + 1
        case 2:
            bound[1] = bound[0]
        case 3:
            bound[:] = extremes.min, extremes.max
        case 4:
            bound[:] = extremes.max, extremes.min
        case 5:
            words[bound[0]] = rng.integers(bits + 1, 1 << bits, dtype=words.dtype)
        case 6:
            words[bound[0]] ^= words.dtype.type(1 << int(rng.integers(bits)))
        case 7:
            bound[1] += rng.choice([-1, 1])
