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

from workbench.opus.analysis_pitch import ROOM as RAW
from workbench.opus.encoder_bands import SCRATCH as BAND_SCRATCH
from workbench.opus.encoder_frame import encode_frame
from workbench.opus.encoder_input import ROOM, filter_pitch, keep_past, recode, take_samples
from workbench.opus.encoder_partition import STACK
from workbench.opus.encoder_state import (
    BITRATE,
    BYTES,
    CHANNELS,
    CODED,
    END,
    FRAME,
    GAIN,
    LARGEST,
    LEVELS,
    LM,
    MEMORY,
    OLD,
    SETTINGS,
    WEIGHTS,
)
from workbench.opus.mdct import SCRATCH as TRANSFORM_SCRATCH
from workbench.opus.plan import PLAN
from workbench.opus.range_coder import (
    FAULT,
    FIELDS,
    RANGE,
    encode_bit,
    finish_encoder,
    start_encoder,
)
from workbench.opus.tables import (
    BANDS,
    DEEPEST_ENERGY,
    END_BANDS,
    ONE,
    SHORT_BLOCK,
    TWO,
    ZERO,
)

__all__ = ["MAX_BYTES", "encode", "final_range", "reset", "setup", "switch"]

# Of a packet with one frame: a byte that says what it is, and the frame.
MAX_BYTES = 1_276
BAD_ARG, BUFFER_TOO_SMALL, INTERNAL_ERROR = -1, -2, -3
# More bits a second no channel can use.
MOST_BPS = 750_000
# Useful rates from which two channels, and bandwidths of 8, 12 and 20 kHz, are coded.
STEREO_BPS = 18_000
WIDER_BPS = (9_000, 12_000, 14_000)
# A packet of less is its first byte alone: the decoder conceals the frame.
LEAST_BYTES = 3
# Typed, as `ONE` is. Minus log2 of how likely silence is.
_RARE: Any = np.int64(15)
_SHORT: Any = np.int64(SHORT_BLOCK)


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
        np.zeros((LEVELS, 2 * BANDS + 2), np.float32),  # energies and the like
        np.zeros((WEIGHTS, BANDS + 1), np.int64),  # what is wanted of bands
        np.zeros(TRANSFORM_SCRATCH + BAND_SCRATCH, np.float32),
        np.zeros(FIELDS, np.int64),  # saved coder
        np.zeros(STACK, np.int64),
        np.zeros(STACK[0], np.float32),
        np.zeros(176, np.int32),
        np.zeros(2 * RAW, np.float32),  # pre-emphasised past and frame
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
        if SHORT_BLOCK << lm == frame_size:
            settings[LM] = lm
    channels = settings[CHANNELS]
    if channels != 1 and channels != 2:
        settings[LM] = -1
    if settings[LM] < 0:
        return
    bits = max(0, min(bitrate_bps, channels * MOST_BPS)) * frame_size // 48_000
    settings[BYTES] = max(1, min(MAX_BYTES, (bits + 4) // 8))
    # what headers of short frames take is lost for the sound
    coded = 2 if channels == 2 and useful_rate(bitrate_bps, TWO, settings[LM]) >= STEREO_BPS else 1
    if coded != settings[CODED]:
        recode(state, coded)
    rate = useful_rate(bitrate_bps, coded, settings[LM])
    settings[END] = 13
    for i in range(3):
        if rate >= WIDER_BPS[i]:
            settings[END] = END_BANDS[i + 2]


@njit()
def useful_rate(bitrate_bps: int, channels: int, lm: int) -> int:
    """Bit rate less what frames shorter than 20 ms need for headers."""
    return bitrate_bps - (40 * channels + 20) * ((400 >> lm) - 50)


@njit()
def reset(state: Any) -> None:
    """Forget the signal, keep the settings."""
    settings, signal, memory, levels, raw = state[0], state[3], state[4], state[7], state[14]
    for i in range(len(signal)):
        signal[i] = 0
    for i in range(len(raw)):
        raw[i] = 0
    memory[0] = memory[1] = 0
    for row in range(levels.shape[0]):
        for i in range(levels.shape[1]):
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
    # 4, 8, 12 and 20 kHz have 13, 17, 19 and 21 bands
    bandwidth = max(0, (settings[END] - 15) >> 1)
    packet[0] = (16 + 4 * bandwidth + lm) << 3 | (settings[CODED] - 1) << 2
    if size < LEAST_BYTES:
        filter_pitch(state, _SHORT, ZERO, ZERO)
        coder[RANGE] = settings[GAIN] = 0
        keep_past(state)
        return 1
    start_encoder(coder, packet, 1, size - 1)
    if silent:
        encode_bit(coder, packet, ONE, _RARE)
        filter_pitch(state, _SHORT, ZERO, ZERO)
        for i in range(2 * BANDS):
            state[7][OLD, i] = DEEPEST_ENERGY
    else:
        encode_frame(state, packet)
    finish_encoder(coder, packet)
    keep_past(state)
    return INTERNAL_ERROR if coder[FAULT] else size
