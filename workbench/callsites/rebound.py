"""A compiled call chain with one function of it exchanged, so that a kernel runs where it belongs.

The parts of a codec call each other by name, deep down; `targets.specialise` reaches only the loop
on top. `rebound` copies the functions that lie between, and no others.
"""

from __future__ import annotations

import types
from typing import Any

from numba import njit


def rebound(function: Any, old: Any, new: Any, made: dict[int, Any] | None = None) -> Any:
    """Copy of an njit function that calls ``new`` wherever it, or what it calls, calls ``old``.

    Parameters
    ----------
    function : njit function
        The top of the chain.
    old, new : njit function
        What is exchanged; both take the same arguments.
    made : dict, optional
        Copies made so far, by the identity of their original.

    Returns
    -------
    njit function
        ``function`` itself where ``old`` is not reached.

    Examples
    --------
    >>> from numba import njit
    >>> @njit
    ... def one(x):
    ...     return x + 1
    >>> @njit
    ... def two(x):
    ...     return x + 2
    >>> @njit
    ... def twice(x):
    ...     return 2 * one(x)
    >>> vars()["one"] = one
    >>> rebound(twice, one, two)(5), twice(5)
    (14, 12)
    """
    made = {id(old): new} if made is None else made
    if id(function) in made:
        return made[id(function)]
    plain = function.py_func
    scope = plain.__globals__
    changed: dict[str, Any] = {}
    for name in _names(plain.__code__):
        value = scope.get(name)
        if hasattr(value, "py_func"):
            other = rebound(value, old, new, made)
        elif isinstance(value, types.ModuleType):
            other = _module(value, _names(plain.__code__), old, new)
        else:
            continue
        if other is not value:
            changed[name] = other
    made[id(function)] = function
    if changed:
        copy = types.FunctionType(plain.__code__, {**scope, **changed}, plain.__name__)
        options = {k: v for k, v in function.targetoptions.items() if k != "nopython"}
        made[id(function)] = njit(**options)(copy)
    return made[id(function)]


def _names(code: types.CodeType) -> set[str]:
    """Names a function looks up, those of the functions inside it included."""
    inner = (part for part in code.co_consts if isinstance(part, types.CodeType))
    return set(code.co_names).union(*map(_names, inner))


def _module(module: types.ModuleType, names: set[str], old: Any, new: Any) -> types.ModuleType:
    """The module, or a copy that has ``new``, if one of the names is ``old`` in it."""
    found = [name for name in names if vars(module).get(name) is old]
    if not found:
        return module
    copy = types.ModuleType(module.__name__)
    vars(copy).update(vars(module))
    vars(copy).update(dict.fromkeys(found, new))
    return copy
