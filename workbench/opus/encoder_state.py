"""Names of the places in an encoder's arrays."""

from __future__ import annotations

__all__ = [
    "AMPLITUDE",
    "AVERAGE",
    "BITRATE",
    "BLENDED",
    "BYTES",
    "CHANNELS",
    "CODED_BANDS",
    "ENERGY",
    "ERROR",
    "FRAME",
    "LARGEST",
    "LEVELS",
    "LM",
    "LONG_ENERGY",
    "MASK",
    "MEMORY",
    "OLD",
    "SETTINGS",
    "SPREADING",
    "TRANSIENTS",
]

# Samples per channel of the longest frame.
LARGEST = 960

# Settings, i64: what stays, then what the frame before decided.
CHANNELS, FRAME, LM, BYTES, BITRATE = range(5)
MEMORY = 8
BLENDED, SPREADING, AVERAGE, CODED_BANDS, TRANSIENTS = range(MEMORY, MEMORY + 5)
SETTINGS = 16

# Rows of f32[LEVELS, 42], a channel's 21 bands after the other's.
AMPLITUDE, ENERGY, OLD, ERROR, LONG_ENERGY, MASK = range(6)
LEVELS = 6
