"""Which page explains how a command ended."""

from __future__ import annotations

PAGES = {
    2: "docs/errors.md#2-incorrect",
    3: "docs/errors.md#3-over-budget",
    4: "docs/errors.md#4-refused",
    5: "docs/errors.md#5-nothing-was-measured",
    64: "docs/errors.md#64-wrong-usage",
}


def page(code: int) -> str:
    """Where an exit code is explained; empty for one that explains itself.

    Examples
    --------
    >>> page(4)
    'docs/errors.md#4-refused'
    """
    return PAGES.get(code, "")
