"""Looks at each pair of processes when it has been measured, and changes nothing.

The judge tells its progress in counts. The figures of a pair are handed from `contest.measure` to
`comparison`, so whoever wants to see them while a race goes on stands there: between two pairs,
outside anything that is timed; ``docs/decisions/0017-a-race-is-watched-not-changed.md``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from workbench import contest, stats
from workbench.explore import standing
from workbench.explore.standing import Standing
from workbench.setting import Setting

# A screen races candidate, incumbent and upstream; a confirmation leaves upstream out.
RACED_IN_A_SCREEN = 3


@contextlib.contextmanager
def watched(setting: Setting, hear: Callable[[Standing], None]) -> Iterator[None]:
    """Inside, ``hear`` is told after each pair how the race stands. Only for a process of its own.

    Parameters
    ----------
    setting : Setting
        Of the trial that is judged inside.
    hear : callable
        Takes a `Standing`.
    """
    measure = contest.measure
    pairs: list[stats.Replica] = []

    def seen(
        bench: Any, kernels: Any, layout: Any, rng: Any, replica: int, *rest: Any, **more: Any
    ) -> contest.Measured:
        done = measure(bench, kernels, layout, rng, replica, *rest, **more)
        if len(rest) > 1 or more.get("replay"):  # the audit's repetitions are no new pairs
            return done
        if replica == 0:
            pairs.clear()
        names = [(load.shape, load.distribution) for load in layout.workloads]
        pairs.append(stats.summarise(done.blocks, len(names)))
        screen = len(kernels) == RACED_IN_A_SCREEN
        hear(
            standing.after(
                pairs,
                names,
                standing.careful(setting.calibration, pairs[0]),
                stats.ALPHA if screen else stats.share_of_budget(setting.confirmations),
                standing.SCREEN if screen else standing.CONFIRMATION,
            )
        )
        return done

    vars(contest)["measure"] = seen
    try:
        yield
    finally:
        vars(contest)["measure"] = measure
