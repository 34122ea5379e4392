"""The refusal of a kernel that holds what it may not, and how what was found is shown."""

from __future__ import annotations

import ast

from workbench.errors import Refused

_SPELT: dict[type[ast.AST], str] = {
    ast.ClassDef: "a class",
    ast.AsyncFunctionDef: "an async function",
    ast.Import: "an import inside a function",
    ast.ImportFrom: "an import inside a function",
    ast.Global: "a global statement",
    ast.Nonlocal: "a nonlocal statement",
    ast.With: "a with statement",
    ast.Try: "a try statement",
    ast.Yield: "a generator",
    ast.YieldFrom: "a generator",
    ast.JoinedStr: "a formatted string",
    ast.Match: "a match statement",
}


class PolicyViolation(Refused):
    """A kernel holds something a kernel may not hold.

    Attributes
    ----------
    line : int
        Where, counted from 1.
    """

    def __init__(self, line: int, found: str, allowed: str) -> None:
        super().__init__(f"kernels.py line {line}: {found}; {allowed}")
        self.line = line


def spell(node: ast.AST) -> str:
    """Name the kind of a node."""
    return _SPELT.get(type(node), f"`{short(node)}` ({type(node).__name__})")


def short(node: ast.AST) -> str:
    """Show the first 60 characters of a node's source."""
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 60 else f"{text[:57]}..."
