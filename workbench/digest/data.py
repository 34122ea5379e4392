"""What queries read: the files of a digest's data/, each parsed once, every reading noted."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from workbench import ledger, record
from workbench.analysis import sweep
from workbench.analysis.sweep import Sweep
from workbench.errors import Infrastructure
from workbench.record import TrialRecord
from workbench.row import AnyRow, Row

Made = TypeVar("Made")


class Data:
    """The folder data/ of a digest.

    Attributes
    ----------
    folder : Path
        Where it is.
    readings : int
        How often something was asked of it: a query that leaves this as it was has read nothing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.readings = 0
        self._made: dict[object, Any] = {}

    def path(self, name: str) -> Path:
        """One file or folder.

        Raises
        ------
        Infrastructure
            If it is not there, or not below data/.
        """
        self.readings += 1
        path = self.folder / name
        if not path.resolve().is_relative_to(self.folder.resolve()):
            raise Infrastructure(f"{path} is not below {self.folder}: copy it there")
        if not path.exists():
            raise Infrastructure(f"{path} is not there, and a query reads it")
        return path

    def paths(self, pattern: str) -> list[Path]:
        """Files that fit a pattern, sorted.

        Raises
        ------
        Infrastructure
            If there is none.
        """
        self.readings += 1
        if not (found := sorted(self.folder.glob(pattern))):
            raise Infrastructure(f"{self.folder / pattern} fits no file, and a query reads it")
        return found

    def once(self, make: Callable[[Data], Made]) -> Made:
        """What a function makes of this data, made the first time that somebody asks."""
        self.readings += 1
        return self._kept(make, lambda: make(self))

    def _kept(self, key: object, make: Callable[[], Made]) -> Made:
        if key not in self._made:
            self._made[key] = make()
        made: Made = self._made[key]
        return made

    def ledger(self, name: str = "results.tsv") -> list[Row]:
        """A performance ledger, oldest row first."""
        path = self.path(name)
        return self._kept(("ledger", path), lambda: ledger.read(path))

    def any_ledger(self, name: str) -> list[AnyRow]:
        """A ledger of any focus, oldest row first."""
        return ledger.read_any(self.path(name))

    def trial(self, name: str) -> TrialRecord:
        """One record."""
        path = self.path(name)
        return self._kept(("trial", path), lambda: record.read(path))

    def trials(self, pattern: str = "trials/*.json") -> list[TrialRecord]:
        """Records, oldest first."""
        names = [str(path.relative_to(self.folder)) for path in self.paths(pattern)]
        return sorted(map(self.trial, names), key=lambda one: one.timestamp)

    def sweep(self, name: str = "cells.parquet") -> Sweep:
        """A sweep's cells."""
        path = self.path(name)
        return self._kept(("sweep", path), lambda: sweep.load(path))

    def csv(self, name: str, **how: Any) -> pd.DataFrame:
        """A table.

        Raises
        ------
        Infrastructure
            Naming the file and, where the reader knows it, the line.
        """
        path = self.path(name)
        try:
            frame: pd.DataFrame = pd.read_csv(path, **how)
        except ValueError as error:
            raise Infrastructure(f"{path} is no table: {str(error).strip()}") from error
        return frame

    def json(self, name: str) -> Any:
        """A JSON document.

        Raises
        ------
        Infrastructure
            Naming the file and the line.
        """
        path = self.path(name)
        try:
            return json.loads(path.read_bytes())
        except json.JSONDecodeError as error:
            raise Infrastructure(f"{path} line {error.lineno}: {error.msg}") from error
        except ValueError as error:
            raise Infrastructure(f"{path} is no JSON: {error}") from error
