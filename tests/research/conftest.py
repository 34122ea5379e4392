"""Real git remotes: a bare folder, and a git daemon that can be stopped and started."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

PYPROJECT = "[tool.workbench]\n"


def git(folder, *arguments):
    done = subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def bare(tmp_path):
    """A bare repository with one commit that is a project of the workbench."""
    first = tmp_path / "first"
    first.mkdir()
    (first / "pyproject.toml").write_text(PYPROJECT)
    git(first, "init", "--quiet", "--initial-branch=main")
    git(first, "config", "user.name", "first")
    git(first, "config", "user.email", "first@localhost")
    git(first, "add", ".")
    git(first, "commit", "--quiet", "-m", "begin")
    git(tmp_path, "clone", "--quiet", "--bare", str(first), "remote.git")
    return tmp_path / "remote.git"


@pytest.fixture
def clone_of(tmp_path):
    """Clone a remote under a researcher's name, on a branch of theirs."""

    def clone(remote, name):
        folder = tmp_path / name
        git(tmp_path, "clone", "--quiet", str(remote), name)
        git(folder, "config", "user.name", name)
        git(folder, "config", "user.email", f"{name}@localhost")
        git(folder, "switch", "--quiet", "-c", f"{name}-work")
        return folder

    return clone


class Daemon:
    """``git daemon`` on a port of its own, which can be killed and started again."""

    def __init__(self, folder: Path):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.folder = folder
        self.process = None

    def start(self):
        command = ["git", "daemon", "--reuseaddr", "--listen=127.0.0.1", f"--port={self.port}"]
        command += ["--export-all", "--enable=receive-pack", f"--base-path={self.folder}"]
        self.process = subprocess.Popen(
            [*command, str(self.folder)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            time.sleep(0.02)

    def kill(self):
        """End the server and all it serves: `git daemon` is a process that waits for another."""
        below = descendants(self.process.pid)
        self.process.kill()
        self.process.wait()
        for pid in below:  # not SIGKILL: git would leave locks
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        with contextlib.suppress(OSError):
            while True:  # until nobody listens
                socket.create_connection(("127.0.0.1", self.port)).close()
                time.sleep(0.01)

    def url(self, name):
        return f"git://127.0.0.1:{self.port}/{name}"


def descendants(pid):
    """Processes that a process started, and that those started."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [int(child) for child in children] + [
        grandchild for child in children for grandchild in descendants(int(child))
    ]


@pytest.fixture
def daemon(bare):
    made = Daemon(bare.parent)
    made.start()
    yield made
    made.kill()
