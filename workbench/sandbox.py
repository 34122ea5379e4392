"""What a runner takes from itself before it loads a kernel: files, processes, network, privileges.

The policy reads a kernels.py and refuses what could reach the machine. This is the second wall,
for what reading missed: nothing here asks for a privilege, and a layer that the machine does not
offer is not in force and says why. ``docs/decisions/0010-what-confines-a-kernel.md`` has reasons.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import resource
import site
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parent

MAX_FILE_BYTES = 64 << 20
# A runner holds 8 files open, and a few more while it loads.
MAX_OPEN_FILES = 64

# Another system lacks the module, the call or the limit; pyseccomp its library (RuntimeError).
NOT_TO_BE_HAD = (ImportError, AttributeError, OSError, RuntimeError, ValueError)

PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38
SECCOMP_SET_MODE_FILTER = 1
# Linux before 5.16 slows a filtered process against speculative reads, unless asked not to.
SECCOMP_FILTER_FLAG_SPEC_ALLOW = 4
CAPABILITY_VERSION_3 = 0x20080522
# Root in a container judges a checkout of another user's (1), and reads its own counters (38).
KEPT_CAPABILITIES = 1 << 1 | 1 << 38

# Read by the C library and LLVM at run time; a runner has most libraries loaded already.
SYSTEM_FOLDERS = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/sys/devices/system/cpu")
SYSTEM_FILES = ("/etc/ld.so.cache", "/proc/cpuinfo")

# Denied with EPERM, all else is allowed: an allow list would break with each new C library.
DENIED = (
    # another process or thread: LLVM and numba start none for a kernel without parallel=True
    *("clone", "clone3", "fork", "vfork", "execve", "execveat"),
    # other processes: their life, memory, descriptors, limits and share of the processor
    *("kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal"),
    *("ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease"),
    *("pidfd_open", "pidfd_getfd", "kcmp", "migrate_pages", "move_pages"),
    *("sched_setaffinity", "sched_setattr", "sched_setparam", "sched_setscheduler"),
    *("setpriority", "ioprio_set"),
    # the network, and other ways to talk to a process outside
    *("socket", "socketpair", "connect", "bind", "listen", "accept", "accept4"),
    *("shmget", "shmat", "shmctl", "semget", "semop", "semtimedop", "semctl"),
    *("msgget", "msgsnd", "msgrcv", "msgctl", "mq_open", "mq_unlink"),
    # what landlock does not see of files: owners, modes, dates, attributes, handles
    *("chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat"),
    *("utime", "utimes", "utimensat", "futimesat", "open_by_handle_at", "name_to_handle_at"),
    *("setxattr", "lsetxattr", "fsetxattr", "setxattrat", "file_setattr"),
    *("removexattr", "lremovexattr", "fremovexattr", "removexattrat", "fanotify_init"),
    # the arena, which would be cut off under the judge's feet
    *("ftruncate", "fallocate"),
    # the machine
    *("mount", "umount2", "pivot_root", "chroot", "setns", "unshare", "open_tree", "move_mount"),
    *("open_tree_attr", "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr"),
    *("bpf", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register"),
    *("personality", "memfd_create", "memfd_secret", "keyctl", "add_key", "request_key"),
    *("init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot"),
    *("swapon", "swapoff", "acct", "quotactl", "quotactl_fd", "syslog", "ioperm"),
    *("iopl", "clock_settime", "clock_adjtime", "settimeofday", "adjtimex"),
    *("sethostname", "setdomainname", "capset"),
)
# Younger than many a libseccomp; since 5.0 a number means the same call on every architecture.
NUMBERS = {
    "fchmodat2": 452,
    "setxattrat": 463,
    "removexattrat": 466,
    "open_tree_attr": 467,
    "file_setattr": 469,
}


# fcntl's F_SETOWN, F_SETSIG and F_SETOWN_EX: a pipe could be made to signal any process.
SIGNALS_OF_FILES = (8, 10, 15)


LAYERS = ("limits", "privileges", "landlock", "seccomp")


@dataclass(frozen=True)
class Layer:
    """One of the walls around a kernel.

    Attributes
    ----------
    name : str
        One of `LAYERS`.
    in_force : bool
        Whether this process is held by it from now on.
    detail : str
        What it denies, or why it is not in force.
    """

    name: str
    in_force: bool
    detail: str


@cache
def prepare() -> dict[str, Any]:
    """Load what `confine` works with; a fork server does it once, for all its runners.

    A binding that is not to be had is the error it gave: trying again costs each runner 50 ms.
    """
    found: dict[str, Any] = {}
    parts = {"libc": _load_libc, "landlock": _load_landlock, "seccomp": _load_seccomp}
    for name, load in parts.items():
        try:
            found[name] = load()
        except NOT_TO_BE_HAD as error:
            found[name] = error
    return found


def _prepared(name: str) -> Any:
    found = prepare()[name]
    if isinstance(found, Exception):
        raise found
    return found


def confine(
    readable: Iterable[Path],
    writable: Path,
    max_bytes: int,
    listable: Iterable[Path] = (),
) -> list[Layer]:
    """Confine this process, which must have one thread, for the rest of its life.

    Parameters
    ----------
    readable : iterable of Path
        Files it may read, besides Python's own, this package and the system's libraries.
    writable : Path
        The folder it may write to, and make temporary files in; it is made when it is missing.
    max_bytes : int
        Limit of its address space.
    listable : iterable of Path
        Folders whose names it may list, but whose files it may not read.

    Returns
    -------
    list of Layer
        What is in force and what is not.

    Raises
    ------
    OSError
        If ``writable`` cannot be made. A layer that is not to be had raises nothing.
    """
    prepare()
    writable.mkdir(parents=True, exist_ok=True)
    os.environ["TMPDIR"] = tempfile.tempdir = str(writable)
    return [
        _layer("limits", lambda: _limit(max_bytes)),
        _layer("privileges", _drop_privileges),
        _layer("landlock", lambda: _restrict_files(readable, writable, listable)),
        _layer("seccomp", _filter_calls),  # last: the others need calls that it denies
    ]


def _layer(name: str, enforce: Callable[[], str]) -> Layer:
    try:
        return Layer(name, True, enforce())
    except NOT_TO_BE_HAD as error:
        known = isinstance(error, OSError) and error.strerror
        return Layer(name, False, str(known or error) or type(error).__name__)


def python_folders() -> list[Path]:
    """What a running interpreter, numba and this package read.

    Not ``sys.path``: an editable install puts the whole checkout on it.
    """
    named = [f"{sys.base_prefix}/lib", *map(sysconfig.get_path, ("stdlib", "platstdlib"))]
    return [*map(Path, [*named, *site.getsitepackages(), *SYSTEM_FOLDERS]), PACKAGE]


def _limit(max_bytes: int) -> str:
    for kind, most in (
        (resource.RLIMIT_AS, max_bytes),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, MAX_FILE_BYTES),
        (resource.RLIMIT_NOFILE, MAX_OPEN_FILES),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_MEMLOCK, 0),
    ):
        _, ceiling = resource.getrlimit(kind)
        if ceiling != resource.RLIM_INFINITY:
            most = min(most, ceiling)
        resource.setrlimit(kind, (most, most))
    return f"{max_bytes >> 30} GB of memory, files of {MAX_FILE_BYTES >> 20} MB, no new process"


def _drop_privileges() -> str:
    """Nothing it executes may gain a privilege, and of root's own few are left."""
    libc = _prepared("libc")
    _check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    # effective, permitted, inheritable: of the lower 32 capabilities, then of the upper ones
    held = (ctypes.c_uint32 * 6)()
    _check(libc.capget(header, held))
    for half in range(2):
        kept = held[3 * half + 1] & (KEPT_CAPABILITIES >> 32 * half) & 0xFFFFFFFF
        held[3 * half : 3 * half + 3] = [kept, kept, 0]
    _check(libc.capset(header, held))
    return "no new ones, and root's are dropped"


def _load_libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _check(answer: int) -> None:
    if answer < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


@dataclass(frozen=True)
class _Landlock:
    """The binding with its rights put together: done once, because that takes 0.3 ms."""

    module: Any
    file: Any
    folder: Any
    own: Any
    scopes: Any
    python: tuple[tuple[str, Any], ...]


def _load_landlock() -> _Landlock:
    import landlockpy

    landlockpy.Ruleset().close()  # raises where the kernel has none
    access, scope = landlockpy.AccessFS, landlockpy.Scope
    read = access.READ_FILE | access.READ_DIR
    # No links, devices, pipes or sockets, and nothing moved in from elsewhere.
    write = access.WRITE_FILE | access.TRUNCATE | access.MAKE_REG | access.MAKE_DIR
    write |= access.REMOVE_FILE | access.REMOVE_DIR
    file, null = access.READ_FILE, access.READ_FILE | access.WRITE_FILE
    return _Landlock(
        module=landlockpy,
        file=file,
        folder=access.READ_DIR,
        own=read | write,
        scopes=scope.SIGNAL | scope.ABSTRACT_UNIX_SOCKET,
        python=(
            *((str(path), read) for path in dict.fromkeys(python_folders())),
            *((path, file) for path in SYSTEM_FILES),
            (os.devnull, null),
        ),
    )


def _restrict_files(readable: Iterable[Path], writable: Path, listable: Iterable[Path]) -> str:
    landlock: _Landlock = _prepared("landlock")
    rights = [*landlock.python, *((path, landlock.file) for path in readable)]
    rights += ((path, landlock.folder) for path in listable)
    with landlock.module.Ruleset(scoped=landlock.scopes) as rules:
        for path, right in rights:
            # Nothing to grant then, whatever is wrong with it: less is allowed, never more.
            with contextlib.suppress(OSError):
                rules.allow_path(path, right)
        rules.allow_path(writable, landlock.own)
        rules.restrict()
        version = rules.abi_version
    names = ["files"] + ["TCP"] * (version >= 4) + ["signals"] * (version >= 6)
    return f"ABI {version}: {', '.join(names)}"


class _Program(ctypes.Structure):
    """A filter as the kernel takes it: ``struct sock_fprog``."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def _load_seccomp() -> tuple[int, _Program]:
    """The number of seccomp(2), and the compiled filter: libseccomp needs 1 ms to compile it."""
    import pyseccomp as seccomp  # type: ignore[import-untyped]

    def number_of(name: str) -> int:
        number: int = seccomp.resolve_syscall(seccomp.Arch.NATIVE, name)
        return NUMBERS.get(name, -1) if number == -1 else number

    made = seccomp.SyscallFilter(seccomp.ALLOW)
    denied = seccomp.ERRNO(errno.EPERM)
    for name in DENIED:
        if number_of(name) != -1:
            made.add_rule(denied, number_of(name))
    # Itself only: its own counters and limits. prctl(1) would let it outlive its judge.
    made.add_rule(denied, "perf_event_open", seccomp.Arg(1, seccomp.NE, 0))
    made.add_rule(denied, "prlimit64", seccomp.Arg(0, seccomp.NE, 0))
    low = 0xFFFFFFFF  # the kernel looks no further, so neither may the filter
    made.add_rule(denied, "prctl", seccomp.Arg(0, seccomp.MASKED_EQ, low, PR_SET_PDEATHSIG))
    for command in SIGNALS_OF_FILES:
        made.add_rule(denied, "fcntl", seccomp.Arg(1, seccomp.MASKED_EQ, low, command))
    with os.fdopen(os.memfd_create("filter"), "w+b") as file:
        made.export_bpf(file)
        file.seek(0)
        code = file.read()
    return number_of("seccomp"), _Program(len(code) // 8, code)


def _filter_calls() -> str:
    number, program = _prepared("seccomp")
    flags = SECCOMP_FILTER_FLAG_SPEC_ALLOW
    _check(_prepared("libc").syscall(number, SECCOMP_SET_MODE_FILTER, flags, ctypes.byref(program)))
    return f"{len(DENIED)} system calls denied"
