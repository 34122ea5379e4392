"""Files around sound as PyAV (ffmpeg's libavformat) reads and writes them: Ogg and WAV.

Everything is in memory. ``av`` is imported when something is asked for, not before.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import Infrastructure

__all__ = ["Recording", "read_opus", "read_wav", "write_opus", "write_wav"]

LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}


@dataclass(frozen=True)
class Recording:
    """What a file with Opus says.

    Attributes
    ----------
    head : bytes
        The identification header (RFC 7845, 5.1).
    packets : tuple of bytes
        Of sound, in order.
    end : int
        Granule position of the last page, samples at 48 kHz: pre-skip and all that is played.
    """

    head: bytes
    packets: tuple[bytes, ...] = field(repr=False)
    end: int

    @property
    def pre_skip(self) -> int:
        """Samples to drop at the beginning."""
        return int.from_bytes(self.head[10:12], "little")


def _av() -> Any:
    try:
        import av
    except ImportError as error:
        raise Infrastructure("no PyAV here: pip install -e '.[media]' brings it") from error
    return av


def read_opus(data: bytes) -> Recording:
    """Demux a file whose first stream of sound is Opus.

    Raises
    ------
    ValueError
        If it is no such file.
    """
    av = _av()
    try:
        with av.open(io.BytesIO(data)) as container:
            if not container.streams.audio:
                raise ValueError("there is no sound in it")
            stream = container.streams.audio[0]
            if stream.codec_context.name not in ("opus", "libopus"):
                raise ValueError(f"its sound is {stream.codec_context.name}, not opus")
            head = bytes(stream.codec_context.extradata or b"")
            found = [packet for packet in container.demux(stream) if packet.size]
            packets = tuple(bytes(packet) for packet in found)
            end = 0
            if found:
                last = (found[-1].pts or 0) + (found[-1].duration or 0)
                end = round(last * stream.time_base * 48_000)
    except (av.FFmpegError, OSError) as error:
        raise ValueError(f"libavformat does not read it: {error}") from error
    made = Recording(head, packets, end)
    return Recording(head, packets, end + made.pre_skip)


def write_opus(
    sound: NDArray[np.float32],
    kbps: int,
    milliseconds: str = "20",
    page_seconds: float = 1.0,
    *,
    vbr: bool = True,
) -> bytes:
    """Encode f32[n, channels] at 48 kHz with ffmpeg's libopus, CELT only, into an Ogg file.

    A page is written after ``page_seconds``, or when it has 255 segments.
    """
    options = {
        "application": "lowdelay",
        "frame_duration": milliseconds,
        "vbr": "on" if vbr else "off",
    }
    muxer = {"page_duration": str(round(page_seconds * 1e6)), "serial_offset": "7"}
    return _encode(sound, 48_000, "libopus", "ogg", kbps * 1_000, options, muxer)


def write_wav(sound: NDArray[np.float32], rate: int) -> bytes:
    """Write f32[n, channels] as a WAV file of 32-bit floats."""
    return _encode(sound, rate, "pcm_f32le", "wav", 0, {}, {})


def _encode(
    sound: NDArray[np.float32],
    rate: int,
    codec: str,
    container_format: str,
    bitrate: int,
    options: dict[str, str],
    muxer: dict[str, str],
) -> bytes:
    av = _av()
    file, layout = io.BytesIO(), LAYOUTS[sound.shape[1]]
    with av.open(file, "w", format=container_format, options=muxer) as container:
        stream = container.add_stream(codec, rate=rate, options=options)
        stream.codec_context.layout, stream.codec_context.format = layout, "flt"
        if bitrate:
            stream.bit_rate = bitrate
        frame = av.AudioFrame.from_ndarray(sound.reshape(1, -1), format="flt", layout=layout)
        frame.sample_rate, frame.pts = rate, 0
        for given in (frame, None):
            for packet in stream.encode(given):
                container.mux(packet)
    return file.getvalue()


def read_wav(data: bytes) -> tuple[NDArray[np.float32], int]:
    """Samples f32[n, channels] of a WAV file of 32-bit floats, and its rate.

    Raises
    ------
    ValueError
        If it is no such file.
    """
    av = _av()
    try:
        with av.open(io.BytesIO(data), format="wav") as container:
            stream = container.streams.audio[0]
            if stream.codec_context.name != "pcm_f32le":
                raise ValueError(f"its samples are {stream.codec_context.name}, not pcm_f32le")
            channels = stream.codec_context.channels
            parts = [frame.to_ndarray().ravel() for frame in container.decode(stream)]
            rate = stream.rate
    except (av.FFmpegError, OSError, IndexError) as error:
        raise ValueError(f"libavformat does not read it: {error}") from error
    flat = np.concatenate(parts) if parts else np.empty(0, np.float32)
    return flat.reshape(-1, channels), int(rate)
