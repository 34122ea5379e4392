"""The identification header of an Opus stream (RFC 7845, 5.1), as Ogg and Matroska carry it."""

from __future__ import annotations

from dataclasses import dataclass

MAGIC = b"OpusHead"
SHORTEST = 19


@dataclass(frozen=True)
class Header:
    """What a container says of its stream.

    Attributes
    ----------
    channels : int
        Of the output.
    pre_skip : int
        Samples at 48 kHz that a player drops at the beginning.
    gain_db : float
        What a player amplifies by; decoders do not.
    family : int
        How channels map to streams: 0 is mono or stereo, 1 surround.
    streams, coupled : int
        Opus streams in a packet, and how many of them are stereo.
    mapping : tuple of int
        Decoded channel of each output channel, 255 is silence; empty in family 0.
    """

    channels: int
    pre_skip: int = 0
    gain_db: float = 0.0
    family: int = 0
    streams: int = 1
    coupled: int = 0
    mapping: tuple[int, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether a packet is one stream, and its channels are the output's."""
        straight = self.mapping in ((), tuple(range(self.channels)))
        return straight and self.streams == 1 and self.coupled == self.channels - 1


def parse(data: bytes) -> Header:
    """Take a header apart.

    Raises
    ------
    ValueError
        If it is not one.

    Examples
    --------
    >>> parse(b"OpusHead" + bytes([1, 2, 56, 1, 128, 187, 0, 0, 0, 0, 0]))
    Header(channels=2, pre_skip=312, gain_db=0.0, family=0, streams=1, coupled=1, mapping=())
    """
    if len(data) < SHORTEST or not data.startswith(MAGIC):
        raise ValueError("no identification header of Opus")
    version, channels, family = data[8], data[9], data[18]
    if version >> 4:
        raise ValueError(f"version {version} of the Opus header is not known")
    pre_skip = int.from_bytes(data[10:12], "little")
    gain_db = int.from_bytes(data[16:18], "little", signed=True) / 256
    if family == 0:
        if not 1 <= channels <= 2:
            raise ValueError(f"{channels} channels in mapping family 0, which has 1 or 2")
        return Header(channels, pre_skip, gain_db, coupled=channels - 1)
    if channels == 0 or len(data) < SHORTEST + 2 + channels:
        raise ValueError("the header ends before its channel mapping does")
    streams, coupled = data[19], data[20]
    mapping = data[21 : 21 + channels]
    if streams == 0 or coupled > streams or streams + coupled > 255:
        raise ValueError(f"{streams} streams of which {coupled} are stereo are impossible")
    if any(place != 255 and place >= streams + coupled for place in mapping):
        raise ValueError("the channel mapping names a stream that there is not")
    return Header(channels, pre_skip, gain_db, family, streams, coupled, tuple(mapping))
