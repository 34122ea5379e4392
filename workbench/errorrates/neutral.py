"""Edits of a kernel that change nothing: what must not be kept, and sometimes is by luck."""

from __future__ import annotations

import ast

import numpy as np

EDITS = ("unreachable-branch", "reordered-functions", "renamed-locals")


def edited(source: str, edit: str, rng: np.random.Generator) -> str:
    """Return a kernels.py that does the same work.

    Parameters
    ----------
    source : str
        A kernels.py.
    edit : str
        One of `EDITS`: a branch that is never taken but that no compiler can know of, in a
        random function; the functions in another order; other names for local variables.
    rng : Generator
        Which function, which order, which names.

    Raises
    ------
    ValueError
        If there is nothing to edit that way.
    """
    tree = ast.parse(source)
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    if edit == "reordered-functions":
        turn = int(rng.integers(1, max(2, len(functions))))
        others = [node for node in tree.body if not isinstance(node, ast.FunctionDef)]
        tree.body = [*others, *functions[turn:], *functions[:turn]]
    elif edit == "renamed-locals":
        for function in functions:
            _rename_locals(function, rng)
    elif edit == "unreachable-branch":
        _add_branch(functions, rng)
    else:
        raise ValueError(f"no edit {edit!r}; there are {', '.join(EDITS)}")
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def _rename_locals(function: ast.FunctionDef, rng: np.random.Generator) -> None:
    stored = {
        node.id
        for node in ast.walk(function)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    known = {name: f"local_{rng.integers(1 << 20):x}_{name.strip('_')}" for name in sorted(stored)}
    known = {old: new for old, new in known.items() if old not in _arguments(function)}
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and node.id in known:
            node.id = known[node.id]


def _add_branch(functions: list[ast.FunctionDef], rng: np.random.Generator) -> None:
    """Write where an array is shorter than nothing: LLVM does not know that none is."""
    timed = [function for function in functions if function.name != "setup"]
    places = [(function, name) for function in timed for name in _arrays(function)]
    if not places:
        raise ValueError("no function walks along an array it is given")
    function, name = places[int(rng.integers(len(places)))]
    branch = ast.parse(f"if len({name}) < 0:\n    {name}[0] = {name}[0]").body
    documented = ast.get_docstring(function) is not None
    function.body[documented:documented] = branch


def _arrays(function: ast.FunctionDef) -> list[str]:
    """Arguments that are rows of something: of known length, or indexed by one variable.

    Not the tuple of a state, which is indexed by constants.
    """
    found = set()
    for node in ast.walk(function):
        match node:
            case ast.Call(func=ast.Name("len"), args=[ast.Name(name)]):
                found.add(name)
            case ast.Subscript(value=ast.Name(name), slice=ast.Name() | ast.BinOp()):
                found.add(name)
    return [name for name in _arguments(function) if name in found]


def _arguments(function: ast.FunctionDef) -> list[str]:
    return [argument.arg for argument in function.args.args]
