"""Child side of the judge: a fork server, and the runner that holds ONE kernel.

The fork server imports numpy and numba once and never sees a kernel. For each replica it forks
fresh runners, so a process costs 10 ms instead of 600 ms. A runner loads one kernels.py, binds
it to the workloads in its arena, and answers "run combo c" until its pipe closes.

Started as ``python -s -P runner.py SOCKET_FD PARENT_PID`` with a clean environment.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import signal
import socket
import struct
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

# One turn is one request and one reply; both have a fixed size so that a turn is two syscalls.
REQUEST = struct.Struct("<BxHI")  # operation, combo, count
REPLY = struct.Struct("<IxxxxQ")  # bytes of JSON that follow, the child's own elapsed_ns
BIND, PREPARE, RUN, NULL, MEASURE = range(5)

# Basic blocks on 64-byte boundaries: without it a neutral edit moved a kernel by 1.8 % in 5 of
# 16 builds, with it 17 builds lie within 0.07 %.
ALIGNMENT_OPTION = "-align-all-nofallthru-blocks=6"
ALIGNMENT_MARK = ".p2align\t6"
PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when ``parent`` ends; it may have ended already."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def serve_forks(server: socket.socket) -> None:
    """Fork a runner for each job on the socket; report each one's exit status on request."""
    warm_up()
    server.send(b"ready")
    while True:
        message, fds, _, _ = socket.recv_fds(server, 1 << 20, 8)
        if not message:
            return
        job = json.loads(message)
        if "reap" in job:
            _, status = os.waitpid(job["reap"], 0)
            server.send(str(os.waitstatus_to_exitcode(status)).encode())
            continue
        here = os.getpid()
        pid = os.fork()
        if pid == 0:
            server.close()
            become_runner(here, job, fds)
        for fd in fds:
            os.close(fd)
        server.send(str(pid).encode())


def warm_up() -> None:
    """Compile something trivial, so that every runner inherits a ready compiler."""
    from llvmlite import binding

    binding.set_option("workbench", ALIGNMENT_OPTION)
    from numba import njit

    import workbench.arena
    import workbench.counters
    import workbench.host
    import workbench.targets  # noqa: F401 - imported once here, for every runner
    from workbench import sandbox

    sandbox.prepare()
    njit(lambda x: x + 1)(1)
    gc.collect()
    gc.freeze()


def become_runner(server: int, job: dict[str, Any], fds: list[int]) -> None:
    """Run one job in this freshly forked process and exit, whatever happens."""
    commands, replies, arena_fd, output = fds
    try:
        die_with_parent(server)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.sched_setaffinity(0, job["cores"])
        layers = confine(job)
        _pad = bytearray(job["pad_bytes"])  # moves heap and code: each replica has its own layout
        Runner(job, commands, replies, arena_fd).serve(layers)
    except BaseException as error:
        send_failure(replies, error)
        os._exit(1)
    os._exit(0)


def confine(job: dict[str, Any]) -> list[str]:
    """Leave this process what its job needs: its own kernel, bench and cache, and no more.

    A query's bench also loads the upstream.py of other targets, and where upstream.py calls libopus
    it loads the one that was named. Names what is in force.
    """
    from workbench import host, sandbox

    files, folders = [Path(job["kernels"]), Path(job["bench"])], []
    if job["libopus"] and host.LIBOPUS in os.environ:
        files.append(Path(os.environ[host.LIBOPUS]))
    if job["query"]:
        from workbench.targets import find_root

        root = find_root()
        files += [root / "pyproject.toml", *root.glob("targets/*/target.toml")]
        files += root.glob("targets/*/upstream.py")
        folders = [root / "targets"]
    layers = sandbox.confine(files, cache_folder(job), job["max_bytes"], folders)
    return [layer.name for layer in layers if layer.in_force]


def cache_folder(job: dict[str, Any]) -> Path:
    """Where numba caches this variant; the timed build cannot reach the audited one's."""
    return Path(job["cache_dir"] + ("-bounds" if job["bounds"] else ""))


def send_failure(replies: int, error: BaseException) -> None:
    """Tell the parent what went wrong; the text comes from the kernel and is not to be trusted."""
    kind = "raised"
    if isinstance(error, MemoryError):
        kind = "memory"
    elif isinstance(error, OSError) and not isinstance(error, PermissionError):
        kind = "machine"  # a full disk is not the kernel's doing; what it may not do is
    sys.stdout.flush()
    text = f"{type(error).__name__}: {error}"[:4000]
    send(replies, {"error": kind, "text": text})


def send(replies: int, answer: dict[str, Any] | None = None, elapsed_ns: int = 0) -> None:
    """Write one reply."""
    body = json.dumps(answer).encode() if answer else b""
    os.write(replies, REPLY.pack(len(body), elapsed_ns) + body)


class Runner:
    """One variant, bound to the workloads of its arena."""

    def __init__(self, job: dict[str, Any], commands: int, replies: int, arena_fd: int) -> None:
        from workbench.arena import Arena, Layout

        self.job, self.commands, self.replies = job, commands, replies
        self.arena, self.layout = Arena(arena_fd), Layout()
        self.arena.forbid(job["guards"])
        self.layout.end = job["state_offset"]
        self.bound: dict[int, Callable[..., None]] = {}
        self.prepared: dict[int, Callable[[], object]] = {}
        self.kernels, self.bench = load_variant(job)
        self.variant = self.surface()

    def surface(self) -> types.ModuleType:
        """The kernel's surface and no more; what ``setup`` returns is moved into the arena.

        Functions that are optional may be missing; the policy saw to the others.
        """
        variant, made = types.ModuleType("kernels"), vars(self.kernels)
        vars(variant).update({name: made[name] for name in self.job["surface"] if name in made})
        setup = getattr(variant, "setup", None)
        # A whole query sets up many states, in compiled code: they stay where they are.
        if setup and not self.job["query"]:
            vars(variant)["setup"] = lambda *args: self.arena.place(setup(*args), self.layout)
        return variant

    def serve(self, layers: list[str]) -> None:
        """Say what confines this process, then answer requests until the pipe closes."""
        gc.disable()
        send(self.replies, {"confined": layers})
        while request := os.read(self.commands, REQUEST.size):
            operation, combo, count = REQUEST.unpack(request)
            if operation == RUN:
                call = self.prepared[combo]
                begin_ns = time.perf_counter_ns()
                call()
                send(self.replies, elapsed_ns=time.perf_counter_ns() - begin_ns)
            elif operation == NULL:
                send(self.replies)
            elif operation == PREPARE:
                self.prepared[combo] = self.prepare(combo, count)
                send(self.replies)
            elif operation == BIND:
                send(self.replies, self.bind(combo))
            elif operation == MEASURE:
                send(self.replies, self.measure(combo))

    def bind(self, combo: int) -> dict[str, Any]:
        """Set the kernel up on one combo's fixture; its state is moved into the arena."""
        fixture = self.arena.views(slots(self.job["combos"][combo]["fixture"]))
        options = {}
        if self.job["ticks"]:
            from workbench import ticks

            options = {"now": ticks.on}
        self.bound[combo] = self.bench.bind(self.variant, fixture, **options)
        return {"bound": combo}

    def prepare(self, combo: int, count: int, first: int = 0) -> Callable[[], object]:
        """Make a call without arguments that answers ``count`` requests."""
        place = self.job["combos"][combo]
        rows = slice(first, first + count)
        requests, outputs = (
            {k: v[rows] for k, v in self.arena.views(slots(place[part])).items()}
            for part in ("requests", "outputs")
        )
        scratch = self.arena.views(slots(place["scratch"]))
        bound = self.bound[combo]
        if self.job["spins"]:
            from workbench.spinning import spin

            turns = self.job["spins"][combo] * count
            return lambda: (bound(requests, outputs, scratch), spin(turns))
        return lambda: bound(requests, outputs, scratch)

    def measure(self, combo: int) -> dict[str, Any]:
        """Allocations, cycles and instructions of one request, and whether blocks are aligned.

        Each is the difference of a call with three requests and one with a single request, so
        that what Python spends on boxing the arguments cancels. No request is answered twice
        before allocations are counted: a kernel that allocated in every call but a repeated one
        was kept at 0.78.
        """
        from workbench.counters import HardwareCounters, allocations

        few, many = allocations(self.prepare(combo, 1)), allocations(self.prepare(combo, 3, 1))
        one, three = self.prepare(combo, 1, 4), self.prepare(combo, 3, 5)
        with HardwareCounters() as hardware:
            low, high = hardware.count(one), hardware.count(three)
        per_request = [
            None if a is None or b is None else (b - a) / 2 for a, b in zip(low, high, strict=True)
        ]
        return {
            "allocations": (many - few) / 2,
            "cycles": per_request[0],
            "instructions": per_request[1],
            "aligned": blocks_aligned(self.kernels),
        }


def slots(fields: dict[str, list[Any]]) -> dict[str, Any]:
    """Slots from their JSON form."""
    from workbench.arena import Slot

    return {name: Slot(f[0], tuple(f[1]), f[2]) for name, f in fields.items()}


def load_variant(job: dict[str, Any]) -> tuple[types.ModuleType, types.ModuleType]:
    """Load a kernels.py and its bench.py with numba's cache in the variant's own folder."""
    import numba

    from workbench.targets import cache_compiled, load_file

    os.environ["NUMBA_CACHE_DIR"] = str(cache_folder(job))
    if job["bounds"]:
        os.environ["NUMBA_BOUNDSCHECK"] = "1"
    # The environment, not the attributes: numba reads it again at the first compilation.
    vars(numba.config)["reload_config"]()
    module = load_file(Path(job["kernels"]), "kernels")
    cache_compiled(module)
    return module, load_file(Path(job["bench"]), "bench")


def blocks_aligned(kernels: types.ModuleType) -> bool | None:
    """Whether LLVM heeded `ALIGNMENT_OPTION` (it ignores a misspelt one); None if all was cached.

    A kernel without any branch has no block to align, so one marked function is enough.
    """
    listings = [
        text
        for value in vars(kernels).values()
        if hasattr(value, "inspect_asm") and not sum(value.stats.cache_hits.values())
        for text in value.inspect_asm().values()
    ]
    return any(ALIGNMENT_MARK in text for text in listings) if listings else None


if __name__ == "__main__":
    die_with_parent(int(sys.argv[2]))
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    serve_forks(socket.socket(fileno=int(sys.argv[1])))
