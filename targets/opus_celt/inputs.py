"""Inputs of the CELT decoder: what the judge checks, and what it times.

libopus encoded all of it. A timed request is a few runs of `RUN` consecutive packets, each from a
random place of a deck of 2.5 to 6 s that is encoded once for a workload. Where runs meet, a decoder
predicts from the wrong packet, as after a seek; libopus does the same, so any sequence has a truth.
A request takes 0.03 to 0.1 ms to draw, and two of them have no more than a run in common.

Behind a packet's end lie random bytes: a decoder that reads further than it may decodes them.
"""

import functools

import numpy as np

from workbench.opus import streams
from workbench.opus.streams import Settings
from workbench.targets import Workload
from workbench.upstreams import libopus

# name: (settings, packets of a request)
SHAPES = {
    "20ms-stereo-128k": (Settings(960, "fullband", 2, 128, "cvbr"), 8),
    "20ms-mono-64k": (Settings(960, "fullband", 1, 64, "cvbr"), 8),
    "2.5ms-stereo-96k": (Settings(120, "fullband", 2, 96, "cbr"), 32),
}
TIMED_DISTRIBUTIONS = ("speech", "music", "transients")
# Consecutive packets; and samples of a deck, by frame size.
RUN = 4
DECK_SAMPLES = {960: 288_000, 120: 120_000}
# A float decoder's error grows with its signal, and what is wrong with a packet knows no bound.
LOUDEST = 4.0


def outputs(rows, packets, channels):
    """Buffers of one request."""
    return {
        "pcm": ((rows, channels), "float32"),
        "samples": ((packets,), "int32"),
        "ranges": ((packets,), "uint32"),
    }


def fixture(channels, frame, rows):
    """What a decoder is set up with, and how long the sound of a request may get."""
    given = {"channels": channels, "frame_size": frame, "rows": rows}
    return {name: np.array([value]) for name, value in given.items()}


def stacked(rng, runs, packets, width):
    """Packets as arrays: u8[n, packets, width] and their lengths, -1 where a run has ended."""
    data = rng.integers(256, size=(len(runs), packets, width), dtype=np.uint8)
    lengths = np.full((len(runs), packets), -1, np.int32)
    for i, run in enumerate(runs):
        for j, packet in enumerate(run):
            data[i, j, : len(packet)] = np.frombuffer(packet, np.uint8)
            lengths[i, j] = len(packet)
    return {"packets": data, "lengths": lengths}


def width_of(runs):
    """Room for the longest packet, in whole cache lines, and at least one byte behind it."""
    return (max(len(packet) for run in runs for packet in run) // 64 + 1) * 64


def workload(rng, shape, distribution):
    """One timed combo: its deck is encoded now, its runs are drawn when they are asked for."""
    settings, packets = SHAPES[shape]
    frame, channels = settings.frame, settings.channels
    count = DECK_SAMPLES[frame] // frame
    run = streams.stream(rng, distribution, settings, count).packets
    deck = stacked(rng, [run], count, width_of([run]))
    data, sizes = deck["packets"][0], deck["lengths"][0]

    def requests(rng, n):
        first = rng.integers(count - RUN + 1, size=(n, packets // RUN, 1))
        which = (first + np.arange(RUN)).reshape(n, packets)
        return {"packets": data[which], "lengths": sizes[which]}

    return Workload(
        shape=shape,
        distribution=distribution,
        fixture=fixture(channels, frame, packets * frame),
        requests=requests,
        outputs=outputs(packets * frame, packets, channels),
    )


def workloads(rng):
    """Return the nine timed combos."""
    return [workload(rng, s, d) for s in SHAPES for d in TIMED_DISTRIBUTIONS]


def battery(rng):
    """Correctness cases.

    The parity matrix cell by cell, packets of one channel for outputs of two and the reverse,
    settings that change within a stream, every packing, a buffer that is too small, and packets
    that are damaged.
    """
    for which, (frame, bandwidth, channels) in enumerate(streams.CELLS):
        make = functools.partial(cell, which)
        side = "stereo" if channels == 2 else "mono"
        name = f"{frame / 48:g}ms-{bandwidth}", side
        yield listed(rng, *name, make, channels, frame, streams.PACKETS[frame])
    for channels in (1, 2):
        name = f"to-{channels}"
        yield listed(rng, "mixed", name, mixed, channels, 960, 40, rows=24_000, batch=6)
        yield listed(rng, "switching", name, switching, channels, 960, 60, rows=24_000, batch=4)
    yield listed(rng, "packed", "every-code", packed, 2, 960, 4, rows=4 * 5_760, batch=24)
    yield listed(rng, "edge", "little-room", packed, 2, 960, 4, rows=1_700, batch=8)
    yield listed(rng, "edge", "one-packet", one_packet, 2, 960, 1, rows=960, batch=4)
    for frame, channels in ((120, 2), (240, 1), (480, 2), (960, 1), (960, 2)):
        for name, damage in DAMAGES.items():
            yield damaged(rng, name, damage, frame, channels)


def listed(rng, shape, distribution, make, channels, frame, packets, *, rows=None, batch=10):
    """Case whose requests are the runs that ``make(rng)`` lists, in random order.

    They are made when they are first asked for, because naming the cases is frequent and cheap.
    """
    seed = int(rng.integers(2**62))
    rows = rows or packets * frame

    @functools.cache
    def made():
        return make(np.random.default_rng(seed))

    def requests(rng, n):
        runs = made()
        turns = [rng.permutation(len(runs)) for _ in range(-(-n // len(runs)))]
        order = np.concatenate(turns)[:n]
        return stacked(rng, [runs[i] for i in order], packets, width_of(runs))

    return Workload(
        shape=shape,
        distribution=distribution,
        fixture=fixture(channels, frame, rows),
        requests=requests,
        outputs=outputs(rows, packets, channels),
        batch=batch,
    )


def cell(which, rng):
    """Ten streams of a cell of the parity matrix."""
    return [made.packets for made in streams.cell(rng, which)]


def mixed(rng):
    """Streams of one channel and of two, of every frame size: outputs have what they have."""
    return [
        streams.stream(rng, kind, Settings(frame, "fullband", channels, 80, "vbr"), 12).packets
        for kind in ("speech", "music", "transients")
        for frame in streams.FRAMES
        for channels in (1, 2)
    ]


def switching(rng):
    """Streams whose frame size, bandwidth, width and rate change every few packets."""
    found = []
    for kind in ("speech", "music", "transients", "pauses"):
        drawn = [
            Settings(
                int(rng.choice(streams.FRAMES)),
                str(rng.choice(streams.BANDWIDTHS)),
                int(rng.integers(1, 3)),
                float(rng.choice(streams.RATES_KBPS)),
                str(rng.choice(streams.RATE_CONTROLS)),
                int(rng.integers(11)),
            )
            for _ in range(6)
        ]
        run = int(rng.integers(1, 5))
        found.append(streams.switching(rng, kind, drawn, 24_000, run).packets[:60])
    return found


def packed(rng):
    """Runs of four packets of 1 to 48 frames, of equal sizes and of others, padded or not."""
    found = []
    for frame in streams.FRAMES:
        most = streams.MOST_SAMPLES // frame
        for control in ("cbr", "vbr"):
            for frames, padding in ((1, 0), (2, 0), (3, 1), (most // 2, 255), (most, 0)):
                frames = max(frames, 1)
                settings = Settings(frame, "fullband", 2, 64, control)
                made = streams.stream(rng, "transients", settings, 4 * frames)
                found.append(streams.merge(made.packets, frames, padding))
    return found


def one_packet(rng):
    """The first packet of four streams."""
    kinds = ("speech", "music", "transients", "silence")
    return [streams.stream(rng, kind, Settings(channels=2), 1).packets for kind in kinds]


def truncated(rng, packet):
    """Cut off behind at least two bytes of a frame."""
    return packet[: int(rng.integers(3, max(len(packet), 4)))]


def flipped(rng, packet):
    """Flip one to eight bits anywhere, but for the bit that says CELT."""
    data = bytearray(packet)
    for place in rng.integers(1, 8 * len(data), size=rng.integers(1, 9)).tolist():
        data[place // 8] ^= 128 >> place % 8
    return bytes(data)


def garbage(rng, packet):
    """Random bytes under a header of CELT."""
    return bytes([packet[0] | 128]) + rng.bytes(int(rng.integers(2, 200)))


def malformed(rng, packet):
    """Break the packing, each time in one of the ways there are (RFC 6716, 3.4)."""
    head, body = packet[0] & 0xFC, packet[1:200]
    odd = body if len(body) % 2 else body + b"\1"
    duration = libopus.frame_samples(packet)
    ways = (
        bytes([head]) + rng.bytes(1_276),  # a frame of more than 1,275 bytes
        bytes([head | 1]) + odd,  # two frames of equal size, of an odd number of bytes
        bytes([head | 2]),  # two frames, without the size of the first
        bytes([head | 2, 252]),  # half a size
        bytes([head | 2, len(body) + 1]) + body[:250],  # the first longer than the packet
        bytes([head | 3]),  # no count
        bytes([head | 3, 0]) + body,  # no frames
        bytes([head | 3, 5_760 // duration + 1]) + body,  # more than 120 ms
        bytes([head | 3, 2]) + odd,  # equal sizes that do not divide
        bytes([head | 3, 128 | 3, 100, 200]) + body[:150],  # sizes beyond the end
        bytes([head | 3, 128 | 3, 100]),  # sizes that end early
        bytes([head | 3, 64 | 1, 254]) + body[:100],  # more padding than packet
        bytes([head | 3, 64 | 1, 255, 255]),  # padding without an end
        bytes([head | 3, 64 | 1]),  # no padding length
    )
    return ways[int(rng.integers(len(ways)))]


DAMAGES = {
    "truncated": truncated,
    "flipped": flipped,
    "garbage": garbage,
    "malformed": malformed,
}


def damaged(rng, name, damage, frame, channels):
    """Case of runs of eight packets, of which two or three are damaged.

    Runs in which libopus conceals a frame (one of at most one byte) are drawn again: what it makes
    up is no matter of bits. So are runs that get louder than `LOUDEST`.
    """
    bandwidth = str(rng.choice(streams.BANDWIDTHS))
    settings = Settings(frame, bandwidth, channels, float(rng.choice((48, 96, 160))), "vbr")
    seed = int(rng.integers(2**62))
    packets = 8

    @functools.cache
    def deck():
        own = np.random.default_rng(seed)
        found = streams.stream(own, "music", settings, 24).packets
        more = streams.stream(own, "transients", settings, 24).packets
        return [*found, *more, *streams.merge(more, 2), *streams.merge(more, 3, 40)]

    def run(rng):
        first = int(rng.integers(len(deck()) - packets))
        found = deck()[first : first + packets]
        for i in rng.choice(packets, int(rng.integers(2, 4)), replace=False).tolist():
            found[i] = damage(rng, found[i])
        return found

    def requests(rng, n):
        runs = []
        while len(runs) < n:
            drawn = run(rng)
            if is_checkable(drawn, channels):
                runs.append(drawn)
        # damage makes packets of 1,277 bytes at most
        return stacked(rng, runs, packets, max(width_of([deck()]), 1_280))

    return Workload(
        shape="damaged",
        distribution=f"{name}-{settings.name}",
        fixture=fixture(channels, frame, packets * 2_880),
        requests=requests,
        outputs=outputs(packets * 2_880, packets, channels),
        batch=8,
    )


def is_checkable(run, channels):
    """Whether libopus decodes all frames of a run itself, and none of them loudly."""
    decoder, pcm = libopus.Decoder(channels), np.empty((5_760, channels), np.float32)
    for packet in run:
        try:
            if min(libopus.parse(packet).sizes) < 2:
                return False
            samples = decoder.decode(packet, pcm)
        except libopus.OpusError:
            continue
        if not np.abs(pcm[:samples]).max() <= LOUDEST:
            return False
    return True
