"""What a CELT decoder plays in place of lost packets, and how it goes on after them.

RFC 6716, section 4.4, leaves this to the decoder; the rules and constants here are libopus 1.6's,
so that the next packet finds the state that it finds there. There are two ways:

- **Repetition**, for up to 100 ms: the last period of the signal's prediction error, faded by how
  much its energy falls from period to period, drives the predictor's synthesis filter from the
  last samples on. 120 samples more than needed are made; when a packet comes they are folded as
  the encoder folds, so that the overlap of the next block cancels their aliases.
- **Noise**, after that, and until two packets in a row came: every band at the energy it had last,
  less 1.5 and then 0.5 (in log2) a frame, down to the background's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from workbench.opus.energy import BACKGROUND
from workbench.opus.mdct import OVERLAP, WINDOW
from workbench.opus.memory import (
    END,
    GAIN,
    GAIN_NEXT,
    HERE,
    HISTORY,
    LOST,
    PERIOD,
    PERIOD_NEXT,
    TAPSET,
    TAPSET_NEXT,
)
from workbench.opus.partition import make_noise, rescale
from workbench.opus.periodicity import find_period
from workbench.opus.postfilter import undo
from workbench.opus.prediction import analyse, correlate, dot, find_filter, stabilise, synthesise
from workbench.opus.synthesis import apply_energies, filter_pitch, finish, transform_back
from workbench.opus.tables import BAND_EDGES, BANDS, SHORT_BLOCK, ZERO

__all__ = ["conceal", "resume"]

# Numbers: blocks of 2.5 ms concealed since the last packet; how the last frame was made; the period
# that is repeated; whether the history goes on for 120 samples; whether two packets came in a row.
CONCEALED, MADE, REPEATED, AHEAD, TRUSTED = 16, 17, 18, 19, 20
DECODED, BY_REPETITION, BY_NOISE = 0, 1, 2
# Floats: each channel's predictor, last tap first.
PREDICTOR = 8
# Typed, as others below: a literal in a call would have the function compiled once more for it.
ORDER: Any = np.int64(24)

# Repetition ends after 100 ms.
LONGEST = 40
# What is analysed, and its place in scratch: the samples, their windowed copy, the error.
SPAN: Any = np.int64(1024)
WINDOWED: Any = np.int64(0)
CORRELATIONS: Any = SPAN
ERRORS = 0

_ONE, _AGAIN = np.float32(1), np.float32(0.8)
_EXPLODED = np.float32(0.2)
_FIRST_DECAY, _DECAY = np.float32(1.5), np.float32(0.5)


@njit(inline="always")
def learn(history: Any, at: int, floats: Any, predictor: int, scratch: Any) -> None:
    """Find the predictor of the `SPAN` samples before ``at``."""
    for i in range(SPAN):
        scratch[WINDOWED + i] = history[at - SPAN + i]
    for i in range(OVERLAP):
        scratch[WINDOWED + i] *= WINDOW[i]
        scratch[WINDOWED + SPAN - 1 - i] *= WINDOW[i]
    taps = CORRELATIONS + ORDER + 1
    correlate(scratch, WINDOWED, SPAN, ORDER, scratch, CORRELATIONS)
    stabilise(scratch, CORRELATIONS, ORDER)
    find_filter(scratch, CORRELATIONS, ORDER, scratch, taps)
    for k in range(ORDER):
        floats[predictor + k] = scratch[taps + ORDER - 1 - k]


@njit(inline="always")
def decay_of(scratch: Any, at: int, n: int) -> Any:
    """Root of the energy of the last ``n`` errors before ``at`` over that of the ``n`` before.

    At most 1: a signal that rises does not go on rising.
    """
    late = _ONE + dot(scratch, at - n, scratch, at - n, n)
    early = _ONE + dot(scratch, at - 2 * n, scratch, at - 2 * n, n)
    return np.sqrt(min(late, early) / early)


@njit(inline="always")
def restrain(history: Any, at: int, n: int, energy: Any) -> None:
    """Turn down ``n`` new samples that have more than the energy of what they repeat.

    Silence them where the filter exploded, and where they are not numbers.
    """
    made = dot(history, at, history, at, n)
    if not energy > _EXPLODED * made:
        for i in range(n):
            history[at + i] = 0
    elif energy < made:
        ratio = np.sqrt((energy + _ONE) / (made + _ONE))
        for i in range(OVERLAP):
            history[at + i] *= _ONE - WINDOW[i] * (_ONE - ratio)
        for i in range(OVERLAP, n):
            history[at + i] *= ratio


@njit(inline="always")
def repeat(
    history: Any,
    at: int,
    n: int,
    floats: Any,
    predictor: int,
    period: int,
    again: int,
    scratch: Any,
) -> None:
    """Make ``history[at : at + n]`` by repetition of the last ``period`` samples."""
    known = min(2 * period, SPAN)
    ends = ERRORS + known
    analyse(history, at - known, known, floats, predictor, ORDER, scratch, ERRORS)
    decay = decay_of(scratch, ends, known >> 1)
    gain = decay * (_AGAIN if again else _ONE)
    energy = np.float32(0)
    done = 0
    while done < n:
        part = min(period, n - done)
        for i in range(part):
            history[at + done + i] = gain * scratch[ends - period + i]
        energy += dot(history, at - period, history, at - period, part)
        gain *= decay
        done += part
    synthesise(history, at, n, floats, predictor, ORDER)
    restrain(history, at, n, energy)


@njit()
def fold_ahead(numbers: Any, history: Any, floats: Any, scratch: Any, channels: int) -> None:
    """Make the samples ahead the tail of a block, so that the next one overlaps with them.

    The post-filter will go over the overlap again, so it is undone first.
    """
    for channel in range(channels):
        at = channel * HISTORY + numbers[HERE]
        undo(history, at, OVERLAP, numbers[PERIOD], floats[GAIN], numbers[TAPSET], scratch, 0)
        for i in range(OVERLAP // 2):
            j = OVERLAP - 1 - i
            history[at + i] = WINDOW[j] * scratch[i] + WINDOW[i] * scratch[j]
    numbers[AHEAD] = 0


@njit(inline="always")
def resume(numbers: Any, history: Any, floats: Any, scratch: Any, channels: int) -> None:
    """Let a frame that was received follow; call it before the frame's samples are made."""
    if numbers[LOST] == 0:
        numbers[TRUSTED] = 1
    if numbers[AHEAD]:
        fold_ahead(numbers, history, floats, scratch, channels)
    numbers[CONCEALED], numbers[MADE] = 0, DECODED


@njit(inline="always")
def go_on(numbers: Any, history: Any, floats: Any, scratch: Any, channels: int, lm: int) -> None:
    """Write the next frame, and 120 samples ahead, by repetition."""
    here = numbers[HERE]
    again = numbers[MADE] == BY_REPETITION
    if not again:
        numbers[REPEATED] = find_period(history, here, HISTORY, channels, scratch)
    for channel in range(channels):
        at, predictor = channel * HISTORY + here, PREDICTOR + ORDER * channel
        if not again:
            learn(history, at, floats, predictor, scratch)
        n = (SHORT_BLOCK << lm) + OVERLAP
        repeat(history, at, n, floats, predictor, numbers[REPEATED], again, scratch)
    numbers[AHEAD] = 1


@njit(inline="always")
def fade_out(
    plan: Any,
    numbers: Any,
    energies: Any,
    x: Any,
    history: Any,
    floats: Any,
    scratch: Any,
    channels: int,
    lm: int,
) -> None:
    """Write the next frame and its tail as noise in the bands' shapes."""
    if numbers[AHEAD]:
        fold_ahead(numbers, history, floats, scratch, channels)
    end = numbers[END]
    decay = _DECAY if numbers[LOST] else _FIRST_DECAY
    for channel in range(channels):
        first = 960 * channel
        make_noise(plan, x, first, BAND_EDGES[end] << lm)
        for band in range(end):
            of = BANDS * channel + band
            energies[of] = max(energies[BACKGROUND + of], energies[of] - decay)
            low, high = BAND_EDGES[band] << lm, BAND_EDGES[band + 1] << lm
            rescale(x, first + low, high - low, _ONE)
        apply_energies(energies, x, end, channel, lm, ZERO)
    transform_back(x, history, numbers, scratch, channels, channels, ZERO, lm)
    numbers[PERIOD_NEXT], numbers[TAPSET_NEXT] = numbers[PERIOD], numbers[TAPSET]
    floats[GAIN_NEXT] = floats[GAIN]
    filter_pitch(history, numbers, floats, channels, lm)
    numbers[TRUSTED] = 0


@njit(error_model="numpy")
def conceal(
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
    """Make up a frame of 120 << lm samples.

    There must have been a frame before, and room for this one: see
    `workbench.opus.synthesis.make_room`. Apart from ``channels`` (the output's) and ``lm``, the
    arguments are those of `workbench.opus.synthesis.synthesise` and the ``plan``, whose noise goes
    on.
    """
    if numbers[CONCEALED] < LONGEST and numbers[TRUSTED]:
        go_on(numbers, history, floats, scratch, channels, lm)
        numbers[MADE] = BY_REPETITION
    else:
        fade_out(plan, numbers, energies, x, history, floats, scratch, channels, lm)
        numbers[MADE] = BY_NOISE
    numbers[LOST] = min(numbers[LOST] + (1 << lm), 10_000)
    numbers[CONCEALED] = min(numbers[CONCEALED] + (1 << lm), 10_000)
    finish(history, numbers, memory, out, row, channels, lm)
