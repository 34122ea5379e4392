"""What a packet says of itself before it is decoded: mode, bandwidth, size (RFC 6716, 3.1)."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.upstreams import libopus

MODES = ("CELT", "SILK", "hybrid")
SHORT = {
    "narrowband": "NB",
    "mediumband": "MB",
    "wideband": "WB",
    "superwideband": "SWB",
    "fullband": "FB",
}
BANDWIDTHS = tuple(SHORT)
# Configurations 0-11 are SILK, 12-15 hybrid, 16-31 CELT; each bandwidth has its frame sizes.
SILK_SIZES, HYBRID_SIZES, CELT_SIZES = (480, 960, 1920, 2880), (480, 960), (120, 240, 480, 960)
# A frame of so few bytes has nothing in it: it is concealed.
EMPTY_BYTES = 1
# A packet of one frame without padding: its first byte and the frame.
LONGEST_PLAIN = 1 + 1_275


@dataclass(frozen=True)
class Config:
    """The five bits that name a packet's configuration, and its width.

    Attributes
    ----------
    mode, bandwidth : str
        One of `MODES` and of `BANDWIDTHS`.
    frame : int
        Samples of a frame at 48 kHz.
    channels : int
        That the packet codes.
    """

    mode: str
    bandwidth: str
    frame: int
    channels: int

    @property
    def name(self) -> str:
        """All of it in words.

        Examples
        --------
        >>> config(0xFC).name
        'CELT fullband 20 ms stereo'
        """
        side = "stereo" if self.channels == 2 else "mono"
        return f"{self.mode} {self.bandwidth} {self.frame / 48:g} ms {side}"


def config(toc: int) -> Config:
    """Configuration of a packet by its first byte."""
    number, channels = toc >> 3, 1 + (toc >> 2 & 1)
    if number < 12:
        return Config("SILK", BANDWIDTHS[number >> 2], SILK_SIZES[number & 3], channels)
    if number < 16:
        bandwidth = BANDWIDTHS[3 + (number - 12 >> 1)]
        return Config("hybrid", bandwidth, HYBRID_SIZES[number & 1], channels)
    bandwidth = BANDWIDTHS[(0, 2, 3, 4)[number - 16 >> 2]]
    return Config("CELT", bandwidth, CELT_SIZES[number & 3], channels)


def frame_bytes(packet: bytes) -> tuple[int, ...] | None:
    """Bytes of each frame, or None of a packet that libopus calls malformed."""
    if packet[0] & 3 == 0 and len(packet) <= LONGEST_PLAIN:
        return (len(packet) - 1,)
    try:
        return libopus.parse(packet).sizes
    except libopus.OpusError:
        return None
