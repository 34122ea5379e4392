"""Filters on columns: as a tree, as SQL, and as the nodes that the kernels of predicate read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

COLUMNS = ("i32", "i64", "u8", "f32", "f64")
_OPERATORS = ("=", "<>", "<", "<=", ">", ">=")
# As targets/predicate/bench.py numbers them.
_COMPARE, _COMPARE_TOTAL, _BETWEEN, _IS_IN, _AND, _OR = range(6)
NAN = float("nan")
INFINITY = float("inf")


@dataclass(frozen=True)
class Term:
    """A filter on one column.

    Attributes
    ----------
    column : str
        One of `COLUMNS`.
    verb : str
        A SQL operator, ``BETWEEN`` or ``IN``.
    constants : tuple of float
        What it compares with.
    """

    column: str
    verb: str
    constants: tuple[float, ...]


@dataclass(frozen=True)
class Both:
    """Two filters and ``AND`` or ``OR``."""

    verb: str
    left: Term | Both
    right: Term | Both


def sql(made: Term | Both) -> str:
    """A filter as a user types it."""
    if isinstance(made, Both):
        return f"({sql(made.left)} {made.verb} {sql(made.right)})"
    typed = [_literal(made.column, constant) for constant in made.constants]
    if made.verb == "BETWEEN":
        return f"{made.column} BETWEEN {typed[0]} AND {typed[1]}"
    if made.verb == "IN":
        return f"{made.column} IN ({', '.join(typed)})"
    return f"{made.column} {made.verb} {typed[0]}"


def _literal(column: str, constant: float) -> str:
    if constant == constant and abs(constant) != INFINITY:
        return str(constant)
    kind = "FLOAT" if column == "f32" else "DOUBLE"
    return f"CAST('{constant}' AS {kind})"


def plan(made: Term | Both) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """A filter as nodes and constants, as targets/predicate/bench.py reads them.

    A constant of zero is the one that Lance's planner puts there (``explain_plan`` of pylance
    14.0.2 shows it), so that both zeros are equal: -0.0 after ``<`` and ``>=``, 0.0 after ``>``
    and ``<=``.
    """
    nodes: list[list[int]] = []
    constants: list[int] = []

    def add(part: Term | Both) -> int:
        if isinstance(part, Both):
            left, right = add(part.left), add(part.right)
            nodes.append([_AND if part.verb == "AND" else _OR, 0, 0, 0, 0, left, right])
        else:
            column, floats = COLUMNS.index(part.column), part.column[0] == "f"
            op = _OPERATORS.index(part.verb) if part.verb in _OPERATORS else 0
            kind = _COMPARE_TOTAL if floats else _COMPARE
            kind = {"BETWEEN": _BETWEEN, "IN": _IS_IN}.get(part.verb, kind)
            nodes.append([kind, column, op, len(constants), len(part.constants), 0, 0])
            for constant in part.constants:
                if floats:
                    zero = -0.0 if part.verb in ("<", ">=") else 0.0
                    number = np.array(
                        [constant if constant else zero], f"f{int(part.column[1:]) // 8}"
                    )
                    constants.append(int(bits_of(number)[0]))
                else:
                    constants.append(int(constant))
        return len(nodes) - 1

    add(made)
    return np.array(nodes, np.int64), np.array(constants, np.int64)


def bits_of(column: NDArray[Any]) -> NDArray[Any]:
    """Floats as integers of their bits; other columns as they are."""
    return column.view(f"i{column.itemsize}") if column.dtype.kind == "f" else column


def _either(left: Term | Both, right: Term | Both) -> Both:
    return Both("OR", left, right)


def _both(left: Term | Both, right: Term | Both) -> Both:
    return Both("AND", left, right)


def _every_operator(column: str, a: float, b: float, c: float) -> dict[str, Both]:
    """Filters that use each operator once."""
    out = _either(Term(column, "<", (a,)), Term(column, ">=", (b,)))
    inside = _both(Term(column, ">", (a,)), Term(column, "<=", (b,)))
    return {
        "outside": _both(out, Term(column, "<>", (c,))),
        "inside": _either(inside, Term(column, "=", (c,))),
    }


FILTERS: Mapping[str, Term | Both] = {
    **{
        f"{column}_{name}": made
        for column, (a, b, c) in {
            "i32": (-3, 40, 7),
            "i64": (-3, 2**40, 7),
            "u8": (1, 255, 7),
            "f32": (-1.5, 0.25, 0.5),
            "f64": (-1.5, 0.25, 0.5),
        }.items()
        for name, made in _every_operator(column, a, b, c).items()
    },
    "zeros": _either(Term("f64", "<", (0.0,)), Term("f32", ">=", (0.0,))),
    "zeros_from_above": _both(Term("f64", ">", (0.0,)), Term("f32", "<=", (0.0,))),
    "nans": _either(Term("f64", ">=", (NAN,)), Term("f32", ">", (INFINITY,))),
    "between_i32": Term("i32", "BETWEEN", (-(2**31), 11)),
    "between_i64": Term("i64", "BETWEEN", (5, 2**63 - 1)),
    "between_u8": Term("u8", "BETWEEN", (9, 3)),
    "in_three": Term("u8", "IN", (0, 5, 255)),
    "in_ten": Term("i32", "IN", (-(2**31), -1, 0, 1, 2, 3, 5, 8, 13, 2**31 - 1)),
    "in_hundred": Term("i64", "IN", tuple(range(-50, 50))),
    "in_floats": Term("f64", "IN", (0.5, 1.0, -1.0, INFINITY, 2.25)),
    "mixed": _both(
        _both(Term("i32", "BETWEEN", (-20, 60)), Term("u8", "IN", (1, 2, 3, 4, 5))),
        Term("f32", "<", (0.75,)),
    ),
    "either": _either(Term("i64", "IN", tuple(range(0, 640, 10))), Term("f64", ">=", (0.5,))),
}
