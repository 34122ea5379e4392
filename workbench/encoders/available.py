"""Which encoders this machine has: a probe encodes a few frames."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from workbench.encoders.codec import CQP
from workbench.encoders.codecs import CODECS, codec
from workbench.encoders.encode import OUTPUT
from workbench.upstreams import ffmpeg

PROBE_S = 30.0
# Large enough for every encoder's least size.
_PICTURE = "testsrc2=size=320x240:rate=25"


def missing(name: str) -> str:
    """Why an encoder does not work here, in ffmpeg's words; empty if it does."""
    entry = codec(name)
    mode = CQP if CQP in entry.modes else next(iter(entry.modes))
    arguments = entry.arguments(mode, entry.preset, entry.modes[mode].qualities[0])
    parameters = entry.parameters(mode, entry.modes[mode].qualities[0])
    own = [f"-{entry.params}", ":".join(f"{k}={v}" for k, v in parameters.items())]
    try:
        with tempfile.TemporaryDirectory() as folder:
            ffmpeg.run(
                [
                    *(*entry.before_input, "-f", "lavfi", "-i", _PICTURE, "-frames:v", "5"),
                    *("-c:v", name, *arguments, *(own if parameters else ())),
                    *("-f", "matroska", OUTPUT),
                ],
                folder=Path(folder),
                timeout_s=PROBE_S,
            )
            if (Path(folder) / OUTPUT).stat().st_size == 0:
                return "it wrote nothing"
    except ffmpeg.Failed as error:
        return str(error)
    return ""


def table(names: Sequence[str] = tuple(CODECS)) -> dict[str, str]:
    """Each encoder and why it does not work here."""
    return {name: missing(name) for name in names}
