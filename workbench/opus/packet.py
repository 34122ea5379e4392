"""What surrounds frames: the table-of-contents byte and the frame lengths (RFC 6716, section 3).

Codes below zero are libopus's own errors; its C API gives the same for the same packet.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

__all__ = [
    "CELT",
    "HYBRID",
    "MAX_FRAMES",
    "MAX_FRAME_BYTES",
    "OPUS_BAD_ARG",
    "OPUS_BUFFER_TOO_SMALL",
    "OPUS_INTERNAL_ERROR",
    "OPUS_INVALID_PACKET",
    "OPUS_UNIMPLEMENTED",
    "SILK",
    "bandwidth",
    "channels",
    "frame_samples",
    "mode",
    "parse",
]

OPUS_BAD_ARG = -1
OPUS_BUFFER_TOO_SMALL = -2
OPUS_INTERNAL_ERROR = -3
OPUS_INVALID_PACKET = -4
# Ours, for a packet in a mode that is not there; libopus has the mode.
OPUS_UNIMPLEMENTED = -5

SILK, HYBRID, CELT = 0, 1, 2

MAX_FRAMES = 48
MAX_FRAME_BYTES = 1275
# 120 ms at 48 kHz: what a packet may last.
_MAX_SAMPLES = 5760


@njit(inline="always")
def mode(toc: int) -> int:
    """`SILK`, `HYBRID` or `CELT`, of a table-of-contents byte (section 3.1, table 2)."""
    config = toc >> 3
    return SILK if config < 12 else HYBRID if config < 16 else CELT


@njit(inline="always")
def bandwidth(toc: int) -> int:
    """0 to 4: narrow-, medium-, wide-, super-wide- and fullband (section 3.1, table 2)."""
    config = toc >> 3
    if config < 12:
        return config >> 2
    if config < 16:
        return 3 + (config - 12 >> 1)
    group = config - 16 >> 2
    return group + 1 if group > 0 else 0


@njit(inline="always")
def channels(toc: int) -> int:
    """Channels that the frames hold, 1 or 2."""
    return 1 + (toc >> 2 & 1)


@njit(inline="always")
def frame_samples(toc: int) -> int:
    """Samples of a frame a channel, at 48 kHz (section 3.1, table 2)."""
    config = toc >> 3
    if config >= 16:
        return 120 << (config & 3)
    if config >= 12:
        return 480 << (config & 1)
    return 2880 if config & 3 == 3 else 480 << (config & 3)


@njit()
def parse(packet: Any, length: int, sizes: Any) -> Any:
    """Find the frames of a packet.

    Parameters
    ----------
    packet : u8[]
        The packet, from its first element on.
    length : int
        Its bytes, at least 1 and at most ``len(packet)``.
    sizes : integers[48]
        Gets the bytes of each frame; frames lie one behind the other.

    Returns
    -------
    frames : int
        How many frames there are, or OPUS_INVALID_PACKET (section 3.4: R1 to R7).
    first : int
        Offset of the first.
    """
    toc: Any = np.int64(packet[0])
    code = toc & 3
    # The frames and their lengths lie in at:end; behind them is only padding.
    at, end = 1, length
    frames = 1 if code == 0 else 2
    variable = code == 2
    if code == 3:
        if length < 2:
            return OPUS_INVALID_PACKET, 0
        head: Any = np.int64(packet[1])
        frames = head & 63
        variable = head & 128 != 0
        at = 2
        if frames == 0 or frames * frame_samples(toc) > _MAX_SAMPLES:
            return OPUS_INVALID_PACKET, 0
        more = head & 64 != 0
        while more:
            if at >= end:
                return OPUS_INVALID_PACKET, 0
            padding: Any = np.int64(packet[at])
            at += 1
            more = padding == 255
            end -= 254 if more else padding
        if at > end:
            return OPUS_INVALID_PACKET, 0
    last = (end - at) // frames
    if variable:
        used = 0
        for i in range(frames - 1):
            if at >= end:
                return OPUS_INVALID_PACKET, 0
            size: Any = np.int64(packet[at])
            at += 1
            if size >= 252:
                if at >= end:
                    return OPUS_INVALID_PACKET, 0
                size += 4 * np.int64(packet[at])
                at += 1
            sizes[i] = size
            used += size
        last = end - at - used
        if last < 0:
            return OPUS_INVALID_PACKET, 0
    else:
        if last * frames != end - at:
            return OPUS_INVALID_PACKET, 0
        for i in range(frames - 1):
            sizes[i] = last
    if last > MAX_FRAME_BYTES:
        return OPUS_INVALID_PACKET, 0
    sizes[frames - 1] = last
    return frames, at
