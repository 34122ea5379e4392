"""A decoder of CELT-only Opus packets (RFC 6716, section 4.3, with RFC 8251), plain and complete.

It gives what libopus 1.6.1 gives: the same final range for every packet, the same error code, and
the same samples but for rounding. Packets in SILK and hybrid mode are `OPUS_UNIMPLEMENTED`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from workbench.opus.concealment import conceal, resume
from workbench.opus.frame import decode_symbols
from workbench.opus.memory import END, STARTED, create, forget
from workbench.opus.packet import (
    CELT,
    OPUS_BAD_ARG,
    OPUS_BUFFER_TOO_SMALL,
    OPUS_INTERNAL_ERROR,
    OPUS_UNIMPLEMENTED,
    bandwidth,
    frame_samples,
    mode,
    parse,
)
from workbench.opus.packet import channels as channels_of
from workbench.opus.plan import SEED
from workbench.opus.range_coder import RANGE, start_decoder, tell
from workbench.opus.synthesis import make_room, synthesise
from workbench.opus.tables import END_BANDS, SHORT_BLOCK

__all__ = ["decode", "reset", "setup"]


@njit()
def setup(channels: int, frame_size: int) -> Any:
    """Make a decoder.

    Parameters
    ----------
    channels : int
        Of the output, 1 or 2, whatever the packets have.
    frame_size : int
        Samples a channel that a lost packet stands for, a multiple of 120.

    Returns
    -------
    tuple
        Arrays and the two numbers, for `reset` and `decode`.
    """
    return create(channels, frame_size)


@njit()
def reset(state: Any) -> None:
    """Forget all packets."""
    forget(state)


@njit(error_model="numpy")
def decode(state: Any, packet: Any, length: int, pcm: Any) -> Any:
    """Decode a packet.

    Parameters
    ----------
    state : tuple
        From `setup`.
    packet : u8[]
        The packet is ``packet[:length]``.
    length : int
        0 for a lost packet.
    pcm : f32[capacity, channels]
        Gets the samples, full scale 1.

    Returns
    -------
    samples : int
        Samples a channel, or an error code.
    final_range : int
        Range of the last frame's decoder, 0 where it was made up, and with an error.
    """
    coder, plan, numbers, sizes, energies, x, vector, history, floats, memory, scratch = state[:11]
    channels, frame_size = state[11], state[12]
    out = pcm.reshape(-1)
    capacity = pcm.shape[0]
    # Typed, or what is called with the first value and with later ones is compiled twice.
    row: Any = np.int64(0)
    if length == 0:
        if frame_size > capacity:
            return OPUS_BUFFER_TOO_SMALL, 0
        while row < frame_size:
            # As long frames as fit, of those there are.
            lm = 3
            while row + (SHORT_BLOCK << lm) > frame_size:
                lm -= 1
            _make_up(
                *(plan, numbers, energies, x, history, floats, memory, scratch, channels, lm),
                *(out, row),
            )
            row += SHORT_BLOCK << lm
        return frame_size, 0
    if length < 0 or length > len(packet):
        return OPUS_BAD_ARG, 0
    count, at = parse(packet, length, sizes)
    if count < 0:
        return count, 0
    toc: Any = np.int64(packet[0])
    samples = frame_samples(toc)
    if count * samples > capacity:
        return OPUS_BUFFER_TOO_SMALL, 0
    if mode(toc) != CELT:
        return OPUS_UNIMPLEMENTED, 0
    lm = toc >> 3 & 3
    coded = channels_of(toc)
    final: Any = np.int64(0)
    for frame in range(count):
        size = sizes[frame]
        if size <= 1:
            _make_up(
                *(plan, numbers, energies, x, history, floats, memory, scratch, channels, lm),
                *(out, row),
            )
            final = 0
        else:
            make_room(numbers, history, channels)
            numbers[END] = END_BANDS[bandwidth(toc)]
            start_decoder(coder, packet, at, size)
            transient = decode_symbols(
                *(coder, packet, plan, numbers, energies, x, vector, floats, coded, lm),
                channels - 1,
            )
            resume(numbers, history, floats, scratch, channels)
            synthesise(
                numbers,
                energies,
                x,
                history,
                floats,
                memory,
                scratch,
                coded,
                channels,
                transient,
                lm,
                out,
                row,
            )
            final = coder[RANGE]
            plan[SEED] = final
            numbers[STARTED] = 1
            if tell(coder) > 8 * size:
                return OPUS_INTERNAL_ERROR, 0
        at += size
        row += samples
    return row, final


@njit()
def _make_up(
    plan: Any,
    numbers: Any,
    energies: Any,
    x: Any,
    history: Any,
    floats: Any,
    memory: Any,
    scratch: Any,
    channels: int,
    lm: int,
    out: Any,
    row: int,
) -> None:
    """Fill in for a frame that is lost; before the first frame there is silence."""
    if numbers[STARTED]:
        make_room(numbers, history, channels)
        conceal(
            *(plan, numbers, energies, x, history, floats, memory, scratch, channels, lm),
            *(out, row),
        )
    else:
        for j in range(row * channels, (row + (SHORT_BLOCK << lm)) * channels):
            out[j] = 0
