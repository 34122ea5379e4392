"""What is known of a frame's bands before their shapes: one flat array of integers.

``plan`` is i64[`PLAN`]. The names are offsets; down to `THRESHOLD`, each starts one element a band.
"""

from __future__ import annotations

from workbench.opus.tables import BANDS

__all__ = [
    "BALANCE",
    "BOOSTS",
    "CAPACITIES",
    "CODED",
    "DUAL",
    "FINE_BITS",
    "INTENSITY",
    "LEFT",
    "LOWER",
    "MASKS",
    "PLAN",
    "PRIORITY",
    "SEED",
    "SHAPE_BITS",
    "SPAN",
    "TF",
    "THRESHOLD",
    "WAITING",
]

# Eighths of a bit for the shape of each band, both channels together.
SHAPE_BITS = 0 * BANDS
# Whole bits a channel that refine its energy, and whether it comes second when bits are left over.
FINE_BITS = 1 * BANDS
PRIORITY = 2 * BANDS
# The most it can use, and what was added by signalled boosts (eighths of a bit).
CAPACITIES = 3 * BANDS
BOOSTS = 4 * BANDS
# Change of time-frequency resolution.
TF = 5 * BANDS
# One bit for each short block that got a pulse or noise: two channels, so two elements a band.
MASKS = 6 * BANDS
# Scratch of the allocation: the bounds of the interpolation, and what a shape costs at least.
LOWER = 8 * BANDS
SPAN = 9 * BANDS
THRESHOLD = 10 * BANDS

# Eighths left to be shared out while shapes are coded.
BALANCE = 11 * BANDS
# First band that both channels share, whether the bands below are coded channel by channel, and
# the first band that has no shape.
INTENSITY = BALANCE + 1
DUAL = BALANCE + 2
CODED = BALANCE + 3
# What is left of the frame while shapes are read, in eighths, and the state of the noise.
LEFT = BALANCE + 4
SEED = BALANCE + 5
# Halves of bands that wait for their turn while the other half is read.
WAITING = BALANCE + 6
PLAN = WAITING + 5 * 12
