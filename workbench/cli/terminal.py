"""Text for a terminal."""

from __future__ import annotations


def visible(text: str) -> str:
    r"""Spell out what a terminal would act on instead of showing: escapes, bells, surrogates.

    Examples
    --------
    >>> visible("clears the line: \x1b[2K")
    'clears the line: \\x1b[2K'
    """
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )
