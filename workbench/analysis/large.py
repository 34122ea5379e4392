"""Frames larger than memory: sorted into one file a slice by duckdb, then one slice at a time."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pandas as pd

from workbench.analysis.axes import Axes
from workbench.errors import Infrastructure

MEMORY = "2GB"
Result = TypeVar("Result")


def per_slice(
    path: Path,
    axes: Axes,
    function: Callable[[pd.DataFrame], Result],
    *,
    memory: str = MEMORY,
    scratch: Path | None = None,
) -> Iterator[Result]:
    """Yield what a function makes of each slice of a Parquet file, by name of the slice.

    Parameters
    ----------
    path : Path
        Rows whose columns are `Axes`' already; larger than memory if need be.
    axes : Axes
        What its columns mean.
    function : callable
        Takes one slice as a frame: ``lambda frame: hull(frame, ENCODER)``.
    memory : str
        What duckdb may use; what is more goes through ``scratch``.
    scratch : Path, optional
        Folder for as many bytes again as the file has; default the system's.

    Raises
    ------
    Usage
        If a column is missing.
    Infrastructure
        If the file cannot be read.
    """
    import duckdb

    with tempfile.TemporaryDirectory(dir=scratch, prefix="workbench-") as name:
        folder = Path(name)
        with duckdb.connect() as base:
            base.execute(f"SET memory_limit = '{memory}'")
            base.execute(f"SET temp_directory = '{folder / 'spill'}'")
            try:
                rows = base.read_parquet(str(path))
                axes.check(pd.DataFrame(columns=rows.columns))
                columns = ", ".join(f'"{column}"' for column in axes.slice)
                base.execute(
                    f"COPY (SELECT * FROM rows) TO '{folder / 'slices'}' "
                    f"(FORMAT parquet, PARTITION_BY ({columns}), WRITE_PARTITION_COLUMNS true)"
                )
            except duckdb.Error as error:
                first = str(error).splitlines()[0]
                raise Infrastructure(f"{path} cannot be sorted into slices: {first}") from error
        for part in sorted(folder.glob("slices/" + "*/" * len(axes.slice))):
            files = sorted(part.glob("*.parquet"))
            yield function(pd.concat([pd.read_parquet(file) for file in files]))
