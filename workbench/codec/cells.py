"""The cells of the parity matrix, and streams of each that libopus encodes.

CELT comes from `workbench.opus.streams`. SILK and hybrid are chosen with what the public C API has:
the application ``restricted_silk``, or speech at a low rate in a wide band, which libopus codes as
hybrid. The first byte of every packet is checked.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from workbench.codec.packets import BANDWIDTHS, HYBRID_SIZES, SILK_SIZES, Config, config
from workbench.opus import signals, streams
from workbench.upstreams import libopus

# Streams of a cell; of SILK and hybrid, seconds of each and kbps of one channel.
EACH = 10
SECONDS = 0.24
SILK_KBPS, HYBRID_KBPS = (12, 14, 18, 24, 32), (18, 20, 22, 24, 28)
KINDS = ("speech", "music", "transients", "pauses", "noise")
MAX_PACKET_BYTES = 3 * 1_275 + 7


@dataclass(frozen=True)
class Cell:
    """One of `CELLS`.

    Attributes
    ----------
    mode, bandwidth : str
        As `packets.MODES` and `packets.BANDWIDTHS` call them.
    frame : int
        Samples at 48 kHz.
    channels : int
        Of packets and output.
    """

    mode: str
    frame: int
    bandwidth: str
    channels: int

    @property
    def config(self) -> Config:
        """What the first byte of its packets says."""
        return Config(self.mode, self.bandwidth, self.frame, self.channels)

    @property
    def name(self) -> str:
        """All of it in words."""
        return self.config.name


CELLS = (
    *(Cell("CELT", *cell) for cell in streams.CELLS),
    *(Cell("SILK", *c) for c in itertools.product(SILK_SIZES, BANDWIDTHS[:3], (1, 2))),
    *(Cell("hybrid", *c) for c in itertools.product(HYBRID_SIZES, BANDWIDTHS[3:], (1, 2))),
)


def streams_of(cell: Cell, seed: int = 0, each: int = EACH) -> Iterator[tuple[bytes, ...]]:
    """Streams of a cell, each from its first packet on; a cell depends on its seed alone."""
    rng = np.random.default_rng([seed, CELLS.index(cell)])
    if cell.mode == "CELT":
        which = streams.CELLS.index((cell.frame, cell.bandwidth, cell.channels))
        for stream in streams.cell(rng, which, each):
            yield _checked(cell, stream.packets)
        return
    for turn in range(each):
        yield _checked(cell, _encoded(cell, rng, turn))


def _encoded(cell: Cell, rng: np.random.Generator, turn: int) -> tuple[bytes, ...]:
    """One stream of SILK or hybrid packets."""
    count = max(4, round(SECONDS * signals.RATE / cell.frame))
    kind = KINDS[turn % len(KINDS)]
    stereo = signals.STEREO[turn // 2 % len(signals.STEREO)]
    sound = signals.sound(kind, rng, count * cell.frame, cell.channels, stereo)
    is_silk = cell.mode == "SILK"
    encoder = libopus.Encoder(cell.channels, "restricted_silk" if is_silk else "voip")
    rates = SILK_KBPS if is_silk else HYBRID_KBPS
    kbps = rates[turn * 3 % len(rates)] * (1 if cell.channels == 1 else 1.6)
    encoder.set(
        bitrate=round(1_000 * kbps),
        bandwidth=cell.bandwidth,
        signal="voice",
        force_channels=cell.channels,
        complexity=turn * 7 % 11,
        vbr=turn % 3 != 0,
        vbr_constraint=turn % 3 == 1,
    )
    room = np.empty(MAX_PACKET_BYTES, np.uint8)
    packets = []
    for at in range(0, len(sound), cell.frame):
        size = encoder.encode(sound[at : at + cell.frame], room)
        packets.append(room[:size].tobytes())
    return tuple(packets)


def _checked(cell: Cell, packets: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """The packets, once it is known that all are of the cell.

    Raises
    ------
    ValueError
        If libopus chose something else.
    """
    for packet in packets:
        if config(packet[0]) != cell.config:
            raise ValueError(f"libopus coded {config(packet[0]).name} where {cell.name} was asked")
    return packets
