"""How a search went: its running best, what an improvement cost, and whether it has levelled off.

An attempt has a score, the lower the better; NaN where it has none. Some are kept, some are starts:
measured, but no attempt to improve.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.analysis.samples import Share
from workbench.errors import Usage

# What counts as the same level, and how long it has to hold before it is called a plateau.
LEVEL, PATIENCE = 0.05, 10


@dataclass(frozen=True)
class Plateau:
    """Where a search levelled off.

    Attributes
    ----------
    attempt : int
        The first after which the best stayed within `LEVEL` of what it is at the end: its position,
        from 0 on.
    seconds : float
        Spent until then, that attempt included.
    since : int
        Attempts after it.
    is_reached : bool
        Whether these are at least `PATIENCE`; with fewer nobody knows.
    """

    attempt: int
    seconds: float
    since: int
    is_reached: bool


@dataclass(frozen=True)
class Progress:
    """One search.

    Attributes
    ----------
    best : ndarray of float, shape (attempts,)
        Least score of all that was kept or started from, after each; NaN before the first.
    kept : Share
        Of the attempts that are no starts.
    gaps : tuple of int
        Attempts that each keep took, itself included, since the one before it.
    seconds : float
        Of all attempts, starts left out.
    noted : int
        Attempts whose seconds are known: these are what `seconds` is of.
    seconds_a_keep : float
        NaN without a keep.
    plateau : Plateau or None
        None where nothing has a score.
    """

    best: NDArray[np.float64]
    kept: Share
    gaps: tuple[int, ...]
    seconds: float
    noted: int
    seconds_a_keep: float
    plateau: Plateau | None


def progress(
    score: ArrayLike,
    is_kept: ArrayLike,
    is_start: ArrayLike,
    seconds: ArrayLike,
    level: float = LEVEL,
    patience: int = PATIENCE,
) -> Progress:
    """Sum up a search.

    Parameters
    ----------
    score : array_like of float
        Of each attempt, in the order they were made; NaN for none. Positive.
    is_kept, is_start : array_like of bool
        What became of it. A start counts for the best, and not as an attempt.
    seconds : array_like of float
        What each took; NaN counts as nothing.
    level : float
        How far above the final best still is its level, as a share of it.
    patience : int
        Attempts on one level before it is a plateau.

    Raises
    ------
    Usage
        If the arrays differ in length, or an attempt is both kept and a start.

    Examples
    --------
    >>> found = progress([1.0, 0.5, 0.9, 0.49], [0, 1, 0, 1], [1, 0, 0, 0], [5, 5, 5, 5])
    >>> found.best.tolist(), found.gaps, found.plateau.attempt
    ([1.0, 0.5, 0.5, 0.49], (1, 2), 1)
    """
    values, spent = (np.asarray(array, np.float64) for array in (score, seconds))
    kept, start = (np.asarray(array, np.bool_) for array in (is_kept, is_start))
    if not len(values) == len(kept) == len(start) == len(spent):
        raise Usage("score, is_kept, is_start and seconds need one value an attempt")
    if (kept & start).any():
        raise Usage("an attempt is kept or a start, not both")
    noted = int(np.isfinite(spent[~start]).sum())
    spent = np.nan_to_num(spent)
    best = np.fmin.accumulate(np.where(kept | start, values, np.nan))
    tried = np.cumsum(~start)
    at_keep = tried[kept]
    total = float(spent[~start].sum())
    count = int(kept.sum())
    return Progress(
        best=best,
        kept=Share(count, int((~start).sum())),
        gaps=tuple(np.diff(at_keep, prepend=0).tolist()),
        seconds=total,
        noted=noted,
        seconds_a_keep=total / count if count else float("nan"),
        plateau=_plateau(best, ~start, spent, level, patience),
    )


def _plateau(
    best: NDArray[np.float64],
    tried: NDArray[np.bool_],
    spent: NDArray[np.float64],
    level: float,
    patience: int,
) -> Plateau | None:
    if not len(best) or np.isnan(best[-1]):
        return None
    # The best never rises, so the first on the level is where the level begins.
    at = int((best <= best[-1] * (1 + level)).argmax())
    since = int(tried[at + 1 :].sum())
    return Plateau(at, float(spent[: at + 1][tried[: at + 1]].sum()), since, since >= patience)
