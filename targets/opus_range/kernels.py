"""libopus's range decoder as the project's own decoder has it: the starting line.

The state is one flat array that every symbol reads and writes. Raw bits are read ahead in words;
a Laplace number and a uniform one are divisions, a bit and a symbol of a distribution are not.
"""

import numpy as np
from numba import njit

from workbench.opus.range_coder import (
    FIELDS,
    RANGE,
    decode_bit,
    decode_bits,
    decode_frequency,
    decode_icdf,
    decode_laplace,
    decode_uint,
    start_decoder,
    take_range,
    tell_eighths,
)


@njit
def setup(icdf):
    """The coder's state and the distributions."""
    return np.zeros(FIELDS, np.int64), icdf


@njit
def start(state, packet, first, size):
    """Begin to read ``packet[first : first + size]``."""
    start_decoder(state[0], packet, first, size)


@njit
def bit(state, packet, logp):
    """Read a bit that is 1 with probability 2**-logp."""
    return np.int64(decode_bit(state[0], packet, logp))


@njit
def symbol(state, packet, first, bits):
    """Read a symbol of the distribution at ``first``, of 2**bits counts."""
    return np.int64(decode_icdf(state[0], packet, state[1], first, bits))


@njit
def laplace(state, packet, zero, decay):
    """Read a signed number, zero the likeliest."""
    return np.int64(decode_laplace(state[0], packet, zero, decay))


@njit
def raw(state, packet, bits):
    """Read 0 to 25 bits from the end."""
    return np.int64(decode_bits(state[0], packet, bits))


@njit
def uint(state, packet, total):
    """Read a number below ``total``, 2 to 2**32 - 1, all equally likely."""
    return np.int64(decode_uint(state[0], packet, total))


@njit
def frequency(state, total):
    """Which of ``total`` counts the next symbol's range holds."""
    return np.int64(decode_frequency(state[0], total))


@njit
def take(state, packet, low, high, total):
    """The symbol is the one that has the counts from ``low`` to ``high``."""
    take_range(state[0], packet, low, high, total)


@njit
def tell(state):
    """Eighths of a bit that are used."""
    return np.int64(tell_eighths(state[0]))


@njit
def final_range(state):
    """Range after the last symbol."""
    return state[0][RANGE]
