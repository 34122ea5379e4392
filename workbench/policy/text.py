"""A kernel as text: read once, parsed once, its size; what is no Python is refused."""

from __future__ import annotations

import ast
import re
import warnings
from pathlib import Path

from workbench.errors import Refused

MAX_BYTES = 256_000
_CODING = re.compile(r"[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")


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


def parse(source: str) -> ast.Module:
    """Parse a kernel's text, as Python will when it compiles it."""
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
    tree = parse(source)
    free: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            said = docstring(node.body)
            free.update(map(id, ast.walk(said)) if said else ())
    # Load and Store mark how a name is used; every name has one, so they count for nothing.
    return sum(
        1 for n in ast.walk(tree) if id(n) not in free and not isinstance(n, ast.expr_context)
    )


def docstring(body: list[ast.stmt]) -> ast.stmt | None:
    """The statement that is a body's docstring, if it has one."""
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        return body[0] if isinstance(body[0].value.value, str) else None
    return None
