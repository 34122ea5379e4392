"""What Python evaluates when it imports a kernel: values, defaults and annotations, as literals."""

from __future__ import annotations

import ast
import builtins

from workbench.policy import vocabulary as words
from workbench.policy.violation import PolicyViolation, short


def check_literal(node: ast.expr, constants: set[str]) -> None:
    """Refuse anything but numbers, strings, tuples, arithmetic on them, and typed casts."""
    match node:
        case ast.Constant():
            return
        case ast.Name() if node.id in constants:
            return
        case ast.Attribute(value=ast.Name(id=module)) if module in words.MODULES:
            words.check_member(node, module)
            return
        case ast.UnaryOp():
            check_literal(node.operand, constants)
            return
        case ast.BinOp():
            check_literal(node.left, constants)
            check_literal(node.right, constants)
            return
        case ast.Tuple():
            for element in node.elts:
                check_literal(element, constants)
            return
        case ast.Call(func=ast.Attribute(value=ast.Name(id="np"), attr=attribute)):
            if attribute in words.SCALARS and len(node.args) == 1 and not node.keywords:
                check_literal(node.args[0], constants)
                return
            if attribute == "array" and 1 <= len(node.args) <= 2:
                for argument in (*node.args, *(k.value for k in node.keywords if k.arg == "dtype")):
                    _check_table(argument, constants)
                if all(keyword.arg == "dtype" for keyword in node.keywords):
                    return
    raise PolicyViolation(
        node.lineno,
        f"`{short(node)}` is not a literal",
        "a constant is a number, a string, a tuple, arithmetic on those, a cast like "
        "np.float32(0.5) or a table like np.array((1, 2), np.uint8)",
    )


def _check_table(node: ast.expr, constants: set[str]) -> None:
    if isinstance(node, ast.List | ast.Tuple):
        for element in node.elts:
            _check_table(element, constants)
    else:
        check_literal(node, constants)


def check_annotation(node: ast.expr, constants: set[str]) -> None:
    """Refuse an annotation that would run code when the function is defined."""
    for part in ast.walk(node):
        match part:
            case ast.Constant() | ast.Tuple() | ast.List() | ast.Subscript() | ast.BitOr():
                continue
            case ast.expr_context() | ast.BinOp(op=ast.BitOr()):
                continue
            case ast.Attribute(value=ast.Name(id=module)) if module in words.MODULES:
                words.check_member(part, module)
                continue
            case ast.Name(id=name) if name in words.MODULES or name in constants:
                continue
            case ast.Name(id=name) if name in words.BUILTINS or not hasattr(builtins, name):
                words.check_name(name, part.lineno)
                continue
        raise PolicyViolation(
            getattr(part, "lineno", node.lineno),
            f"annotation `{short(node)}`",
            "annotations are names, np members, subscripts and `|`",
        )


def check_defaults_and_annotations(function: ast.FunctionDef, constants: set[str]) -> None:
    """Check what Python evaluates beside a function's name when it is defined."""
    arguments = function.args
    for default in (*arguments.defaults, *(d for d in arguments.kw_defaults if d)):
        check_literal(default, constants)
    every = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    for argument in (*every, arguments.vararg, arguments.kwarg):
        if argument is not None and argument.annotation is not None:
            check_annotation(argument.annotation, constants)
    if function.returns is not None:
        check_annotation(function.returns, constants)
