"""Whether research on a target can begin: each thing that would stop it, and what mends it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from workbench import calibration, git, ledger, overview, policy, snapshots, targets
from workbench.errors import Refused, WorkbenchError
from workbench.incumbent import DEFAULT_BRANCHES
from workbench.research import claimed, claims, guard, researcher, worktree
from workbench.setting import guardrails, require_answers
from workbench.targets import Target

Status = Literal["OK", "WARN", "FAIL"]


@dataclass(frozen=True)
class Line:
    """One thing looked at.

    Attributes
    ----------
    name : str
        What.
    status : str
        ``OK``, ``WARN`` (research can go on) or ``FAIL``.
    detail : str
        What was found.
    mend : str
        The command that mends it; empty where there is nothing to mend.
    """

    name: str
    status: Status
    detail: str
    mend: str = ""


def examine(name: str, lane: str, focus: str, root: Path | None = None) -> list[Line]:
    """Look at everything, one line each; a check that fails does not stop the others.

    Raises
    ------
    Usage, Infrastructure
        If there is no such target, or its folder cannot be read at all.
    """
    target = targets.load(name, root)
    found = []
    for what, check in CHECKS.items():
        try:
            found += [Line(what, *line) for line in check(target, lane, focus)]
        except WorkbenchError as error:
            found.append(Line(what, "FAIL", str(error)))
    return found


Found = Iterator[tuple[Status, str, str]]


def _branch(target: Target, lane: str, focus: str) -> Found:
    branch = researcher.branch_of(target.root)
    defaults = {name.rpartition("/")[2] for name in DEFAULT_BRANCHES}
    if branch in defaults:
        mend = f"git switch -c {target.name}-{lane}"
        yield "WARN", f"{branch} is the default branch: one branch a researcher", mend
    else:
        yield "OK", branch, ""


def _tree(target: Target, lane: str, focus: str) -> Found:
    dirt = worktree.dirt(target.root)
    if dirt:
        yield (
            "FAIL",
            f"{len(dirt)} files differ from the commit: {', '.join(dirt[:3])}",
            "git stash -u",
        )
    else:
        yield "OK", "clean", ""


def _judge(target: Target, lane: str, focus: str) -> Found:
    policy.verify_committed(target.root, target.folder)
    yield "OK", "as committed", ""


def _ledger(target: Target, lane: str, focus: str) -> Found:
    path = ledger.path(target.folder, focus)
    rows = ledger.read_table(path)
    ledger.check_appendable(path)
    yield "OK", f"{len(rows)} rows", ""


def _snapshots(target: Target, lane: str, focus: str) -> Found:
    name = target.spec.get("snapshot", "")
    if not name:
        yield "OK", "this target has none", ""
        return
    upstream, _, recorded = str(name).partition("/")
    snapshots.load(upstream, recorded, target.root)
    yield "OK", str(name), ""


def _host(target: Target, lane: str, focus: str) -> Found:
    here = overview.host_class(target)
    rows = ledger.read_table(ledger.path(target.folder, "performance"))
    mend = f"workbench init {target.name}"
    if not any(row["status"] == "baseline" and row["host_class"] == here for row in rows):
        yield "FAIL", "no baseline on this host class", mend
    elif calibration.load(target, here).processes == 0:
        yield "WARN", "not calibrated: intervals are wide", f"{mend} --rebaseline"
    else:
        yield "OK", f"calibrated, host class {here}", ""


def _claim(target: Target, lane: str, focus: str) -> Found:
    if not claimed.wanted(target.root):
        yield "OK", "not asked for ([tool.workbench] claims)", ""
        return
    mend = f"workbench claim open --lane {lane} --surface {target.name} --hypothesis TEXT"
    try:
        claims.require(target.root, target.name)
    except Refused as error:
        yield "FAIL", str(error), mend
        return
    held = claims.mine(target.root).claim
    if held is not None and held.lane != lane:
        yield "WARN", f"you hold {held.name}", f"workbench claim retarget --lane {lane}"
    else:
        yield "OK", held.name if held else "", ""


def _guardrails(target: Target, lane: str, focus: str) -> Found:
    require_answers(target)
    limits = guardrails(target)
    yield (
        "OK",
        f"{limits.max_allocations:g} allocations, {limits.max_peak_rss_mb:g} MB, worst combo "
        f"{limits.worst_ratio:g}, {limits.budget_seconds:g} s",
        "",
    )
    here, known = overview.host_class(target), guard.read(target.folder / guard.FILE)
    if here not in known:
        finding = guard.no_baseline(target.name, here, known, overview.judge_sha256(target))
        what, _, mend = finding.lines[0].partition(": ")
        yield "WARN", what, mend


def _git(target: Target, lane: str, focus: str) -> Found:
    who = researcher.owner(target.root)
    yield "OK", f"{who} at {(git.commit_of(target.root, 'HEAD') or 'no commit')[:12]}", ""


CHECKS: dict[str, Callable[[Target, str, str], Found]] = {
    "researcher": _git,
    "branch": _branch,
    "tree": _tree,
    "judge": _judge,
    "ledger": _ledger,
    "snapshots": _snapshots,
    "host": _host,
    "claim": _claim,
    "guardrails": _guardrails,
}
