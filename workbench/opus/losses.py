"""Streams with holes, and what a decoder makes up for them: the battery of concealment.

The standard does not say what a lost packet sounds like, so sound decides: the quality of a
decoder's output beside the original, minus that of libopus's own with the same losses. Everything
is drawn from one constant seed. Every fifth to every second packet is lost, many more than on a
bad line, because quality is a mean over the whole stream.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import signal

from workbench.opus import signals
from workbench.opus.quality import WORST_DB, quality_db
from workbench.opus.signals import Sound
from workbench.opus.streams import MAX_FRAME_BYTES
from workbench.upstreams import libopus

__all__ = [
    "CELLS",
    "LEAST_DB",
    "LOST",
    "MEAN_DB",
    "PATTERNS",
    "Take",
    "arriving",
    "by_libopus",
    "gaps_db",
    "heard_db",
    "shortfall",
    "takes",
]

SEED = 20120911  # the day RFC 6716 was published
# Sounds of each mode; a number tells those of a kind apart.
KINDS: Mapping[str, tuple[str, ...]] = {
    "celt": ("speech", "music", "transients", "noise"),
    "silk": ("speech-1", "speech-2", "speech-3", "speech-4"),
}
FRAMES = (240, 960)
# Packets that are lost, by name; "dtx" loses none, its encoder leaves them out.
PATTERNS = ("single", "double", "burst", "random", "dtx")
CELLS = tuple(itertools.product(PATTERNS, FRAMES, (1, 2)))
SECONDS, DTX_SECONDS = 1.0, 1.5
# With "dtx" the sound pauses over noise of this level, and for a part of it (in seconds) nothing is
# sent but the first byte of each packet, with one whole packet every 0.4 s, as libopus does.
PAUSE, UNSENT, BACKGROUND, REFRESH_SECONDS = (0.3, 1.2), (0.5, 1.2), 3e-3, 0.4
# How each mode is encoded, and its rate a channel.
CODERS: Mapping[str, tuple[str, int, Mapping[str, str]]] = {
    "celt": ("restricted_celt", 64_000, {"bandwidth": "fullband"}),
    "silk": ("voip", 24_000, {"bandwidth": "wideband", "force_mode": "silk"}),
}
# What SILK never has would count as much as what was lost.
SILK_BAND = signal.butter(8, 7_000, fs=signals.RATE, output="sos")

LOST = b""
# Concealment is done when it sounds as good as libopus's: mean and least gap over a battery, dB.
MEAN_DB, LEAST_DB = -0.5, -3.0


@dataclass(frozen=True, eq=False)
class Take:
    """A stream as it arrives, and the sound it was made of.

    Attributes
    ----------
    name : str
        Pattern, frame size, channels and sound.
    original : ndarray
        f32[n, channels] at 48 kHz.
    packets : tuple of bytes
        As they arrive; a lost one is `LOST`.
    frame : int
        Samples per channel of a packet.
    delay : int
        Samples by which what is decoded comes later.
    begin : int
        First sample whose quality counts: with DTX that of the pause.
    """

    name: str
    original: Sound = field(repr=False)
    packets: tuple[bytes, ...] = field(repr=False)
    frame: int
    delay: int
    begin: int = 0

    @property
    def channels(self) -> int:
        """Of the sound and of the packets."""
        return int(self.original.shape[1])


@functools.cache
def takes(pattern: str, frame: int, channels: int, mode: str = "celt") -> tuple[Take, ...]:
    """Streams of one of `CELLS`, a sound of `KINDS` each."""
    return tuple(_take(pattern, frame, channels, mode, kind) for kind in KINDS[mode])


def _take(pattern: str, frame: int, channels: int, mode: str, kind: str) -> Take:
    side = "stereo" if channels == 2 else "mono"
    name = f"{pattern}/{frame / 48:g}ms-{side}/{kind}"
    drawn = SEED, PATTERNS.index(pattern), frame, channels, KINDS[mode].index(kind)
    rng = np.random.default_rng(drawn)
    seconds = DTX_SECONDS if pattern == "dtx" else SECONDS
    sound = signals.sound(kind.split("-")[0], rng, round(seconds * signals.RATE), channels)
    if pattern == "dtx":
        begin, end = (round(at * signals.RATE) for at in PAUSE)
        sound[begin:end] = 0
        sound += (BACKGROUND * rng.standard_normal(sound.shape)).astype(np.float32)
    if mode == "silk":
        sound = signal.sosfiltfilt(SILK_BAND, sound, axis=0).astype(np.float32, order="C")
    application, bitrate, settings = CODERS[mode]
    encoder = libopus.Encoder(channels, application)
    encoder.set(bitrate=bitrate * channels, **settings)
    buffer = np.empty(MAX_FRAME_BYTES, np.uint8)
    packets = [
        buffer[: encoder.encode(sound[at : at + frame], buffer)].tobytes()
        for at in range(0, len(sound) - frame + 1, frame)
    ]
    first = round(UNSENT[0] * signals.RATE) if pattern == "dtx" else 0
    return Take(
        name, sound, arriving(packets, pattern, frame, rng), frame, encoder.get("lookahead"), first
    )


def arriving(
    packets: Sequence[bytes], pattern: str, frame: int, rng: np.random.Generator
) -> tuple[bytes, ...]:
    """What is left of a stream.

    Every fifth packet is lost, or two of ten from the first on, or five of twelve, or a tenth; or
    all but the first byte is left out while nobody would hear more.
    """
    index = np.arange(len(packets))
    seconds = index * (frame / signals.RATE)
    gone = {
        "single": index % 5 == 4,
        "double": index % 10 < 2,
        "burst": (index - 6) % 12 < 5,
        "random": rng.random(len(packets)) < 0.1,
        "dtx": (seconds >= UNSENT[0]) & (seconds < UNSENT[1]),
    }[pattern]
    if pattern == "dtx":
        every = round(REFRESH_SECONDS * signals.RATE / frame)
        gone &= (index - gone.argmax()) % every != every - 1
    left = 1 if pattern == "dtx" else 0
    return tuple(p[:left] if short else p for short, p in zip(gone, packets, strict=True))


def heard_db(take: Take, pcm: Sound) -> float:
    """Quality of what was decoded of a take; the worst there is where it is not a number."""
    if not np.isfinite(pcm).all():
        return WORST_DB
    return quality_db(take.original[take.begin :], pcm[take.begin :], take.delay)


def by_libopus(take: Take) -> Sound:
    """What libopus decodes and makes up."""
    decoder = libopus.Decoder(take.channels)
    pcm = np.zeros((take.frame * len(take.packets), take.channels), np.float32)
    for i, packet in enumerate(take.packets):
        decoder.decode(packet or None, pcm[i * take.frame : (i + 1) * take.frame])
    return pcm


@functools.cache
def _libopus_db(take: Take) -> float:
    return heard_db(take, by_libopus(take))


def gaps_db(heard: Sequence[tuple[Take, Sound]]) -> dict[str, float]:
    """By take, the quality of what a decoder answered above that of libopus, in dB."""
    return {take.name: heard_db(take, pcm) - _libopus_db(take) for take, pcm in heard}


def shortfall(gaps: Mapping[str, float]) -> str | None:
    """Why a decoder does not sound as libopus does; None if it does."""
    mean, worst = float(np.mean(list(gaps.values()))), min(gaps, key=lambda name: gaps[name])
    if not mean >= MEAN_DB:
        return f"its sound is {-mean:.2f} dB below libopus's on average, allowed are {-MEAN_DB:g}"
    if not gaps[worst] >= LEAST_DB:
        return f"{worst} sounds {-gaps[worst]:.2f} dB worse than libopus's, allowed {-LEAST_DB:g}"
    return None
