"""Two locks: one trial a target, and one timing trial a core of this machine."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from workbench.errors import Infrastructure
from workbench.targets import Target

CORE_WAIT_SECONDS = 600


@contextlib.contextmanager
def exclusive(target: Target) -> Iterator[None]:
    """Only one trial at a time may work on a target."""
    path = target.root / ".workbench" / "locks" / f"{target.name}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(path, timeout=0):
            yield
    except Timeout as error:
        raise Infrastructure(
            f"another trial of {target.name} is running: wait for it, or stop it"
        ) from error


@contextlib.contextmanager
def timing_core(core: int, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold this machine's lock of one core: two trials never time at once.

    Calls ``waiting`` every half second while another trial has it.
    """
    lock = FileLock(Path(tempfile.gettempdir()) / f"workbench-core-{core}.lock")
    for _ in range(2 * CORE_WAIT_SECONDS):
        try:
            lock.acquire(timeout=0.5)
            break
        except Timeout:
            waiting()
    else:
        raise Infrastructure(
            f"core {core} has been busy timing another trial for {CORE_WAIT_SECONDS} s: "
            "wait for it, or stop it"
        )
    try:
        yield
    finally:
        lock.release()
