"""Inputs of the CELT encoder: what the judge checks, and what it times.

A request is a sound and how it is to be cut: ``frames`` and ``rates`` say, packet by packet, how
many samples per channel it has and how many bits a second; a frame of 0 samples ends it. A timed
request is a part of a deck of 3 s that is made once for a workload, from a random sample on, so no
two requests are alike; drawing one takes 0.01 to 0.1 ms.

Sounds come from `workbench.opus.signals`: speech-like, music-like and the ones that are hard.
"""

import numpy as np

from workbench.opus import signals
from workbench.targets import Workload

# name: (channels, samples per channel of a frame, bits a second, packets of a request)
SHAPES = {
    "20ms-mono-64k": (1, 960, 64_000, 8),
    "20ms-stereo-128k": (2, 960, 128_000, 8),
    "2.5ms-stereo-96k": (2, 120, 96_000, 32),
}
TIMED_DISTRIBUTIONS = ("speech", "music", "transients")
FRAMES = (120, 240, 480, 960)
DECK_SAMPLES = 144_000
# Of a packet of one frame, its first byte included.
MAX_BYTES = 1_276


def outputs(packets):
    """Buffers of one request."""
    return {
        "packets": ((packets, MAX_BYTES), "uint8"),
        "lengths": ((packets,), "int32"),
        "ranges": ((packets,), "uint32"),
    }


def fixture(channels, frame, rate):
    """What an encoder is set up with."""
    given = {"channels": channels, "frame_size": frame, "bitrate_bps": rate}
    return {name: np.array([value]) for name, value in given.items()}


def workload(rng, shape, distribution):
    """One timed combo: its deck is made now, the place in it whenever a request is drawn."""
    channels, frame, rate, packets = SHAPES[shape]
    deck = signals.sound(distribution, rng, DECK_SAMPLES, channels)
    rows = packets * frame

    def requests(rng, n):
        first = rng.integers(DECK_SAMPLES - rows + 1, size=n)
        return {
            "pcm": np.stack([deck[at : at + rows] for at in first]),
            "frames": np.full((n, packets), frame, np.int32),
            "rates": np.full((n, packets), rate, np.int32),
        }

    return Workload(
        shape=shape,
        distribution=distribution,
        fixture=fixture(channels, frame, rate),
        requests=requests,
        outputs=outputs(packets),
    )


def workloads(rng):
    """Return the nine timed combos."""
    return [workload(rng, s, d) for s in SHAPES for d in TIMED_DISTRIBUTIONS]


def planned(shape, distribution, channels, make, packets, batch=2):
    """Case whose requests ``make(rng)`` gives: a sound, and lists of frames and rates."""

    def requests(rng, n):
        found = [make(rng) for _ in range(n)]
        # as many as the longest frames take: the judge lays arrays out before it draws
        pcm = np.zeros((n, packets * max(FRAMES), channels), np.float32)
        frames = np.zeros((n, packets), np.int32)
        rates = np.zeros((n, packets), np.int32)
        for i, (sound, sizes, bits) in enumerate(found):
            pcm[i, : len(sound)] = sound
            frames[i, : len(sizes)], rates[i, : len(bits)] = sizes, bits
        return {"pcm": pcm, "frames": frames, "rates": rates}

    return Workload(
        shape=shape,
        distribution=distribution,
        fixture=fixture(channels, 960, 64_000),
        requests=requests,
        outputs=outputs(packets),
        batch=batch,
    )


def steady(rng, kind, channels, frame, rate, packets):
    """One sound at one setting."""
    stereo = str(rng.choice(signals.STEREO))
    sound = signals.sound(kind, rng, packets * frame, channels, stereo)
    return sound, [frame] * packets, [rate] * packets


def switching(rng, channels, packets):
    """Frame size and rate change at every third packet or so."""
    frames, rates = [], []
    while len(frames) < packets:
        run = int(rng.integers(1, 6))
        frames += [int(rng.choice(FRAMES))] * run
        rates += [int(rng.integers(12, 200)) * 1_000] * run
    frames, rates = frames[:packets], rates[:packets]
    kind = str(rng.choice(("speech", "music", "transients", "noise", "pauses")))
    return signals.sound(kind, rng, sum(frames), channels), frames, rates


def hostile(rng, channels, packets):
    """Samples that no sound has, in one frame: not a number, infinite, far too loud, far too soft.

    libopus makes such a frame silent, others may do what they like with it: the sound is too short
    for its quality to be judged.
    """
    frame = int(rng.choice((120, 240)))
    sound = signals.sound("music", rng, packets * frame, channels)
    at = int(rng.integers(packets))
    flat = sound[at * frame : (at + 1) * frame].reshape(-1)
    bad = np.array([np.nan, np.inf, -np.inf, 1e30, -1e30, 1e-40, 4.0], np.float32)
    for value in bad:
        flat[rng.integers(len(flat), size=3)] = value
    return sound, [frame] * packets, [int(rng.integers(8, 200)) * 1_000] * packets


def battery(rng):
    """Correctness cases: each kind of sound, each frame size, rates from the least to the most."""
    kinds = [kind for kind in signals.KINDS if kind not in TIMED_DISTRIBUTIONS]
    turn = int(rng.integers(len(kinds)))
    rates = (6_000, 12_000, 20_000, 32_000, 48_000, 80_000, 128_000, 256_000, 510_000)
    for frame in FRAMES:
        for channels in (1, 2):
            name = f"{frame / 48:g}ms-{'stereo' if channels == 2 else 'mono'}"
            count = 2_880 // frame + 3
            for distribution in TIMED_DISTRIBUTIONS:

                def make(rng, kind=distribution, channels=channels, frame=frame, count=count):
                    return steady(rng, kind, channels, frame, int(rng.choice(rates)), count)

                yield planned(name, distribution, channels, make, count, batch=4)
            turn += 1

            def make(rng, turn=turn, channels=channels, frame=frame, count=count):
                kind = kinds[(turn + int(rng.integers(len(kinds)))) % len(kinds)]
                return steady(rng, kind, channels, frame, int(rng.choice(rates)), count)

            yield planned(name, "hard", channels, make, count, batch=4)
    for channels in (1, 2):
        side = "stereo" if channels == 2 else "mono"
        yield planned("switching", side, channels, lambda r, c=channels: switching(r, c, 16), 16)
        yield planned("hostile", side, channels, lambda r, c=channels: hostile(r, c, 3), 3)
        for rate in (500, 2_000, 2_000_000):
            for frame in (120, 960):
                yield planned(
                    "edge",
                    f"{rate}bps-{frame}-{side}",
                    channels,
                    lambda r, c=channels, f=frame, b=rate: steady(r, "music", c, f, b, 4),
                    4,
                )
        yield planned(
            "edge",
            f"silence-{side}",
            channels,
            lambda r, c=channels: (np.zeros((1_920, c), np.float32), [960] * 2, [64_000] * 2),
            2,
        )
        yield planned(
            "edge",
            f"no-such-frame-{side}",
            channels,
            lambda r, c=channels: (np.zeros((700, c), np.float32), [700], [64_000]),
            1,
        )
