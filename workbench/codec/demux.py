"""Opus packets out of files: .opus, .ogg, .webm and .mka, through PyAV's demuxers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.codec import header
from workbench.codec.header import Header
from workbench.errors import Infrastructure

# Files are untrusted: no playlist, no other protocol, no other container.
FORMATS = "ogg,matroska,webm"
OPTIONS = {"format_whitelist": FORMATS, "protocol_whitelist": "file"}


@dataclass(frozen=True)
class FilePacket:
    """One packet of a file.

    Attributes
    ----------
    data : bytes
        As a decoder gets it.
    time_s : float or None
        Its presentation time by the container.
    trim : int
        Samples at its end that a player drops.
    """

    data: bytes
    time_s: float | None
    trim: int = 0


class Source:
    """An open file, of which one Opus stream is read once.

    Attributes
    ----------
    path : Path
        The file.
    head : Header
        What it says of the stream.
    container : str
        Its format, as FFmpeg names it.
    seconds : float or None
        How long the file says it lasts.
    others : int
        Opus streams that are not read.
    broken : str
        Why it ended early; empty when it did not.
    """

    def __init__(self, path: Path, container: Any, stream: Any, others: int) -> None:
        self.path = path
        self._container, self._stream = container, stream
        self.container = str(container.format.name).split(",")[0]
        self.seconds = container.duration / 1e6 if container.duration else None
        self.others = others
        self.broken = ""
        found = bytes(stream.codec_context.extradata or b"")
        if found:
            self.head = header.parse(found)
        else:  # Matroska of old writers: mono or stereo, or nothing can be said
            channels = int(stream.codec_context.channels)
            if not 1 <= channels <= 2:
                raise ValueError(f"{channels} channels and no header that maps them")
            self.head = Header(channels, coupled=channels - 1)

    def packets(self) -> Iterator[FilePacket]:
        """Yield the packets in the file's order; damage ends them and is kept in `broken`."""
        import av

        try:
            for packet in self._container.demux(self._stream):
                if not packet.size:
                    continue
                when = None if packet.pts is None else float(packet.pts * packet.time_base)
                yield FilePacket(bytes(packet), when, _trim(packet))
        except av.FFmpegError as error:
            self.broken = _reason(error)


@contextlib.contextmanager
def open_source(path: Path) -> Iterator[Source]:
    """Open a file's first Opus stream.

    Raises
    ------
    Infrastructure
        If there is no file, no Ogg or Matroska in it, or no Opus in that.
    """
    try:
        import av
    except ImportError as error:
        raise Infrastructure("no PyAV here: pip install -e '.[media]'") from error

    if not path.is_file():
        raise Infrastructure(f"{path}: {'not a file' if path.exists() else 'no such file'}")
    with contextlib.ExitStack() as stack:
        try:
            with path.open("rb"):  # FFmpeg says less about what may not be read
                pass
            container = stack.enter_context(av.open(f"file:{path.absolute()}", options=OPTIONS))
            streams = [s for s in container.streams.audio if _codec(s) == "opus"]
            if not streams:
                kinds = ", ".join(f"{s.type} {_codec(s)}" for s in container.streams) or "nothing"
                raise Infrastructure(f"{path}: no Opus stream in it, only {kinds}")
            source = Source(path, container, streams[0], len(streams) - 1)
        except (av.FFmpegError, OSError) as error:
            raise Infrastructure(
                f"{path}: no Ogg or Matroska file that can be read ({_reason(error)})"
            ) from error
        except ValueError as error:
            raise Infrastructure(f"{path}: {error}") from error
        yield source


def _codec(stream: Any) -> str:
    """Name of a stream's codec; PyAV has no context for one that it does not know."""
    context = stream.codec_context
    return "of an unknown kind" if context is None else str(context.name).removeprefix("lib")


def _trim(packet: Any) -> int:
    """Samples at a packet's end that the container says to drop (FFmpeg: skip_samples)."""
    if not packet.has_sidedata("skip_samples"):
        return 0
    data = bytes(packet.get_sidedata("skip_samples"))
    return int.from_bytes(data[4:8], "little") if len(data) >= 8 else 0


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
