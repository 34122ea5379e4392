"""What a user would pick instead of a kernel, behind the same surface, on one core.

Packages that decode Opus for Python (opuslib, PyOgg, discord.py) call libopus through ctypes, one
packet a call; that is the peer. PyAV and soundfile decode as well, but none of them tells the final
range that this surface returns: docs/targets/opus_celt.md has a figure of PyAV.
"""

import ctypes
import types

import numpy as np

from workbench.upstreams import libopus

BAD_ARG, BUFFER_TOO_SMALL = -1, -2
RESET_STATE, GET_FINAL_RANGE = 4028, 4031


def ctypes_peer():
    """``opus_decode_float`` through ctypes, functions bound once, addresses as integers."""
    opus = libopus.library()
    call, control = opus.opus_decode_float, opus.opus_decoder_ctl

    def setup(channels, frame_size):
        buffer, final = libopus.Decoder(channels).state, np.zeros(1, np.uint32)
        return buffer, final, frame_size

    def reset(state):
        return control(state[0].ctypes.data, RESET_STATE)

    def decode(state, packet, length, pcm):
        buffer, final, frame_size = state
        if not 0 <= length <= len(packet):
            return BAD_ARG, 0
        if length == 0 and frame_size > len(pcm):
            return BUFFER_TOO_SMALL, 0
        room = len(pcm) if length else frame_size
        decoder = buffer.ctypes.data
        got = call(decoder, packet.ctypes.data, int(length), pcm.ctypes.data, room, 0)
        if got < 0:
            return got, 0
        control(decoder, GET_FINAL_RANGE, ctypes.c_void_p(final.ctypes.data))
        return got, final[0]

    return types.SimpleNamespace(setup=setup, reset=reset, decode=decode)


PEERS = {"ctypes": ctypes_peer}
