"""libopus's float decoder as functions that compiled code calls directly.

A call through ctypes costs as much as a small packet (docs/targets/opus_celt.md has figures). A
compiled caller pays nothing: the functions are declared as what they are in C, and LLVM is told
where they lie. Importing this module loads the library.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from workbench.upstreams.libopus.controls import CONTROLS, OPUS_RESET_STATE
from workbench.upstreams.libopus.linked import INT, POINTER, control, declared, first_byte, locate

__all__ = ["BAD_ARG", "decode_float", "reset"]

BAD_ARG = -1
FINAL_RANGE = CONTROLS["final_range"][1] or 0
DECODE, CONTROL = "opus_decode_float", "opus_decoder_ctl"

locate(DECODE, CONTROL)


@intrinsic
def _decode(_typing: Any, state: Any, packet: Any, length: Any, pcm: Any, room: Any) -> Any:
    """``opus_decode_float(state, packet, length, pcm, room, 0)``."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kinds, (a, b, size, c, most) = signature.args, arguments
        decoder, data, sound = (
            first_byte(context, builder, kinds[i], array) for i, array in ((0, a), (1, b), (3, c))
        )
        takes = [POINTER, POINTER, INT, POINTER, INT, INT]
        call = declared(builder, DECODE, takes)
        return builder.call(call, [decoder, data, size, sound, most, ir.Constant(INT, 0)])

    return types.int32(state, packet, types.int32, pcm, types.int32), generate


@intrinsic
def _ask(_typing: Any, state: Any, request: Any, value: Any) -> Any:
    """``opus_decoder_ctl(state, request, &value[0])``; a request without a value ignores it."""
    return types.int32(state, types.int32, value), control(CONTROL)


# numba passes the typing context itself.
decode: Any = _decode
ask: Any = _ask


@njit
def reset(decoder: Any, value: Any) -> int:
    """Forget the signal. ``value`` u32[1] is what controls write to, here nothing."""
    code: int = ask(decoder, np.int32(OPUS_RESET_STATE), value)
    return code


@njit
def decode_float(decoder: Any, value: Any, packet: Any, length: int, pcm: Any, room: int) -> Any:
    """Decode a packet in compiled code.

    Parameters
    ----------
    decoder : ndarray
        u8, the state that `Decoder` made; it may have been copied since.
    value : ndarray
        u32[1], what the final range is written to.
    packet, length : ndarray, int
        u8 with at least ``length`` bytes; 0 is a lost packet.
    pcm : ndarray
        f32[n, channels] in C order.
    room : int
        Samples per channel: at most those of ``pcm``; of a lost packet just as many are made up.

    Returns
    -------
    samples : int
        Per channel, or a negative code of libopus.
    final_range : uint32
        0 after an error.
    """
    if length < 0 or length > len(packet) or room > len(pcm):
        return np.int64(BAD_ARG), np.uint32(0)
    got = decode(decoder, packet, np.int32(length), pcm, np.int32(room))
    if got < 0:
        return np.int64(got), np.uint32(0)
    ask(decoder, np.int32(FINAL_RANGE), value)
    return np.int64(got), value[0]
