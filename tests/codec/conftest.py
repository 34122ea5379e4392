"""Files that the real ffmpeg makes of generated sound, and decoders to hold against libopus."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from workbench.codec import variants
from workbench.codec.variants import Variant
from workbench.opus import signals
from workbench.upstreams import ffmpeg

pytest.importorskip("av")
pytest.importorskip("imageio_ffmpeg")

Encode = Callable[..., Path]
TARGET = Path(__file__).parents[2] / "targets" / variants.TARGET


@pytest.fixture(scope="session")
def encode(tmp_path_factory: pytest.TempPathFactory) -> Encode:
    """``encode("a.webm", "-b:a", "64k", kinds=("speech",), channels=2, seconds=1)``."""
    folder = tmp_path_factory.mktemp("sounds")

    def made(
        name: str,
        *options: str,
        kinds: tuple[str, ...] = ("music", "transients"),
        channels: int = 2,
        seconds: float = 0.7,
        codec: str = "libopus",
    ) -> Path:
        path = folder / name
        if path.exists():
            return path
        rng = np.random.default_rng(len(name))
        each = round(seconds * signals.RATE / len(kinds))
        sound = np.concatenate([signals.sound(kind, rng, each, channels) for kind in kinds])
        raw = folder / f"{name}.f32"
        raw.write_bytes(sound.tobytes())
        source = ("-f", "f32le", "-ar", "48000", "-ac", str(channels), "-i", ffmpeg.url(raw))
        ffmpeg.run([*source, "-c:a", codec, *options, ffmpeg.url(path)])
        raw.unlink()
        return path

    return made


@pytest.fixture(scope="session")
def upstream() -> Variant:
    return variants.upstream()


@pytest.fixture(scope="session")
def itself() -> Variant:
    """A kernel that has every mode: libopus."""
    return variants.kernel(TARGET / "upstream.py")


@pytest.fixture(scope="session")
def ours() -> Variant:
    """The kernel that `workbench opus compare` takes; it is compiled where it never was."""
    return variants.kernel()


@pytest.fixture
def broken(tmp_path: Path) -> Callable[[str], Variant]:
    """A decoder in plain Python that is libopus but for what a line of code does to an answer.

    The line sees ``n`` (packets so far), ``packet``, ``got``, ``final`` and ``pcm``.
    """

    def made(line: str) -> Variant:
        path = tmp_path / "broken.py"
        path.write_text(
            f"""
from workbench.upstreams import libopus

def setup(channels, frame_size):
    return libopus.Decoder(channels), [0]

def reset(state):
    state[0].reset()
    state[1][0] = 0

def decode(state, packet, length, pcm):
    n = state[1][0]
    state[1][0] += 1
    try:
        got = state[0].decode(packet[:length], pcm)
        final = state[0].final_range
    except libopus.OpusError as error:
        got, final = error.code, 0
    {line}
    return got, final
"""
        )
        return variants.kernel(path)

    return made
