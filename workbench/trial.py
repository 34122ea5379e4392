"""One experiment end to end: policy, correctness, timing, verdict, record, ledger row."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workbench import (
    builds,
    calibration,
    gate,
    host,
    incumbent,
    judge,
    ledger,
    locks,
    oracles,
    policy,
    record,
    stats,
)
from workbench import targets as target_folders
from workbench.child import CandidateFailure, ForkServer, Watchdog
from workbench.errors import Refused
from workbench.gate import Footprint, Verdict
from workbench.lane import plan
from workbench.record import Failure, TrialRecord
from workbench.setting import Options, Setting, settle
from workbench.stats import Blocks, Estimate

# A baseline is the incumbent's own A/A: three times a trial's pairs, from which the machine's
# sigma is estimated.
BASELINE_PROCESSES = 3 * stats.MAX_PROCESSES


def ignore_progress(phase: str, done: int, total: int) -> None:
    """Progress for nobody."""


@dataclass(frozen=True)
class Outcome:
    """What was found out, as far as the trial came."""

    verdict: Verdict
    agreement: oracles.Agreement | None = None
    estimate: Estimate | None = None
    footprint: Footprint | None = None
    failure: Failure | None = None
    blocks: tuple[Blocks, ...] = ()
    replicas: tuple[stats.Replica, ...] = ()
    timed_share: float | None = None
    warnings: tuple[str, ...] = ()


def run(
    name: str,
    options: Options | None = None,
    *,
    root: Path | None = None,
    progress: judge.Progress = ignore_progress,
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
    begin = time.monotonic()
    options = options or Options()
    target = target_folders.load(name, root)
    with locks.exclusive(target):
        setting = settle(target, options)
        outcome = judge_candidate(setting, progress, begin)
        if policy.judge_files(target.root, target.folder) != setting.files:
            raise Refused("a file of the judge changed during the trial: nothing was recorded")
        done = compose(setting, outcome, time.monotonic() - begin)
        record.write(target.root, done, setting.source, outcome.blocks)
        if done.status == "baseline":
            calibration.save(target, done.host_class, stats.calibrate(outcome.replicas))
        ledger.append(ledger.path(target.folder, options.focus), row_of(done))
    return done


def judge_candidate(setting: Setting, progress: judge.Progress, begin: float) -> Outcome:
    """Policy, correctness, timing: the first that fails ends the trial."""
    try:
        policy.check_source(setting.source, setting.target.surface)
    except policy.UnreadableKernel as error:
        verdict = Verdict("crash", "policy", gate.EXIT_INCORRECT, str(error))
        return Outcome(verdict, failure=Failure("policy", str(error)))
    except policy.PolicyViolation as error:
        verdict = Verdict("discard", "policy", gate.EXIT_REFUSED, str(error))
        return Outcome(verdict, failure=Failure("policy", str(error)))
    phase = "correctness"

    def note(name: str, done: int, total: int) -> None:
        nonlocal phase
        phase = name
        progress(name, done, total)

    def waiting() -> None:
        progress("waiting for the timing core", 0, 0)

    core = max(os.sched_getaffinity(0))
    with locks.timing_core(core, waiting), contextlib.ExitStack() as stack:
        server = ForkServer()
        stack.callback(server.close)
        watchdog = Watchdog(min(judge.ANSWER_SECONDS, setting.guardrails.budget_seconds))
        stack.callback(watchdog.close)
        bench = judge.Bench(server, watchdog, setting.target, core, note)
        try:
            return race(setting, bench, begin)
        except judge.Incorrect as error:
            verdict = Verdict("discard", "incorrect", gate.EXIT_INCORRECT, str(error))
            wrong = error.mismatch
            failure = Failure(
                case=error.case,
                message=wrong.why,
                output=wrong.output,
                index=wrong.index,
                got=wrong.got,
                want=wrong.want,
                allowed=wrong.allowed,
            )
            return Outcome(verdict, failure=failure)
        except CandidateFailure as error:
            over = error.reason == "over-budget"
            code = gate.EXIT_OVER_BUDGET if over else gate.EXIT_INCORRECT
            first = str(error).strip().splitlines()[0]
            verdict = Verdict("crash", error.reason, code, f"the candidate failed: {first}")
            failure = Failure(phase, str(error), untrusted_output=error.output)
            return Outcome(verdict, failure=failure)


def race(setting: Setting, bench: judge.Bench, begin: float) -> Outcome:
    """Correctness, then pairs of fresh processes until the verdict is settled."""
    target, options = setting.target, setting.options
    battery_seed, load_seed, *seeds = np.random.SeedSequence(setting.seed).spawn(
        2 + BASELINE_PROCESSES
    )
    sources = (setting.source, setting.rival.source, incumbent.upstream(target).source)
    files = [builds.stage(target.root, setting.host_class.id, source) for source in sources]
    agreement = judge.check(bench, files[0], np.random.default_rng(battery_seed))
    layout = plan(target.inputs.workloads(np.random.default_rng(load_seed)))
    names = [(w.shape, w.distribution) for w in layout.workloads]
    wanted = BASELINE_PROCESSES if options.mode == "baseline" else stats.MAX_PROCESSES
    measured: list[judge.Replica] = []
    summaries: list[stats.Replica] = []
    batches: list[int] | None = None
    while len(measured) < wanted:
        bench.progress("timing", len(measured), wanted)
        within_budget(setting, begin)
        replica, batches = judge.measure(
            bench,
            (files[0], files[1], files[2]),
            layout,
            np.random.default_rng(seeds[len(measured)]),
            len(measured),
            batches,
        )
        measured.append(replica)
        summaries.append(stats.summarise(replica.blocks, len(names)))
        estimate = stats.estimate(summaries, names, setting.calibration)
        if options.mode == "trial" and gate.settled(estimate, setting.calibration):
            break
    bench.progress("timing", wanted, wanted)
    first = measured[0].footprint
    assert first is not None
    footprint = dataclasses.replace(first, peak_rss_mb=max(r.peak_rss_mb for r in measured))
    sizes = (policy.syntax_size(setting.source), policy.syntax_size(setting.rival.source))
    verdict = gate.decide(
        agreement, estimate, footprint, setting.guardrails, setting.calibration, sizes
    )
    if options.mode == "baseline":
        verdict = baseline_verdict(verdict, estimate)
    return Outcome(
        verdict,
        agreement,
        estimate,
        footprint,
        blocks=tuple(r.blocks for r in measured),
        replicas=tuple(summaries),
        timed_share=float(np.mean([r.timed_share for r in measured])),
        warnings=warnings_of(setting, bench, estimate),
    )


def baseline_verdict(verdict: Verdict, estimate: Estimate) -> Verdict:
    """A baseline stands whatever its ratio to itself, unless a guardrail is broken."""
    if verdict.reason in ("allocates", "over-memory", "infra"):
        return verdict
    sentence = (
        f"{estimate.geomean_ns:,.0f} ns a request (geometric mean), "
        f"{estimate.ratio_vs_upstream:.4f} x upstream"
    )
    return Verdict("baseline", "baseline", gate.EXIT_KEEP, sentence)


def within_budget(setting: Setting, begin: float) -> None:
    """End a trial that takes longer than the target allows."""
    factor = 3 if setting.options.mode == "baseline" else 1
    budget = factor * setting.guardrails.budget_seconds
    if time.monotonic() - begin > budget:
        raise CandidateFailure("over-budget", f"the trial took more than {budget:g} s")


def warnings_of(setting: Setting, bench: judge.Bench, estimate: Estimate) -> tuple[str, ...]:
    """Doubts that do not change the verdict, each with advice."""
    found = []
    if setting.calibration.processes == 0 and setting.options.mode != "baseline":
        found.append(
            "this machine is not calibrated, so the interval is wider than it need be: "
            f"run `workbench init {setting.target.name}`"
        )
    if abs(estimate.clock_gap) > 0.005:
        found.append(
            f"the children's own clocks differ from the judge's by {estimate.clock_gap:+.2%}"
        )
    if not bench.server.fixed_addresses:
        found.append("address randomisation could not be switched off: expect more noise")
    return tuple(found)


def compose(setting: Setting, outcome: Outcome, seconds: float) -> TrialRecord:
    """Gather everything into one record."""
    now = datetime.datetime.now(datetime.UTC)
    kernel_sha256 = incumbent.sha256(setting.source)
    estimate, footprint, agreement = outcome.estimate, outcome.footprint, outcome.agreement
    measured_on = setting.calibration
    figures: dict[str, Any] = {}
    if estimate is not None and footprint is not None and agreement is not None:
        worst = estimate.worst
        if setting.options.mode == "baseline":
            measured_on = stats.calibrate(outcome.replicas)
        figures = {
            "ratio": estimate.ratio,
            "ci_low": estimate.ci_low,
            "ci_high": estimate.ci_high,
            "ratio_vs_upstream": estimate.ratio_vs_upstream,
            "ci_low_vs_upstream": estimate.ci_low_vs_upstream,
            "ci_high_vs_upstream": estimate.ci_high_vs_upstream,
            "worst_ratio": worst.ratio,
            "worst_combo": f"{worst.shape}/{worst.distribution}",
            "geomean_ns": estimate.geomean_ns,
            "processes": estimate.processes,
            "d_median": estimate.d_median,
            "d_min": estimate.d_min,
            "clock_gap": estimate.clock_gap,
            "combos": estimate.combos,
            "timed_share": outcome.timed_share,
            **dataclasses.asdict(footprint),
            "max_abs_err": agreement.max_abs_err,
            "bit_identical": agreement.bitwise,
            "syntax_nodes": policy.syntax_size(setting.source),
        }
    stamp = now.strftime("%Y%m%dT%H%M%S%fZ")
    return TrialRecord(
        id=f"{stamp}-{setting.target.name}-{kernel_sha256[:8]}",
        timestamp=now.isoformat(timespec="seconds"),
        target=setting.target.name,
        mode=setting.options.mode,
        focus=setting.options.focus,
        description=" ".join(setting.options.description.split()),
        status=outcome.verdict.status,
        reason=outcome.verdict.reason,
        exit_code=outcome.verdict.exit_code,
        sentence=f"{outcome.verdict.status} ({outcome.verdict.reason}): {outcome.verdict.sentence}",
        commit=incumbent.head(setting.target),
        kernel_sha256=kernel_sha256,
        incumbent=setting.rival.ref,
        judge_sha256=setting.judge_sha256,
        judge_files=setting.files,
        host_class=setting.host_class.id,
        host=dataclasses.asdict(setting.host_class),
        versions=host.versions(),
        seed=setting.seed,
        calibration=measured_on,
        seconds=seconds,
        failure=outcome.failure,
        warnings=outcome.warnings,
        **figures,
    )


def row_of(done: TrialRecord) -> ledger.Row:
    """The ledger's view of a record: the columns it shares with it."""
    names = [f.name for f in dataclasses.fields(ledger.Row)]
    return ledger.Row(**{name: getattr(done, name) for name in names})
