"""Packets as libopus reads and rewrites them: its own parser, padding and repacketiser."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.upstreams.libopus.errors import OpusError, checked
from workbench.upstreams.libopus.loading import library

Packet = bytes | NDArray[np.uint8]

# RFC 6716, 3.2.5: a packet has at most 120 ms, 48 frames of 2.5 ms.
MAX_FRAMES = 48
MAX_FRAME_BYTES = 1275
BAD_ARG = -1


@dataclass(frozen=True)
class ParsedPacket:
    """A packet taken apart.

    Attributes
    ----------
    toc : int
        Its first byte.
    offsets, sizes : tuple of int
        Where each compressed frame begins in the packet, and its bytes.
    payload_offset : int
        Where the first one begins, behind the table of contents and the sizes.
    """

    toc: int
    offsets: tuple[int, ...]
    sizes: tuple[int, ...]
    payload_offset: int


def as_bytes(packet: Packet) -> bytes:
    """Bytes of a packet."""
    if isinstance(packet, bytes):
        return packet
    if packet.dtype != np.uint8 or packet.ndim != 1:
        raise ValueError(f"a packet is bytes or u8[n], not {packet.dtype}{list(packet.shape)}")
    return packet.tobytes()


def parse(packet: Packet) -> ParsedPacket:
    """Take a packet apart (``opus_packet_parse``).

    Raises
    ------
    OpusError
        If libopus finds it malformed.
    """
    data = as_bytes(packet)
    toc = ctypes.c_uint8()
    frames = (ctypes.c_void_p * MAX_FRAMES)()
    sizes = (ctypes.c_int16 * MAX_FRAMES)()
    payload = ctypes.c_int()
    held = ctypes.create_string_buffer(data, max(len(data), 1))
    start = ctypes.addressof(held)
    count = library().opus_packet_parse(
        start, len(data), ctypes.byref(toc), frames, sizes, ctypes.byref(payload)
    )
    checked(count, "opus_packet_parse")
    offsets = tuple(int(frame or start) - start for frame in frames[:count])
    return ParsedPacket(toc.value, offsets, tuple(sizes[:count]), payload.value)


def bandwidth(packet: Packet) -> int:
    """Audio bandwidth that the packet's first byte names, as ``OPUS_BANDWIDTH_*``."""
    return checked(
        library().opus_packet_get_bandwidth(_not_empty(packet)), "opus_packet_get_bandwidth"
    )


def channels(packet: Packet) -> int:
    """Channels that the packet codes, 1 or 2."""
    return checked(
        library().opus_packet_get_nb_channels(_not_empty(packet)), "opus_packet_get_nb_channels"
    )


def frame_samples(packet: Packet, rate: int = 48_000) -> int:
    """Samples per channel of each of its frames."""
    found = library().opus_packet_get_samples_per_frame(_not_empty(packet), rate)
    return checked(found, "opus_packet_get_samples_per_frame")


def n_frames(packet: Packet) -> int:
    """Frames in the packet."""
    data = as_bytes(packet)
    found = library().opus_packet_get_nb_frames(data, len(data))
    return checked(found, "opus_packet_get_nb_frames")


def n_samples(packet: Packet, rate: int = 48_000) -> int:
    """Samples per channel of the whole packet."""
    data = as_bytes(packet)
    found = library().opus_packet_get_nb_samples(data, len(data), rate)
    return checked(found, "opus_packet_get_nb_samples")


def has_lbrr(packet: Packet) -> bool:
    """Whether the packet has a second, coarser copy of the packet before it (in-band FEC)."""
    data = as_bytes(packet)
    return bool(checked(library().opus_packet_has_lbrr(data, len(data)), "opus_packet_has_lbrr"))


def pad(packet: Packet, size: int) -> bytes:
    """Lengthen a packet to ``size`` bytes by padding."""
    data = as_bytes(packet)
    buffer = ctypes.create_string_buffer(data, max(size, len(data), 1))
    checked(library().opus_packet_pad(buffer, len(data), size), "opus_packet_pad")
    return buffer.raw[:size]


def unpad(packet: Packet) -> bytes:
    """Take padding out of a packet and code it as shortly as possible."""
    data = as_bytes(packet)
    buffer = ctypes.create_string_buffer(data, max(len(data), 1))
    size = checked(library().opus_packet_unpad(buffer, len(data)), "opus_packet_unpad")
    return buffer.raw[:size]


def repacketise(packets: Sequence[Packet], begin: int = 0, end: int | None = None) -> bytes:
    """Merge packets of one configuration, or frames ``begin`` to ``end`` of them, into one.

    Raises
    ------
    OpusError
        If their first bytes disagree, or they are longer than 120 ms together.
    """
    opus = library()
    state = ctypes.create_string_buffer(opus.opus_repacketizer_get_size())
    opus.opus_repacketizer_init(state)
    held = [as_bytes(packet) for packet in packets]  # libopus points into them until the end
    for data in held:
        checked(opus.opus_repacketizer_cat(state, data, len(data)), "opus_repacketizer_cat")
    frames = opus.opus_repacketizer_get_nb_frames(state)
    room = sum(map(len, held)) + 2 * MAX_FRAMES + 2
    merged = ctypes.create_string_buffer(room)
    last = frames if end is None else end
    size = opus.opus_repacketizer_out_range(state, begin, last, merged, room)
    return merged.raw[: checked(size, "opus_repacketizer_out_range")]


def _not_empty(packet: Packet) -> bytes:
    data = as_bytes(packet)
    if not data:
        raise OpusError(BAD_ARG, "a packet of no bytes")
    return data
