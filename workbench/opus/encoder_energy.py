"""Band energies as an encoder measures them, and what they would cost (RFC 6716, section 5.3.2).

Energies are log2 amplitudes less each band's mean, f32[channels * 21]: channel c, band b at
``c * 21 + b``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from workbench.opus.tables import (
    ALPHA,
    BAND_EDGES,
    BANDS,
    BETA,
    BETA_INTRA,
    LAPLACE,
    MEAN_ENERGIES,
)

__all__ = ["coarse_bits", "measure", "normalise_bands"]

# Largest magnitude whose cost is tabled; further ones cost as much as a single count.
REACH = 24
# The prediction of an inter frame does not go below this.
LEAST_MEMORY = np.float32(-9.0)
TINY = np.float32(1e-27)


def laplace_costs() -> NDArray[np.float32]:
    """Bits of each magnitude at [lm, intra, band, magnitude], of the model of section 4.3.2.1."""
    costs = np.zeros((4, 2, BANDS, REACH + 1))
    for index in np.ndindex(4, 2, BANDS):
        zero, decay = int(LAPLACE[index][0]) << 7, int(LAPLACE[index][1]) << 6
        counts = (32768 - 32 - zero) * (16384 - decay) >> 15
        costs[index][0] = 15 - np.log2(zero)
        for magnitude in range(1, REACH + 1):
            costs[index][magnitude] = 15 - np.log2(counts + 1)
            counts = 2 * counts * decay >> 15
    return costs.astype(np.float32)


COSTS = laplace_costs()


@njit(error_model="numpy")
def measure(
    spectrum: Any, start: int, lm: int, end: int, amplitude: Any, energy: Any, channel: int
) -> None:
    """Amplitude of each band of ``spectrum[start:]``, and its log2 less the band's mean."""
    for band in range(end):
        total = TINY
        for j in range(BAND_EDGES[band] << lm, BAND_EDGES[band + 1] << lm):
            total += spectrum[start + j] * spectrum[start + j]
        root = np.sqrt(total)
        amplitude[channel * BANDS + band] = root
        energy[channel * BANDS + band] = np.float32(np.log2(root)) - MEAN_ENERGIES[band]


@njit(error_model="numpy")
def normalise_bands(
    spectrum: Any, start: int, lm: int, end: int, amplitude: Any, channel: int, out: Any
) -> None:
    """Write each band with norm 1 to ``out``, at the same place."""
    for band in range(end):
        gain = np.float32(1) / (amplitude[channel * BANDS + band] + TINY)
        for j in range(BAND_EDGES[band] << lm, BAND_EDGES[band + 1] << lm):
            out[start + j] = spectrum[start + j] * gain


@njit(error_model="numpy")
def coarse_bits(energy: Any, old: Any, channels: int, end: int, lm: int, intra: int) -> Any:
    """Estimate how many bits the coarse energies would take, given room enough.

    ``old`` holds what the decoder knows of the frame before.
    """
    alpha = np.float32(0) if intra else ALPHA[lm]
    beta = BETA_INTRA if intra else BETA[lm]
    bits: Any = np.float32(0)
    for channel in range(channels):
        below: Any = np.float32(0)
        for band in range(end):
            at = channel * BANDS + band
            step: Any = np.floor(
                energy[at] - alpha * max(LEAST_MEMORY, old[at]) - below + np.float32(0.5)
            )
            magnitude: Any = np.int64(abs(step))
            bits += COSTS[lm, intra, band, min(magnitude, REACH)]
            below += step - beta * step
    return bits
