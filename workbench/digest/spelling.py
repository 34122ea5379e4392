"""How values become text: numbers, intervals, tables."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

import pandas as pd

from workbench.errors import Infrastructure

WORDS = (
    *("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen"),
    *("nineteen", "twenty"),
)


def spell(value: object) -> str:
    """A value as it stands in a text.

    Raises
    ------
    ValueError
        For a number of which nobody said how many digits count.

    Examples
    --------
    >>> spell(12636)
    '12,636'
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or value is None:
        raise ValueError(f"{value} is neither text nor a number")
    if isinstance(value, numbers.Integral):
        return f"{int(value):,}"
    if isinstance(value, numbers.Real):
        raise ValueError(f"{value} has no format: write | fmt('.3f') behind it")
    if isinstance(value, pd.DataFrame):
        return table(value)
    raise ValueError(f"a {type(value).__name__} is no text")


def fmt(value: Any, form: str) -> str:
    """A number by a format of Python's own.

    Examples
    --------
    >>> fmt(0.4312, ".1%")
    '43.1 %'
    """
    return format(value, form).replace("%", " %")


def words(value: Any) -> str:
    """A count up to twenty in words.

    Examples
    --------
    >>> words(8), words(25)
    ('eight', '25')
    """
    count = int(value)
    if count != value:
        raise ValueError(f"{value} is no count")
    return WORDS[count] if 0 <= count < len(WORDS) else f"{count:,}"


def interval(value: float | None, low: float | None, high: float | None, form: str = ".4f") -> str:
    """A value with its interval.

    Examples
    --------
    >>> interval(0.0998, 0.0968, 0.103)
    '0.0998 (0.0968 to 0.1030)'
    """
    if value is None or low is None or high is None:
        return ""
    return f"{format(value, form)} ({format(low, form)} to {format(high, form)})"


def table(frame: pd.DataFrame) -> str:
    """A frame as a Markdown table; the cells are text or whole numbers.

    Raises
    ------
    ValueError
        For a column of fractions, of which nobody said how many digits count.
    """
    columns = [list(map(cell, frame[name])) for name in frame.columns]
    rows = list(zip(*columns, strict=True))
    heads = [str(name) for name in frame.columns]
    return lay_out(heads, rows)


def lay_out(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Heads and rows of text as a Markdown table; what is a bar stays in its cell."""
    try:
        from tabulate import tabulate
    except ImportError as error:
        raise Infrastructure("no tabulate here: pip install -e '.[digest]' brings it") from error
    safe = [[text.replace("|", "\\|") for text in row] for row in rows]
    return tabulate(safe, heads, tablefmt="github", disable_numparse=True)


def cell(value: object) -> str:
    """One cell of a table; what is missing stays empty."""
    return "" if value is None or value is pd.NA else spell(value)
