"""One experiment end to end: policy, correctness, timing, verdict, record, ledger row."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

from workbench import (
    calibration,
    comparison,
    gate,
    judge,
    ledger,
    locks,
    policy,
    record,
    scoring,
    stats,
)
from workbench import outcome as outcomes
from workbench import targets as target_folders
from workbench.child import CandidateFailure
from workbench.errors import Refused
from workbench.gate import Verdict
from workbench.outcome import Outcome
from workbench.record import Failure, TrialRecord
from workbench.setting import Options, Setting, settle


def run(
    name: str,
    options: Options | None = None,
    *,
    root: Path | None = None,
    progress: judge.Progress = judge.ignore_progress,
) -> TrialRecord:
    """Judge ``targets/<name>/kernels.py`` and remember the verdict.

    Parameters
    ----------
    name : str
        The target.
    options : Options, optional
        Mode, description and the rest.
    root : Path, optional
        The project; found from the working directory otherwise.
    progress : callable, optional
        ``progress(phase, done, total)`` as the trial goes on.

    Returns
    -------
    TrialRecord
        Also on disk in ``reports/trials/<id>/``, with a row in the target's ledger.

    Raises
    ------
    Usage, Refused, Infrastructure
        If nothing could be judged; no row is written then, except for a policy refusal, which
        is a verdict of its own.
    """
    options = options or Options()
    target = target_folders.load(name, root)
    with locks.exclusive(target):
        setting = settle(target, options)
        outcome = judge_candidate(setting, progress)
        if policy.judge_files(target.root, target.folder) != setting.files:
            raise Refused("a file of the judge changed during the trial: nothing was recorded")
        done = outcomes.compose(setting, outcome)
        with locks.uninterrupted():
            # The row is last: a trial killed in here leaves no row without its record, and no
            # baseline without its calibration.
            record.write(target.root, done, setting.source, outcome.blocks)
            if done.status == "baseline" and outcome.crossovers:
                calibration.save(target, done.host_class, stats.calibrate(outcome.crossovers))
            ledger.append(ledger.path(target.folder, options.focus), outcomes.row_of(done))
    return done


def judge_candidate(setting: Setting, progress: judge.Progress) -> Outcome:
    """Policy, correctness, timing: the first that fails ends the trial."""
    begin = time.monotonic()
    try:
        policy.check_source(setting.source, setting.target.surface)
    except policy.UnreadableKernel as error:
        verdict = Verdict("crash", "policy", gate.EXIT_INCORRECT, str(error))
        return Outcome(verdict, time.monotonic() - begin, failure=Failure("policy", str(error)))
    except policy.PolicyViolation as error:
        verdict = Verdict("discard", "policy", gate.EXIT_REFUSED, str(error))
        return Outcome(verdict, time.monotonic() - begin, failure=Failure("policy", str(error)))
    phase = "correctness"

    def note(name: str, done: int, total: int) -> None:
        nonlocal phase
        phase = name
        progress(name, done, total)

    budget = budget_seconds(setting)
    with judge.bench(setting.target, note, budget_seconds=budget) as (bench, servers):
        begin = time.monotonic()  # waiting for others is nobody's fault
        try:
            if setting.options.focus == "performance":
                outcome = comparison.compare(setting, bench, servers)
            else:
                outcome = scoring.compare(setting, bench, servers)
        except judge.Incorrect as error:
            outcome = outcomes.incorrect(error)
        except CandidateFailure as error:
            outcome = outcomes.crashed(error, phase)
        return dataclasses.replace(outcome, seconds=time.monotonic() - begin)


def budget_seconds(setting: Setting) -> float:
    """How long a trial may take.

    A baseline measures three times as many pairs; screen and confirmation both have patience.
    """
    factor = 3 if setting.options.mode == "baseline" else 1
    return factor * setting.guardrails.budget_seconds + 2 * setting.options.patience_seconds
