"""Real libopus 1.6.1, the library that the ``av`` wheel carries, through ctypes.

Its public C API: encoders, decoders, controls, final range, packets, repacketising, several
streams in a packet, concealment and in-band FEC. Nothing is loaded before it is asked for, and
``av`` itself never is. Buffers belong to the caller. ``WORKBENCH_LIBOPUS`` names another file.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from workbench.upstreams.libopus.coders import Decoder, Encoder
from workbench.upstreams.libopus.errors import ERRORS, OpusError
from workbench.upstreams.libopus.loading import (
    DISTRIBUTION,
    VERSION,
    library,
    library_path,
    library_sha256,
    release,
    version,
)
from workbench.upstreams.libopus.multistream import MultistreamDecoder, MultistreamEncoder
from workbench.upstreams.libopus.packets import (
    Packet,
    ParsedPacket,
    bandwidth,
    channels,
    frame_samples,
    has_lbrr,
    n_frames,
    n_samples,
    pad,
    parse,
    repacketise,
    unpad,
)

__all__ = [
    "DISTRIBUTION",
    "ERRORS",
    "EXTRA",
    "RECORDERS",
    "VERSION",
    "Decoder",
    "Encoder",
    "MultistreamDecoder",
    "MultistreamEncoder",
    "OpusError",
    "Packet",
    "ParsedPacket",
    "bandwidth",
    "channels",
    "frame_samples",
    "has_lbrr",
    "library",
    "library_path",
    "library_sha256",
    "n_frames",
    "n_samples",
    "pad",
    "parse",
    "release",
    "repacketise",
    "unpad",
    "version",
]

# Which extra of this project installs it.
EXTRA = "media"


def _record_celt() -> Any:
    return importlib.import_module("workbench.upstreams.libopus.evidence").record_celt()


def _record_pvq() -> Any:
    return importlib.import_module("workbench.upstreams.libopus.pulses").record_pvq()


# What each target's evidence is recorded by.
RECORDERS: Mapping[str, Callable[[], Any]] = {"opus_celt": _record_celt, "opus_pvq": _record_pvq}
