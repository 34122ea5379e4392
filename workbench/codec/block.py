"""A few packets in a row, as compiled code takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from workbench.codec.packets import EMPTY_BYTES, Config, config, frame_bytes

# Longest that a packet may last, and what a block holds at most: a second.
PACKET_ROWS = 5_760
BLOCK_ROWS = 48_000


@dataclass(frozen=True)
class Entry:
    """A packet before it is decoded.

    Attributes
    ----------
    data : bytes
        The packet.
    config : Config
        What its first byte says.
    rows : int
        Samples that it lasts, 0 of a malformed one.
    is_malformed : bool
        Whether libopus's parser refuses it.
    is_concealed : bool
        Whether a frame is so short that the decoder makes it up.
    time_s : float or None
        When it is presented.
    """

    data: bytes
    config: Config
    rows: int
    is_malformed: bool
    is_concealed: bool
    time_s: float | None = None


def entry(data: bytes, time_s: float | None = None) -> Entry:
    """Look at a packet."""
    found, sizes = config(data[0]), frame_bytes(data)
    if sizes is None:
        return Entry(data, found, 0, True, False, time_s)
    concealed = min(sizes) <= EMPTY_BYTES
    return Entry(data, found, found.frame * len(sizes), False, concealed, time_s)


@dataclass(frozen=True)
class Block:
    """Packets of one stream, all of modes that are timed together or none of them.

    Attributes
    ----------
    entries : sequence of Entry
        The packets.
    data : ndarray
        u8, all their bytes.
    starts, lengths, rows : ndarray
        i64[n]: where each begins, its bytes, where its samples go.
    total : int
        Rows of all.
    """

    entries: Sequence[Entry]
    data: NDArray[np.uint8] = field(repr=False)
    starts: NDArray[np.int64] = field(repr=False)
    lengths: NDArray[np.int64] = field(repr=False)
    rows: NDArray[np.int64] = field(repr=False)
    total: int

    @property
    def is_celt(self) -> bool:
        """Whether its packets are CELT."""
        return self.entries[0].config.mode == "CELT"


def block(entries: Sequence[Entry]) -> Block:
    """Lay packets one behind the other."""
    lengths = np.array([len(one.data) for one in entries], np.int64)
    lasts = np.array([one.rows for one in entries], np.int64)
    data = np.frombuffer(b"".join(one.data for one in entries), np.uint8).copy()
    starts, rows = np.cumsum(lengths) - lengths, np.cumsum(lasts) - lasts
    return Block(entries, data, starts, lengths, rows, int(lasts.sum()))
