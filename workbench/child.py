"""Parent side of the pipe: a handle on one runner, and the watchdog that may kill it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from workbench import runner
from workbench.counters import peak_rss_mb
from workbench.errors import Infrastructure

OUTPUT_BYTES = 4096


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


class Runner:
    """One child process that holds one kernel."""

    def __init__(
        self, reap: Callable[[int], int], pid: int, commands: int, replies: int, output: int
    ) -> None:
        self.pid = pid
        self._reap = reap
        self._commands, self._replies, self._output = commands, replies, output
        self._expired: float | None = None
        self._alive = True

    def start_bind(self, combo: int) -> None:
        """Have the kernel's setup run on a combo's fixture; `receive` says when it is done."""
        self._send(runner.BIND, combo)

    def start_first_turn(self) -> None:
        """Have the kernel loaded, bound to combo 0 and called once; goes on at once."""
        self._send(runner.BIND, 0)
        self._send(runner.PREPARE, 0, 1)
        self._send(runner.RUN, 0)

    def finish_first_turn(self) -> None:
        """Wait for `start_first_turn`: loaded, bound, prepared, run."""
        for _ in range(4):
            self.receive()

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
        return self._exchange(runner.REQUEST.pack(runner.RUN, combo, 0))

    def null_turn(self) -> int:
        """A turn that does nothing: what the pipes and the switch cost, in ns."""
        return self._exchange(runner.REQUEST.pack(runner.NULL, 0, 0))[0]

    def _exchange(self, request: bytes) -> tuple[int, int]:
        begin_ns = time.perf_counter_ns()
        try:
            os.write(self._commands, request)
        except BrokenPipeError:
            raise self._death() from None
        reply = os.read(self._replies, runner.REPLY.size)
        elapsed_ns = time.perf_counter_ns() - begin_ns
        return elapsed_ns, self._parse(reply)[1]

    def receive(self) -> dict[str, Any]:
        """Wait for one reply; the first one says that the kernel is loaded."""
        return self._parse(os.read(self._replies, runner.REPLY.size))[0]

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
                self._reap(self.pid)
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
        if answer.get("error") == "machine":
            raise Infrastructure(f"a runner could not work: {answer['text']}")
        if "error" in answer:
            reason = "over-memory" if answer["error"] == "memory" else "incorrect"
            raise CandidateFailure(reason, answer["text"], self.output())
        return answer, elapsed_ns

    def _death(self) -> CandidateFailure:
        if self._expired is not None:
            message = f"no answer within {self._expired:g} s: killed"
            return CandidateFailure("over-budget", message, self.output())
        self._alive = False
        code = self._reap(self.pid)
        text = self.output()
        for fd in (self._commands, self._replies, self._output):
            os.close(fd)
        how = f"died of {signal.Signals(-code).name}" if code < 0 else f"exited with {code}"
        return CandidateFailure("incorrect", f"the kernel's process {how}", text)


class Watchdog:
    """Kills a runner that does not answer in time, so that the timed path needs no timeout.

    ``until`` is the end of the whole trial, on the monotonic clock.
    """

    def __init__(self, seconds: float, until: float = float("inf")) -> None:
        self.seconds, self.until = seconds, until
        self._runners: list[Runner] = []
        self._deadline = float("inf")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    @contextlib.contextmanager
    def over(self, *runners: Runner) -> Iterator[None]:
        """Everything inside must end within `seconds`, and before `until`, else they are killed."""
        self._runners = list(runners)
        self._deadline = min(time.monotonic() + self.seconds, self.until)
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
def pinned_to(core: int) -> Iterator[None]:
    """Keep the calling thread on one core for a while."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, [core])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
