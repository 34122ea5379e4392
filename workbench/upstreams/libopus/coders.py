"""One stream: an encoder and a decoder whose states lie in arrays of ours."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.upstreams.libopus.controls import APPLICATIONS, Controlled, chosen
from workbench.upstreams.libopus.errors import checked
from workbench.upstreams.libopus.loading import library
from workbench.upstreams.libopus.packets import BAD_ARG, Packet

RATES = (8_000, 12_000, 16_000, 24_000, 48_000)
# Longest packet there is: 120 ms, 48 frames of 1,275 bytes and their sizes.
MAX_PACKET_BYTES = 48 * 1275 + 2 * 48


def sized(size: int) -> NDArray[np.uint8]:
    """Memory of a coder's state; libopus answers 0 where it knows no such coder."""
    return np.zeros(checked(size or BAD_ARG, "get_size"), np.uint8)


def samples_of(pcm: NDArray[np.float32], channels: int) -> int:
    """Samples per channel of a buffer, once it is known that libopus stays inside it."""
    if pcm.dtype != np.float32 or not pcm.flags.c_contiguous:
        raise ValueError("pcm must be float32 in C order")
    if pcm.shape[1:] != (channels,) and not (pcm.ndim == 1 and channels == 1):
        raise ValueError(f"pcm of {channels} channels is [n, {channels}], not {list(pcm.shape)}")
    return len(pcm)


def packet_address(packet: Packet | None) -> tuple[bytes | int | None, int]:
    """What ctypes passes for a packet, and its length; a lost one is None."""
    if packet is None or isinstance(packet, bytes):
        return packet, len(packet or b"")
    if packet.dtype != np.uint8 or packet.ndim != 1 or not packet.flags.c_contiguous:
        raise ValueError("a packet is bytes or a contiguous u8[n]")
    return packet.ctypes.data, len(packet)


def writable(packet: NDArray[np.uint8]) -> tuple[Any, int]:
    """Address and room of a packet that libopus shall write."""
    if not packet.flags.writeable:
        raise ValueError("the packet's buffer is read-only")
    return packet_address(packet)


class Decoder(Controlled):
    """A decoder of one stream, float samples of full scale 1.

    Parameters
    ----------
    channels : int
        1 or 2; packets of the other kind are duplicated or mixed down.
    rate : int
        One of `RATES`.

    Examples
    --------
    >>> decoder, pcm = Decoder(1), np.empty((960, 1), np.float32)
    >>> decoder.decode(None, pcm)  # a lost packet, and nothing before it
    960
    """

    _name = "opus_decoder_ctl"

    def __init__(self, channels: int = 2, rate: int = 48_000) -> None:
        opus = library()
        self.channels, self.rate = channels, rate
        self.state = sized(opus.opus_decoder_get_size(channels))
        self._address, self._ctl = self.state.ctypes.data, opus.opus_decoder_ctl
        self._decode = opus.opus_decode_float
        checked(opus.opus_decoder_init(self._address, rate, channels), "opus_decoder_init")

    def decode(self, packet: Packet | None, pcm: NDArray[np.float32], *, fec: bool = False) -> int:
        """Decode a packet into ``pcm`` f32[n, channels]; return its samples per channel.

        Parameters
        ----------
        packet : bytes, ndarray or None
            None is a lost packet: n samples are made up in its place.
        pcm : ndarray
            Has room for the packet, or, for a lost one, just its size.
        fec : bool
            Decode the copy of the *previous*, lost packet that this one carries; n is its size.
        """
        address, length = packet_address(packet)
        room = samples_of(pcm, self.channels)
        found = self._decode(self._address, address, length, pcm.ctypes.data, room, int(fec))
        return checked(found, "opus_decode_float")


class Encoder(Controlled):
    """An encoder of one stream.

    Parameters
    ----------
    channels : int
        1 or 2.
    application : str
        One of `APPLICATIONS`; ``restricted_lowdelay`` and ``restricted_celt`` never use SILK.
    rate : int
        One of `RATES`.

    Examples
    --------
    >>> encoder, packet = Encoder(1, "restricted_celt"), np.empty(1275, np.uint8)
    >>> encoder.set(bitrate=64_000, vbr=0)
    >>> encoder.encode(np.zeros((960, 1), np.float32), packet)
    160
    """

    _name = "opus_encoder_ctl"

    def __init__(self, channels: int = 2, application: str = "audio", rate: int = 48_000) -> None:
        opus = library()
        number = chosen(APPLICATIONS, application, "application")
        self.channels, self.rate = channels, rate
        # What a restricted application needs is less; the size asked for serves all of them.
        self.state = sized(opus.opus_encoder_get_size(channels))
        self._address, self._ctl = self.state.ctypes.data, opus.opus_encoder_ctl
        self._encode = opus.opus_encode_float
        made = opus.opus_encoder_init(self._address, rate, channels, number)
        checked(made, "opus_encoder_init")

    def encode(self, pcm: NDArray[np.float32], packet: NDArray[np.uint8]) -> int:
        """Encode one packet of all of ``pcm`` f32[n, channels]; return its bytes.

        ``n`` must be a size that Opus has (2.5 to 120 ms); ``packet`` u8 has the room allowed.
        """
        samples = samples_of(pcm, self.channels)
        address, room = writable(packet)
        found = self._encode(self._address, pcm.ctypes.data, samples, address, room)
        return checked(found, "opus_encode_float")
