"""A CELT encoder: RFC 6716, section 5.3, on the parts that the decoder has too.

    state = setup(channels, frame_size, bitrate_bps)
    reset(state)
    size = encode(state, pcm, packet)
    switch(state, frame_size, bitrate_bps)

Constant bit rate. Every packet has one frame; what it may hold follows from the rate. ``pcm`` is
f32[frame_size, channels] at 48 kHz, full scale 1; ``packet`` u8[1276] or more. A sound comes out of
a decoder 120 samples later than it went in. ``encode`` allocates nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from workbench.opus import mdct
from workbench.opus.encoder_bands import SCRATCH as BAND_SCRATCH
from workbench.opus.encoder_frame import encode_frame
from workbench.opus.encoder_input import OVERLAP, ROOM, keep_overlap, take_samples
from workbench.opus.encoder_partition import STACK
from workbench.opus.encoder_state import (
    BITRATE,
    BYTES,
    CHANNELS,
    FRAME,
    LARGEST,
    LEVELS,
    LM,
    MEMORY,
    OLD,
    SETTINGS,
)
from workbench.opus.plan import PLAN
from workbench.opus.range_coder import (
    FAULT,
    FIELDS,
    RANGE,
    encode_bit,
    finish_encoder,
    start_encoder,
)
from workbench.opus.tables import BANDS, DEEPEST_ENERGY

__all__ = ["MAX_BYTES", "encode", "final_range", "reset", "setup", "switch"]

# Of a packet with one frame: a byte that says what it is, and the frame.
MAX_BYTES = 1_276
BAD_ARG, BUFFER_TOO_SMALL, INTERNAL_ERROR = -1, -2, -3


@njit()
def setup(channels: int, frame_size: int, bitrate_bps: int) -> Any:
    """Make an encoder's state.

    Parameters
    ----------
    channels : int
        1 or 2.
    frame_size : int
        Samples per channel of a packet: 120, 240, 480 or 960.
    bitrate_bps : int
        Bits a second of all packets; 2 to 1,276 bytes a packet come of it.

    Returns
    -------
    tuple of arrays
        What they are not is kept, too: `encode` refuses it.
    """
    state = (
        np.zeros(SETTINGS, np.int64),
        np.zeros(FIELDS, np.int64),  # coder
        np.zeros(PLAN, np.int64),  # plan
        np.zeros(2 * ROOM, np.float32),  # pre-emphasised signal
        np.zeros(2, np.float32),  # memory of pre-emphasis
        np.zeros(2 * LARGEST, np.float32),  # spectrum
        np.zeros(2 * LARGEST, np.float32),  # shapes
        np.zeros((LEVELS, 2 * BANDS), np.float32),  # energies and the like
        np.zeros((5, BANDS + 1), np.int64),  # weights of bands
        np.zeros(mdct.SCRATCH + BAND_SCRATCH, np.float32),
        np.zeros(FIELDS, np.int64),  # saved coder
        np.zeros(STACK, np.int64),
        np.zeros(STACK[0], np.float32),
        np.zeros(176, np.int32),
        np.zeros(32, np.float32),  # knobs
    )
    state[0][CHANNELS] = channels
    switch(state, frame_size, bitrate_bps)
    reset(state)
    return state


@njit()
def switch(state: Any, frame_size: int, bitrate_bps: int) -> None:
    """Go on with another frame size or rate from the next packet on."""
    settings = state[0]
    settings[FRAME], settings[BITRATE] = frame_size, bitrate_bps
    settings[LM] = -1
    for lm in range(4):
        if OVERLAP << lm == frame_size:
            settings[LM] = lm
    if settings[CHANNELS] != 1 and settings[CHANNELS] != 2:
        settings[LM] = -1
    bits = max(0, min(bitrate_bps, 10_000_000)) * max(0, min(frame_size, LARGEST)) // 48_000
    settings[BYTES] = max(2, min(MAX_BYTES, (bits + 4) // 8))


@njit()
def reset(state: Any) -> None:
    """Forget the signal, keep the settings."""
    settings, signal, memory, levels = state[0], state[3], state[4], state[7]
    for i in range(len(signal)):
        signal[i] = 0
    memory[0] = memory[1] = 0
    for row in range(LEVELS):
        for i in range(2 * BANDS):
            levels[row, i] = 0
    for i in range(MEMORY, SETTINGS):
        settings[i] = 0
    state[1][RANGE] = 0


@njit()
def final_range(state: Any) -> Any:
    """State of the range coder after the last packet, u32: what a decoder must find too."""
    return np.uint32(state[1][RANGE])


@njit()
def encode(state: Any, pcm: Any, packet: Any) -> int:
    """Encode one frame.

    Returns
    -------
    int
        Bytes of the packet, or a negative libopus code: -1 bad argument, -2 the buffer is too
        small, -3 an internal error.
    """
    settings, coder = state[0], state[1]
    lm, size = settings[LM], settings[BYTES]
    if lm < 0 or pcm.shape[0] != settings[FRAME] or pcm.shape[1] != settings[CHANNELS]:
        return BAD_ARG
    if len(packet) < size:
        return BUFFER_TOO_SMALL
    silent = take_samples(state, pcm)
    end = 21
    bandwidth = 3
    packet[0] = (16 + 4 * bandwidth + lm) << 3 | (4 if settings[CHANNELS] == 2 else 0)
    start_encoder(coder, packet, 1, size - 1)
    if silent:
        encode_bit(coder, packet, 1, 15)
        for i in range(2 * BANDS):
            state[7][OLD, i] = DEEPEST_ENERGY
    else:
        encode_frame(state, packet, end)
    finish_encoder(coder, packet)
    keep_overlap(state)
    return INTERNAL_ERROR if coder[FAULT] else size
