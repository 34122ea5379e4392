"""A CELT encoder: RFC 6716, section 5.3, on the parts that the decoder has too.

    state = setup(channels, frame_size, bitrate_bps)
    reset(state)
    size = encode(state, pcm, packet)

Constant bit rate. Every packet has one frame; what it may hold follows from the rate. ``pcm`` is
f32[frame_size, channels] at 48 kHz, full scale 1; ``packet`` u8[1276] or more. A sound comes out of
a decoder 120 samples later than it went in. ``encode`` allocates nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from workbench.opus import mdct
from workbench.opus.allocation import allocate, code_boosts, code_resolutions, find_capacities
from workbench.opus.encoder_bands import SCRATCH as BAND_SCRATCH
from workbench.opus.encoder_bands import encode_bands
from workbench.opus.encoder_energy import coarse_bits, measure, normalise_bands
from workbench.opus.encoder_partition import STACK
from workbench.opus.energy import encode_coarse, encode_final, encode_fine
from workbench.opus.plan import BOOSTS, DUAL, INTENSITY, PLAN, TF
from workbench.opus.range_coder import (
    FAULT,
    FIELDS,
    RANGE,
    encode_bit,
    encode_bits,
    encode_icdf,
    finish_encoder,
    start_encoder,
    tell,
    tell_eighths,
)
from workbench.opus.tables import BANDS, ICDF, SPREAD, TRIM

__all__ = ["MAX_BYTES", "encode", "final_range", "reset", "setup"]

# Of a packet with one frame: a byte that says what it is, and the frame.
MAX_BYTES = 1_276
BAD_ARG, BUFFER_TOO_SMALL, INTERNAL_ERROR = -1, -2, -3
OVERLAP = 120
LARGEST = 960
# Samples are coded as if full scale were this.
SCALE = np.float32(32_768)
EMPHASIS = np.float32(0.85)
SILENT = np.float32(-28)
# What a setting is, in state[0].
CHANNELS, FRAME, LM, BYTES, BITRATE = range(5)
# Room of a channel: the overlap that stays from the frame before, and a frame.
ROOM = OVERLAP + LARGEST


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
        Another frame size or number of channels is kept as it is: `encode` refuses it.
    """
    settings = np.zeros(8, np.int64)
    settings[CHANNELS], settings[FRAME], settings[BITRATE] = channels, frame_size, bitrate_bps
    settings[LM] = -1
    for lm in range(4):
        if OVERLAP << lm == frame_size:
            settings[LM] = lm
    if channels != 1 and channels != 2:
        settings[LM] = -1
    bits = bitrate_bps * max(frame_size, 0) // 48_000
    settings[BYTES] = max(2, min(MAX_BYTES, (bits + 4) // 8))
    state = (
        settings,
        np.zeros(FIELDS, np.int64),  # coder
        np.zeros(PLAN, np.int64),  # plan
        np.zeros(2 * ROOM, np.float32),  # pre-emphasised signal
        np.zeros(2, np.float32),  # memory of pre-emphasis
        np.zeros(2 * LARGEST, np.float32),  # spectrum
        np.zeros(2 * LARGEST, np.float32),  # shapes
        np.zeros((4, 2 * BANDS), np.float32),  # amplitude, energy, old energy, error
        np.zeros(mdct.SCRATCH + BAND_SCRATCH, np.float32),
        np.zeros(FIELDS, np.int64),  # saved coder
        np.zeros(STACK, np.int64),
        np.zeros(STACK[0], np.float32),
        np.zeros(176, np.int32),
    )
    reset(state)
    return state


@njit()
def reset(state: Any) -> None:
    """Forget the signal, keep the settings."""
    signal, memory, levels = state[3], state[4], state[7]
    for i in range(len(signal)):
        signal[i] = 0
    memory[0] = memory[1] = 0
    for row in range(4):
        for i in range(2 * BANDS):
            levels[row, i] = 0
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
    settings = state[0]
    lm, size = settings[LM], settings[BYTES]
    if lm < 0 or pcm.shape[0] != settings[FRAME] or pcm.shape[1] != settings[CHANNELS]:
        return BAD_ARG
    if len(packet) < size:
        return BUFFER_TOO_SMALL
    silent = take_samples(state, pcm)
    end = 21
    bandwidth = 3
    packet[0] = (16 + 4 * bandwidth + lm) << 3 | (4 if settings[CHANNELS] == 2 else 0)
    coder = state[1]
    start_encoder(coder, packet, 1, size - 1)
    if silent:
        if size > 1:
            encode_bit(coder, packet, 1, 15)
        for i in range(2 * BANDS):
            state[7][2, i] = SILENT
    else:
        encode_frame(state, packet, end)
    finish_encoder(coder, packet)
    return INTERNAL_ERROR if coder[FAULT] else size


@njit(error_model="numpy")
def take_samples(state: Any, pcm: Any) -> bool:
    """Pre-emphasise a frame behind the overlap of the one before; say whether it is silent."""
    settings, signal, memory = state[0], state[3], state[4]
    frame, channels = settings[FRAME], settings[CHANNELS]
    loudest = np.float32(0)
    for channel in range(channels):
        at = channel * ROOM
        for i in range(OVERLAP):
            signal[at + i] = signal[at + frame + i]
            loudest = max(loudest, abs(signal[at + i]))
        before = memory[channel]
        for i in range(frame):
            sample = pcm[i, channel]
            # what is no number is silence; what is far too loud stays in range
            if not abs(sample) <= np.float32(2):
                sample = min(np.float32(2), max(np.float32(-2), sample)) if sample == sample else 0
            sample = np.float32(sample) * SCALE
            loudest = max(loudest, abs(sample))
            signal[at + OVERLAP + i] = sample - before
            before = EMPHASIS * sample
        memory[channel] = before
    return loudest < np.float32(1 / 512)


@njit(error_model="numpy")
def transform(state: Any, blocks: int) -> None:
    """Spectrum of the frame, of one long block or of short ones, interleaved."""
    settings, signal, spectrum, scratch = state[0], state[3], state[5], state[8]
    frame = settings[FRAME]
    for channel in range(settings[CHANNELS]):
        at = channel * ROOM
        if blocks == 1:
            mdct.forward(signal, at, settings[LM], spectrum, channel * frame, 1, scratch)
        else:
            for block in range(blocks):
                start = at + block * OVERLAP
                first = channel * frame + block
                mdct.forward(signal, start, 0, spectrum, first, blocks, scratch)


@njit(error_model="numpy")
def encode_frame(state: Any, packet: Any, end: int) -> None:
    """Write a frame that is not silent."""
    settings, coder, plan, _, _, spectrum, shapes, levels, scratch = state[:9]
    saved, stack, gains, vector = state[9:]
    channels, lm = settings[CHANNELS], settings[LM]
    amplitude, energy, old, error = levels[0], levels[1], levels[2], levels[3]
    size = settings[BYTES] - 1
    budget = 8 * size
    transient = False
    encode_bit(coder, packet, 0, 15)
    if tell(coder) + 16 <= budget:
        encode_bit(coder, packet, 0, 1)  # no pitch filter
    transform(state, 1)
    for channel in range(channels):
        start = channel * settings[FRAME]
        measure(spectrum, start, lm, end, amplitude, energy, channel)
        normalise_bands(spectrum, start, lm, end, amplitude, channel, shapes)
    if lm > 0 and tell(coder) + 3 <= budget:
        encode_bit(coder, packet, 1 if transient else 0, 3)
    intra = 0
    if tell(coder) + 3 <= budget:
        anew = coarse_bits(energy, old, channels, end, lm, 1)
        if anew < coarse_bits(energy, old, channels, end, lm, 0):
            intra = 1
        encode_bit(coder, packet, intra, 3)
    fall = np.float32(min(16.0, 0.125 * size))
    encode_coarse(coder, packet, energy, old, error, 0, end, channels, lm, intra, fall)
    for band in range(BANDS):
        plan[TF + band] = 0
        plan[BOOSTS + band] = 0
    code_resolutions(coder, packet, 1, plan, 0, end, 1 if transient else 0, lm, 0)
    spread = 2
    if tell(coder) + 4 <= budget:
        encode_icdf(coder, packet, spread, ICDF, SPREAD, 5)
    find_capacities(plan, channels, lm)
    unclaimed = code_boosts(coder, packet, 1, plan, 0, end, channels, lm)
    trim = 5
    if tell_eighths(coder) + 48 <= unclaimed:
        encode_icdf(coder, packet, trim, ICDF, TRIM, 7)
    plan[INTENSITY], plan[DUAL] = end, 0
    total = 8 * budget - tell_eighths(coder) - 1
    reserve = 8 if transient and lm >= 2 and total >= (lm + 2) << 3 else 0
    allocate(
        *(coder, packet, 1, plan, 0, end, channels, lm, trim, total - reserve, end, end - 1),
    )
    encode_fine(coder, packet, plan, old, error, 0, end, channels)
    encode_bands(
        *(coder, packet, shapes, channels, lm, end, transient, spread, plan, amplitude),
        *(8 * budget - reserve, True, scratch, saved, stack, gains, vector),
    )
    if reserve:
        encode_bits(coder, packet, 1, 1)
    encode_final(coder, packet, plan, old, error, 0, end, channels)
