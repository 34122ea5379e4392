"""Queries of a text: each ``{{ expression }}`` asks functions of queries.py, which read data/."""

from __future__ import annotations

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import jinja2
from jinja2 import meta

from workbench.analysis.summary import plain
from workbench.digest import spelling
from workbench.digest.data import Data
from workbench.digest.drawing import Drawing
from workbench.digest.folder import Digest
from workbench.errors import Infrastructure, WorkbenchError


class Unanswered(Exception):
    """A query that gives no text: an unknown name, no format, a typed number in braces."""


class Query:
    """One function of queries.py, bound to the data; the same question has one answer."""

    def __init__(self, name: str, function: Callable[..., Any], asking: Asking) -> None:
        self.name, self._function, self._asking = name, function, asking
        self._answers: dict[object, Any] = {}

    def __call__(self, *arguments: Any) -> Any:
        """The function's answer, asked for once."""
        if arguments not in self._answers:
            self._answers[arguments] = self._ask(arguments)
        return self._answers[arguments]

    def _ask(self, arguments: tuple[Any, ...]) -> Any:
        data = self._asking.data
        before = data.readings
        try:
            answer = self._function(data, *arguments)
        except WorkbenchError:
            raise
        except Exception as error:
            raise Unanswered(f"query {self.name}: {_place(error, self._asking.path)}") from error
        if data.readings == before:
            raise Unanswered(f"query {self.name} reads nothing of data/: its answer is typed")
        if isinstance(answer, Drawing):
            return self._asking.keep("-".join(map(str, (self.name, *arguments))), answer)
        return answer


class Asking:
    """What the texts of one digest are asked of.

    Attributes
    ----------
    data : Data
        What the queries read.
    path : Path
        Where they are.
    drawn : dict of str to Drawing
        Figures that were asked for, by file name.
    """

    def __init__(self, digest: Digest) -> None:
        self.data = Data(digest.data)
        self.path = digest.queries
        self.drawn: dict[str, Drawing] = {}
        self.queries = {
            name: Query(name, function, self)
            for name, function in vars(_load(digest)).items()
            if not name.startswith("_") and inspect.isfunction(function) and _reads(function)
        }
        self._environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
        self._environment.filters.update(fmt=spelling.fmt, words=spelling.words)

    def answer(self, expression: str) -> str:
        """The text of one expression.

        Raises
        ------
        Unanswered
            Saying why there is none.
        """
        try:
            names = meta.find_undeclared_variables(
                self._environment.parse("{{" + expression + "}}")
            )
            compiled = self._environment.compile_expression(expression, undefined_to_none=False)
        except jinja2.TemplateSyntaxError as error:
            raise Unanswered(f"{{{{{expression}}}}} cannot be read: {error.message}") from error
        if unknown := sorted(names - self.queries.keys()):
            known = ", ".join(sorted(self.queries)) or "none"
            raise Unanswered(f"no query {unknown[0]!r}; queries.py has: {known}")
        if not names:
            raise Unanswered(f"{{{{{expression}}}}} asks no query: what it says is typed")
        try:
            value = compiled(**self.queries)
            if isinstance(value, jinja2.Undefined):
                str(value)  # says what is not there
            return spelling.spell(value() if isinstance(value, Query) else value)
        except (ValueError, TypeError, LookupError, jinja2.UndefinedError) as error:
            raise Unanswered(f"{{{{{expression}}}}}: {error}") from error

    def keep(self, name: str, drawing: Drawing) -> str:
        """Note a figure; returns its Markdown."""
        file = f"{plain(name.replace('_', '-'))}.png"
        self.drawn[file] = drawing
        return drawing.markdown(f"figures/{file}")


def _reads(function: Callable[..., Any]) -> bool:
    return next(iter(inspect.signature(function).parameters), None) == "data"


def _load(digest: Digest) -> ModuleType:
    """queries.py as a module; an empty one where there is none."""
    name = f"queries_of_{digest.name.replace('-', '_')}"
    if not digest.queries.is_file():
        return ModuleType(name)
    specification = importlib.util.spec_from_file_location(name, digest.queries)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # a digest's folder is data
    try:
        specification.loader.exec_module(module)
    except Exception as error:
        why = _place(error, digest.queries)
        raise Infrastructure(f"{digest.queries} cannot be loaded: {why}") from error
    finally:
        sys.dont_write_bytecode = before
    return module


def _place(error: Exception, path: Path) -> str:
    """An error in one line, with the line of queries.py where that is known."""
    said = f"{type(error).__name__}: {error}"
    if isinstance(error, SyntaxError):
        return f"{said}"
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
    return f"line {lines[-1]}: {said}" if lines else said
