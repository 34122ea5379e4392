"""What a person asks a race for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Request:
    """What a person asks for.

    Attributes
    ----------
    root, target : str
        The project and one of its targets.
    description : str
        The hypothesis, one line.
    source : str or None
        The kernel's text; None races the file.
    file_sha256 : str
        Of the file's text when ``source`` was taken from it: whoever changed it since is not
        overwritten.
    unwritten : int
        Confirmations that this person has seen and not written down.
    """

    root: str
    target: str
    description: str = ""
    source: str | None = None
    file_sha256: str = ""
    unwritten: int = 0
