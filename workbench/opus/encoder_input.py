"""From samples to spectra: pre-emphasis and the forward transform."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from workbench.opus import mdct
from workbench.opus.encoder_state import CHANNELS, FRAME, LARGEST, LM

__all__ = ["OVERLAP", "ROOM", "keep_overlap", "take_samples", "transform"]

OVERLAP = 120
# Room of a channel: the overlap that stays from the frame before, and a frame.
ROOM = OVERLAP + LARGEST
# Samples are coded as if full scale were this.
SCALE = np.float32(32_768)
EMPHASIS = np.float32(0.85)
# What is louder is cut, as the reference does; 6 dB above full scale.
LOUDEST = np.float32(2)
# What is softer than a step of 24-bit samples is silence.
SOFTEST = np.float32(32_768 / (1 << 24))


@njit(error_model="numpy")
def take_samples(state: Any, pcm: Any) -> bool:
    """Pre-emphasise a frame behind the overlap of the one before; say whether it is silent."""
    settings, signal, memory = state[0], state[3], state[4]
    frame, channels = settings[FRAME], settings[CHANNELS]
    loudest = np.float32(0)
    for channel in range(channels):
        at = channel * ROOM
        before = memory[channel]
        loudest = max(loudest, abs(before))
        for i in range(OVERLAP):
            loudest = max(loudest, abs(signal[at + i]))
        for i in range(frame):
            # what is no number becomes silence
            sample = pcm[i, channel]
            sample = sample if sample == sample else np.float32(0)
            sample = SCALE * min(LOUDEST, max(-LOUDEST, sample))
            loudest = max(loudest, abs(sample))
            signal[at + OVERLAP + i] = sample - before
            before = EMPHASIS * sample
        memory[channel] = before
    return loudest <= SOFTEST


@njit(error_model="numpy")
def keep_overlap(state: Any) -> None:
    """Move the end of this frame to where the next one's overlap is."""
    settings, signal = state[0], state[3]
    for channel in range(settings[CHANNELS]):
        at = channel * ROOM
        for i in range(OVERLAP):
            signal[at + i] = signal[at + settings[FRAME] + i]


@njit(error_model="numpy")
def transform(state: Any, blocks: int) -> None:
    """Spectrum of the frame, of one long block or of short ones, interleaved."""
    settings, signal, spectrum, scratch = state[0], state[3], state[5], state[9]
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
