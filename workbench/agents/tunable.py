"""Constants that a kernel marks as worth trying at other values.

A mark is a comment behind a constant of the module::

    ROWS = 64  # tune: 16, 32, 64, 128
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass

from workbench.errors import Usage

Value = int | float
_MARK = re.compile(
    r"^(?P<name>[A-Z][A-Z0-9_]*) = (?P<value>[^#\n]+?) +# tune: (?P<choices>.+)$", re.M
)
_SPELT = re.compile(r"([A-Z][A-Z0-9_]*)=(\S+)")
TUNE = "tune "


@dataclass(frozen=True)
class Mark:
    """One constant.

    Attributes
    ----------
    name : str
        Of the constant.
    value : int or float
        What it is.
    choices : tuple of int or float
        What it may be; ``value`` is one of them.
    """

    name: str
    value: Value
    choices: tuple[Value, ...]


def marks(source: str) -> list[Mark]:
    """All marks of a kernel, in order.

    Raises
    ------
    Usage
        Naming a mark whose values are no numbers, or do not hold the present one.
    """
    found = []
    for match in _MARK.finditer(source):
        name = match["name"]
        try:
            value, choices = (
                ast.literal_eval(match["value"]),
                ast.literal_eval(f"({match['choices']},)"),
            )
        except (ValueError, SyntaxError) as error:
            raise Usage(
                f"{name} is marked with {match['choices']!r}: numbers and commas"
            ) from error
        numbers = (value, *choices)
        if not all(isinstance(n, int | float) and not isinstance(n, bool) for n in numbers):
            raise Usage(f"{name} is marked with {match['choices']!r}: numbers and commas")
        if value not in choices:
            raise Usage(f"{name} is {value} and its mark does not say so: add it to the choices")
        found.append(Mark(name, value, tuple(dict.fromkeys(choices))))
    return found


def replaced(source: str, values: Mapping[str, Value]) -> str:
    """The kernel with other values; marks stay."""

    def line(match: re.Match[str]) -> str:
        value = values.get(match["name"])
        if value is None:
            return match[0]
        return f"{match['name']} = {value!r}  # tune: {match['choices']}"

    return _MARK.sub(line, source)


def describe(values: Mapping[str, Value]) -> str:
    """One line for the ledger, that `values_of` reads back."""
    return TUNE + " ".join(f"{name}={value!r}" for name, value in values.items())


def values_of(description: str) -> dict[str, Value] | None:
    """Values that a row of the ledger tried; None if it is not one of `tune`."""
    if not description.startswith(TUNE):
        return None
    try:
        return {name: ast.literal_eval(value) for name, value in _SPELT.findall(description)}
    except (ValueError, SyntaxError):
        return None
