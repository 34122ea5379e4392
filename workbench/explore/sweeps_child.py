"""A closeup in a process of its own: progress as it comes, and it can be cancelled."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

from workbench.encoders.closeup import Asked, Closeup

Progress = Callable[[str, int, int], None]
# One that was asked to end and has not is ended after so long.
PATIENCE_S = 5.0


class Looking:
    """One closeup that is being made.

    Parameters
    ----------
    asked : Asked
        What to look at.
    progress : callable
        ``progress(what, done, total)``, from a thread of its own.
    seen : callable
        Gets the `Closeup` at the end.
    failed : callable
        Or one line that says why there is none. A closeup that was cancelled calls neither.
    """

    def __init__(
        self,
        asked: Asked,
        progress: Progress,
        seen: Callable[[Closeup], None],
        failed: Callable[[str], None],
    ) -> None:
        self._told = progress, seen, failed
        self._is_cancelled = threading.Event()
        request = json.dumps(dataclasses.asdict(asked))  # `closeup.parse` reads it
        self._child = subprocess.Popen(
            [sys.executable, "-m", "workbench.encoders.closeup", request],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A kernel that is interrupted does not interrupt this; Cancel does.
            process_group=0,
        )
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def cancel(self) -> None:
        """End it, and what it is encoding; nothing is told any more."""
        self._is_cancelled.set()
        self._child.terminate()
        late = threading.Timer(PATIENCE_S, self._child.kill)
        late.daemon = True
        late.start()

    def wait(self) -> None:
        """Until it has ended."""
        self._thread.join()

    def _listen(self) -> None:
        progress, seen, failed = self._told
        assert self._child.stdout is not None
        assert self._child.stderr is not None
        last: dict[str, Any] = {}
        with self._child:
            for line in self._child.stdout:
                last = json.loads(line)
                if "what" in last and not self._is_cancelled.is_set():
                    progress(last["what"], last["done"], last["total"])
            complaint = self._child.stderr.read().strip().splitlines()
        if self._is_cancelled.is_set():
            return
        if "closeup" in last:
            seen(Closeup(**last["closeup"]))
        else:
            ended = f"it ended with {self._child.returncode}"
            failed(last.get("error") or (complaint[-1] if complaint else ended))
