"""Race a kernel from a notebook: choose, edit, race, look, keep."""

from __future__ import annotations

from pathlib import Path

import ipywidgets as widgets

from workbench import targets
from workbench.explore.explorer import Explorer

# The one that is open: each has processes of its own.
OPEN: list[Explorer] = []


def show(target: str = "pq_l2", root: Path | None = None) -> widgets.VBox:
    """Open the explorer; one that was open before is closed, and its race cancelled.

    Parameters
    ----------
    target : str
        The one to begin with.
    root : Path, optional
        The project; found from the working directory otherwise.

    Returns
    -------
    ipywidgets.VBox
        The last line of a cell shows it.

    Raises
    ------
    Usage
        If there is no such target.
    """
    root = root or targets.find_root()
    targets.load(target, root)  # a wrong name closes nothing
    while OPEN:
        OPEN.pop().close()
    OPEN.append(Explorer(target, root))
    return OPEN[0].panel.box
