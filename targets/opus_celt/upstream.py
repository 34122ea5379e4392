"""libopus 1.6.1 itself behind the surface: the starting line.

Its state lies in an array of ours, so that the judge can move it: it holds offsets, and one
pointer to constants of the library. Compiled code calls the C function directly.
"""

import numpy as np
from numba import njit

from workbench.upstreams import libopus
from workbench.upstreams.libopus import compiled

BUFFER_TOO_SMALL = -2


def setup(channels, frame_size):
    """Make a decoder: its state u8, a u32 for its final range, samples of a lost packet."""
    return libopus.Decoder(channels).state, np.zeros(1, np.uint32), frame_size


@njit
def reset(state):
    """Forget the signal."""
    decoder, value, _ = state
    return compiled.reset(decoder, value)


@njit
def decode(state, packet, length, pcm):
    """Decode one packet: samples per channel or a negative code, and the final range."""
    decoder, value, frame_size = state
    if length == 0 and frame_size > len(pcm):
        return np.int64(BUFFER_TOO_SMALL), np.uint32(0)
    room = len(pcm) if length else frame_size
    return compiled.decode_float(decoder, value, packet, length, pcm, room)
