"""Parent side of the pipe: a fork server to start runners from, and a handle on each runner."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from typing import Any

from workbench import runner
from workbench.arena import Arena
from workbench.counters import peak_rss_mb
from workbench.errors import Infrastructure

ADDR_NO_RANDOMIZE = 0x0040000
OUTPUT_BYTES = 4096
MAX_RUNNER_BYTES = 6 << 30
# Of the caller's environment only what changes numba's code generation goes through.
PASSED_ON = ("NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES", "NUMBA_OPT", "NUMBA_BOUNDSCHECK")


class CandidateFailure(Exception):
    """A runner did not answer as it should.

    Attributes
    ----------
    reason : str
        Ledger reason: ``incorrect`` (it raised or died), ``over-memory`` or ``over-budget``.
    output : str
        What the kernel printed, truncated. It is untrusted text.
    """

    def __init__(self, reason: str, message: str, output: str = "") -> None:
        super().__init__(message)
        self.reason, self.output = reason, output


class ForkServer:
    """The process that runners are forked from: clean environment, numba warm, no kernel seen."""

    def __init__(self) -> None:
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
            **{name: os.environ[name] for name in PASSED_ON if name in os.environ},
        }
        with theirs, address_randomisation_off() as self.fixed_addresses:
            self._process = subprocess.Popen(
                [sys.executable, "-s", "-P", runner.__file__, str(theirs.fileno())],
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
            socket.send_fds(self._socket, [json.dumps(message).encode()], fds or [])
            return int(self._receive())

    def _receive(self) -> bytes:
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
        return Runner(self, pid, commands_in, replies_out, output_out)

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


class Runner:
    """One child process that holds one kernel."""

    def __init__(self, server: ForkServer, pid: int, commands: int, replies: int, out: int) -> None:
        self.pid = pid
        self._server, self._commands, self._replies, self._output = server, commands, replies, out
        self._expired: float | None = None
        self._alive = True

    def start_bind(self, combo: int) -> None:
        """Have the kernel's setup run on a combo's fixture; `receive` says when it is done."""
        self._send(runner.BIND, combo)

    def bind(self, combo: int) -> None:
        """Run the kernel's setup on a combo's fixture."""
        self.start_bind(combo)
        self.receive()

    def prepare(self, combo: int, count: int) -> None:
        """Choose how many requests one turn of this combo answers."""
        self._send(runner.PREPARE, combo, count)
        self.receive()

    def measure(self, combo: int) -> dict[str, Any]:
        """Allocations, cycles and instructions of one request of a combo."""
        self._send(runner.MEASURE, combo)
        return self.receive()

    def turn(self, combo: int) -> tuple[int, int]:
        """Answer the prepared requests once: (elapsed_ns on our clock, on the child's own)."""
        request = runner.REQUEST.pack(runner.RUN, combo, 0)
        begin_ns = time.perf_counter_ns()
        os.write(self._commands, request)
        reply = os.read(self._replies, runner.REPLY.size)
        elapsed_ns = time.perf_counter_ns() - begin_ns
        return elapsed_ns, self._parse(reply)[1]

    def null_turn(self) -> int:
        """A turn that does nothing: what the pipes and the switch cost, in ns."""
        request = runner.REQUEST.pack(runner.NULL, 0, 0)
        begin_ns = time.perf_counter_ns()
        os.write(self._commands, request)
        reply = os.read(self._replies, runner.REPLY.size)
        elapsed_ns = time.perf_counter_ns() - begin_ns
        self._parse(reply)
        return elapsed_ns

    def receive(self) -> dict[str, Any]:
        """Wait for one reply; the first one says that the kernel is loaded."""
        return self._parse(os.read(self._replies, runner.REPLY.size))[0]

    def move_to(self, core: int) -> None:
        """Pin the process to one core."""
        os.sched_setaffinity(self.pid, [core])

    def peak_rss_mb(self) -> float:
        """Peak resident memory so far, in MiB."""
        return peak_rss_mb(self.pid)

    def expire(self, seconds: float) -> None:
        """Kill the process because it took longer than ``seconds``."""
        self._expired = seconds
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """Kill the process and give its pipes back."""
        if self._alive:
            self._alive = False
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            with contextlib.suppress(OSError, Infrastructure):
                self._server.reap(self.pid)
            for fd in (self._commands, self._replies, self._output):
                os.close(fd)

    def output(self) -> str:
        """What the kernel has printed, truncated; untrusted."""
        os.set_blocking(self._output, False)
        try:
            return os.read(self._output, OUTPUT_BYTES).decode(errors="replace")
        except BlockingIOError:
            return ""

    def _send(self, operation: int, combo: int, count: int = 0) -> None:
        with contextlib.suppress(BrokenPipeError):  # the reply that does not come says why
            os.write(self._commands, runner.REQUEST.pack(operation, combo, count))

    def _parse(self, reply: bytes) -> tuple[dict[str, Any], int]:
        if len(reply) < runner.REPLY.size:
            raise self._death()
        length, elapsed_ns = runner.REPLY.unpack(reply)
        body = b""
        while len(body) < length:
            part = os.read(self._replies, length - len(body))
            if not part:
                raise self._death()
            body += part
        answer: dict[str, Any] = json.loads(body) if body else {}
        if "error" in answer:
            reason = "over-memory" if answer["error"] == "memory" else "incorrect"
            raise CandidateFailure(reason, answer["text"], self.output())
        return answer, elapsed_ns

    def _death(self) -> CandidateFailure:
        if self._expired is not None:
            message = f"no answer within {self._expired:g} s: killed"
            return CandidateFailure("over-budget", message, self.output())
        self._alive = False
        code = self._server.reap(self.pid)
        text = self.output()
        for fd in (self._commands, self._replies, self._output):
            os.close(fd)
        how = f"died of {signal.Signals(-code).name}" if code < 0 else f"exited with {code}"
        return CandidateFailure("incorrect", f"the kernel's process {how}", text)


class Watchdog:
    """Kills a runner that does not answer in time, so that the timed path needs no timeout."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._runners: list[Runner] = []
        self._deadline = float("inf")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    @contextlib.contextmanager
    def over(self, *runners: Runner) -> Iterator[None]:
        """Everything inside must end within `seconds`, else the runners are killed."""
        self._runners, self._deadline = list(runners), time.monotonic() + self.seconds
        try:
            yield
        finally:
            self._deadline = float("inf")

    def _watch(self) -> None:
        while not self._stop.wait(0.25):
            if time.monotonic() > self._deadline:
                self._deadline = float("inf")
                for child in self._runners:
                    child.expire(self.seconds)

    def close(self) -> None:
        """Stop watching."""
        self._stop.set()
        self._thread.join()


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


@contextlib.contextmanager
def pinned_to(core: int) -> Iterator[None]:
    """Keep the calling thread on one core for a while."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, [core])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
