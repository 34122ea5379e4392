"""Constants of RFC 6716 for the CELT layer.

Unless a comment says otherwise, the text of the RFC names a constant and its reference decoder
(celt/modes.c, celt/quant_bands.c, celt/rate.c, celt/celt.c) gives the number. Where there is a
formula, the formula is here. A "band" is one of 21; ``lm`` is log2(frame size / 120), 0 to 3.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = [
    "ALLOCATION",
    "ALPHA",
    "BANDS",
    "BAND_EDGES",
    "BETA",
    "BETA_INTRA",
    "BIT",
    "CAPS",
    "DEEPEST_ENERGY",
    "END_BANDS",
    "ICDF",
    "LAPLACE",
    "LOG2_COUNTS",
    "LOG2_WIDTHS",
    "MAX_FINE_BITS",
    "MEAN_ENERGIES",
    "ONE",
    "QUALITIES",
    "SEQUENCIES",
    "SHORT_BLOCK",
    "SMALL_ENERGY",
    "SPREAD",
    "SPREAD_FACTORS",
    "TAPSET",
    "TF_ADJUSTMENTS",
    "TRIM",
    "TWO",
    "ZERO",
]

# Typed: a literal in a call would have the function compiled once more for it.
ZERO: Any = np.int64(0)
ONE: Any = np.int64(1)
TWO: Any = np.int64(2)

# Samples of the shortest transform, 2.5 ms; the overlap of windows is as long.
SHORT_BLOCK = 120
BANDS = 21
# Rows of `ALLOCATION`.
QUALITIES = 11
# Allocations are counted in eighths of a bit.
BIT = 8
# A band's energy is refined by at most so many bits.
MAX_FINE_BITS = 8
# log2 energy, relative to the band's mean, that stands for nothing at all.
DEEPEST_ENERGY = np.float32(-28.0)

# First bin of each band in a block of 2.5 ms (bins of 200 Hz), and the end of the last: table 55.
BAND_EDGES = np.array(
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 34, 40, 48, 60, 78, 100), np.int64
)
# Coded bands of a bandwidth: NB, MB (as WB), WB, SWB, FB.
END_BANDS = np.array((13, 17, 17, 19, 21), np.int64)


def eighths(count: int) -> int:
    """Round log2(``count``) up to eighths of a bit.

    Examples
    --------
    >>> eighths(6), eighths(16)
    (21, 32)
    """
    return int(np.ceil(8 * np.log2(count)))


# log2 of a band's bins in a block of 2.5 ms, in eighths.
LOG2_WIDTHS = np.array([eighths(int(w)) for w in np.diff(BAND_EDGES)], np.int64)
# Eighths of a bit that one of ``n + 1`` equally likely values costs, at index ``n``.
LOG2_COUNTS = np.array([eighths(n + 1) for n in range(24)], np.int64)

# Static allocation by quality and band, 1/32 bit a bin: section 4.3.3, table 57.
ALLOCATION = np.array(
    (
        (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
        (90, 80, 75, 69, 63, 56, 49, 40, 34, 29, 20, 18, 10, 0, 0, 0, 0, 0, 0, 0, 0),
        (110, 100, 90, 84, 78, 71, 65, 58, 51, 45, 39, 32, 26, 20, 12, 0, 0, 0, 0, 0, 0),
        (118, 110, 103, 93, 86, 80, 75, 70, 65, 59, 53, 47, 40, 31, 23, 15, 4, 0, 0, 0, 0),
        (126, 119, 112, 104, 95, 89, 83, 78, 72, 66, 60, 54, 47, 39, 32, 25, 17, 12, 1, 0, 0),
        (134, 127, 120, 114, 103, 97, 91, 85, 78, 72, 66, 60, 54, 47, 41, 35, 29, 23, 16, 10, 1),
        (144, 137, 130, 124, 113, 107, 101, 95, 88, 82, 76, 70, 64, 57, 51, 45, 39, 33, 26, 15, 1),
        (152, 145, 138, 132, 123, 117, 111, 105, 98, 92, 86, 80, 74, 67, 61, 55, 49, 43, 36, 20, 1),
        (
            *(162, 155, 148, 142, 133, 127, 121, 115, 108, 102, 96, 90, 84, 77, 71, 65, 59, 53),
            *(46, 30, 1),
        ),
        (
            *(172, 165, 158, 152, 143, 137, 131, 125, 118, 112, 106, 100, 94, 87, 81, 75, 69, 63),
            *(56, 45, 20),
        ),
        (
            *(200, 200, 200, 200, 200, 200, 200, 200, 198, 193, 188, 183, 178, 173, 168, 163),
            *(158, 153, 148, 129, 104),
        ),
    ),
    np.int64,
)

# What a band can use at most, at [lm, channels - 1, band]: cache_caps50 of the reference, less 64
# quarters of a bit per bin and channel.
CAPS = np.array(
    (
        (
            *(224, 224, 224, 224, 224, 224, 224, 224, 160, 160, 160, 160, 185, 185, 185, 178, 178),
            *(168, 134, 61, 37),
        ),
        (
            *(224, 224, 224, 224, 224, 224, 224, 224, 240, 240, 240, 240, 207, 207, 207, 198, 198),
            *(183, 144, 66, 40),
        ),
        (
            *(160, 160, 160, 160, 160, 160, 160, 160, 185, 185, 185, 185, 193, 193, 193, 183, 183),
            *(172, 138, 64, 38),
        ),
        (
            *(240, 240, 240, 240, 240, 240, 240, 240, 207, 207, 207, 207, 204, 204, 204, 193, 193),
            *(180, 143, 66, 40),
        ),
        (
            *(185, 185, 185, 185, 185, 185, 185, 185, 193, 193, 193, 193, 193, 193, 193, 183, 183),
            *(172, 138, 65, 39),
        ),
        (
            *(207, 207, 207, 207, 207, 207, 207, 207, 204, 204, 204, 204, 201, 201, 201, 188, 188),
            *(176, 141, 66, 40),
        ),
        (
            *(193, 193, 193, 193, 193, 193, 193, 193, 193, 193, 193, 193, 194, 194, 194, 184, 184),
            *(173, 139, 65, 39),
        ),
        (
            *(204, 204, 204, 204, 204, 204, 204, 204, 201, 201, 201, 201, 198, 198, 198, 187, 187),
            *(175, 140, 66, 40),
        ),
    ),
    np.int64,
).reshape(4, 2, BANDS)

# Mean log2 energy of each band, which is not coded: quarters of a quarter.
MEAN_ENERGIES = (
    np.array(
        (103, 100, 92, 85, 81, 77, 72, 70, 78, 75, 73, 71, 78, 74, 69, 72, 70, 74, 76, 71, 60),
        np.float32,
    )
    / 16
).astype(np.float32)

# Prediction of coarse energy from the frame before and from the band below, by lm: section 4.3.2.1.
ALPHA = (np.array((29440, 26112, 21248, 16384)) / 32768).astype(np.float32)
BETA = (np.array((30147, 22282, 12124, 6554)) / 32768).astype(np.float32)
BETA_INTRA = np.float32(4915 / 32768)

# Coarse energy's model at [lm, intra, band]: probability of zero and decay, both out of 256.
LAPLACE = np.array(
    (
        *(72, 127, 65, 129, 66, 128, 65, 128, 64, 128, 62, 128, 64, 128, 64, 128, 92, 78, 92, 79),
        *(92, 78, 90, 79, 116, 41, 115, 40, 114, 40, 132, 26, 132, 26, 145, 17, 161, 12, 176, 10),
        *(177, 11),
        *(24, 179, 48, 138, 54, 135, 54, 132, 53, 134, 56, 133, 55, 132, 55, 132, 61, 114, 70, 96),
        *(74, 88, 75, 88, 87, 74, 89, 66, 91, 67, 100, 59, 108, 50, 120, 40, 122, 37, 97, 43),
        *(78, 50),
        *(83, 78, 84, 81, 88, 75, 86, 74, 87, 71, 90, 73, 93, 74, 93, 74, 109, 40, 114, 36),
        *(117, 34, 117, 34, 143, 17, 145, 18, 146, 19, 162, 12, 165, 10, 178, 7, 189, 6, 190, 8),
        *(177, 9),
        *(23, 178, 54, 115, 63, 102, 66, 98, 69, 99, 74, 89, 71, 91, 73, 91, 78, 89, 86, 80),
        *(92, 66, 93, 64, 102, 59, 103, 60, 104, 60, 117, 52, 123, 44, 138, 35, 133, 31, 97, 38),
        *(77, 45),
        *(61, 90, 93, 60, 105, 42, 107, 41, 110, 45, 116, 38, 113, 38, 112, 38, 124, 26, 132, 27),
        *(136, 19, 140, 20, 155, 14, 159, 16, 158, 18, 170, 13, 177, 10, 187, 8, 192, 6, 175, 9),
        *(159, 10),
        *(21, 178, 59, 110, 71, 86, 75, 85, 84, 83, 91, 66, 88, 73, 87, 72, 92, 75, 98, 72),
        *(105, 58, 107, 54, 115, 52, 114, 55, 112, 56, 129, 51, 132, 40, 150, 33, 140, 29, 98, 35),
        *(77, 42),
        *(42, 121, 96, 66, 108, 43, 111, 40, 117, 44, 123, 32, 120, 36, 119, 33, 127, 33, 134, 34),
        *(139, 21, 147, 23, 152, 20, 158, 25, 154, 26, 166, 21, 173, 16, 184, 13, 184, 10, 150, 13),
        *(139, 15),
        *(22, 178, 63, 114, 74, 82, 84, 83, 92, 82, 103, 62, 96, 72, 96, 67, 101, 73, 107, 72),
        *(113, 55, 118, 52, 125, 52, 118, 52, 117, 55, 135, 49, 137, 39, 157, 32, 145, 29, 97, 33),
        *(77, 40),
    ),
    np.int64,
).reshape(4, 2, BANDS, 2)

# PDFs of section 4.3 (table 56, and table 58 for the trim), by the bits of their total.
_PDFS = (
    ((7, 2, 21, 2), 5),
    ((2, 2, 5, 10, 22, 46, 22, 10, 5, 2, 2), 7),
    ((2, 1, 1), 2),
    ((2, 1, 1), 2),
)


def inverse(pdf: tuple[int, ...], bits: int) -> list[int]:
    """Turn counts into what is left of 2**``bits`` behind each symbol.

    Examples
    --------
    >>> inverse((2, 1, 1), 2)
    [2, 1, 0]
    """
    return [(1 << bits) - int(total) for total in np.cumsum(pdf)]


# All of them in a row, and where each starts.
ICDF = np.array([left for pdf in _PDFS for left in inverse(*pdf)], np.int64)
SPREAD, TRIM, TAPSET, SMALL_ENERGY = (
    sum(len(pdf) for pdf, _ in _PDFS[:i]) for i in range(len(_PDFS))
)

# Change of time-frequency resolution at [lm, transient, tf_select, tf_change]: tables 60 to 63.
TF_ADJUSTMENTS = np.array(
    (
        (((0, -1), (0, -1)), ((0, -1), (0, -1))),
        (((0, -1), (0, -2)), ((1, 0), (1, -1))),
        (((0, -2), (0, -3)), ((2, 0), (1, -1))),
        (((0, -2), (0, -3)), ((3, 0), (1, -1))),
    ),
    np.int64,
)

# f_r of section 4.3.4.3 by the spread symbol; 0 stands for no rotation.
SPREAD_FACTORS = np.array((0, 15, 10, 5), np.int64)


def falling_sequencies(size: int) -> list[int]:
    """Rank the rows of the Hadamard matrix of ``size`` by sign changes, most first.

    Examples
    --------
    >>> falling_sequencies(4)
    [3, 0, 2, 1]
    """
    rows = np.ones((1, 1), np.int64)
    while len(rows) < size:
        rows = np.block([[rows, rows], [rows, -rows]])
    return [int(size - 1 - changes) for changes in (np.diff(rows) != 0).sum(axis=1)]


# Those of 2, 4, 8 and 16 rows, in a row: that of ``n`` rows starts at ``n - 2``.
SEQUENCIES = np.array([rank for n in (2, 4, 8, 16) for rank in falling_sequencies(n)], np.int64)
