"""The processes that runners are forked from."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import Any

from workbench import runner
from workbench.arena import Arena
from workbench.child import Runner
from workbench.errors import Infrastructure
from workbench.host import LIBOPUS, NUMBA_PASSED, named_libopus

ADDR_NO_RANDOMIZE = 0x0040000
MAX_RUNNER_BYTES = 6 << 30


class ForkServer:
    """The process that runners are forked from: clean environment, numba warm, no kernel seen.

    Its addresses are always the same ones, unless they shall be ``randomised``.

    Raises
    ------
    Infrastructure
        If the libopus that the environment names is no file.
    """

    def __init__(self, *, randomised: bool = False) -> None:
        library = named_libopus()
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": tempfile.gettempdir(),
            "LC_ALL": "C.UTF-8",
            "PYTHONHASHSEED": "0",
            "PYTHONDONTWRITEBYTECODE": "1",
            "NUMBA_NRT_STATS": "1",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            **{name: os.environ[name] for name in NUMBA_PASSED if name in os.environ},
        }
        if library is not None:
            environment[LIBOPUS] = str(library)
        addresses = contextlib.nullcontext(False) if randomised else address_randomisation_off()
        with theirs, addresses as self.fixed_addresses:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-s",
                    "-P",
                    runner.__file__,
                    str(theirs.fileno()),
                    str(os.getpid()),
                ],
                env=environment,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                cwd="/",
                start_new_session=True,
            )
        self._ready = False
        self._lock = threading.Lock()

    def _ask(self, message: dict[str, Any], fds: list[int] | None = None) -> int:
        with self._lock:
            if not self._ready:
                self._receive()
                self._ready = True
            with contextlib.suppress(ConnectionError):  # the answer that does not come says why
                socket.send_fds(self._socket, [json.dumps(message).encode()], fds or [])
            return int(self._receive())

    def _receive(self) -> bytes:
        answer = b""
        # A broken pipe must not get out: typer takes one for a reader who left, and exits with 0.
        with contextlib.suppress(ConnectionError):
            answer = self._socket.recv(1 << 10)
        if not answer:
            assert self._process.stderr is not None
            words = self._process.stderr.read().decode(errors="replace").strip()[-300:]
            raise Infrastructure(f"the fork server ended: {words or 'no message'}")
        return answer

    def spawn(self, job: dict[str, Any], arena: Arena) -> Runner:
        """Fork a runner for one job; it loads its kernel while the caller goes on."""
        commands_out, commands_in = os.pipe()
        replies_out, replies_in = os.pipe()
        output_out, output_in = os.pipe()
        os.set_blocking(output_in, False)  # a kernel that prints without end must not block us
        theirs = [commands_out, replies_in, arena.fd, output_in]
        pid = self._ask({"max_bytes": MAX_RUNNER_BYTES, "pad_bytes": 0, **job}, theirs)
        for fd in (commands_out, replies_in, output_in):
            os.close(fd)
        return Runner(self.reap, pid, commands_in, replies_out, output_out)

    def reap(self, pid: int) -> int:
        """Wait for a runner that has ended; negative numbers are signals, as in subprocess."""
        return self._ask({"reap": pid})

    def close(self) -> None:
        """End the fork server; its runners die with it."""
        self._process.kill()
        self._process.wait()
        if self._process.stderr is not None:
            self._process.stderr.close()
        self._socket.close()


class Servers:
    """A fresh fork server for each pair of processes, the next one starting while one is used.

    Forks of one server share its memory layout: D's mean over six forks varied 1.8 times as much
    between servers as the spread within one of them says.
    """

    def __init__(self, *, randomised: bool = False) -> None:
        self._randomised = randomised
        self._current: ForkServer | None = None
        self._upcoming = ForkServer(randomised=randomised)

    def next(self) -> ForkServer:
        """End the server in use and hand out the one that has been starting meanwhile."""
        if self._current is not None:
            self._current.close()
        self._current = self._upcoming
        self._upcoming = ForkServer(randomised=self._randomised)
        return self._current

    def close(self) -> None:
        """End both."""
        for server in (self._current, self._upcoming):
            if server is not None:
                server.close()


@contextlib.contextmanager
def address_randomisation_off() -> Iterator[bool]:
    """Processes started inside get the same addresses each time; yields whether that is granted.

    Left on, repeated pairs of processes differ by 0.110 % (sd of the ratio); off, by 0.017 %.
    """
    personality = ctypes.CDLL(None).personality
    before = personality(0xFFFFFFFF)
    granted = before >= 0 and personality(before | ADDR_NO_RANDOMIZE) >= 0
    try:
        yield granted
    finally:
        if granted:
            personality(before)
