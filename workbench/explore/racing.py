"""The process that a race runs in: ``python -m workbench.explore.racing``.

It reads a request as one line of JSON and writes what happens, an event a line. ``keep`` on a
further line writes the trial down.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import TYPE_CHECKING

from workbench.explore.serving import Pipe, serve

if TYPE_CHECKING:  # the judge is imported when a race begins, so that it is the one on disk
    from workbench.explore.judged import Judged


def prepare() -> None:
    """Have ready what takes long and is no part of the judge, while a person still types."""
    for name in ("numpy", "numba", "scipy.stats", "pydantic", "filelock"):
        importlib.import_module(name)
    # The first call of a reference waited 0.44 s of CPU time for numba to begin.
    sys.modules["numba"].njit(lambda x: x)(1)


def race(pipe: Pipe) -> None:
    """Race once; then keep when asked."""
    asked = json.loads(pipe.hear())
    from workbench.errors import WorkbenchError
    from workbench.explore import judged
    from workbench.explore.request import Request

    done = judged.race(
        Request(**asked),
        lambda phase, n, total: pipe.tell("phase", name=phase, done=n, total=total),
        lambda standing: pipe.tell("standing", standing=standing.as_json()),
    )
    pipe.tell(
        "verdict",
        record=json.loads(done.record.to_json()),
        doubts=list(done.doubts),
        source=done.setting.source,
    )
    pipe.tell("limits", least_ns=limits(done, pipe))
    while pipe.hear() == "keep":
        try:
            pipe.tell("kept", text=judged.keep(done))
            return
        except WorkbenchError as error:
            pipe.tell_error(error)  # a full disk can be mended; then it is asked again


class Wanted(Exception):
    """A person asks for something: what was only waited for is given up."""


def limits(done: Judged, pipe: Pipe) -> dict[str, float]:
    """The least time this machine needs, ns by shape; measured alone on the timing core.

    Nothing where nothing was timed, or where somebody else's trial has the core: a verdict that
    a person wants to keep does not wait for it, nor is it lost.
    """
    from workbench import locks, roofline
    from workbench.child import pinned_to
    from workbench.errors import Infrastructure

    shapes = {combo.shape for combo in done.record.combos}
    if not shapes:
        return {}
    core = max(os.sched_getaffinity(0))

    def waiting() -> None:
        if pipe.is_called:
            raise Wanted

    try:
        with locks.timing_core(core, waiting), pinned_to(core):
            return roofline.least_ns(done.setting.target.spec["roofline"], shapes)
    except (Wanted, Infrastructure):
        return {}


if __name__ == "__main__":
    serve(race, prepare)
