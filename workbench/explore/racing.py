"""The process that a race runs in: ``python -m workbench.explore.racing``.

It reads a request as one line of JSON and writes what happens, an event a line. ``keep`` on a
second line writes the trial down. When its input ends, whatever is going on ends with it: so a
race never outlives its notebook, and cancelling is closing a pipe.
"""

from __future__ import annotations

import importlib
import json
import os
import queue
import signal
import sys
import threading
import time
from typing import Any, TextIO

# How long a race may take to end its runners, before it is ended together with them.
TIDY_SECONDS = 8.0


def main() -> int:
    """Serve one request; the exit code is of no meaning, the events are."""
    # Events have a descriptor of their own, so that no print of anybody gets between them.
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    lines: queue.Queue[str] = queue.Queue()
    prepare()
    try:
        threading.Thread(target=listen, args=(lines,), daemon=True).start()
        serve(lines, events)
    except KeyboardInterrupt:
        tell(events, "cancelled")
    return 0


def prepare() -> None:
    """Import what takes long and is no part of the judge, while a person still types."""
    for name in ("numpy", "numba", "scipy.stats", "pydantic"):
        importlib.import_module(name)


def listen(lines: queue.Queue[str]) -> None:
    """Pass lines on; interrupt the main thread where it stands when there are no more."""
    for line in sys.stdin:
        lines.put(line)
    main_thread = threading.main_thread().ident
    assert main_thread is not None
    signal.pthread_kill(main_thread, signal.SIGINT)
    time.sleep(TIDY_SECONDS)
    os._exit(1)


def serve(lines: queue.Queue[str], events: TextIO) -> None:
    """Race once; then keep when asked."""
    from workbench.errors import WorkbenchError

    asked = json.loads(lines.get())
    try:
        from workbench.explore import judged
        from workbench.explore.request import Request

        done = judged.race(
            Request(**asked),
            lambda phase, n, total: tell(events, "phase", name=phase, done=n, total=total),
            lambda standing: tell(events, "standing", standing=standing.as_json()),
        )
        found = json.loads(done.record.to_json())
        tell(events, "verdict", record=found, doubts=list(done.doubts))
        tell(events, "limits", least_ns=limits(done, lines))
        while lines.get().strip() == "keep":
            try:
                tell(events, "kept", text=judged.keep(done), id=done.record.id)
                return
            except WorkbenchError as error:
                tell(events, "error", text=spell(error))
    except WorkbenchError as error:
        tell(events, "error", text=spell(error))
    except Exception as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        tell(events, "error", text=f"{type(error).__name__}: {first} (a fault of the workbench)")


class Wanted(Exception):
    """A person asks for something: what was only waited for is given up."""


def limits(done: Any, lines: queue.Queue[str]) -> dict[str, float]:
    """The least time this machine needs, ns by shape; measured alone on the timing core.

    Nothing where nothing was timed, or where somebody else's trial has the core and a person
    wants to keep this one.
    """
    from workbench import locks, roofline
    from workbench.child import pinned_to

    shapes = {combo.shape for combo in done.record.combos}
    if not shapes:
        return {}
    core = max(os.sched_getaffinity(0))

    def waiting() -> None:
        if not lines.empty():
            raise Wanted

    try:
        with locks.timing_core(core, waiting), pinned_to(core):
            return roofline.least_ns(done.setting.target.spec["roofline"], shapes)
    except Wanted:
        return {}


def spell(error: BaseException) -> str:
    """One line a person can act on."""
    return f"{type(error).__name__}: {error}"


def tell(events: TextIO, event: str, **values: Any) -> None:
    """Write one event; nobody listens any more when the notebook has gone."""
    try:
        events.write(json.dumps({"event": event, **values}) + "\n")
        events.flush()
    except OSError:
        os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
