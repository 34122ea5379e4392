"""What libopus says when it declines."""

from __future__ import annotations

from collections.abc import Mapping

from workbench.upstreams.libopus.loading import library

# opus_defines.h, "Error codes"
ERRORS: Mapping[int, str] = {
    -1: "OPUS_BAD_ARG",
    -2: "OPUS_BUFFER_TOO_SMALL",
    -3: "OPUS_INTERNAL_ERROR",
    -4: "OPUS_INVALID_PACKET",
    -5: "OPUS_UNIMPLEMENTED",
    -6: "OPUS_INVALID_STATE",
    -7: "OPUS_ALLOC_FAIL",
}


class OpusError(Exception):
    """A call that libopus answered with a negative code.

    Attributes
    ----------
    code : int
        The code, see `ERRORS`.
    call : str
        The C function, with the control's name where it is one.

    Examples
    --------
    >>> str(OpusError(-4, "opus_decode_float"))
    'opus_decode_float: corrupted stream (OPUS_INVALID_PACKET, -4)'
    """

    def __init__(self, code: int, call: str) -> None:
        words = library().opus_strerror(code).decode("ascii", "replace")
        super().__init__(f"{call}: {words} ({ERRORS.get(code, 'unknown')}, {code})")
        self.code, self.call = code, call


def checked(code: int, call: str) -> int:
    """Hand a result through, or raise what it means."""
    if code < 0:
        raise OpusError(code, call)
    return code
