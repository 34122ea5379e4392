"""Which kernel a candidate has to beat."""

from __future__ import annotations

import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path

from workbench import ledger, record
from workbench.errors import Infrastructure, Usage
from workbench.record import IncumbentRef
from workbench.targets import Target

DEFAULT_BRANCHES = ("origin/HEAD", "origin/main", "origin/master", "main", "master")


@dataclass(frozen=True)
class Incumbent:
    """A kernel's source and where it came from."""

    source: str
    ref: IncumbentRef


def sha256(source: str) -> str:
    """Digest of a kernel's source."""
    return hashlib.sha256(source.encode()).hexdigest()


def git(root: Path, *arguments: str) -> str | None:
    """Output of a git command, or None if it failed."""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, check=True, text=True
        )
    except (OSError, subprocess.CalledProcessError, UnicodeDecodeError):
        return None
    return done.stdout


def head(target: Target) -> str:
    """Short commit of the checkout, with ``+`` when kernels.py differs from it."""
    commit = (git(target.root, "rev-parse", "--short=12", "HEAD") or "none").strip()
    relative = target.kernels_path.relative_to(target.root).as_posix()
    committed = git(target.root, "show", f"HEAD:{relative}")
    return commit if committed == target.kernels_path.read_text() else f"{commit}+"


def find(target: Target, focus: str, host_class: str, override: str | None) -> Incumbent:
    """Choose the incumbent.

    Parameters
    ----------
    target : Target
        The target.
    focus, host_class : str
        Only rows of this ledger and this host class count.
    override : str or None
        ``upstream`` or a commit; None takes the newest kept row (or the baseline), and without
        one the kernel at the merge base with the default branch.

    Raises
    ------
    Usage
        If ``override`` names no commit that has this kernel.
    Infrastructure
        If the ledger names a kernel that cannot be found any more.
    """
    if override == "upstream":
        return upstream(target)
    if override is not None:
        return _at_commit(target, override, "commit")
    rows = ledger.read(ledger.path(target.folder, focus))
    best = ledger.best(rows, host_class)
    if best is not None:
        return _of_row(target, best)
    base = merge_base(target.root)
    return _at_commit(target, base, "merge-base") if base else upstream(target)


def upstream(target: Target) -> Incumbent:
    """The algorithm upstream ships."""
    source = (target.folder / "upstream.py").read_text()
    return Incumbent(source, IncumbentRef("upstream", None, sha256(source)))


def merge_base(root: Path) -> str | None:
    """Commit where the checkout left the default branch, if git knows one."""
    for branch in DEFAULT_BRANCHES:
        found = git(root, "merge-base", "HEAD", branch)
        if found:
            return found.strip()
    return None


def _at_commit(target: Target, commit: str, origin: str) -> Incumbent:
    relative = target.kernels_path.relative_to(target.root).as_posix()
    source = git(target.root, "show", f"{commit}:{relative}")
    if source is None:
        raise Usage(
            f"no {relative} at {commit!r}: --incumbent takes 'upstream' or a commit that has it"
        )
    return Incumbent(source, IncumbentRef(origin, commit[:12], sha256(source)))


def _of_row(target: Target, row: ledger.Row) -> Incumbent:
    """The kernel a ledger row speaks of: from its record, else from its commit."""
    ref = IncumbentRef(row.status, row.commit, row.kernel_sha256)
    trials = record.folder(target.root, "")
    for path in sorted(trials.glob(f"*-{target.name}-{row.kernel_sha256[:8]}/kernels.py")):
        source = path.read_text()
        if sha256(source) == row.kernel_sha256:
            return Incumbent(source, ref)
    relative = target.kernels_path.relative_to(target.root).as_posix()
    committed = git(target.root, "show", f"{row.commit.rstrip('+')}:{relative}")
    if committed is not None and sha256(committed) == row.kernel_sha256:
        return Incumbent(committed, ref)
    raise Infrastructure(
        f"the {row.status} of {row.timestamp} (kernel {row.kernel_sha256[:8]}) is in no record "
        "and no commit: name another with --incumbent upstream|COMMIT, or measure a new "
        "baseline with --mode baseline --rebaseline"
    )
