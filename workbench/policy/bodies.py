"""The inside of a kernel's functions, which numba compiles and Python never runs."""

from __future__ import annotations

import ast
import builtins

from workbench.policy import vocabulary as words
from workbench.policy.literals import check_defaults_and_annotations
from workbench.policy.violation import PolicyViolation, short, spell

_BODY_NODES: tuple[type[ast.AST], ...] = (
    *(ast.FunctionDef, ast.arguments, ast.arg, ast.Return, ast.Lambda),
    *(ast.Assign, ast.AugAssign, ast.AnnAssign, ast.NamedExpr, ast.Delete),
    *(ast.For, ast.While, ast.If, ast.Break, ast.Continue, ast.Pass, ast.Raise, ast.Assert),
    *(ast.Expr, ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.IfExp, ast.Compare, ast.Call),
    *(ast.keyword, ast.Constant, ast.Attribute, ast.Subscript, ast.Slice, ast.Starred, ast.Name),
    *(ast.Tuple, ast.List, ast.Set, ast.Dict),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.comprehension),
    *(ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop),
)


def check_body(function: ast.FunctionDef, module_names: set[str]) -> None:
    """Check everything inside a function (numba compiles it; Python never runs it)."""
    bound = _bound_names(function) | module_names
    decorators = {id(n) for d in function.decorator_list for n in ast.walk(d)}
    bases = {id(n.value) for n in ast.walk(function) if isinstance(n, ast.Attribute)}
    called = {id(n.func) for n in ast.walk(function) if isinstance(n, ast.Call)}
    for node in ast.walk(function):
        if id(node) in decorators:
            continue
        line = getattr(node, "lineno", function.lineno)
        if not isinstance(node, _BODY_NODES):
            raise PolicyViolation(
                line,
                f"{spell(node)} in {function.name}",
                "a function holds loops, branches, assignments, arithmetic, calls, comprehensions",
            )
        if isinstance(node, ast.FunctionDef) and node is not function:
            if node.decorator_list:
                raise PolicyViolation(
                    line, f"inner function {node.name} has a decorator", "inner functions have none"
                )
            check_defaults_and_annotations(node, bound)
        if getattr(node, "type_params", None):
            raise PolicyViolation(line, "type parameters", "numba infers types")
        if isinstance(node, ast.Call):
            _check_call(node)
        if isinstance(node, ast.Attribute):
            _check_attribute(node)
            if _ufunc_inputs(node) is not None and id(node) not in called:
                raise PolicyViolation(line, f"np.{node.attr} as a value", "a ufunc is called")
        elif isinstance(node, ast.Name):
            _check_use(node, bound, is_base=id(node) in bases)
        elif isinstance(node, ast.arg | ast.keyword):
            words.check_name(node.arg or "", line)
        elif isinstance(node, ast.FunctionDef):
            words.check_name(node.name, line)


def _bound_names(function: ast.FunctionDef) -> set[str]:
    """Names a function binds itself: its arguments and whatever it assigns."""
    names = {n.arg for n in ast.walk(function) if isinstance(n, ast.arg)}
    names |= {
        n.id
        for n in ast.walk(function)
        if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)
    }
    return names | {n.name for n in ast.walk(function) if isinstance(n, ast.FunctionDef)}


def _check_attribute(node: ast.Attribute) -> None:
    if isinstance(node.value, ast.Name) and node.value.id in words.MODULES:
        words.check_member(node, node.value.id)
    elif node.attr.startswith("_") or node.attr in words.FORBIDDEN_ATTRIBUTES:
        raise PolicyViolation(
            node.lineno,
            f"attribute .{node.attr}",
            "a kernel uses public attributes of arrays that reach no address, file or compiler",
        )


def _check_call(node: ast.Call) -> None:
    """Refuse output arguments of ufuncs: numba checks neither their size nor their indices."""
    inputs = _ufunc_inputs(node.func)
    if inputs is None:
        return
    starred = any(isinstance(a, ast.Starred) for a in node.args)
    if starred or len(node.args) > inputs or node.keywords:
        raise PolicyViolation(
            node.lineno,
            f"{short(node)}",
            f"a ufunc takes its {inputs} inputs and no out: write `out[i] = ...` in a loop",
        )


def _ufunc_inputs(node: ast.expr) -> int | None:
    """How many inputs ``np.<ufunc>`` takes; None for any other expression."""
    if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)):
        return None
    return words.ufunc_inputs(node.attr) if node.value.id == "np" else None


def _check_use(node: ast.Name, bound: set[str], *, is_base: bool) -> None:
    name = node.id
    if name in words.RESERVED:
        if is_base and name in words.MODULES and isinstance(node.ctx, ast.Load):
            return
        raise PolicyViolation(
            node.lineno,
            f"{name} is used as a value",
            "np, math and simd stand only before a dot, njit only as a decorator",
        )
    words.check_name(name, node.lineno)
    if name not in bound and name not in words.BUILTINS and hasattr(builtins, name):
        raise PolicyViolation(
            node.lineno, f"builtin {name}", f"allowed are {', '.join(sorted(words.BUILTINS))}"
        )
