"""Several streams in one packet: surround and other channel mappings (RFC 7845, 5.1.1)."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from workbench.upstreams.libopus.coders import packet_address, samples_of, sized, writable
from workbench.upstreams.libopus.controls import APPLICATIONS, Controlled, chosen
from workbench.upstreams.libopus.errors import checked
from workbench.upstreams.libopus.loading import library
from workbench.upstreams.libopus.packets import Packet


class MultistreamDecoder(Controlled):
    """A decoder of ``streams`` streams, the first ``coupled`` of them stereo.

    ``mapping[channel]`` is the decoded channel an output channel takes; 255 is silence.
    """

    _name = "opus_multistream_decoder_ctl"

    def __init__(
        self, streams: int, coupled: int, mapping: Sequence[int], rate: int = 48_000
    ) -> None:
        opus = library()
        self.channels, self.rate = len(mapping), rate
        self.state = sized(opus.opus_multistream_decoder_get_size(streams, coupled))
        self._address, self._ctl = self.state.ctypes.data, opus.opus_multistream_decoder_ctl
        made = opus.opus_multistream_decoder_init(
            self._address, rate, self.channels, streams, coupled, bytes(mapping)
        )
        checked(made, "opus_multistream_decoder_init")

    def decode(self, packet: Packet | None, pcm: NDArray[np.float32], *, fec: bool = False) -> int:
        """Decode a packet into ``pcm`` f32[n, channels], as `Decoder.decode` does."""
        address, length = packet_address(packet)
        room = samples_of(pcm, self.channels)
        found = library().opus_multistream_decode_float(
            self._address, address, length, pcm.ctypes.data, room, int(fec)
        )
        return checked(found, "opus_multistream_decode_float")


class MultistreamEncoder(Controlled):
    """An encoder that lays out its streams itself, by a family of channel mappings.

    Parameters
    ----------
    channels : int
        Of the input, in the order of the family.
    family : int
        0 mono or stereo, 1 surround in the order of Vorbis, 255 channels without a meaning.
    application : str
        One of `APPLICATIONS`.
    rate : int
        Sample rate.

    Attributes
    ----------
    streams, coupled, mapping
        What the decoder must be given.
    """

    _name = "opus_multistream_encoder_ctl"

    def __init__(
        self, channels: int, family: int = 1, application: str = "audio", rate: int = 48_000
    ) -> None:
        opus = library()
        number = chosen(APPLICATIONS, application, "application")
        self.channels, self.rate = channels, rate
        self.state = sized(opus.opus_multistream_surround_encoder_get_size(channels, family))
        self._address, self._ctl = self.state.ctypes.data, opus.opus_multistream_encoder_ctl
        streams, coupled = ctypes.c_int(), ctypes.c_int()
        mapping = (ctypes.c_uint8 * channels)()
        made = opus.opus_multistream_surround_encoder_init(
            *(self._address, rate, channels, family),
            *(ctypes.byref(streams), ctypes.byref(coupled), mapping, number),
        )
        checked(made, "opus_multistream_surround_encoder_init")
        self.streams, self.coupled = streams.value, coupled.value
        self.mapping = tuple(mapping)

    def encode(self, pcm: NDArray[np.float32], packet: NDArray[np.uint8]) -> int:
        """Encode one packet of all of ``pcm`` f32[n, channels]; return its bytes."""
        samples = samples_of(pcm, self.channels)
        address, room = writable(packet)
        found = library().opus_multistream_encode_float(
            self._address, pcm.ctypes.data, samples, address, room
        )
        return checked(found, "opus_multistream_encode_float")
