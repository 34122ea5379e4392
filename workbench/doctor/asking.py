"""How checks ask: programs, installed distributions, small files."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import subprocess
from pathlib import Path

# For CI and thin clients: a check that takes longer than this is itself a finding.
CHILD_SECONDS = 20


def run(
    command: list[str], environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, whatever it answers."""
    return subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=CHILD_SECONDS,
        check=False,
    )


def version(distribution: str) -> str | None:
    """Version of an installed distribution."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def pinned(distribution: str) -> str | None:
    """Version that this package asks for exactly, in any of its extras."""
    try:
        requirements = importlib.metadata.requires("workbench") or []
    except importlib.metadata.PackageNotFoundError:
        requirements = []
    for requirement in requirements:
        exact = re.match(rf"{re.escape(distribution)}\s*==\s*([\w.]+)", requirement)
        if exact:
            return exact[1]
    return None


def text(path: Path) -> str:
    """What a file of the system says; nothing if it is not there."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""
