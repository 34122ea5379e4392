"""One thing looked for: whether it is there, what was found, how to mend it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warn", "missing"]


@dataclass(frozen=True)
class Finding:
    """One thing looked for.

    Attributes
    ----------
    name : str
        What was looked for.
    status : str
        ``ok``, ``warn`` (works, with a drawback) or ``missing``.
    detail : str
        What was found.
    mend : str
        What to do about it; empty when there is nothing to do.
    """

    name: str
    status: Status
    detail: str
    mend: str = ""
