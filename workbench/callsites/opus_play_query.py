"""The loops that play an Ogg Opus file, plain functions that `targets.specialise` compiles.

A page (RFC 3533, 6): "OggS", version, flags, 64-bit position of its last finished packet (for Opus
in samples, RFC 7845, 4), serial, number, checksum, count of lacing values, the lacing values. A
lacing value below 255 ends a packet; packets may go on in the next page.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from workbench.opus.packet import frame_samples

PREROLL = 3_840
# A packet has at most 120 ms, and 48 frames of 1,275 bytes with their sizes.
LONGEST = 5_760
MOST_BYTES = 61_440
HEADER = 27
CONTINUED = 1
# What a query answers with.
PLAYED, NO_PAGE, DAMAGED, NOT_DECODED = 0, -1, -2, -3
# RFC 3533, 6: the generator polynomial of a page's checksum, highest bit first, from zero.
POLYNOMIAL = 0x04C11DB7


def checksums() -> NDArray[np.uint32]:
    """What each byte adds to a checksum: u32[256]."""
    value = np.arange(256, dtype=np.uint32) << np.uint32(24)
    for _ in range(8):
        top = value >> np.uint32(31)
        value = value << np.uint32(1) ^ top * np.uint32(POLYNOMIAL)
    return value


@njit()
def little(data: Any, at: int, n: int) -> int:
    """A little-endian number of n bytes."""
    value: Any = np.int64(0)
    for i in range(n):
        value |= np.int64(data[at + i]) << 8 * i
    found: int = value
    return found


@njit()
def page_end(data: Any, at: int) -> int:
    """Where the page that begins at ``at`` ends; -1 if there is no whole one."""
    if at + HEADER > len(data):
        return -1
    if data[at] != 79 or data[at + 1] != 103 or data[at + 2] != 103 or data[at + 3] != 83:
        return -1
    laces = np.int64(data[at + 26])
    end: Any = at + HEADER + laces
    if end > len(data):
        return -1
    for i in range(laces):
        end += np.int64(data[at + HEADER + i])
    return end if end <= len(data) else -1


@njit()
def is_whole(data: Any, at: int, end: int, sums: Any) -> bool:
    """Whether a page has the checksum it names; its own four bytes count as zero."""
    value: Any = np.uint32(0)
    for i in range(at, end):
        byte = np.uint32(data[i]) if i < at + 22 or i >= at + 26 else np.uint32(0)
        # numba widens shifts of 32 bits to 64
        value = np.uint32(value << np.uint32(8)) ^ sums[np.uint32(value >> np.uint32(24)) ^ byte]
    return bool(np.int64(value) == little(data, at + 22, 4))


@njit()
def samples_of(data: Any, at: int, length: int) -> int:
    """Samples a channel of a packet, by its first two bytes (RFC 6716, 3.1 and 3.2)."""
    if length < 1:
        return 0
    toc: Any = np.int64(data[at])
    frames: Any = 1 if toc & 3 == 0 else 2
    if toc & 3 == 3:
        frames = np.int64(data[at + 1]) & 63 if length > 1 else 0
    found: int = frame_samples(toc) * frames
    return found


@njit()
def page_before(data: Any, begin: int) -> tuple[int, int]:
    """Where to read from for sample ``begin``, and the sample that is there; (-1, 0) if nowhere.

    It is the page that holds it, or, where that goes on with a packet of the page before, the
    nearest page before it that starts with a packet of its own.
    """
    at, number, start = 0, 0, 0
    whole, first = -1, 0
    while at < len(data):
        end = page_end(data, at)
        if end < 0:
            return -1, 0
        # the first two packets are headers, on pages of their own (RFC 7845, 3)
        if number >= 2:
            if data[at + 5] & CONTINUED == 0:
                whole, first = at, start
            if little(data, at + 6, 8) > begin:
                return whole, first
        start = max(start, little(data, at + 6, 8))  # -1 where no packet ends
        at, number = end, number + 1
    return -1, 0


def play_all(
    state: Any,
    data: Any,
    sums: Any,
    begin: Any,
    pcm: Any,
    status: Any,
    sound: Any,
    packet: Any,
    player: Any,
    ticks: Any,
) -> None:
    """Answer every query; ``kernels`` and ``now`` are globals that `specialise` provides."""
    for i in range(len(begin)):
        kernels.reset(state)  # type: ignore[name-defined]  # noqa: F821
        played = len(player)
        first = max(begin[i] - PREROLL, 0)
        at, position = page_before(data, first)
        status[i] = NO_PAGE if at < 0 else PLAYED
        filled, held = 0, 0
        while status[i] == PLAYED and filled < played:
            end = page_end(data, at)
            if end < 0 or not is_whole(data, at, end, sums):
                status[i] = NO_PAGE if end < 0 else DAMAGED
                break
            laces = np.int64(data[at + 26])
            place = at + HEADER + laces
            if data[at + 5] & CONTINUED == 0:
                held = 0
            length: Any = 0
            lace = 0
            while lace < laces and filled < played:
                size = np.int64(data[at + HEADER + lace])
                lace += 1
                length += size
                if size == 255 and lace < laces:
                    continue
                if held > 0 or size == 255:  # a packet of several pages is put together first
                    if held + length > len(packet):
                        status[i] = DAMAGED
                        break
                    for j in range(length):
                        packet[held + j] = data[place + j]
                    held += length
                if size < 255:
                    source = packet[:held] if held else data[place : place + length]
                    bytes_held = len(source)
                    samples = samples_of(source, 0, bytes_held)
                    if position + samples > first and bytes_held:
                        clock = now()  # type: ignore[name-defined]  # noqa: F821
                        got, _ = kernels.decode(state, source, bytes_held, sound)  # type: ignore[name-defined]  # noqa: F821
                        ticks[0] += now() - clock  # type: ignore[name-defined]  # noqa: F821
                        ticks[1] += 1
                        if got != samples:
                            status[i] = NOT_DECODED
                            break
                        for j in range(max(begin[i] - position, 0), samples):
                            if filled == played:
                                break
                            for c in range(pcm.shape[2]):
                                value = sound[j, c]
                                pcm[i, filled, c] = value
                                scaled = np.rint(value * np.float32(32_768))
                                scaled = min(max(scaled, np.float32(-32_768)), np.float32(32_767))
                                player[filled, c] = np.int16(scaled)
                            filled += 1
                    position += samples
                    held = 0
                place += length
                length = 0
            at = end
        pcm[i, filled:] = 0
