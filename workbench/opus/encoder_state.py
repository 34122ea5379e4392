"""Names of the places in an encoder's arrays."""

from __future__ import annotations

__all__ = [
    "AMPLITUDE",
    "APART",
    "BITRATE",
    "BLENDED",
    "BYTES",
    "CHANNELS",
    "CODED",
    "CODED_BANDS",
    "END",
    "ENERGY",
    "ERROR",
    "FRAME",
    "GAIN",
    "KEPT_WISHES",
    "LARGEST",
    "LEVELS",
    "LM",
    "MASK",
    "MASKER",
    "MEMORY",
    "OLD",
    "PERIOD",
    "RESERVE",
    "SENSITIVITY",
    "SETTINGS",
    "TAPS",
    "TRANSIENTS",
    "WEIGHTS",
    "WISHES",
]

# Samples per channel of the longest frame.
LARGEST = 960

# Settings, i64: what stays, then what the frame before decided. The gain of the pitch filter is in
# steps of 3/32, 0 is none.
CHANNELS, FRAME, LM, BYTES, BITRATE, CODED, END = range(7)
MEMORY = 8
BLENDED, APART, RESERVE, CODED_BANDS, TRANSIENTS, PERIOD, GAIN, TAPS = range(8, 16)
SETTINGS = 16

# Rows of f32[LEVELS, 44], a channel's 21 bands after the other's.
AMPLITUDE, ENERGY, OLD, ERROR, MASK, MASKER, SENSITIVITY = range(7)
LEVELS = 7

# Rows of i64[WEIGHTS, 22]: three for the choice of resolutions, and boosts that are wanted.
WISHES, KEPT_WISHES = 3, 4
WEIGHTS = 5
