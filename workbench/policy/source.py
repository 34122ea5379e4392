"""A kernels.py read without running it: imports, literals and njit functions, nothing else.

The check is a list of what is allowed, not of what is dangerous: every node of the syntax
tree must be of a known kind, every member of a module must be listed in `vocabulary`. What
Python itself evaluates when the file is imported (`toplevel`) is held to `literals`; the
`bodies` of functions are only ever compiled by numba.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Mapping

from workbench.policy.bodies import check_body
from workbench.policy.text import parse
from workbench.policy.toplevel import check_module
from workbench.policy.violation import PolicyViolation


def check_source(source: str, surface: Mapping[str, list[str]]) -> None:
    r"""Refuse a kernel that is more than imports, literals and njit functions.

    Parameters
    ----------
    source : str
        Text of kernels.py.
    surface : mapping of str to list of str
        Functions that must be there, with exactly these positional arguments.

    Raises
    ------
    PolicyViolation
        Naming the line, what was found, and what is allowed.
    UnreadableKernel
        If the text is no Python.

    Examples
    --------
    >>> check_source("from numba import njit\n@njit\ndef f(x): return x", {"f": ["x"]})
    >>> check_source("import os", {})
    Traceback (most recent call last):
        ...
    workbench.policy.violation.PolicyViolation: kernels.py line 1: `import os`; allowed are ...
    """
    tree = parse(source)
    try:
        functions, constants = check_module(tree)
        for function in functions.values():
            check_body(function, constants | functions.keys())
    except RecursionError as error:
        raise PolicyViolation(1, "an expression is nested too deeply", "split it") from error
    for name, arguments in surface.items():
        _check_signature(functions, name, arguments)


def _check_signature(
    functions: Mapping[str, ast.FunctionDef], name: str, arguments: list[str]
) -> None:
    wanted = f"{name}({', '.join(arguments)})"
    if name not in functions:
        near = difflib.get_close_matches(name, functions)
        hint = f" (there is {near[0]})" if near else ""
        raise PolicyViolation(
            1, f"function {name} is missing{hint}", f"the target's surface needs {wanted}"
        )
    function = functions[name]
    found = function.args
    exact = [a.arg for a in found.args] == list(arguments)
    if not exact or found.posonlyargs or found.kwonlyargs or found.vararg or found.kwarg:
        raise PolicyViolation(
            function.lineno, f"{name}({ast.unparse(found)})", f"the surface needs exactly {wanted}"
        )
    if found.defaults:
        raise PolicyViolation(
            function.lineno, f"{wanted} has default values", "the surface passes every argument"
        )
