"""The workloads of each feature: streams that libopus encoded and files that libavformat wrote."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from workbench.opus import deck, losses, modes, streams
from workbench.opus.beyond import ASKS
from workbench.opus.beyond.files import read_ogg, read_wav, write_ogg
from workbench.opus.streams import Settings
from workbench.targets import Workload

__all__ = ["CASES", "GAINS", "RATES"]

SEED = 20160608  # RFC 7845 is of June 2016
RATES = (8_000, 12_000, 16_000, 24_000)
GAINS = (-1_536, 768)  # -6 and +3 dB
LOST = ("single", "double", "burst", "random")


def decoding(
    ask: str,
    shape: str,
    distribution: str,
    runs: Sequence[Sequence[bytes]],
    channels: int,
    frame: int,
    **numbers: int | Sequence[int],
) -> Workload:
    """Workload of runs whose packets have ``frame`` samples."""
    rows = frame * max(map(len, runs))
    dtype = "int16" if ask == "int16" else "float32"
    which = {"ask": tuple(ASKS).index(ask)}
    return deck.decoding(
        shape, distribution, runs, channels, frame, rows, dtype, **which, **numbers
    )


def in_mode(mode: str, bandwidths: Sequence[str]) -> Iterator[Workload]:
    """Packets of one and of two channels, for an output of one and of two."""
    for bandwidth, frame in itertools.product(bandwidths, modes.SILK_FRAMES):
        rng = np.random.default_rng([SEED, frame])
        runs = [modes.encode(rng, mode, bandwidth, frame, coded, 10) for coded in (1, 2)]
        for channels in (1, 2):
            name = bandwidth, f"{frame // 48}ms-to-{channels}"
            yield decoding("decode", *name, runs, channels, frame)


def changing(orders: Mapping[str, Sequence[tuple[str, str, int]]]) -> Iterator[Workload]:
    """Streams that change every three packets."""
    for name, order in orders.items():
        for frame, channels in itertools.product((480, 960), (1, 2)):
            rng = np.random.default_rng([SEED, frame, channels])
            run = modes.switching(rng, order, frame, channels, 3 * len(order) + 3)
            yield decoding("decode", name, f"{frame // 48}ms-to-{channels}", [run], channels, frame)


SILK_CHANGES = {
    "bandwidth": [("silk", width, 2) for width in ("wideband", "narrowband", "mediumband")],
    "channels": [("silk", "wideband", 2), ("silk", "wideband", 1)],
}
MODE_CHANGES = {
    "silk-celt": [("silk", "wideband", 2), ("celt", "fullband", 2)],
    "hybrid-celt": [("hybrid", "fullband", 2), ("celt", "fullband", 2)],
    "silk-hybrid": [("silk", "wideband", 2), ("hybrid", "superwideband", 2)],
}


def concealing(mode: str, patterns: Sequence[str], frames: Sequence[int]) -> Iterator[Workload]:
    """Streams with holes, from `losses`."""
    for pattern, frame, channels in itertools.product(patterns, frames, (1, 2)):
        runs = [take.packets for take in losses.takes(pattern, frame, channels, mode)]
        side = "stereo" if channels == 2 else "mono"
        name = pattern, f"{frame / 48:g}ms-{side}"
        yield decoding("decode", *name, runs, channels, frame)


def recovering() -> Iterator[Workload]:
    """Lost packets of SILK that the next one has a copy of."""
    bandwidths = modes.MODES["silk"]
    for bandwidth, frame, channels in itertools.product(bandwidths, (480, 960), (1, 2)):
        rng = np.random.default_rng([SEED, frame, channels])
        run = modes.protected(rng, bandwidth, frame, channels, 16)
        name = bandwidth, f"{frame // 48}ms-to-{channels}"
        yield decoding("fec", *name, [run], channels, frame)


def celt(channels: int, frame: int, kinds: Sequence[str]) -> list[tuple[bytes, ...]]:
    """Runs of CELT packets, one a sound."""
    settings = Settings(frame, "fullband", channels, 64 * channels, "cvbr")
    rng = np.random.default_rng([SEED, frame, channels])
    count = streams.PACKETS[frame]
    return [streams.stream(rng, kind, settings, count).packets for kind in kinds]


def at_rates() -> Iterator[Workload]:
    """CELT packets for outputs of less than 48 kHz."""
    for rate, frame, channels in itertools.product(RATES, streams.FRAMES, (1, 2)):
        runs = celt(channels, frame, ("speech", "music", "transients"))
        name = f"{rate // 1_000}kHz", f"{frame / 48:g}ms-to-{channels}"
        yield decoding("rate", *name, runs, channels, frame * rate // 48_000, rate=rate)


def amplified() -> Iterator[Workload]:
    """CELT packets, louder and softer."""
    for gain, channels in itertools.product(GAINS, (1, 2)):
        name = f"{gain / 256:+g}dB", f"to-{channels}"
        runs = celt(channels, 960, ("speech", "music"))
        yield decoding("gain", *name, runs, channels, 960, gain=gain)


def sixteen_bits() -> Iterator[Workload]:
    """CELT packets as 16-bit samples; what is beyond full scale is clipped softly."""
    for channels in (1, 2):
        runs = celt(channels, 960, ("speech", "music", "clipping", "overdriven"))
        yield decoding("int16", "int16", f"to-{channels}", runs, channels, 960)


def several(
    name: str, coded: int, family: int, mapping: Sequence[int] | None = None
) -> Iterator[Workload]:
    """Packets of several CELT streams, some of them cut short."""
    for frame in (240, 960):
        rng = np.random.default_rng([SEED, coded, frame])
        run, count, coupled, own = modes.multistream(rng, coded, family, frame, 12)
        channels = tuple(mapping or own)
        cut = [packet[: len(packet) // 2] if i % 4 == 3 else packet for i, packet in enumerate(run)]
        yield decoding(
            *("multistream", name, f"{frame / 48:g}ms", [run, cut], len(channels), frame),
            streams=count,
            coupled=coupled,
            mapping=channels,
        )


def multistream() -> Iterator[Workload]:
    """Streams without a meaning; and a pair and a single one, of which outputs take what they like.

    Two outputs take the same channel and one takes none.
    """
    yield from several("three-streams", 3, 255)
    yield from several("any-mapping", 3, 1, (2, 0, 1, 255, 0))


def surround() -> Iterator[Workload]:
    """Six channels in the order of Vorbis."""
    yield from several("5.1", 6, 1)


def _listed(make: Callable[[], Iterator[Workload]]) -> Callable[[], list[Workload]]:
    return functools.cache(lambda: list(make()))


# Feature: the function that lists its workloads. They are made once, when they are asked for.
CASES: Mapping[str, Callable[[], list[Workload]]] = {
    name: _listed(make)
    for name, make in {
        "silk_narrowband": lambda: in_mode("silk", ["narrowband"]),
        "silk_mediumband": lambda: in_mode("silk", ["mediumband"]),
        "silk_wideband": lambda: in_mode("silk", ["wideband"]),
        "silk_changes": lambda: changing(SILK_CHANGES),
        "hybrid": lambda: in_mode("hybrid", modes.MODES["hybrid"]),
        "mode_changes": lambda: changing(MODE_CHANGES),
        "celt_concealment": lambda: concealing("celt", LOST, losses.FRAMES),
        "celt_dtx": lambda: concealing("celt", ["dtx"], losses.FRAMES),
        "silk_concealment": lambda: concealing("silk", LOST, [960]),
        "fec": recovering,
        "multistream": multistream,
        "surround_51": surround,
        "output_rates": at_rates,
        "output_gain": amplified,
        "output_int16": sixteen_bits,
        "ogg_reading": read_ogg,
        "ogg_writing": write_ogg,
        "float_wav_input": read_wav,
    }.items()
}
