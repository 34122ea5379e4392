"""What a media file is. Run as a program, so that a hostile file meets limits and no secrets.

``python -s -P probe.py FILE FRAMES`` prints a `Seen` as JSON, or the reason on stderr.
"""

from __future__ import annotations

import dataclasses
import json
import resource
import sys
from dataclasses import dataclass
from fractions import Fraction

MEMORY_BYTES, CPU_SECONDS = 4 << 30, 60
# They name other files, which the source's hash does not cover and whoever wrote it may choose.
PLAYLISTS = {"hls", "concat", "dash", "imf", "image2"}


@dataclass(frozen=True)
class Seen:
    """A file's first video stream.

    Attributes
    ----------
    fps : str
        Mean frames a second, as a fraction.
    pixel_format : str
        ffmpeg's name.
    transfer : int
        Transfer function, numbered as in ITU-T H.273.
    sizes : list of [int, int]
        Width and height, each once, in order.
    frames : int
        How many were decoded.
    """

    fps: str
    pixel_format: str
    transfer: int
    sizes: list[list[int]]
    frames: int

    @property
    def rate(self) -> Fraction:
        """Frames a second."""
        return Fraction(self.fps)


def main(name: str, frames: int) -> str:
    """Decode a file's first frames and describe them."""
    import av

    options = {"protocol_whitelist": "file,pipe"}
    with av.open(f"file:{name}", options=options) as container:
        if PLAYLISTS & set(container.format.name.split(",")):
            sys.exit("it is a list of other files")
        if not container.streams.video:
            sys.exit("it has no video stream")
        stream = container.streams.video[0]
        sizes: dict[tuple[int, int], None] = {}
        count = 0
        for frame in container.decode(stream):
            sizes[frame.width, frame.height] = None
            count += 1
            if count == frames:
                break
        rate = stream.average_rate or stream.guessed_rate
        if count and not rate:
            sys.exit("it does not say how many frames a second it has")
        seen = Seen(
            fps=str(Fraction(rate or 0)),
            pixel_format=stream.codec_context.pix_fmt or "",
            transfer=int(stream.codec_context.color_trc or 0),
            sizes=[list(size) for size in sizes],
            frames=count,
        )
    return json.dumps(dataclasses.asdict(seen))


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    try:
        sys.stdout.write(main(sys.argv[1], int(sys.argv[2])))
    except (ValueError, OSError) as error:  # PyAV's errors are both
        sys.exit(str(error))
