"""From samples to spectra: pre-emphasis, pitch pre-filter and the forward transform.

RFC 6716, sections 5.3.1 and 5.3.2. ``raw`` has each channel's pre-emphasised past and frame,
``signal`` what the filter made of it, from the overlap with the frame before on.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from workbench.opus import mdct
from workbench.opus.analysis_pitch import PAST
from workbench.opus.analysis_pitch import ROOM as RAW
from workbench.opus.encoder_state import (
    CHANNELS,
    CODED,
    FRAME,
    GAIN,
    LARGEST,
    LM,
    PERIOD,
    TAPS,
)
from workbench.opus.mdct import OVERLAP, WINDOW
from workbench.opus.postfilter import TAPS as WEIGHTS
from workbench.opus.postfilter import undo
from workbench.opus.tables import ONE, ZERO

__all__ = ["GAIN_STEP", "ROOM", "filter_pitch", "keep_past", "recode", "take_samples", "transform"]

# Typed, as `ONE` is.
_OVERLAP: Any = np.int64(OVERLAP)
# Room of a channel: the overlap that stays from the frame before, and a frame.
ROOM = OVERLAP + LARGEST
# Samples are coded as if full scale were this.
SCALE = np.float32(32_768)
EMPHASIS = np.float32(0.85)
# What is louder is cut, as the reference does; 6 dB above full scale.
LOUDEST = np.float32(2)
# What is softer than a step of 24-bit samples is silence.
SOFTEST = np.float32(32_768 / (1 << 24))
GAIN_STEP = np.float32(3 / 32)
RISING = WINDOW * WINDOW


@njit(error_model="numpy")
def sample_of(pcm: Any, row: int, channel: int, mixed: bool) -> Any:
    """One sample in the scale of the coder; what is no number becomes silence."""
    sample = pcm[row, channel]
    if mixed:
        sample = np.float32(0.5) * (sample + pcm[row, 1])
    if sample != sample:
        return np.float32(0)
    return SCALE * min(LOUDEST, max(-LOUDEST, sample))


@njit(error_model="numpy")
def take_samples(state: Any, pcm: Any) -> Any:
    """Pre-emphasise a frame behind its past; say whether it is silent."""
    settings, raw, memory, signal = state[0], state[14], state[4], state[3]
    frame, coded = settings[FRAME], settings[CODED]
    mixed = coded < settings[CHANNELS]
    loudest = np.float32(settings[GAIN])
    for channel in range(coded):
        at = channel * RAW + PAST
        before = memory[channel]
        loudest = max(loudest, abs(before))
        for i in range(OVERLAP):
            loudest = max(loudest, abs(signal[channel * ROOM + i]))
        for i in range(frame):
            sample = sample_of(pcm, i, channel, mixed)
            loudest = max(loudest, abs(sample))
            raw[at + i] = sample - before
            before = EMPHASIS * sample
        memory[channel] = before
    return loudest <= SOFTEST


@njit(error_model="numpy")
def filter_pitch(state: Any, period: int, gain: int, taps: int) -> Any:
    """Take the pitch out of the frame, fading from the frame before's filter to this one.

    ``gain`` counts steps of 3/32, 0 is no filter.

    Returns
    -------
    tuple of float32
        Sum of magnitudes before and after.
    """
    settings, signal, raw = state[0], state[3], state[14]
    frame = settings[FRAME]
    old_period, old_taps = max(15, settings[PERIOD]), settings[TAPS]
    old_gain: Any = GAIN_STEP * np.float32(settings[GAIN])
    new_gain: Any = GAIN_STEP * np.float32(gain)
    before, after = np.float32(0), np.float32(0)
    for channel in range(settings[CODED]):
        at, to = channel * RAW + PAST, channel * ROOM + OVERLAP
        undo(raw, at, _OVERLAP, old_period, old_gain, old_taps, signal, to)
        for i in range(OVERLAP):
            j = at + i - period
            value = raw[j] * WEIGHTS[taps, 0] + (raw[j - 1] + raw[j + 1]) * WEIGHTS[taps, 1]
            value = raw[at + i] - new_gain * (value + (raw[j - 2] + raw[j + 2]) * WEIGHTS[taps, 2])
            signal[to + i] += RISING[i] * (value - signal[to + i])
        undo(raw, at + OVERLAP, frame - OVERLAP, period, new_gain, taps, signal, to + OVERLAP)
        for i in range(frame):
            before += abs(raw[at + i])
            after += abs(signal[to + i])
    return before, after


@njit(error_model="numpy")
def keep_past(state: Any) -> None:
    """Move the end of this frame to where the next one's past is."""
    settings, signal, raw = state[0], state[3], state[14]
    frame = settings[FRAME]
    for channel in range(settings[CODED]):
        at = channel * ROOM
        for i in range(at, at + OVERLAP):
            signal[i] = signal[i + frame]
        at = channel * RAW
        for i in range(at, at + PAST):
            raw[i] = raw[i + frame]


@njit(error_model="numpy")
def recode(state: Any, coded: int) -> None:
    """Change how many channels are coded: mix what is kept of the signal, or double it."""
    settings, signal, memory, raw = state[0], state[3], state[4], state[14]
    before = settings[CODED]
    settings[CODED] = coded
    if before == 0 or before == coded:
        return
    half = np.float32(0.5)
    if coded == 1:
        memory[0] = half * (memory[0] + memory[1])
        for i in range(OVERLAP):
            signal[i] = half * (signal[i] + signal[ROOM + i])
        for i in range(PAST):
            raw[i] = half * (raw[i] + raw[RAW + i])
    else:
        memory[1] = memory[0]
        for i in range(OVERLAP):
            signal[ROOM + i] = signal[i]
        for i in range(PAST):
            raw[RAW + i] = raw[i]


@njit(error_model="numpy")
def transform(state: Any, blocks: int) -> None:
    """Spectrum of the frame, of one long block or of short ones, interleaved."""
    settings, signal, spectrum, scratch = state[0], state[3], state[5], state[9]
    frame = settings[FRAME]
    for channel in range(settings[CODED]):
        at = channel * ROOM
        if blocks == 1:
            mdct.forward(signal, at, settings[LM], spectrum, channel * frame, ONE, scratch)
        else:
            for block in range(blocks):
                start = at + block * OVERLAP
                first = channel * frame + block
                mdct.forward(signal, start, ZERO, spectrum, first, blocks, scratch)
