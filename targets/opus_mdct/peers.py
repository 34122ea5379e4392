"""What a user would pick instead of a kernel, behind the same surface, on one core.

Inside the window the inverse MDCT is a transform of type IV: SciPy has that by name (pocketfft);
with NumPy it is a complex FFT of N / 2 points between two rotations, or a product with a matrix.
"""

import types

import numpy as np

SLOPE = np.sin(np.pi / 2 * np.sin(np.pi * (np.arange(120) + 0.5) / 240) ** 2).astype(np.float32)


def overlap(block, out, at):
    """Overlap N samples of type IV with the tail before; their last 60 are the new tail."""
    tail, start = out[at : at + 60].copy(), block[59::-1]
    rise, fall = SLOPE[:60], SLOPE[:59:-1]
    out[at + 60 : at + 60 + len(block)] = block
    out[at : at + 60] = tail * fall - start * rise
    out[at + 60 : at + 120] = (tail * rise + start * fall)[::-1]


def surface(prepare, transform):
    """Variant of ``transform(state, coefficients, lm)``, which gives N samples."""

    def setup(largest_lm):
        return prepare(largest_lm)

    def inverse(state, spectrum, first, step, lm, out, at, scratch):
        coefficients = spectrum[first : first + (120 << lm) * step : step]
        overlap(transform(state, coefficients, lm), out, at)

    return types.SimpleNamespace(setup=setup, inverse=inverse)


def scipy_peer():
    """``scipy.fft.dst`` of type IV: the definition's cosines, seen from the block's middle."""
    from scipy import fft

    def prepare(largest_lm):
        n = 120 << largest_lm
        return np.where(np.arange(n) % 2, 0.5, -0.5).astype(np.float32)

    def transform(signs, coefficients, lm):
        return fft.dst(coefficients * signs[: len(coefficients)], type=4)

    return surface(prepare, transform)


def numpy_peer():
    """``numpy.fft.ifft`` of N / 2 points between two rotations."""

    def prepare(largest_lm):
        sizes = [60 << lm for lm in range(largest_lm + 1)]
        turns = [np.exp(2j * np.pi * (np.arange(n) + 0.125) / (4 * n)) for n in sizes]
        return [turn.astype(np.complex64) for turn in turns]

    def transform(rotations, coefficients, lm):
        rotation = rotations[lm]
        points = (coefficients[::-2] + 1j * coefficients[::2]) * rotation
        points = np.fft.ifft(points, norm="forward") * rotation
        samples = np.empty(len(coefficients), np.float32)
        samples[::2], samples[::-2] = points.real, -points.imag
        return samples

    return surface(prepare, transform)


def matrix_peer():
    """A product with the matrix of the definition, in float32 by BLAS."""

    def prepare(largest_lm):
        found = []
        for lm in range(largest_lm + 1):
            n = 120 << lm
            t, k = np.arange(n)[:, None], np.arange(n)
            found.append(np.cos(np.pi / n * (t + 0.5 + n) * (k + 0.5)).astype(np.float32))
        return found

    def transform(matrices, coefficients, lm):
        return matrices[lm] @ coefficients

    return surface(prepare, transform)


PEERS = {"scipy": scipy_peer, "numpy": numpy_peer, "matrix": matrix_peer}
