"""Which kernel a candidate has to beat."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from workbench import git, ledger, record
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


def head(target: Target, source: str | None = None) -> str:
    """Short commit of the checkout, with ``+`` when the kernel's source differs from it."""
    if source is None:
        source = target.kernels_path.read_bytes().decode("utf-8", "replace")
    commit = git.ask(target.root, "rev-parse", "--short=12", "HEAD") or "none"
    committed = git.file_at(target.root, "HEAD", _relative(target))
    return commit.strip() + ("" if committed == source else "+")


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
        one the kernel at the merge base with the default branch, or upstream's algorithm where
        that commit has no such kernel.

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
        found = _at_commit(target, override, "commit")
        if found is None:
            raise Usage(
                f"no {_relative(target)} at {override!r}: --incumbent takes 'upstream' or a "
                "commit that has it"
            )
        return found
    rows = ledger.read_any(ledger.path(target.folder, focus))
    best = ledger.best(rows, host_class)
    if best is not None:
        return of_row(target, best)
    base = merge_base(target.root)
    found = _at_commit(target, base, "merge-base") if base else None
    return found or upstream(target)


def upstream(target: Target) -> Incumbent:
    """The algorithm upstream ships."""
    source = (target.folder / "upstream.py").read_bytes().decode("utf-8")
    return Incumbent(source, IncumbentRef("upstream", None, sha256(source)))


def merge_base(root: Path) -> str | None:
    """Commit where the checkout left the default branch, if git knows one."""
    for branch in DEFAULT_BRANCHES:
        found = git.ask(root, "merge-base", "HEAD", branch)
        if found:
            return found.strip()
    return None


def _relative(target: Target) -> str:
    return target.kernels_path.relative_to(target.root).as_posix()


def _at_commit(target: Target, name: str, origin: str) -> Incumbent | None:
    """The kernel at a commit, or None if there is no such commit or it has no such kernel."""
    commit = git.commit_of(target.root, name)
    source = git.file_at(target.root, commit, _relative(target)) if commit else None
    if commit is None or source is None:
        return None
    return Incumbent(source, IncumbentRef(origin, commit[:12], sha256(source)))


def of_row(target: Target, row: ledger.AnyRow) -> Incumbent:
    """The kernel a ledger row speaks of: from its record, else from its commit."""
    ref = IncumbentRef(row.status, row.commit, row.kernel_sha256)
    trials = record.folder(target.root, "")
    for path in sorted(trials.glob(f"*-{target.name}-{row.kernel_sha256[:8]}/kernels.py")):
        raw = path.read_bytes()
        if hashlib.sha256(raw).hexdigest() == row.kernel_sha256:
            return Incumbent(raw.decode("utf-8"), ref)
    committed = git.file_at(target.root, row.commit.rstrip("+"), _relative(target))
    if committed is not None and sha256(committed) == row.kernel_sha256:
        return Incumbent(committed, ref)
    raise Infrastructure(
        f"the {row.status} of {row.timestamp} (kernel {row.kernel_sha256[:8]}) is in no record "
        "and no commit: name another with --incumbent upstream|COMMIT, or measure a new "
        f"baseline with `workbench init {target.name} --rebaseline`"
    )
