"""The table of encoders."""

from __future__ import annotations

from workbench.encoders.codec import Codec
from workbench.encoders.hardware import HARDWARE
from workbench.encoders.software import SOFTWARE
from workbench.errors import Usage
from workbench.nearest import nearest

CODECS = {codec.name: codec for codec in (*SOFTWARE, *HARDWARE)}
SOFTWARE_NAMES = tuple(codec.name for codec in SOFTWARE)


def codec(name: str) -> Codec:
    """Look an encoder up.

    Raises
    ------
    Usage
        For an unknown name.
    """
    if name not in CODECS:
        raise Usage(f"no codec {name!r}; {nearest(name, CODECS)}")
    return CODECS[name]
