"""Streams of what Opus has beyond CELT packets of one stream.

SILK, hybrid, changes of mode with redundancy, in-band FEC, several streams in a packet: libopus
encodes all of them. What is drawn depends on the random generator alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from workbench.opus import signals
from workbench.opus.losses import LOST
from workbench.opus.streams import MAX_FRAME_BYTES
from workbench.upstreams import libopus

__all__ = ["MODES", "SILK_FRAMES", "encode", "multistream", "protected", "switching"]

# Samples at 48 kHz of a SILK packet: 10, 20, 40 and 60 ms.
SILK_FRAMES = (480, 960, 1_920, 2_880)
# Audio bandwidths of each mode (RFC 6716, table 2).
MODES: Mapping[str, tuple[str, ...]] = {
    "silk": ("narrowband", "mediumband", "wideband"),
    "hybrid": ("superwideband", "fullband"),
}
KBPS = 24  # a channel: what SILK and hybrid are used for
MAX_BYTES = 3 * MAX_FRAME_BYTES  # 60 ms are three frames


def encode(
    rng: np.random.Generator,
    mode: str,
    bandwidth: str,
    frame: int,
    channels: int,
    packets: int,
    **controls: int | str,
) -> tuple[bytes, ...]:
    """Packets of speech in one mode, ``frame`` samples each."""
    encoder = libopus.Encoder(channels, "voip")
    encoder.set(force_mode=mode, bandwidth=bandwidth, bitrate=1_000 * KBPS * channels, **controls)
    sound = signals.sound("speech", rng, frame * packets, channels)
    return _packets(encoder, sound, frame)


def switching(
    rng: np.random.Generator,
    order: Sequence[tuple[str, str, int]],
    frame: int,
    channels: int,
    packets: int,
    run: int = 3,
) -> tuple[bytes, ...]:
    """Packets whose mode, bandwidth and channels take turns in this order, every ``run`` packets.

    The rate leaves room for redundant frames, so that no change needs concealment.
    """
    encoder = libopus.Encoder(channels, "audio")
    encoder.set(bitrate=48_000 * channels)
    sound = signals.sound("speech", rng, frame * packets, channels)
    found: list[bytes] = []
    for i in range(0, packets, run):
        mode, bandwidth, coded = order[i // run % len(order)]
        encoder.set(force_mode=mode, bandwidth=bandwidth, force_channels=min(coded, channels))
        found += _packets(encoder, sound[i * frame : (i + run) * frame], frame)
    return tuple(found)


def protected(
    rng: np.random.Generator, bandwidth: str, frame: int, channels: int, packets: int
) -> tuple[bytes, ...]:
    """SILK with in-band FEC, of which packets are lost that the next one has a copy of."""
    controls = {"inband_fec": 1, "packet_loss_perc": 25}
    found = list(encode(rng, "silk", bandwidth, frame, channels, packets, **controls))
    for i in range(2, packets - 1):
        if found[i - 1] != LOST and libopus.has_lbrr(found[i + 1]) and rng.random() < 0.5:
            found[i] = LOST
    return tuple(found)


def multistream(
    rng: np.random.Generator, channels: int, family: int, frame: int, packets: int
) -> tuple[tuple[bytes, ...], int, int, tuple[int, ...]]:
    """CELT packets of several streams; how many streams, how many coupled, and the mapping."""
    encoder = libopus.MultistreamEncoder(channels, family, "restricted_celt")
    encoder.set(bitrate=48_000 * channels)
    kinds = ("speech", "music", "transients")
    parts = [signals.sound(kinds[i % 3], rng, frame * packets) for i in range(channels)]
    sound = np.concatenate(parts, axis=1)
    made = _packets(encoder, sound, frame)
    return made, encoder.streams, encoder.coupled, encoder.mapping


def _packets(
    encoder: libopus.Encoder | libopus.MultistreamEncoder, sound: signals.Sound, frame: int
) -> tuple[bytes, ...]:
    buffer = np.empty(MAX_BYTES * max(1, sound.shape[1] // 2), np.uint8)
    return tuple(
        buffer[: encoder.encode(sound[at : at + frame], buffer)].tobytes()
        for at in range(0, len(sound) - frame + 1, frame)
    )
