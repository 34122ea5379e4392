"""What someone who misspelt a name may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str:
    """End of an error message: the nearest name, or all of them.

    Examples
    --------
    >>> nearest("libsvt-av1", ["libx264", "libsvtav1"])
    'did you mean libsvtav1?'
    >>> nearest("dirac", ["libx264", "libsvtav1"])
    'there are: libx264, libsvtav1'
    """
    names = list(known)
    near = difflib.get_close_matches(name, names, 1)
    return f"did you mean {near[0]}?" if near else f"there are: {', '.join(names)}"
