"""A race of the explorer: a trial judged as any other, written down when a person says so."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench import incumbent, judge, ledger, locks, policy, record, targets, trial
from workbench import outcome as outcomes
from workbench.errors import Refused
from workbench.explore import watching
from workbench.explore.request import Request
from workbench.explore.standing import Standing
from workbench.files import write_whole
from workbench.outcome import Outcome
from workbench.record import TrialRecord
from workbench.research import claimed, guarding
from workbench.setting import Options, Setting, settle
from workbench.targets import Target


@dataclass(frozen=True)
class Judged:
    """A trial whose verdict has fallen; nothing of it is on disk yet."""

    request: Request
    setting: Setting
    outcome: Outcome
    record: TrialRecord
    doubts: tuple[str, ...]


def race(request: Request, progress: judge.Progress, hear: Callable[[Standing], None]) -> Judged:
    """Judge a kernel as ``workbench trial`` does; writes nothing.

    Raises
    ------
    Usage, Refused, Infrastructure
        As `claimed.run`.
    """
    root = Path(request.root)
    claimed.require(root, request.target)
    limits = guarding.limits(request.target, root)
    target = targets.load(request.target, root)
    with locks.exclusive(target):
        setting = _setting(target, request)
        with watching.watched(setting, hear):
            outcome = trial.judge_candidate(setting, progress)
        _same_judge(target, setting)
    done = outcomes.compose(setting, outcome)
    return Judged(request, setting, outcome, done, tuple(guarding.doubts(done, limits)))


def keep(judged: Judged) -> str:
    """Write the record and the ledger row, as `trial.run` does; says what was done.

    Raises
    ------
    Refused
        If the judge, the rival or the count of confirmations is no longer what the verdict
        rests on.
    Infrastructure
        If it cannot be written.
    """
    setting, done = judged.setting, judged.record
    target = setting.target
    with locks.exclusive(target):
        now = _setting(target, judged.request)
        _same_judge(target, setting)
        if (now.rival, now.confirmations) != (setting.rival, setting.confirmations):
            raise Refused(
                f"another trial of {target.name} was kept or confirmed since this race: its "
                "verdict no longer holds, race again"
            )
        with locks.uninterrupted():
            record.write(target.root, done, setting.source, judged.outcome.blocks)
            ledger.append(ledger.path(target.folder, setting.options.focus), outcomes.row_of(done))
    return f"kept as reports/trials/{done.id}{_save(target, judged)}"


def _setting(target: Target, request: Request) -> Setting:
    """Settle a trial of the text that was handed over; of the file if there was none."""
    setting = settle(target, Options(description=request.description))
    changes: dict[str, Any] = {"confirmations": setting.confirmations + request.unwritten}
    if request.source is not None:
        changes |= {
            "source": request.source,
            "commit": incumbent.head(target, request.source),
        }
    return dataclasses.replace(setting, **changes)


def _same_judge(target: Target, setting: Setting) -> None:
    if policy.judge_files(target.root, target.folder) != setting.files:
        raise Refused("a file of the judge changed since the trial began: nothing was recorded")


def _save(target: Target, judged: Judged) -> str:
    """Put a kernel that won into kernels.py, so that the next idea starts from it."""
    request, path = judged.request, target.kernels_path
    if request.source is None or judged.record.status != "keep":
        return ""
    if incumbent.sha256(path.read_bytes().decode("utf-8", "replace")) != request.file_sha256:
        return "; kernels.py has changed meanwhile and was left alone"
    write_whole(path, request.source.encode())
    return "; kernels.py now holds this kernel"
