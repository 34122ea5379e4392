"""The real ffmpeg: which one, and one run of it under limits, without a shell."""

from __future__ import annotations

import functools
import hashlib
import math
import os
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from workbench.errors import Infrastructure

# Media are untrusted. Nothing here needs the network, playlists or other protocols.
PROTOCOLS = "file,pipe"
MEMORY_BYTES = 8 << 30
# A raw clip of a minute in 4K is 20 GB; nothing here writes a tenth of that.
FILE_BYTES = 2 << 30
TIMEOUT_S = 600.0
# No run takes longer: a clock cannot be set to more than it can count.
LONGEST_S = 86_400.0
# Of a log both ends are read, so much of each; a damaged file makes megabytes of it.
LOG_BYTES = 1 << 16
WORDS_LENGTH = 1000
ANSWER_S = 30.0
# Where programs, libraries, temporary files and graphics drivers are.
ENVIRONMENT = (
    *("PATH", "LD_LIBRARY_PATH", "TMPDIR", "HOME"),
    *("LIBVA_DRIVER_NAME", "LIBVA_DRIVERS_PATH", "CUDA_VISIBLE_DEVICES"),
)
_ADDRESS = re.compile(r" @ 0x[0-9a-f]+")
_ERROR = re.compile(r"\[(error|fatal|panic)\]")
_LEVEL = re.compile(r"\[(error|fatal|panic|warning)\] ")
# What ffmpeg says after any failure, of which it tells nothing; and what is no failure.
_AFTERMATH = re.compile(
    r"Error while opening encoder - maybe|Error sending frames to consumers|Task finished with"
    r"|Terminating thread with|Could not open encoder before EOF|Nothing was written into"
    r"|Conversion failed|Svt\[info\]"
)


class Failed(Exception):
    """A run that ended badly; the message is the `gist` of ffmpeg's own words."""


@dataclass(frozen=True)
class Finished:
    """One run.

    Attributes
    ----------
    words : str
        The `gist` of what it wrote on stderr.
    elapsed_ms, cpu_ms : float
        Wall time, and user and system time of all its threads.
    """

    words: str
    elapsed_ms: float
    cpu_ms: float


def executable() -> Path:
    """Path of the ffmpeg in use: imageio-ffmpeg's own, or ``IMAGEIO_FFMPEG_EXE``.

    Raises
    ------
    Infrastructure
        If there is none.
    """
    try:
        import imageio_ffmpeg

        name = imageio_ffmpeg.get_ffmpeg_exe()
    except (ImportError, RuntimeError) as error:
        raise Infrastructure(
            "no ffmpeg here: pip install 'workbench[sweep]', or name one in IMAGEIO_FFMPEG_EXE"
        ) from error
    # It may be a bare name of one in PATH, and runs have folders of their own.
    found = shutil.which(name)
    if found is None:
        raise Infrastructure(f"no ffmpeg at {name}, where IMAGEIO_FFMPEG_EXE says it is")
    return Path(found).absolute()


@functools.cache
def build() -> str:
    """Short hash of the program itself: version numbers do not tell encoder builds apart."""
    with executable().open("rb") as program:
        return hashlib.file_digest(program, "sha256").hexdigest()[:16]


@functools.cache
def version() -> str:
    """What it calls itself."""
    return (_answer("-version").split() + ["unknown"] * 3)[2]


@functools.cache
def filters() -> frozenset[str]:
    """Names of the filters that this build has."""
    listed = _answer("-hide_banner", "-filters")
    return frozenset(line.split()[1] for line in listed.splitlines() if "->" in line)


def _answer(*arguments: str) -> str:
    try:
        return subprocess.run(
            [executable(), *arguments],
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=ANSWER_S,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise Infrastructure(
            f"{executable()} is no ffmpeg that runs here ({error}): unset IMAGEIO_FFMPEG_EXE"
        ) from error


def environment() -> dict[str, str]:
    """What a program that reads media sees of ours: no tokens, no proxies."""
    return {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}


def url(path: Path) -> str:
    """Spell a file so that no name is taken for an option, a protocol or a pattern."""
    return f"file:{path.absolute()}"


def run(
    arguments: Sequence[str],
    *,
    folder: Path | None = None,
    timeout_s: float = TIMEOUT_S,
    memory_bytes: int = MEMORY_BYTES,
) -> Finished:
    """Run ffmpeg once.

    Parameters
    ----------
    arguments : sequence of str
        After the program's name and the options that every run has.
    folder : Path, optional
        Working directory, where relative names of outputs and logs go.
    timeout_s, memory_bytes : float, int
        It is stopped beyond these.

    Raises
    ------
    Failed
        With ffmpeg's own words, or which limit it hit.
    """
    command = [str(executable()), "-hide_banner", "-nostdin", "-nostats", "-y"]
    command += ["-loglevel", "level+warning"]
    begin = time.monotonic()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [*command, *arguments],
            cwd=folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # Out of reach of a terminal's Ctrl-C: a cell that is interrupted has not failed.
            process_group=0,
        )
        is_late = threading.Event()

        def stop() -> None:
            is_late.set()
            # Not Popen.kill, which would first reap a process that has just ended.
            os.kill(process.pid, signal.SIGKILL)

        clock = threading.Timer(min(timeout_s, LONGEST_S), stop)
        clock.daemon = True  # whoever is ended meanwhile does not wait for it
        try:
            # Set from outside: a function between fork and exec may hang where there are threads.
            # The last of them ends a run whose parent was killed and stops no clock any more.
            cpu_s = math.ceil(min(timeout_s, LONGEST_S)) + 1
            for kind, most in (
                (resource.RLIMIT_AS, memory_bytes),
                (resource.RLIMIT_FSIZE, FILE_BYTES),
                (resource.RLIMIT_CPU, cpu_s),
            ):
                resource.prlimit(process.pid, kind, (most, most))
            clock.start()
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        except BaseException:
            process.kill()
            process.wait()
            raise
        finally:
            clock.cancel()
        elapsed_ms = 1e3 * (time.monotonic() - begin)
        said = gist(_both_ends(log))
    if is_late.is_set():
        raise Failed(f"stopped after {timeout_s:g} s. {said}".strip())
    if process.returncode < 0:
        name = signal.Signals(-process.returncode).name
        limit = f"its limit is {memory_bytes >> 20:,} MiB of memory"
        raise Failed(f"it died of {name}; {limit}. {said}".strip())
    if process.returncode > 0:
        raise Failed(said or f"exit code {process.returncode}, and no words")
    return Finished(said, elapsed_ms, 1e3 * (used.ru_utime + used.ru_stime))


def gist(log: str) -> str:
    r"""What matters of a log: errors before warnings, each once, the first first.

    Examples
    --------
    >>> gist("[a @ 0x5] [warning] odd\n[a @ 0x5] [error] no\n[error] Conversion failed!")
    '[a] no; [a] odd'
    """
    lines = list(dict.fromkeys(_ADDRESS.sub("", line).strip() for line in log.splitlines()))
    useful = [line for line in lines if line and not _AFTERMATH.search(line)] or lines
    errors_first = sorted(useful, key=lambda line: _ERROR.search(line) is None)
    return "; ".join(_LEVEL.sub("", line) for line in errors_first)[:WORDS_LENGTH]


def _both_ends(log: IO[bytes]) -> str:
    size = log.seek(0, os.SEEK_END)
    log.seek(0)
    text = log.read(LOG_BYTES)
    if size > LOG_BYTES:
        log.seek(max(LOG_BYTES, size - LOG_BYTES))
        text += b"\n" + log.read()
    return text.decode(errors="replace")
