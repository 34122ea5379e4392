"""A process beside the notebook: it gets lines, says events, and never outlives us."""

from __future__ import annotations

import atexit
import contextlib
import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from typing import Any

Event = Mapping[str, Any]
# A race ends its runners in well under a second; see `workbench.explore.racing.TIDY_SECONDS`.
PATIENCE_SECONDS = 10.0


class Child:
    """One ``python -m MODULE``; its events arrive on a thread of their own.

    Parameters
    ----------
    module : str
        It reads lines and writes one JSON event a line.
    hear : callable
        Takes each event, and ``{"event": "ended", "text": ...}`` as the last one.
    """

    def __init__(self, module: str, hear: Callable[[Event], None]) -> None:
        self._hear = hear
        self._complaints = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - closed by the thread
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            text=True,
            # A notebook's interrupt goes to its whole group; a race is cancelled in its own way.
            start_new_session=True,
        )
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        atexit.register(self.close)

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def say(self, line: str) -> None:
        """Send one line; a child that has ended hears nothing, and its last event says so."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()

    def end(self) -> None:
        """Close its input: it puts away what it began and ends."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def close(self) -> None:
        """End it, and see that it ends."""
        self.end()
        try:
            self._process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it at once: only for a child that has nothing to put away."""
        self._process.kill()
        self._process.wait()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._hear(json.loads(line))
        self._process.wait()
        self.end()
        atexit.unregister(self.close)
        with self._complaints as complaints:
            complaints.seek(0)
            said = complaints.read().strip().splitlines()
        self._hear({"event": "ended", "text": said[-1] if said else ""})
