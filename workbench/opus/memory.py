"""What a decoder keeps from frame to frame, as flat arrays and offsets into them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from workbench.opus import partition
from workbench.opus.energy import EARLIER, ENERGIES, PREVIOUS
from workbench.opus.packet import MAX_FRAMES
from workbench.opus.plan import PLAN
from workbench.opus.range_coder import FIELDS
from workbench.opus.tables import BANDS, DEEPEST_ENERGY

__all__ = [
    "END",
    "GAIN",
    "GAIN_BEFORE",
    "GAIN_NEXT",
    "HERE",
    "HISTORY",
    "LOST",
    "NUMBERS",
    "PAST",
    "PERIOD",
    "PERIOD_BEFORE",
    "PERIOD_NEXT",
    "SILENT",
    "STARTED",
    "TAIL",
    "TAPSET",
    "TAPSET_BEFORE",
    "TAPSET_NEXT",
    "create",
    "forget",
]

# Of each channel: samples that the post-filter and concealment look back on, the tail of the last
# block, and room for frames, so that the past is moved only once in a while.
PAST = 2048
TAIL = 120
HISTORY = PAST + 8 * 960 + TAIL

# Integers. The next frame starts at `HERE` in each channel's history.
HERE = 0
# The post-filter's period and tapset: before the change at the next frame's start, after it, and
# after the change 120 samples later.
PERIOD_BEFORE, PERIOD, PERIOD_NEXT = 1, 2, 3
TAPSET_BEFORE, TAPSET, TAPSET_NEXT = 4, 5, 6
# Bands of the last packet; blocks of 2.5 ms lost since the last frame; whether there was a frame
# at all; whether the last one was silent.
END, LOST, STARTED, SILENT = 7, 8, 9, 10
# From 16 on they are concealment's.
NUMBERS = 32

# Floats: the post-filter's gains; the rest is concealment's.
GAIN_BEFORE, GAIN, GAIN_NEXT = 0, 1, 2
FLOATS = 64
# Working memory of the transform, or of concealment.
SCRATCH = 4096


@njit(inline="always")
def create(channels: int, frame_size: int) -> Any:
    """Make a decoder's arrays, and put both arguments behind them.

    They are coder, plan, numbers, sizes, energies, x, vector, history, floats, memory, scratch.
    """
    state = (
        np.zeros(FIELDS, np.int64),
        np.zeros(PLAN, np.int64),
        np.zeros(NUMBERS, np.int64),
        np.zeros(MAX_FRAMES, np.int64),
        np.zeros(ENERGIES, np.float32),
        np.zeros(partition.FLOATS, np.float32),
        np.zeros(176, np.int32),
        np.zeros(channels * HISTORY, np.float32),
        np.zeros(FLOATS, np.float32),
        np.zeros(2, np.float32),
        np.zeros(SCRATCH, np.float32),
        channels,
        frame_size,
    )
    forget(state)
    return state


@njit(inline="always")
def forget(state: Any) -> None:
    """Put everything back to where it was when it was made."""
    plan, numbers, energies = state[1], state[2], state[4]
    history, floats, memory = state[7], state[8], state[9]
    plan[:] = 0
    numbers[:] = 0
    numbers[HERE] = PAST
    energies[:] = 0
    energies[PREVIOUS : EARLIER + 2 * BANDS] = DEEPEST_ENERGY
    history[:] = 0
    floats[:] = 0
    memory[:] = 0
