"""libopus's float encoder as functions that compiled code calls directly.

As `workbench.upstreams.libopus.compiled` does for the decoder: importing this loads the library.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

from workbench.upstreams.libopus.controls import CONTROLS, OPUS_RESET_STATE
from workbench.upstreams.libopus.linked import INT, POINTER, control, declared, first_byte, locate

__all__ = ["BAD_ARG", "encode_float", "final_range", "reset", "set_bitrate"]

BAD_ARG = -1
SET_BITRATE = CONTROLS["bitrate"][0] or 0
GET_FINAL_RANGE = CONTROLS["final_range"][1] or 0
ENCODE, CONTROL = "opus_encode_float", "opus_encoder_ctl"

locate(ENCODE, CONTROL)


@intrinsic
def _encode(_typing: Any, state: Any, pcm: Any, samples: Any, packet: Any, room: Any) -> Any:
    """``opus_encode_float(state, pcm, samples, packet, room)``."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kinds, (a, b, count, c, most) = signature.args, arguments
        encoder, sound, data = (
            first_byte(context, builder, kinds[i], array) for i, array in ((0, a), (1, b), (3, c))
        )
        function = declared(builder, ENCODE, [POINTER, POINTER, INT, POINTER, INT])
        return builder.call(function, [encoder, sound, count, data, most])

    return types.int32(state, pcm, types.int32, packet, types.int32), generate


@intrinsic
def _tell(_typing: Any, state: Any, request: Any, value: Any) -> Any:
    """``opus_encoder_ctl(state, request, value)``; a request without a value ignores it."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        encoder = first_byte(context, builder, signature.args[0], arguments[0])
        function = declared(builder, CONTROL, [POINTER, INT], variadic=True)
        return builder.call(function, [encoder, arguments[1], arguments[2]])

    return types.int32(state, types.int32, types.int32), generate


@intrinsic
def _ask(_typing: Any, state: Any, request: Any, value: Any) -> Any:
    """``opus_encoder_ctl(state, request, &value[0])``."""
    return types.int32(state, types.int32, value), control(CONTROL)


@njit
def reset(encoder: Any) -> int:
    """Forget the signal; what was set stays."""
    code: int = _tell(encoder, np.int32(OPUS_RESET_STATE), np.int32(0))  # type: ignore[call-arg]
    return code


@njit
def set_bitrate(encoder: Any, bitrate_bps: int) -> int:
    """Set the rate; libopus takes 500 to 750,000 bits a second for a channel."""
    rate = np.int32(min(max(bitrate_bps, 500), 10_000_000))
    code: int = _tell(encoder, np.int32(SET_BITRATE), rate)  # type: ignore[call-arg]
    return code


@njit
def encode_float(encoder: Any, channels: int, pcm: Any, packet: Any) -> Any:
    """Encode one frame in compiled code.

    Parameters
    ----------
    encoder : ndarray
        u8, the state that `Encoder` made; it may have been copied since.
    channels : int
        That it was made for.
    pcm : ndarray
        f32[n, channels] in C order, all of it.
    packet : ndarray
        u8, the room allowed.

    Returns
    -------
    int
        Bytes, or a negative code of libopus.
    """
    if pcm.shape[1] != channels:
        return np.int64(BAD_ARG)
    call: Any = _encode
    room = np.int32(len(packet))
    return np.int64(call(encoder, pcm, np.int32(pcm.shape[0]), packet, room))


@njit
def final_range(encoder: Any, value: Any) -> Any:
    """State of the range coder after the last packet; ``value`` u32[1] is written to."""
    _ask(encoder, np.int32(GET_FINAL_RANGE), value)  # type: ignore[call-arg]
    return value[0]
