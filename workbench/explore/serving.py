"""The child's side of the pipe: one request comes, events go, and when input ends so does all.

So a child never outlives its notebook, and cancelling it is closing a pipe.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable

# How long a child may take to put away what it began before it is interrupted again, and then
# ended: Python drops an interrupt that comes while it finalises an object, and where four others
# used the two cores 8 s were once too few.
TIDY_SECONDS = 10.0


class Pipe:
    """What lies between a child and its notebook."""

    def __init__(self) -> None:
        # Events have a descriptor of their own, so that no print of anybody gets between them.
        self._events = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
        self._lines: queue.Queue[str] = queue.Queue()

    def listen(self) -> None:
        """Take lines in; interrupt the main thread where it stands when there are no more."""
        for line in sys.stdin:
            self._lines.put(line)
        main_thread = threading.main_thread().ident
        assert main_thread is not None
        for _ in range(2):
            signal.pthread_kill(main_thread, signal.SIGINT)
            time.sleep(TIDY_SECONDS)
        os._exit(1)

    def hear(self) -> str:
        """Wait for the next line."""
        return self._lines.get().strip()

    @property
    def is_called(self) -> bool:
        """Whether a line waits to be heard."""
        return not self._lines.empty()

    def tell(self, event: str, **values: object) -> None:
        """Write one event; nobody listens any more when the notebook has gone."""
        try:
            self._events.write(json.dumps({"event": event, **values}) + "\n")
            self._events.flush()
        except OSError:
            os._exit(1)

    def tell_error(self, error: Exception) -> None:
        """Write what went wrong as one line a person can act on."""
        from workbench.errors import WorkbenchError

        kind = type(error).__name__
        if isinstance(error, WorkbenchError):
            self.tell("error", text=f"{kind}: {error}")
            return
        first = (str(error).strip() or kind).splitlines()[0]
        self.tell("error", text=f"{kind}: {first} (a fault of the workbench)")


def serve(work: Callable[[Pipe], None], prepare: Callable[[], None]) -> None:
    """Do what one request asks for; the exit code is of no meaning, the events are.

    Parameters
    ----------
    work : callable
        Hears the request and tells what happens.
    prepare : callable
        What can be done before there is one.
    """
    pipe = Pipe()
    prepare()
    try:
        threading.Thread(target=pipe.listen, daemon=True).start()
        work(pipe)
    except KeyboardInterrupt:
        pipe.tell("cancelled")
    except Exception as error:
        pipe.tell_error(error)
