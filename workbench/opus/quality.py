"""How well a decoded signal matches its original: a perceptual signal-to-noise ratio in dB.

Plain SNR says little about a transform codec: it ignores that noise under a louder sound is not
heard, that the ear weighs critical bands and not hertz, and that a band whose waveform is wrong but
whose level is right sounds far better than a hole. The formula here is this project's own. Three
public ideas stand behind it:

- ITU-R BS.1387 (PEAQ), noise-to-mask ratio: the error signal's energy in a critical band, relative
  to what the original masks there; masking spreads 27 dB a Bark downwards and, at usual levels,
  about 10 dB a Bark upwards, and outlasts the masker;
- RFC 6716, section 6.1 (opus_compare): bands of CELT's own layout, short spectra so that noise
  before an attack is seen, and a logarithmic measure averaged over bands and frames;
- Zwicker's specific loudness, excitation to the power 0.23, and bandwidths in Bark (Zwicker and
  Terhardt's formula): what a band and a moment weigh.

For each channel, and for Hann windows of 20 ms (resolution in frequency) and 5 ms (in time), hop
half a window, a cell is one frame f and one CELT band b with

    P = power of the original,  R = of the decoded,  N = of their difference
    M = P, + P of other bands spread to b, + `FLOOR` of the loudest cell; decaying in time
    L = 10 log10(R / P) of levels smoothed over 50 ms, limited to +-10 dB
    r = (N + P (L / 3 dB)^2) / M,  limited to -25 .. 20 dB
    w = width of b in Bark x max(M, N)^0.23

A frame's quality is -20 log10 of the mean of sqrt(r) over its bands, weighted by w, so that its
worst band is heard; the result is the mean over frames, channels and both windows, weighted by the
sum of w. A level error of 3 dB costs as much as noise as loud as the signal, so that neither muting
a band nor turning it down towards the least squared error pays. Nothing depends on the absolute
level: there is no threshold in quiet but the floor, which is relative.

Noise 25 dB under its masker is as good as none. BS.1387 takes noise for masked from 3 to 6 dB on,
and even a tone, the weakest masker, masks noise 21 to 28 dB softer (Painter and Spanias 2000). An
encoder whose bits follow a model of this metric is paid for whatever it counts: down to 40 dB, the
project's own has a mean gap of 4.2 dB to libopus, down to 25 dB one of 1.4 dB, so two thirds of it
lie where by these figures next to nothing is heard (docs/targets/opus_celt_encode.md).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BEST_DB",
    "BEST_SNR_DB",
    "FLOOR",
    "RATE",
    "WORST_DB",
    "band_weights",
    "quality_db",
    "segment_snr_db",
    "transition_snr_db",
]

Signal = NDArray[np.float32] | NDArray[np.float64]
Cells = NDArray[np.float64]

RATE = 48_000
WORST_DB, BEST_DB = -20.0, 25.0
# Plain SNR knows no masker, so it goes on where the quality stops.
BEST_SNR_DB = 40.0
WINDOWS = (960, 240)
# Band edges in units of 200 Hz: RFC 6716, table 55 (2.5 ms frames have one bin a unit).
EDGES = np.array(
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 34, 40, 48, 60, 78, 100], np.int64
)
UNIT_HZ = 200
FLOOR = 10 ** (-70 / 10)
# Masking: dB a Bark, and how much less a band masks its neighbours than itself, and dB a second.
DOWN_DB, UP_DB, ASIDE_DB, DECAY_DB = 27.0, 10.0, 6.0, 1_000.0
LEVEL_DB, LEVEL_LIMIT_DB, LEVEL_SECONDS = 3.0, 10.0, 0.05
LOUDNESS = 0.23


def quality_db(original: Signal, decoded: Signal, delay: int = 0) -> float:
    """Perceptual signal-to-noise ratio of a decoded signal, see the module's text.

    Parameters
    ----------
    original, decoded : ndarray
        Samples at 48 kHz, shape (n,) or (n, channels).
    delay : int
        How many samples later than in the original a sound is in ``decoded``.

    Returns
    -------
    float
        dB, from `WORST_DB` to `BEST_DB`; identical signals get `BEST_DB`.

    Raises
    ------
    ValueError
        If the two share fewer samples than one window, or differ in their channels, or if a
        sample is not finite.

    Examples
    --------
    >>> tone = np.sin(np.arange(4_800) / 10)
    >>> quality_db(tone, tone)
    25.0
    >>> quality_db(tone, 0.9 * tone) < 15
    True
    """
    first, second = aligned(original, decoded, delay)
    total, weight = 0.0, 0.0
    bands = band_weights()
    for channel in range(first.shape[1]):
        for window in WINDOWS:
            x, y = spectra(first[:, channel], window), spectra(second[:, channel], window)
            ratio, weights = cells(x, y, window)
            weights = weights * bands
            heard = weights.sum(axis=1)
            frames = -20 * np.log10(np.sum(weights * np.sqrt(ratio), axis=1) / heard)
            # each resolution and channel counts by its own loudness, not by its number of frames
            total += float(np.sum((frames - BEST_DB) * heard)) / len(frames)
            weight += float(np.sum(heard)) / len(frames)
    return min(BEST_DB + total / weight, BEST_DB)


def cells(x: NDArray[np.complex128], y: NDArray[np.complex128], window: int) -> tuple[Cells, Cells]:
    """Disturbance to masker of every frame and band, and how loud the cell is heard."""
    power, answer, noise = band_power(x), band_power(y), band_power(x - y)
    top = float(power.max())
    if top == 0:  # digital silence: whatever is heard in it is noise at full level
        top = float(answer.max()) or 1.0
    power, answer, noise = power / top, answer / top, noise / top
    masker = masking(power, window)
    smooth = max(1, round(LEVEL_SECONDS * RATE * 2 / window))
    louder = moving_mean(answer, smooth) + FLOOR
    level = 10 * np.log10(louder / (moving_mean(power, smooth) + FLOOR))
    level = np.clip(level, -LEVEL_LIMIT_DB, LEVEL_LIMIT_DB) / LEVEL_DB
    ratio = (noise + power * level**2) / masker
    limited = np.clip(ratio, 10 ** (-BEST_DB / 10), 10 ** (-WORST_DB / 10))
    return limited, np.maximum(masker, noise) ** LOUDNESS


def masking(power: Cells, window: int) -> Cells:
    """What the original masks: its own band, its neighbours' share, what was just before."""
    masker = power @ spreading().T + FLOOR
    decay = 10 ** (-DECAY_DB * (window / 2 / RATE) / 10)
    for frame in range(1, len(masker)):
        np.maximum(masker[frame], decay * masker[frame - 1], out=masker[frame])
    return masker


def spreading() -> Cells:
    """Share of a band's power (column) that masks in another band (row); 1 on the diagonal."""
    middle = bark((EDGES[:-1] + EDGES[1:]) * (UNIT_HZ / 2))
    away = middle[:, None] - middle[None, :]
    slope = np.where(away > 0, -UP_DB * away, DOWN_DB * away) - ASIDE_DB
    share: Cells = 10 ** (slope / 10)
    np.fill_diagonal(share, 1.0)
    return share


def band_weights() -> Cells:
    """Width of each CELT band in Bark, as a share of all.

    Examples
    --------
    >>> float(band_weights().sum().round(6))
    1.0
    """
    widths = np.diff(bark(EDGES * float(UNIT_HZ)))
    weights: Cells = widths / widths.sum()
    return weights


def bark(hertz: NDArray[Any]) -> Cells:
    """Critical-band rate (Zwicker and Terhardt 1980)."""
    rate: Cells = 13 * np.arctan(0.00076 * hertz) + 3.5 * np.arctan((hertz / 7_500) ** 2)
    return rate


def spectra(signal: NDArray[np.float64], window: int) -> NDArray[np.complex128]:
    """Spectra of Hann windows at half-window hops; both ends are padded with silence."""
    hop = window // 2
    count = -(-len(signal) // hop) + 1
    padded = np.zeros((count + 1) * hop)
    padded[hop : hop + len(signal)] = signal
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]
    shape = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(window) + 0.5) / window)
    found: NDArray[np.complex128] = np.fft.rfft(frames * shape)
    return found


def band_power(spectrum: NDArray[np.complex128]) -> Cells:
    """Power of each frame in each CELT band."""
    power = spectrum.real**2 + spectrum.imag**2
    step = (spectrum.shape[1] - 1) * 2 * UNIT_HZ // RATE
    found: Cells = np.add.reduceat(power[:, : EDGES[-1] * step], EDGES[:-1] * step, axis=1)
    return found


def moving_mean(power: Cells, length: int) -> Cells:
    """Mean over ``length`` frames around each one; fewer at the ends."""
    sums = np.concatenate([np.zeros((1, power.shape[1])), np.cumsum(power, axis=0)])
    index = np.arange(len(power))
    low = np.maximum(index - length // 2, 0)
    high = np.minimum(index - length // 2 + length, len(power))
    # a sum of differences may end a rounding error below zero
    found: Cells = np.maximum(sums[high] - sums[low], 0) / (high - low)[:, None]
    return found


def aligned(original: Signal, decoded: Signal, delay: int) -> tuple[Cells, Cells]:
    """Both signals as float64[n, channels], cut to the moments they share."""
    first = np.asarray(original, np.float64).reshape(len(original), -1)
    second = np.asarray(decoded, np.float64).reshape(len(decoded), -1)
    first = first[max(-delay, 0) :]
    second = second[max(delay, 0) :]
    n = min(len(first), len(second))
    if first.shape[1] != second.shape[1]:
        raise ValueError(f"{first.shape[1]} channels cannot be compared with {second.shape[1]}")
    if n < max(WINDOWS):
        raise ValueError(f"{n} samples in common with delay {delay}: at least {max(WINDOWS)}")
    first, second = first[:n], second[:n]
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("a sample is not finite: nothing can be said about such a signal")
    return first, second


def segment_snr_db(
    original: Signal, decoded: Signal, start: int, stop: int, delay: int = 0
) -> float:
    """Plain SNR in dB of the samples ``start`` to ``stop`` of the original.

    Limited to `WORST_DB` .. `BEST_SNR_DB`; where the original is silent it is `BEST_SNR_DB` if the
    decoded is silent too, else `WORST_DB`.
    """
    first, second = aligned(original, decoded, delay)
    part, other = first[max(start, 0) : stop], second[max(start, 0) : stop]
    signal, noise = float(np.sum(part**2)), float(np.sum((part - other) ** 2))
    if noise <= signal * 10 ** (-BEST_SNR_DB / 10):
        return BEST_SNR_DB
    if signal <= noise * 10 ** (WORST_DB / 10):
        return WORST_DB
    return float(10 * np.log10(signal / noise))


def transition_snr_db(
    original: Signal, decoded: Signal, switches: list[int], span: int = 960, delay: int = 0
) -> float:
    """Least SNR in dB of the ``span`` samples before and after a switch of the encoder's mode.

    Parameters
    ----------
    original, decoded : ndarray
        Samples at 48 kHz, shape (n,) or (n, channels).
    switches : list of int
        Samples of the original where the first packet of the new mode begins.
    span : int
        Samples on either side: 20 ms by default, which covers every overlap.
    delay : int
        How many samples later a sound is in ``decoded``.

    Raises
    ------
    ValueError
        If there is no switch.
    """
    if not switches:
        raise ValueError("no switch, no transition: name at least one sample")
    return min(segment_snr_db(original, decoded, at - span, at + span, delay) for at in switches)
