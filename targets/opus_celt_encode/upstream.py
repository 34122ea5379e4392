"""libopus 1.6.1 itself behind the surface: the starting line.

CELT mode, constant bit rate, complexity 10. Its state lies in an array of ours, so that the judge
can move it: it holds offsets, and one pointer to constants of the library. Compiled code calls the
C function directly.
"""

import numpy as np
from numba import njit

from workbench.upstreams import libopus
from workbench.upstreams.libopus import compiled_encoder


def setup(channels, frame_size, bitrate_bps):
    """Make an encoder: its state u8, a u32 for the final range, its channels."""
    encoder = libopus.Encoder(channels, "restricted_celt")
    encoder.set(vbr=0, complexity=10, bitrate=max(500, bitrate_bps))
    return encoder.state, np.zeros(1, np.uint32), channels


@njit
def reset(state):
    """Forget the signal, keep the settings."""
    return compiled_encoder.reset(state[0])


@njit
def switch(state, frame_size, bitrate_bps):
    """Go on with another frame size or rate; the size is that of the samples given."""
    return compiled_encoder.set_bitrate(state[0], bitrate_bps)


@njit
def encode(state, pcm, packet):
    """Encode one frame: bytes of the packet, or a negative code."""
    return compiled_encoder.encode_float(state[0], state[2], pcm, packet)


@njit
def final_range(state):
    """State of the range coder after the last packet."""
    return compiled_encoder.final_range(state[0], state[1])
