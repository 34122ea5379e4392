"""The module level of a kernel: imports, constants, and functions under njit."""

from __future__ import annotations

import ast

from workbench.policy import vocabulary as words
from workbench.policy.literals import (
    check_annotation,
    check_defaults_and_annotations,
    check_literal,
)
from workbench.policy.text import docstring
from workbench.policy.violation import PolicyViolation, short, spell

_ALLOWED_FILE = (
    "a kernel is a docstring, imports (numpy as np, math, njit from numba, workbench.simd), "
    "constants made of literals, and functions decorated with njit"
)
_ALLOWED_IMPORTS = (
    "allowed are `import numpy as np`, `import math`, `from numba import njit`, "
    "`from workbench import simd` and names of workbench.simd and of the parts of workbench.opus"
)


def check_module(tree: ast.Module) -> tuple[dict[str, ast.FunctionDef], set[str]]:
    """Check what runs on import; return the functions by name, and the constants' names."""
    functions: dict[str, ast.FunctionDef] = {}
    constants: set[str] = set()
    said = docstring(tree.body)
    for node in tree.body:
        if node is said:
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            constants |= _check_import(node)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            constants |= _check_constant(node, constants)
        elif isinstance(node, ast.FunctionDef):
            if node.name in functions or node.name in constants:
                raise PolicyViolation(
                    node.lineno, f"{node.name} is defined twice", "give each function its own name"
                )
            words.check_name(node.name, node.lineno)
            _check_header(node, constants)
            functions[node.name] = node
        else:
            raise PolicyViolation(node.lineno, f"{spell(node)} at module level", _ALLOWED_FILE)
        clash = constants & functions.keys()
        if clash:
            raise PolicyViolation(
                node.lineno, f"{min(clash)} is a function already", "choose another name"
            )
    return functions, constants


def _check_import(node: ast.Import | ast.ImportFrom) -> set[str]:
    """Check one import; return the plain names (not modules) that it binds."""
    text = ast.unparse(node)
    if text in (
        "from __future__ import annotations",
        "import numpy as np",
        "import math",
        "from numba import njit",
        "from workbench import simd",
        "import workbench.simd as simd",
    ):
        return set()
    module = node.module if isinstance(node, ast.ImportFrom) and node.level == 0 else None
    known, bound = words.importable(module), set[str]()
    if module is not None and known is not None:
        for alias in node.names:
            if alias.name not in known:
                raise PolicyViolation(
                    node.lineno, f"`{text}`", words.unknown(module, alias.name, known)
                )
            name = alias.asname or alias.name
            words.check_name(name, node.lineno)
            bound.add(name)
        return bound
    raise PolicyViolation(node.lineno, f"`{text}`", _ALLOWED_IMPORTS)


def _check_constant(node: ast.Assign | ast.AnnAssign, constants: set[str]) -> set[str]:
    """Check a module-level assignment; return the names it binds."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    bound: set[str] = set()
    for target in targets:
        names = target.elts if isinstance(target, ast.Tuple) else [target]
        for name in names:
            if not isinstance(name, ast.Name):
                raise PolicyViolation(
                    node.lineno, f"assignment to `{short(target)}`", "assign to plain names"
                )
            words.check_name(name.id, node.lineno)
            bound.add(name.id)
    if isinstance(node, ast.AnnAssign):
        check_annotation(node.annotation, constants)
    if node.value is not None:
        check_literal(node.value, constants)
    return bound


def _check_header(function: ast.FunctionDef, constants: set[str]) -> None:
    """Check what Python evaluates when a function is defined."""
    if len(function.decorator_list) != 1 or not _is_njit(function.decorator_list[0]):
        raise PolicyViolation(
            function.lineno,
            f"{function.name} is decorated with "
            f"{', '.join(short(d) for d in function.decorator_list) or 'nothing'}",
            f"a function has one decorator, njit or njit(...) with {', '.join(words.NJIT_OPTIONS)}",
        )
    check_defaults_and_annotations(function, constants)


def _is_njit(decorator: ast.expr) -> bool:
    """Whether a decorator is ``njit`` or ``njit(...)`` with allowed literal options."""
    if isinstance(decorator, ast.Name):
        return decorator.id == "njit"
    if not (isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Name)):
        return False
    if decorator.func.id != "njit" or decorator.args:
        return False
    return all(_is_njit_option(keyword) for keyword in decorator.keywords)


def _is_njit_option(keyword: ast.keyword) -> bool:
    name, value = keyword.arg, keyword.value
    if name in words.NJIT_FLAGS or name == "fastmath":
        if isinstance(value, ast.Constant) and isinstance(value.value, bool):
            return True
        flags = value.elts if isinstance(value, ast.Set) else [value]
        return name == "fastmath" and all(
            isinstance(flag, ast.Constant) and flag.value in words.FASTMATH for flag in flags
        )
    choices = words.NJIT_CHOICES.get(name or "", frozenset())
    return isinstance(value, ast.Constant) and value.value in choices
