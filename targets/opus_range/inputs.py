"""Inputs of the range decoder: what the judge checks, and what it times.

A request is frames that the project's own range encoder wrote, with the symbols of a CELT frame of
20 ms in its order: flags, energies, time-frequency changes, spreading, boosts, trim, raw bits of
energies, then for each vector its index and for every other one an angle. Before an energy, a
change, a boost, a vector and an angle, and behind an angle, it asks how much is used, as a decoder
does. The codebooks are those of one frame of a real stream, drawn for each request from the
snapshot of ``opus_pvq``. Symbols are drawn by their models, so that frames are as long as models
say. All frames of a request have one script. A request takes 0.2 to 0.4 ms to draw.
"""

import functools
from pathlib import Path

import numpy as np
from numba import njit

from workbench import snapshots
from workbench.opus import pvq, tables
from workbench.opus import range_coder as coding
from workbench.targets import Workload

# name: (channels, frames of a request)
SHAPES = {"32k_mono": (1, 48), "96k_stereo": (2, 24), "192k_stereo": (2, 16)}
TIMED_DISTRIBUTIONS = ("speech", "music", "transients")
BIT, SYMBOL, LAPLACE, RAW, UINT, COUNT, TELL = range(7)
# Bits of the totals of the distributions in `tables.ICDF`, by where each starts.
TOTALS = {tables.SPREAD: 5, tables.TRIM: 7, tables.TAPSET: 2, tables.SMALL_ENERGY: 2}
LARGEST_UINT = 2**32 - 1
FIXTURE = {"icdf": tables.ICDF}


@functools.cache
def recorded(shape, distribution):
    """Codebook sizes of each frame of a real stream, as lists of integers."""
    root = Path(__file__).resolve().parents[2]
    file = snapshots.load("libopus", "opus_pvq", root).files[f"{shape}-{distribution}.npz"]
    codebooks = np.stack([file["request_sizes"][0], file["request_pulses"][0]], axis=1)
    sizes = np.array([int(pvq.size(n, k)) for n, k in codebooks.tolist()], np.int64)
    return [part.tolist() for part in np.split(sizes, np.cumsum(file["request_counts"][0])[:-1])]


def script_of(rng, channels, sizes):
    """Symbols of a frame with these codebooks: kind and two numbers each."""
    used = (TELL, 0, 0)
    lines = [(BIT, logp, 0) for logp in (15, 1, 3, 3)]
    # twice 64: the tables keep 256ths of the 32,768 counts, and of the decay of 16,384
    for zero, decay in tables.LAPLACE[3, 0].tolist():
        lines += [used, (LAPLACE, zero << 7, decay << 6)] * channels
    lines += [used, (BIT, 4, 0)] + [used, (BIT, 5, 0)] * 20
    lines += [(SYMBOL, tables.SPREAD, 5)] + [used, (BIT, 6, 0)] * 21 + [(SYMBOL, tables.TRIM, 7)]
    if channels == 2:
        lines += [(UINT, 22, 0), (BIT, 1, 0)]
    fine = rng.integers(1, 4, size=21).tolist()
    lines += [(RAW, bits, 0) for bits in fine for _ in range(channels)]
    angles = rng.integers(3, 64, size=len(sizes)).tolist()
    for i, (size, angle) in enumerate(zip(sizes, angles, strict=True)):
        # even steps where there are two channels or blocks; in one band others, here by threes
        asked = (UINT, angle, 0) if i % 4 == 1 else (COUNT, 3 * angle - 1, 3)
        lines += [used, (UINT, size, 0)] + [used, asked, used] * (i % 2)
    return lines


def stacked(scripts, count):
    """Scripts as i64[n, count, 3]; what is missing is no raw bits."""
    found = np.zeros((len(scripts), count, 3), np.int64)
    found[:, :, 0] = RAW
    for row, lines in zip(found, scripts, strict=True):
        row[: len(lines)] = lines
    return found


def bits_of(lines):
    """Bits that a frame cannot exceed, whatever its symbols are: an upper bound."""
    worst = {BIT: 16, SYMBOL: 8, LAPLACE: 16, RAW: 0, UINT: 33, COUNT: 17, TELL: 0}
    return sum(worst[kind] + (one if kind == RAW else 0) for kind, one, _ in lines)


@njit
def drawn_laplace(at, zero, decay):
    """The number that a count of 32,768 belongs to."""
    if at < zero:
        return 0
    low, size = zero, 1
    counts = ((32768 - 32 - zero) * (16384 - decay) >> 15) + 1
    while at >= low + 2 * counts:
        low += 2 * counts
        counts = ((2 * counts - 2) * decay >> 15) + 1
        size += 1
    return -size if at < low + counts else size


@njit
def encode(scripts, chances, icdf, packets, bounds):
    """Write frames one behind another; ``chances`` f64[n, frames, lines] choose the symbols."""
    coder = np.zeros(coding.FIELDS, np.int64)
    for i in range(len(scripts)):
        at = 0
        packet = packets[i]
        for j in range(chances.shape[1]):
            bounds[i, j] = at
            coding.start_encoder(coder, packet, at, len(packet) - at)
            for line in range(scripts.shape[1]):
                kind, one, two = scripts[i, line, 0], scripts[i, line, 1], scripts[i, line, 2]
                chance = chances[i, j, line]
                if kind == BIT:
                    coding.encode_bit(coder, packet, 1 if chance * (1 << one) < 1 else 0, one)
                elif kind == SYMBOL:
                    symbol = 0
                    while (1 << two) - icdf[one + symbol] <= int(chance * (1 << two)):
                        symbol += 1
                    coding.encode_icdf(coder, packet, symbol, icdf, one, two)
                elif kind == LAPLACE:
                    number = drawn_laplace(int(chance * 32768), one, two)
                    coding.encode_laplace(coder, packet, number, one, two)
                elif kind == RAW:
                    coding.encode_bits(coder, packet, int(chance * (1 << one)), one)
                elif kind == UINT:
                    coding.encode_uint(coder, packet, int(chance * one), one)
                elif kind == COUNT:
                    low = int(chance * one) // two * two
                    coding.encode_range(coder, packet, low, min(low + two, one), one)
            size = (coding.tell(coder) + 7 >> 3) + 1
            coding.shrink_encoder(coder, packet, size)
            coding.finish_encoder(coder, packet)
            at += size
        bounds[i, chances.shape[1]] = at


def encoded(rng, scripts, count, frames, room):
    """Requests of so many frames, their symbols drawn by their models."""
    lines = stacked(scripts, count)
    packets = np.zeros((len(scripts), room), np.uint8)
    bounds = np.zeros((len(scripts), frames + 1), np.int64)
    encode(lines, rng.random((len(scripts), frames, count)), tables.ICDF, packets, bounds)
    return {"packets": packets, "bounds": bounds, "script": lines}


def made(shape, distribution, frames, lines, requests):
    """Workload whose requests have so many frames of so many symbols."""
    return Workload(
        shape=shape,
        distribution=distribution,
        fixture=FIXTURE,
        requests=requests,
        outputs={
            "symbols": ((frames * lines,), "int64"),
            "ranges": ((frames,), "int64"),
        },
        batch=2 if shape == "edge" else 4,
    )


def workload(rng, shape, distribution, *, frames=None):
    """One combo: a recorded frame's codebooks for each request, and frames of it."""
    channels, shape_frames = SHAPES[shape]
    frames = frames or shape_frames
    deck = recorded(shape, distribution)
    longest = script_of(rng, channels, max(deck, key=len))
    room = frames * (bits_of(longest) // 8 + 3) + 16

    def requests(rng, n):
        scripts = [script_of(rng, channels, deck[j]) for j in rng.integers(len(deck), size=n)]
        return encoded(rng, scripts, len(longest), frames, room)

    return made(shape, distribution, frames, len(longest), requests)


def workloads(rng):
    """Return the nine timed combos."""
    return [workload(rng, s, d) for s in SHAPES for d in TIMED_DISTRIBUTIONS]


def every(kind):
    """Lines of one kind, with every number that a decoder may ask for, and extremes."""
    if kind == "bits":
        return [(BIT, logp, 0) for logp in range(1, 16)] * 8
    if kind == "symbols":
        return [(SYMBOL, first, bits) for first, bits in TOTALS.items()] * 20
    if kind == "energies":
        pairs = tables.LAPLACE.reshape(-1, 2).tolist()
        return [(LAPLACE, zero << 7, decay << 6) for zero, decay in pairs]
    if kind == "steep-and-flat":
        return [
            (LAPLACE, zero, decay)
            for zero in (128, 4_000, 16_000, 32_000, 32_600)
            for decay in (0, 1, 64, 8_000, 11_456)
        ]
    if kind == "raw":
        return [(RAW, bits, 0) for bits in [*range(26), *range(25, -1, -1)]]
    if kind == "counts":
        totals = [2, 3, 4, 17, 255, 256, 257, 32_767, 32_768, 65_535]
        return [(COUNT, total, each) for total in totals for each in (1, 3, total - 1, total)]
    edges = [2, 3, 4, 255, 256, 257, 511, 512, 65_535, 65_536, 2**24 + 1, 2**31, LARGEST_UINT]
    return [(UINT, total, 0) for total in edges] * 6


KINDS = ("bits", "symbols", "energies", "steep-and-flat", "raw", "uniform", "counts")


def battery(rng):
    """Correctness cases: the nine combos, each kind of symbol alone, and damaged frames."""
    for shape in SHAPES:
        for distribution in TIMED_DISTRIBUTIONS:
            yield workload(rng, shape, distribution, frames=2)
    for kind in KINDS:
        lines = [line for asked in every(kind) for line in (asked, (TELL, 0, 0))]
        yield edge(kind, lines, 12, lambda given, rng: given)
    mixed = [line for kind in KINDS for line in every(kind)[:24]]
    for name, damage in {
        "mixed": lambda given, rng: given,
        "garbage": garbage,
        "truncated": truncated,
        "no-bytes": no_bytes,
        "ones": ones,
    }.items():
        yield edge(name, mixed, 12, damage)


def edge(name, lines, frames, change):
    """Case of one script in an order of its own each time, with frames that ``change`` changes."""
    room = frames * (bits_of(lines) // 8 + 3) + 16

    def requests(rng, n):
        scripts = [[lines[j] for j in rng.permutation(len(lines))] for _ in range(n)]
        return change(encoded(rng, scripts, len(lines), frames, room), rng)

    return made("edge", name, frames, len(lines), requests)


def garbage(given, rng):
    """Random bytes in frames as long as before."""
    return {**given, "packets": rng.integers(256, size=given["packets"].shape, dtype=np.uint8)}


def ones(given, rng):
    """Every bit set: the largest numbers, many of them out of range."""
    return {**given, "packets": np.full_like(given["packets"], 255)}


def truncated(given, rng):
    """Frames that end somewhere: all bounds are drawn anew."""
    bounds = rng.integers(given["bounds"][:, -1:] + 1, size=given["bounds"].shape)
    return {**given, "bounds": np.sort(bounds, axis=1)}


def no_bytes(given, rng):
    """Frames of no byte and of one."""
    counts = rng.integers(2, size=given["bounds"].shape)
    return {**given, "bounds": np.cumsum(counts, axis=1)}
