"""What a user would pick instead of a kernel, behind the same surface, on one core.

Packages that encode Opus for Python (opuslib, PyOgg, discord.py) call libopus through ctypes, as
upstream.py does; what differs is how it is set. The peer is libopus as those leave it: variable bit
rate is off here, because the surface has a fixed budget, and complexity is what fits a phone.
"""

import types

import numpy as np

from workbench.upstreams import libopus


def at_complexity(complexity):
    """Give libopus at a complexity of 0 to 10."""

    def setup(channels, frame_size, bitrate_bps):
        encoder = libopus.Encoder(channels, "restricted_celt")
        encoder.set(vbr=0, complexity=complexity, bitrate=max(500, bitrate_bps))
        return encoder, np.array([frame_size])

    def reset(state):
        state[0].reset()

    def switch(state, frame_size, bitrate_bps):
        state[1][0] = frame_size
        state[0].set(bitrate=max(500, int(bitrate_bps)))

    def encode(state, pcm, packet):
        sound = np.nan_to_num(pcm, posinf=2.0, neginf=-2.0)
        try:
            return state[0].encode(np.ascontiguousarray(sound), packet)
        except libopus.OpusError as error:
            return error.code

    def final_range(state):
        return state[0].final_range

    names = (setup, reset, switch, encode, final_range)
    return types.SimpleNamespace(**{function.__name__: function for function in names})


PEERS = {"libopus-c5": lambda: at_complexity(5), "libopus-c0": lambda: at_complexity(0)}
