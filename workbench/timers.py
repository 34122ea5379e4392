"""The interleaved schedule, and a race of callables for anyone's own notebook."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Four pairs a block. Strict alternation would give one side all the second calls, which run
# 0.7 % slower on small combos; ABBABAAB and its complement cancel that and linear drift.
PATTERN = ((0, 1), (1, 0), (1, 0), (0, 1))
PAIRS = len(PATTERN)


@dataclass(frozen=True)
class Turn:
    """One block of the schedule: which combo, and who begins each pair.

    Attributes
    ----------
    combo : int
        Index of the combo.
    orders : tuple of (int, int)
        For each of the four pairs, 0 and 1 in the order they run.
    """

    combo: int
    orders: tuple[tuple[int, int], ...]


def schedule(rng: np.random.Generator, n_combos: int) -> Iterator[Turn]:
    """One round: a block of every combo, in random order, each with a random orientation."""
    for combo in rng.permutation(n_combos):
        flip = bool(rng.integers(2))
        orders = tuple((b, a) if flip else (a, b) for a, b in PATTERN)
        yield Turn(int(combo), orders)


@dataclass(frozen=True)
class Race:
    """How fast callables are, relative to the first one, in this process.

    Attributes
    ----------
    names : tuple of str
        One a contestant.
    elapsed_ns : ndarray of float, shape (rounds, contestants)
        Time of each call.
    """

    names: tuple[str, ...]
    elapsed_ns: NDArray[np.float64]

    def ratios(self) -> dict[str, tuple[float, float, float]]:
        """Name to (ratio, low, high): median of the per-round ratios to the first contestant.

        The bounds are the 2.5 % and 97.5 % order statistics of the median (binomial). They
        describe this process only: layout and compilation luck repeat within it, so a race is
        a look, not a verdict. `workbench.trial.run` gives verdicts.
        """
        n = len(self.elapsed_ns)
        half = 0.98 * np.sqrt(n)  # 1.96 standard deviations of Binomial(n, 1/2)
        low, high = max(0, int(n / 2 - half)), min(n - 1, int(np.ceil(n / 2 + half)))
        found = {}
        for i, name in enumerate(self.names):
            ordered = np.sort(self.elapsed_ns[:, i] / self.elapsed_ns[:, 0])
            found[name] = (float(np.median(ordered)), float(ordered[low]), float(ordered[high]))
        return found


def race(*contestants: Callable[[], object], seconds: float = 1.0, seed: int | None = None) -> Race:
    """Time callables in lock step: each round runs all of them once, in random order.

    Parameters
    ----------
    *contestants : callable
        Functions without arguments; the first is the one the others are compared with.
    seconds : float
        How long to go on (at least five rounds are run).
    seed : int, optional
        Of the random order.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(10_000.0)
    >>> result = race(lambda: x.sum(), lambda: sum(x), seconds=0.05)
    >>> result.ratios()["1:<lambda>"][0] > 1  # the plain loop is slower
    True
    """
    rng = np.random.default_rng(seed)
    names = tuple(f"{i}:{getattr(c, '__name__', 'call')}" for i, c in enumerate(contestants))
    for call in contestants:  # compile and fault pages in
        call()
    rows: list[NDArray[np.float64]] = []
    end_ns = time.perf_counter_ns() + int(seconds * 1e9)
    while len(rows) < 5 or time.perf_counter_ns() < end_ns:
        row = np.empty(len(contestants))
        for i in rng.permutation(len(contestants)):
            begin_ns = time.perf_counter_ns()
            contestants[i]()
            row[i] = time.perf_counter_ns() - begin_ns
        rows.append(row)
    return Race(names, np.array(rows))
