"""What must not meet: two trials of a target, two timing trials on a core, Ctrl-C and a write."""

from __future__ import annotations

import contextlib
import errno
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator

from filelock import FileLock, Timeout

from workbench.errors import Infrastructure
from workbench.targets import Target

CORE_WAIT_SECONDS = 600


@contextlib.contextmanager
def exclusive(target: Target) -> Iterator[None]:
    """Only one trial at a time may work on a target."""
    path = target.root / ".workbench" / "locks" / f"{target.name}.lock"
    lock = FileLock(path, timeout=0)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise Infrastructure(
            f"another trial of {target.name} is running: wait for it, or stop it"
        ) from error
    except (OSError, NotImplementedError) as error:  # the second: a file system without locks
        why = getattr(error, "strerror", None) or error
        raise Infrastructure(f"{path} cannot be locked: {why}") from error
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def timing_core(core: int, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold this machine's lock of one core: two trials never time at once.

    The lock is a socket address of the machine, not a file: it needs no folder or permission
    and goes with its process. Calls ``waiting`` every half second while another trial has it.
    """
    with socket.socket(socket.AF_UNIX) as lock:
        for _ in range(2 * CORE_WAIT_SECONDS):
            try:
                lock.bind(f"\0workbench-core-{core}")
                break
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                waiting()
                time.sleep(0.5)
        else:
            raise Infrastructure(
                f"core {core} has been busy timing another trial for {CORE_WAIT_SECONDS} s: "
                "wait for it, or stop it"
            )
        yield


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C back until what is inside is done, so that a record never lacks its row."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Python interrupts the main thread only
        return
    pressed: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: pressed.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed:
        raise KeyboardInterrupt
