"""Where a kernel's compiled form is cached."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from pathlib import Path

from workbench import runner

KEPT_BUILDS = 64


def stage(root: Path, host_class: str, source: str) -> Path:
    """Put a kernel into a folder of its own, keyed by all that can change its compiled form.

    numba's own cache key knows neither the judge nor the LLVM options. The oldest builds beyond
    `KEPT_BUILDS` go.
    """
    parts = (source, host_class, runner.ALIGNMENT_OPTION)
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
    builds = root / ".workbench" / "builds"
    path = builds / key / "kernels.py"
    if not path.is_file() or path.read_bytes() != source.encode():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".partial")
        draft.write_bytes(source.encode())
        draft.rename(path)
    # A build in use is the youngest, and the oldest go. Youngest whatever the clock says: on one
    # that was set back, a build just staged was the oldest, and went before it was used.
    youngest_ns = max(folder.stat().st_mtime_ns for folder in builds.iterdir())
    used_ns = max(time.time_ns(), youngest_ns + 1)
    os.utime(path.parent, ns=(used_ns, used_ns))
    for folder in sorted(builds.iterdir(), key=lambda p: p.stat().st_mtime_ns)[:-KEPT_BUILDS]:
        shutil.rmtree(folder, ignore_errors=True)
    return path
