"""The upstreams that are installed, git, and the project itself."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator

from workbench.doctor import asking
from workbench.doctor.finding import Finding
from workbench.errors import WorkbenchError
from workbench.targets import find_root


def upstreams() -> Iterator[Finding]:
    """The pinned upstreams, and the peers."""
    for distribution, purpose in (("pylance", "the real Lance"), ("faiss-cpu", "a peer")):
        has, wanted = asking.version(distribution), asking.pinned(distribution)
        install = f"pip install {distribution}" + (f"=={wanted}" if wanted else "")
        if has is None:
            detail = f"not installed ({purpose}; snapshots and figures of it cannot be renewed)"
            yield Finding(distribution, "missing", detail, install)
        elif wanted is not None and has != wanted:
            detail = f"{has}, where {wanted} is pinned: its snapshots may drift"
            yield Finding(distribution, "warn", detail, install)
        else:
            yield Finding(distribution, "ok", f"{has}{', as pinned' if wanted else ''}")


def checkout() -> Iterator[Finding]:
    """Git, and a project that can be written."""
    try:
        answer = asking.run(["git", "--version"])
        yield Finding("git", "ok", answer.stdout.strip().removeprefix("git version "))
    except OSError:
        detail = "not found: no trial can prove that its judge is the committed one"
        yield Finding("git", "missing", detail, "install git")
    try:
        reports = find_root() / "reports"
    except WorkbenchError as error:
        yield Finding("project", "missing", str(error), "git clone the workbench and cd into it")
        return
    try:
        with tempfile.TemporaryFile(dir=reports):
            pass
    except OSError as error:
        detail = f"reports/ cannot be written: {error.strerror}"
        yield Finding("reports", "missing", detail, "mkdir -p reports; chmod u+w reports")
    else:
        yield Finding("reports", "ok", "reports/ can be written")
