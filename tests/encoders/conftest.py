"""Clips that the tests encode, cut once, and a way to make odd files with ffmpeg itself."""

import subprocess
from pathlib import Path

import pytest

from workbench.encoders import sources
from workbench.encoders.clips import Clip, Shape, prepare
from workbench.upstreams import ffmpeg


def cut(tmp_path_factory, name: str, shape: Shape) -> Clip:
    folder = tmp_path_factory.mktemp("clips")
    (source,) = sources.default(folder, [name])
    return prepare(name, source.path, folder, shape)


@pytest.fixture(scope="session")
def clip(tmp_path_factory) -> Clip:
    """A second of a real film, small enough for every encoder and large enough for VMAF."""
    return cut(tmp_path_factory, "bikes", Shape(frames=24, width=160, height=90))


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Clip:
    """As little as the encoders take, for recipes by the hundred."""
    return cut(tmp_path_factory, "carphone", Shape(frames=12, width=96, height=64))


@pytest.fixture(scope="session")
def five_seconds(tmp_path_factory) -> Clip:
    """Long enough for rate control to settle."""
    return cut(tmp_path_factory, "motion", Shape(width=160, height=90))


@pytest.fixture(scope="session")
def two_seconds(tmp_path_factory) -> Clip:
    """As large as in a sweep."""
    return cut(tmp_path_factory, "bikes", Shape(frames=48))


@pytest.fixture
def make(tmp_path):
    """Write a file with ffmpeg: its name and the arguments before it."""

    def make(name: str, *arguments: str) -> Path:
        path = tmp_path / name
        ffmpeg.run([*arguments, ffmpeg.url(path)])
        return path

    return make


@pytest.fixture
def decoded():
    """Luma of every frame of a file, as ffmpeg alone decodes it: frames x height x width."""
    import numpy as np

    def decoded(path: Path, width: int, height: int) -> np.ndarray:
        command = [ffmpeg.executable(), "-v", "error", "-i", ffmpeg.url(path)]
        command += ["-map", "0:v", "-fps_mode", "passthrough", "-f", "rawvideo"]
        raw = subprocess.run(
            [*command, "-pix_fmt", "yuv420p", "-"], capture_output=True, check=True
        ).stdout
        frames = np.frombuffer(raw, np.uint8).reshape(-1, width * height * 3 // 2)
        return frames[:, : width * height].reshape(-1, height, width)

    return decoded
