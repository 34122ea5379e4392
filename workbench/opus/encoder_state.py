"""Names of the places in an encoder's arrays."""

from __future__ import annotations

__all__ = [
    "AMPLITUDE",
    "AVERAGE",
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
    "LARGEST",
    "LEVELS",
    "LM",
    "LONG_ENERGY",
    "MASK",
    "MEMORY",
    "OLD",
    "PERIOD",
    "SETTINGS",
    "SPREADING",
    "TAPS",
    "TRANSIENTS",
]

# Samples per channel of the longest frame.
LARGEST = 960

# Settings, i64: what stays, then what the frame before decided. The gain of the pitch filter is in
# steps of 3/32, 0 is none.
CHANNELS, FRAME, LM, BYTES, BITRATE, CODED, END = range(7)
MEMORY = 8
BLENDED, SPREADING, AVERAGE, CODED_BANDS, TRANSIENTS, PERIOD, GAIN, TAPS = range(8, 16)
SETTINGS = 16

# Rows of f32[LEVELS, 42], a channel's 21 bands after the other's.
AMPLITUDE, ENERGY, OLD, ERROR, LONG_ENERGY, MASK = range(6)
LEVELS = 6
