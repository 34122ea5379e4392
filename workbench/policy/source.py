"""A kernels.py read without running it: imports, literals and njit functions, nothing else.

The check is a list of what is allowed, not of what is dangerous: every node of the syntax
tree must be of a known kind, every member of a module must be listed in `vocabulary`. What
Python itself evaluates when the file is imported (module level, decorators, defaults,
annotations) is held to literals; function bodies are only ever compiled by numba.
"""

from __future__ import annotations

import ast
import builtins
import difflib
import re
import warnings
from collections.abc import Mapping
from pathlib import Path

from workbench.errors import Refused
from workbench.policy import vocabulary as words

MAX_BYTES = 256_000

_ALLOWED_FILE = (
    "a kernel is a docstring, imports (numpy as np, math, njit from numba, workbench.simd), "
    "constants made of literals, and functions decorated with njit"
)
_ALLOWED_IMPORTS = (
    "allowed are `import numpy as np`, `import math`, `from numba import njit`, "
    "`from workbench import simd` and names of workbench.simd and of the parts of workbench.opus"
)
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
_CODING = re.compile(r"[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")


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


class UnreadableKernel(Refused):
    """A kernel that is no Python: not UTF-8, too large, or a syntax error.

    Attributes
    ----------
    line, column : int
        Where, counted from 1; 0 when the whole file is meant.
    """

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message)
        self.line, self.column = line, column


def read_source(path: Path) -> str:
    """Read a kernel file once, as the judge must: what is checked is what is then compiled.

    Raises
    ------
    UnreadableKernel
        If the file is missing, a symbolic link, larger than `MAX_BYTES`, or not UTF-8.
    """
    if path.is_symlink():
        raise UnreadableKernel(f"{path} is a symbolic link: a kernel is a plain file")
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UnreadableKernel(
            f"{path} cannot be read ({error.strerror}): `git checkout HEAD -- {path}` restores it"
        ) from error
    if len(raw) > MAX_BYTES:
        raise UnreadableKernel(f"{path} is larger than {MAX_BYTES:,} bytes, the limit of a kernel")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise UnreadableKernel(
            f"{path} line {line}: byte {raw[error.start]:#04x} is not UTF-8; save it as UTF-8 text",
            line,
        ) from error


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
    workbench.policy.source.PolicyViolation: kernels.py line 1: `import os`; allowed are ...
    """
    tree = _parse(source)
    try:
        functions, constants = _check_module(tree)
        for function in functions.values():
            _check_body(function, constants | functions.keys())
    except RecursionError as error:
        raise PolicyViolation(1, "an expression is nested too deeply", "split it") from error
    for name, arguments in surface.items():
        _check_signature(functions, name, arguments)


def syntax_size(source: str) -> int:
    r"""Size of a program as the number of its syntax nodes; comments and docstrings are free.

    Raises
    ------
    UnreadableKernel
        If the text is no Python.

    Examples
    --------
    >>> syntax_size("x = 1") < syntax_size("x = 1 + 1")
    True
    >>> syntax_size("'''Says much.'''  # and more\nx = 1") == syntax_size("x = 1")
    True
    """
    tree = _parse(source)
    free: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            docstring = _docstring(node.body)
            free.update(map(id, ast.walk(docstring)) if docstring else ())
    # Load and Store mark how a name is used; every name has one, so they count for nothing.
    return sum(
        1 for n in ast.walk(tree) if id(n) not in free and not isinstance(n, ast.expr_context)
    )


def _parse(source: str) -> ast.Module:
    try:
        size = len(source.encode("utf-8"))
    except UnicodeEncodeError as error:
        line = source.count("\n", 0, error.start) + 1
        raise UnreadableKernel(
            f"kernels.py line {line}: a lone surrogate is not UTF-8 text", line
        ) from error
    if size > MAX_BYTES:
        raise UnreadableKernel(f"kernels.py has {size:,} bytes; a kernel has at most {MAX_BYTES:,}")
    _refuse_coding(source)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "\d" warns; it is the candidate's affair
            tree = ast.parse(source)
            # Finds what the grammar alone allows, such as a return outside a function.
            compile(source, "kernels.py", "exec", dont_inherit=True)
            return tree
    except SyntaxError as error:
        line, column = error.lineno or 0, error.offset or 0
        raise UnreadableKernel(
            f"kernels.py line {line}, column {column}: {error.msg}", line, column
        ) from error
    except (ValueError, RecursionError, MemoryError) as error:
        reason = str(error) or "nested too deeply"
        raise UnreadableKernel(f"kernels.py cannot be parsed: {reason}") from error


def _refuse_coding(source: str) -> None:
    """Refuse a coding comment: Python would then compile other text than was checked."""
    for lines in (re.split("\r\n|\r|\n", source, maxsplit=2)[:2], source.split("\n", 2)[:2]):
        for number, line in enumerate(lines, 1):
            coding = _CODING.match(line)
            if coding and coding[1].lower().replace("_", "-") not in ("utf-8", "utf8"):
                raise UnreadableKernel(
                    f"kernels.py line {number}: coding {coding[1]}; a kernel is UTF-8", number
                )


def _check_module(tree: ast.Module) -> tuple[dict[str, ast.FunctionDef], set[str]]:
    """Check what runs on import; return the functions by name, and the constants' names."""
    functions: dict[str, ast.FunctionDef] = {}
    constants: set[str] = set()
    docstring = _docstring(tree.body)
    for node in tree.body:
        if node is docstring:
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
            _check_name(node.name, node.lineno)
            _check_header(node, constants)
            functions[node.name] = node
        else:
            raise PolicyViolation(node.lineno, f"{_spell(node)} at module level", _ALLOWED_FILE)
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
                raise PolicyViolation(node.lineno, f"`{text}`", _unknown(module, alias.name, known))
            name = alias.asname or alias.name
            _check_name(name, node.lineno)
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
                    node.lineno, f"assignment to `{_short(target)}`", "assign to plain names"
                )
            _check_name(name.id, node.lineno)
            bound.add(name.id)
    if isinstance(node, ast.AnnAssign):
        _check_annotation(node.annotation, constants)
    if node.value is not None:
        _check_literal(node.value, constants)
    return bound


def _check_header(function: ast.FunctionDef, constants: set[str]) -> None:
    """Check what Python evaluates when a function is defined."""
    if len(function.decorator_list) != 1 or not _is_njit(function.decorator_list[0]):
        raise PolicyViolation(
            function.lineno,
            f"{function.name} is decorated with "
            f"{', '.join(_short(d) for d in function.decorator_list) or 'nothing'}",
            f"a function has one decorator, njit or njit(...) with {', '.join(words.NJIT_OPTIONS)}",
        )
    _check_defaults_and_annotations(function, constants)


def _check_defaults_and_annotations(function: ast.FunctionDef, constants: set[str]) -> None:
    arguments = function.args
    for default in (*arguments.defaults, *(d for d in arguments.kw_defaults if d)):
        _check_literal(default, constants)
    every = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    for argument in (*every, arguments.vararg, arguments.kwarg):
        if argument is not None and argument.annotation is not None:
            _check_annotation(argument.annotation, constants)
    if function.returns is not None:
        _check_annotation(function.returns, constants)


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


def _check_literal(node: ast.expr, constants: set[str]) -> None:
    """Refuse anything but numbers, strings, tuples, arithmetic on them, and typed casts."""
    match node:
        case ast.Constant():
            return
        case ast.Name() if node.id in constants:
            return
        case ast.Attribute(value=ast.Name(id=module)) if module in words.MODULES:
            _check_member(node, module)
            return
        case ast.UnaryOp():
            _check_literal(node.operand, constants)
            return
        case ast.BinOp():
            _check_literal(node.left, constants)
            _check_literal(node.right, constants)
            return
        case ast.Tuple():
            for element in node.elts:
                _check_literal(element, constants)
            return
        case ast.Call(func=ast.Attribute(value=ast.Name(id="np"), attr=attribute)):
            if attribute in words.SCALARS and len(node.args) == 1 and not node.keywords:
                _check_literal(node.args[0], constants)
                return
            if attribute == "array" and 1 <= len(node.args) <= 2:
                for argument in (*node.args, *(k.value for k in node.keywords if k.arg == "dtype")):
                    _check_table(argument, constants)
                if all(keyword.arg == "dtype" for keyword in node.keywords):
                    return
    raise PolicyViolation(
        node.lineno,
        f"`{_short(node)}` is not a literal",
        "a constant is a number, a string, a tuple, arithmetic on those, a cast like "
        "np.float32(0.5) or a table like np.array((1, 2), np.uint8)",
    )


def _check_table(node: ast.expr, constants: set[str]) -> None:
    if isinstance(node, ast.List | ast.Tuple):
        for element in node.elts:
            _check_table(element, constants)
    else:
        _check_literal(node, constants)


def _check_annotation(node: ast.expr, constants: set[str]) -> None:
    """Refuse an annotation that would run code when the function is defined."""
    for part in ast.walk(node):
        match part:
            case ast.Constant() | ast.Tuple() | ast.List() | ast.Subscript() | ast.BitOr():
                continue
            case ast.expr_context() | ast.BinOp(op=ast.BitOr()):
                continue
            case ast.Attribute(value=ast.Name(id=module)) if module in words.MODULES:
                _check_member(part, module)
                continue
            case ast.Name(id=name) if name in words.MODULES or name in constants:
                continue
            case ast.Name(id=name) if name in words.BUILTINS or not hasattr(builtins, name):
                _check_name(name, part.lineno)
                continue
        raise PolicyViolation(
            getattr(part, "lineno", node.lineno),
            f"annotation `{_short(node)}`",
            "annotations are names, np members, subscripts and `|`",
        )


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


def _check_body(function: ast.FunctionDef, module_names: set[str]) -> None:
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
                f"{_spell(node)} in {function.name}",
                "a function holds loops, branches, assignments, arithmetic, calls, comprehensions",
            )
        if isinstance(node, ast.FunctionDef) and node is not function:
            if node.decorator_list:
                raise PolicyViolation(
                    line, f"inner function {node.name} has a decorator", "inner functions have none"
                )
            _check_defaults_and_annotations(node, bound)
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
            _check_name(node.arg or "", line)
        elif isinstance(node, ast.FunctionDef):
            _check_name(node.name, line)


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
        _check_member(node, node.value.id)
    elif node.attr.startswith("_") or node.attr in words.FORBIDDEN_ATTRIBUTES:
        raise PolicyViolation(
            node.lineno,
            f"attribute .{node.attr}",
            "a kernel uses public attributes of arrays that reach no address, file or compiler",
        )


def _ufunc_inputs(node: ast.expr) -> int | None:
    """How many inputs ``np.<ufunc>`` takes; None for any other expression."""
    if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)):
        return None
    return words.ufunc_inputs(node.attr) if node.value.id == "np" else None


def _check_call(node: ast.Call) -> None:
    """Refuse output arguments of ufuncs: numba checks neither their size nor their indices."""
    inputs = _ufunc_inputs(node.func)
    if inputs is None:
        return
    starred = any(isinstance(a, ast.Starred) for a in node.args)
    if starred or len(node.args) > inputs or node.keywords:
        raise PolicyViolation(
            node.lineno,
            f"{_short(node)}",
            f"a ufunc takes its {inputs} inputs and no out: write `out[i] = ...` in a loop",
        )


def _check_member(node: ast.Attribute, module: str) -> None:
    known = words.members(module)
    if node.attr not in known:
        raise PolicyViolation(
            node.lineno, f"{module}.{node.attr}", _unknown(module, node.attr, known)
        )


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
    _check_name(name, node.lineno)
    if name not in bound and name not in words.BUILTINS and hasattr(builtins, name):
        raise PolicyViolation(
            node.lineno, f"builtin {name}", f"allowed are {', '.join(sorted(words.BUILTINS))}"
        )


def _check_name(name: str, line: int) -> None:
    """Refuse to bind or use names that Python or this policy keeps for itself."""
    if name.startswith("__") or name in words.NEVER or name in words.RESERVED:
        raise PolicyViolation(
            line, f"name {name}", "a kernel neither uses nor rebinds names with that meaning"
        )


def _docstring(body: list[ast.stmt]) -> ast.stmt | None:
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        return body[0] if isinstance(body[0].value.value, str) else None
    return None


def _unknown(module: str, name: str, known: frozenset[str]) -> str:
    near = difflib.get_close_matches(name, known)
    hint = f"did you mean {' or '.join(near)}?" if near else "a person can add it to the policy"
    return f"{name} is not among the {len(known)} names of {module} that a kernel may use; {hint}"


def _spell(node: ast.AST) -> str:
    return _SPELT.get(type(node), f"`{_short(node)}` ({type(node).__name__})")


def _short(node: ast.AST) -> str:
    """Show the first 60 characters of a node's source."""
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 60 else f"{text[:57]}..."
