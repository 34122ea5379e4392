"""Each sample to the multiple below it."""

import numpy as np
from numba import njit


@njit
def setup(step):
    """The step."""
    return step


@njit
def quantise(state, samples, out):
    """Quantise every sample."""
    for i in range(len(samples)):
        out[i] = np.floor(samples[i] / state[0]) * state[0]
