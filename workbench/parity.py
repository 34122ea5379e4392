"""Decoded sound against the truth: what entropy coding decides bit for bit, samples nearly so."""

from __future__ import annotations

import math

import numpy as np

from workbench.agreement import Agreement, Array, Mismatch, layout
from workbench.elementwise import max_abs_err

# Below this level a ratio to the signal says nothing: the error of a float32 sum that cancels is
# of its size. 24-bit sound ends at 1.2e-7.
SILENCE_RMS = 1e-6


def parity(
    got: Array,
    want: Array,
    atol: float,
    min_snr_db: float,
    output: str = "pcm",
) -> Agreement | Mismatch:
    """Samples within ``atol`` of the truth, and quiet noise beside a request's whole signal.

    Parameters
    ----------
    got, want : ndarray of float
        Leading axis is the request.
    atol : float
        Largest error of a sample; full scale is 1.
    min_snr_db : float
        Least ratio of the truth's energy to the error's, over all samples of a request that is
        louder than `SILENCE_RMS`.
    output : str
        Its name in a `Mismatch`.

    Examples
    --------
    >>> sound = np.sin(np.arange(960.0))[None]
    >>> parity(sound + 1e-6, sound, atol=1e-4, min_snr_db=90)
    Agreement(max_abs_err=1.00...e-06, bitwise=False, recall=None)
    >>> parity(sound + 5e-5, sound, atol=1e-4, min_snr_db=90).why
    'the error is only 83.0 dB below the signal, 90 dB are asked for'
    """
    other = layout(got, want, output)
    if other is not None:
        return other
    near = max_abs_err(got, want, atol, 0.0, output)
    if isinstance(near, Mismatch):
        return near
    signals = np.asarray(want, np.float64).reshape(len(want), -1)
    errors = np.asarray(got, np.float64).reshape(len(got), -1) - signals
    for request, (signal, error) in enumerate(zip(signals, errors, strict=True)):
        energy, noise = float(signal @ signal), float(error @ error)
        if noise == 0 or energy < SILENCE_RMS**2 * len(signal):
            continue
        snr_db = 10 * math.log10(energy / noise)
        if snr_db < min_snr_db:
            why = (
                f"the error is only {snr_db:.1f} dB below the signal, {min_snr_db:g} dB are "
                "asked for"
            )
            return Mismatch(output, (request,), f"{snr_db:.1f} dB", "the truth", 0.0, why)
    return near
