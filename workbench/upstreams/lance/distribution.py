"""The installed pylance, and where what it builds slowly is kept."""

from __future__ import annotations

import os
import shutil
import tempfile
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from workbench import targets
from workbench.errors import Infrastructure

DISTRIBUTION = "pylance"
# Evidence: arrays by their role and name, by the stem of their archive (see `workbench.snapshots`).
Files = dict[str, dict[str, NDArray[Any]]]


def pylance() -> types.ModuleType:
    """Import pylance.

    Raises
    ------
    Infrastructure
        If it is not installed.
    """
    # Statistics with centroids are large, deprecated and make Lance log a warning.
    os.environ.setdefault("LANCE_INCLUDE_VECTOR_CENTROIDS", "false")
    try:
        import lance
    except ImportError as error:
        raise Infrastructure(
            "pylance is not installed, and it is what speaks to Lance: pip install -e '.[lance]'"
        ) from error
    module: types.ModuleType = lance
    return module


def site_folder(name: str, build: Callable[[Path], None], root: Path | None = None) -> Path:
    """Folder that ``build(folder)`` filled, once on this machine for this version of pylance.

    It is built beside its place and renamed, so that an interrupted build leaves nothing that
    looks finished.

    Parameters
    ----------
    name : str
        Says all that ``build`` depends on, e.g. ``zipf-1m-seed7``.
    build : callable
        Fills an empty folder.
    root : Path, optional
        The project; default: the one found from the working directory.
    """
    sites = (root or targets.find_root()) / ".workbench" / "sites"
    place = sites / f"{name}-pylance-{pylance().__version__}"
    if place.is_dir():
        return place
    sites.mkdir(parents=True, exist_ok=True)
    half = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=sites))
    try:
        build(half)
        try:
            half.rename(place)
        except OSError:
            if not place.is_dir():  # else another process was quicker, and its folder is as good
                raise
    finally:
        shutil.rmtree(half, ignore_errors=True)
    return place
