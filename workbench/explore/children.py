"""A process beside the notebook: it is asked once, says events, and never outlives us."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from typing import Any

Event = Mapping[str, Any]
Hear = Callable[[Event], None]
# It ends itself sooner than this; see `workbench.explore.serving.TIDY_SECONDS`.
PATIENCE_SECONDS = 22.0
# A second thread of OpenBLAS spins, here on the timing core (docs/decisions/0023 has the figures).
# Nor does a process that confines itself confine a thread it already has.
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1"}


def deaf(event: Event) -> None:
    """Whoever has not asked hears nothing."""


class Child:
    """One ``python -m MODULE``, which reads lines and writes one JSON event a line.

    It imports while nobody has asked it anything yet. Closing its input cancels it.
    """

    def __init__(self, module: str) -> None:
        self._hear: Hear = deaf
        self._last: Event | None = None
        # So that nothing is heard any more once `forget` has returned.
        self._lock = threading.RLock()
        self._complaints = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - closed by the thread
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            text=True,
            env={**ENVIRONMENT, **os.environ},
            # A notebook's interrupt goes to its whole group; a child is cancelled in its own way.
            start_new_session=True,
        )
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        atexit.register(self.close)

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def ask(self, request: Mapping[str, Any], hear: Hear) -> None:
        """Send what is wanted, one line of JSON.

        Parameters
        ----------
        request : mapping
            What the child's module reads.
        hear : callable
            Takes each event, on a thread of the child's own, and ``{"event": "ended", "text":
            ...}`` as the last one.
        """
        with self._lock:
            self._hear = hear
            if self._last is not None:
                hear(self._last)
        self.say(json.dumps(request))

    def say(self, line: str) -> None:
        """Send one line; a child that has ended hears nothing, and its last event says so."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()

    def end(self) -> None:
        """Close its input: it puts away what it began, says so and ends."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def forget(self) -> None:
        """End it, and hear nothing more of it."""
        with self._lock:
            self._hear = deaf
        self.end()

    def wait(self) -> None:
        """Until it has ended and all it said was heard."""
        self._thread.join()

    def close(self) -> None:
        """End it, and see that it ends."""
        self.forget()
        try:
            self._process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it at once: only for a child that has nothing to put away."""
        self.forget()
        self._process.kill()
        self._process.wait()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                with self._lock:
                    self._hear(json.loads(line))
        self._process.wait()
        self.end()
        atexit.unregister(self.close)
        with self._complaints as complaints:
            complaints.seek(0)
            said = complaints.read().strip().splitlines()
        with self._lock:
            self._last = {"event": "ended", "text": said[-1] if said else ""}
            self._hear(self._last)
