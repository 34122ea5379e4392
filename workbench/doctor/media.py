"""What encodes and scores: ffmpeg with its encoders and filters, and libopus."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
from collections.abc import Iterator

from workbench import host
from workbench.doctor import asking
from workbench.doctor.finding import Finding
from workbench.errors import WorkbenchError


def ffmpeg() -> Iterator[Finding]:
    """The program, its encoders and filters, and the hardware encoders that work."""
    if asking.version("imageio-ffmpeg") is None:
        detail = "imageio-ffmpeg is not installed: no encoder can be swept"
        yield Finding("ffmpeg", "missing", detail, "pip install imageio-ffmpeg")
        return
    import imageio_ffmpeg

    from workbench.encoders.codecs import CODECS, SOFTWARE_NAMES
    from workbench.encoders.score import FILTERS

    program = imageio_ffmpeg.get_ffmpeg_exe()
    words = asking.run([program, "-hide_banner", "-version"]).stdout.split("\n")[0]
    yield Finding("ffmpeg", "ok", " ".join(words.split()[:3]))
    listed = set(asking.run([program, "-hide_banner", "-encoders"]).stdout.split())
    yield _listed("software encoders", SOFTWARE_NAMES, listed)
    filters = set(asking.run([program, "-hide_banner", "-filters"]).stdout.split())
    yield _listed("scoring filters", FILTERS, filters)
    hardware = [name for name in CODECS if name not in SOFTWARE_NAMES and name in listed]
    working = [name for name in hardware if _encodes(program, name)]
    detail = ", ".join(working) or "none on this machine"
    mend = "" if working else "nothing to mend without such a GPU and its driver"
    yield Finding("hardware encoders", "ok" if working else "warn", detail, mend)


def _listed(name: str, wanted: tuple[str, ...], listed: set[str]) -> Finding:
    has = [item for item in wanted if item in listed]
    lacks = [item for item in wanted if item not in listed]
    if not lacks:
        return Finding(name, "ok", ", ".join(has))
    detail = f"{', '.join(has) or 'none'}; lacks {', '.join(lacks)}"
    return Finding(name, "warn", detail, "unset IMAGEIO_FFMPEG_EXE to use the wheel's own ffmpeg")


def _encodes(program: str, encoder: str) -> bool:
    """Whether one frame can be encoded; an encoder that is compiled in may lack its hardware."""
    device, upload = [], "null"
    if encoder.endswith("_vaapi"):
        device = ["-init_hw_device", "vaapi=gpu", "-filter_hw_device", "gpu"]
        upload = "format=nv12,hwupload"
    source = ["-f", "lavfi", "-i", "color=size=256x256:rate=1", "-frames:v", "1", "-vf", upload]
    command = [program, "-hide_banner", "-v", "quiet", *device, *source]
    return asking.run([*command, "-c:v", encoder, "-f", "null", "-"]).returncode == 0


def libopus() -> Iterator[Finding]:
    """The library and its version."""
    if host.LIBOPUS not in os.environ and importlib.util.find_spec("av") is None:
        detail = "PyAV, which carries it, is not installed"
        yield Finding("libopus", "missing", detail, "pip install av")
        return
    from workbench.upstreams import libopus as library  # here, because it is only looked for

    try:
        version = library.version()
    except WorkbenchError as error:
        mend = "install PyAV from its wheel: pip install av==18.1.0"
        yield Finding("libopus", "missing", str(error), mend)
        return
    named = os.environ.get(host.LIBOPUS)
    where = f"at {named}" if named else f"in PyAV {asking.version('av')}"
    yield Finding("libopus", "ok", f"{version}, {where}")
