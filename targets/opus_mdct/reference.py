"""The truth in the plainest code: the definition of RFC 6716, section 4.3.7, in float64.

A block of N coefficients is 2 N samples, each the sum of N cosines; the window keeps N + 120 of
them, and what overlaps is added. `inverse` multiplies by the matrix of all cosines. `answer`, which
runs while a kernel is timed, takes the N samples in the middle from SciPy's transform of type IV;
the others are their mirror images.
"""

import functools

import numpy as np
from scipy import fft

SLOPE = np.sin(np.pi / 2 * np.sin(np.pi * (np.arange(120) + 0.5) / 240) ** 2)


@functools.cache
def windowed_basis(lm):
    """Samples of each coefficient that the window keeps, weighted: float64[N + 120, N]."""
    n = 120 << lm
    t, k = np.arange(n // 2 - 60, 3 * n // 2 + 60)[:, None], np.arange(n)
    window = np.concatenate([SLOPE, np.ones(n - 120), SLOPE[::-1]])
    return window[:, None] * np.cos(np.pi / n * (t + 0.5 + n / 2) * (k + 0.5))


def setup(largest_lm):
    """Nothing to prepare."""
    return (largest_lm,)


def inverse(state, spectrum, first, step, lm, out, at, scratch):
    """Add a block to what the blocks before left, in float64 from ``scratch`` on.

    The tail in ``out`` is not float64, so it is kept in a place of its own.
    """
    n = 120 << lm
    tail = scratch[: 2 * 120].view(np.float64)
    if not out[at : at + 60].any():  # nothing before it
        tail[:] = 0
    block = windowed_basis(lm) @ spectrum[first : first + n * step : step].astype(np.float64)
    block[:120] += tail
    tail[:] = block[n:]
    out[at : at + n] = block[:n]
    out[at + n : at + n + 60] = 1  # there is one


def answer(fixture, requests):
    """Return the true outputs of all requests.

    Parameters
    ----------
    fixture : mapping
        ``lm`` i64[1], size of a block; ``blocks`` i64[1], how many are interleaved in a frame.
    requests : mapping
        ``spectra`` f32[requests, frames, coefficients].

    Returns
    -------
    dict
        ``out`` f32[requests, frames * coefficients + 120]; the last 120 are 0.
    """
    lm, blocks = int(fixture["lm"][0]), int(fixture["blocks"][0])
    spectra = requests["spectra"]
    requests_, frames, size = spectra.shape
    n = 120 << lm
    # block after block instead of interleaved
    each = spectra.reshape(requests_, frames, n, blocks).transpose(0, 1, 3, 2)
    each = each.reshape(requests_, frames * blocks, n).astype(np.float64)
    middle = fft.dst(each * np.where(np.arange(n) % 2, 0.5, -0.5), type=4)
    # odd about its start, even about its end
    samples = np.concatenate([-middle[..., 59::-1], middle, middle[..., :-61:-1]], axis=-1)
    samples[..., :120] *= SLOPE
    samples[..., n:] *= SLOPE[::-1]
    out = np.zeros((requests_, frames * size + 120))
    for b in range(frames * blocks):
        out[:, b * n : b * n + n + 120] += samples[:, b]
    out[:, frames * size :] = 0
    return {"out": out.astype(np.float32)}
