"""Streams that libopus encoded: CELT packets of every frame size, bandwidth, rate and packing.

What `stream` and `grid` draw depends on their random generator alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from workbench.opus import signals
from workbench.opus.signals import Sound
from workbench.upstreams import libopus

__all__ = [
    "BANDWIDTHS",
    "CELLS",
    "FRAMES",
    "PACKETS",
    "RATES_KBPS",
    "RATE_CONTROLS",
    "Settings",
    "Stream",
    "cell",
    "encode",
    "grid",
    "merge",
    "stream",
    "switching",
]

# Samples per channel of a CELT frame at 48 kHz: 2.5, 5, 10 and 20 ms.
FRAMES = (120, 240, 480, 960)
BANDWIDTHS = ("narrowband", "wideband", "superwideband", "fullband")
RATE_CONTROLS = ("cbr", "vbr", "cvbr")
RATES_KBPS = (16, 24, 32, 48, 64, 96, 128, 192, 256)
COMPLEXITIES = tuple(range(11))
# A packet has at most 120 ms; a frame at most 1,275 bytes.
MOST_SAMPLES = 5_760
MAX_FRAME_BYTES = 1_275
# Cells of the parity matrix: frame size, bandwidth, channels; and a stream's packets.
CELLS = tuple(itertools.product(FRAMES, BANDWIDTHS, (1, 2)))
PACKETS = {120: 40, 240: 28, 480: 18, 960: 12}


@dataclass(frozen=True)
class Settings:
    """How libopus encodes.

    Attributes
    ----------
    frame : int
        Samples per channel of a frame, one of `FRAMES`.
    bandwidth, rate_control : str
        One of `BANDWIDTHS` and `RATE_CONTROLS`.
    channels : int
        Of the sound and of the packets.
    kbps : float
        Bit rate.
    complexity : int
        0 to 10.
    """

    frame: int = 960
    bandwidth: str = "fullband"
    channels: int = 1
    kbps: float = 64
    rate_control: str = "cbr"
    complexity: int = 10

    @property
    def name(self) -> str:
        """All of it, as one word."""
        milliseconds = f"{self.frame / 48:g}ms"
        side = "stereo" if self.channels == 2 else "mono"
        rate = f"{self.kbps:g}k-{self.rate_control}"
        return f"{milliseconds}-{self.bandwidth}-{side}-{rate}-c{self.complexity}"


@dataclass(frozen=True)
class Stream:
    """Consecutive packets of one encoder, and where they come from.

    Attributes
    ----------
    kind : str
        One of `signals.KINDS`, and the kind of stereo.
    settings : Settings
        How it was encoded; the first of them where they switch.
    packets : tuple of bytes
        What a decoder is given, in this order.
    """

    kind: str
    settings: Settings
    packets: tuple[bytes, ...] = field(repr=False)

    @property
    def name(self) -> str:
        """Sound and settings, as one word."""
        return f"{self.kind}-{self.settings.name}"


def apply(encoder: libopus.Encoder, settings: Settings) -> None:
    """Have an encoder go on with these settings."""
    encoder.set(
        bitrate=round(settings.kbps * 1_000),
        bandwidth=settings.bandwidth,
        complexity=settings.complexity,
        vbr=int(settings.rate_control != "cbr"),
        vbr_constraint=int(settings.rate_control == "cvbr"),
        force_channels=settings.channels,
    )


def encode(sound: Sound, settings: Settings, *more: Settings, run: int = 5) -> list[bytes]:
    """Encode a sound, whole frames of it, with an encoder that never leaves CELT.

    Parameters
    ----------
    sound : ndarray
        f32[n, channels].
    settings, *more : Settings
        With more than one, each serves ``run`` packets, in turn; the encoder stays the same one.

    Returns
    -------
    list of bytes
        One packet a frame, code 0.
    """
    encoder = libopus.Encoder(sound.shape[1], "restricted_celt")
    buffer = np.empty(MAX_FRAME_BYTES, np.uint8)
    packets: list[bytes] = []
    at = 0
    for one in itertools.cycle([settings, *more]):
        apply(encoder, one)
        for _ in range(run if more else len(sound) // one.frame):
            if at + one.frame > len(sound):
                return packets
            size = encoder.encode(sound[at : at + one.frame], buffer)
            packets.append(buffer[:size].tobytes())
            at += one.frame
        if not more:
            break
    return packets


def merge(packets: Sequence[bytes], frames: int, padding: int = 0) -> list[bytes]:
    """Put ``frames`` packets at a time into one: codes 1, 2 and 3 (RFC 6716, 3.2).

    libopus chooses the code: two frames of equal size are code 1, of other sizes code 2, more are
    code 3, with or without sizes. ``padding`` bytes more make any of them code 3 with padding.
    """
    merged = []
    for i in range(0, len(packets) - frames + 1, frames):
        packet = libopus.repacketise(packets[i : i + frames])
        merged.append(libopus.pad(packet, len(packet) + padding) if padding else packet)
    return merged


def stream(
    rng: np.random.Generator, kind: str, settings: Settings, packets: int, stereo: str = "wide"
) -> Stream:
    """Make a sound and encode it."""
    samples = packets * settings.frame
    found = signals.sound(kind, rng, samples, settings.channels, stereo)
    name = f"{kind}-{stereo}" if settings.channels == 2 else kind
    return Stream(name, settings, tuple(encode(found, settings)))


def switching(
    rng: np.random.Generator, kind: str, each: Sequence[Settings], samples: int, run: int = 5
) -> Stream:
    """Encode a sound of two channels with settings that take turns."""
    found = signals.sound(kind, rng, samples, 2, "wide")
    return Stream(f"{kind}-switching", each[0], tuple(encode(found, *each, run=run)))


def grid(rng: np.random.Generator, each: int = 10) -> Iterator[Stream]:
    """Streams of every frame size x bandwidth x channels, the parity matrix, cell by cell."""
    for which in range(len(CELLS)):
        yield from cell(rng, which, each)


def cell(rng: np.random.Generator, which: int, each: int = 10) -> Iterator[Stream]:
    """Streams of one of `CELLS`.

    Sounds, rates, rate controls, complexities and kinds of stereo go round at paces of their own,
    so that all values of each occur and pairs do not repeat early. Short frames get more packets;
    no stream is longer than a quarter of a second. Every fifth has several frames a packet.
    """
    frame, bandwidth, channels = CELLS[which]
    count = PACKETS[frame]
    for turn in range(which * each, (which + 1) * each):
        settings = Settings(
            *(frame, bandwidth, channels),
            kbps=RATES_KBPS[turn * 4 % len(RATES_KBPS)],
            rate_control=RATE_CONTROLS[turn // 9 % len(RATE_CONTROLS)],
            complexity=COMPLEXITIES[(turn + turn // 11) * 7 % len(COMPLEXITIES)],
        )
        kind = signals.KINDS[turn % len(signals.KINDS)]
        stereo = signals.STEREO[turn // 3 % len(signals.STEREO)]
        made = stream(rng, kind, settings, count, stereo)
        if turn % 5 == 4:
            frames = 2 + turn // 5 % (min(6, MOST_SAMPLES // frame) - 1)
            padding = (0, 1, 300)[turn // 10 % 3]
            packets = tuple(merge(made.packets, frames, padding))
            made = replace(made, kind=f"{made.kind}-by-{frames}", packets=packets)
        yield made
