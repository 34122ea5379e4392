"""Errors a user can act on: one clear line and a documented exit code."""

from __future__ import annotations


class WorkbenchError(Exception):
    """Base of every error that reaches a user as one line instead of a traceback.

    The message says what was wrong, what was allowed and what to do.
    """

    exit_code = 5

    def _render_traceback_(self) -> list[str]:
        """One line in a notebook too: IPython shows this instead of a traceback."""
        return [f"{type(self).__name__}: {self}"]


class Infrastructure(WorkbenchError):
    """Nothing was measured: a file, a process or the machine failed (exit 5)."""


class Refused(WorkbenchError):
    """The judge declines: policy, a changed judge file, no claim (exit 4)."""

    exit_code = 4


class Usage(WorkbenchError):
    """The command was called wrongly: an unknown name, an impossible option (exit 64)."""

    exit_code = 64
