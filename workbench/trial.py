"""One experiment end to end: policy, correctness, timing, verdict, record, ledger row."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from pathlib import Path

import numpy as np

from workbench import (
    builds,
    calibration,
    contest,
    gate,
    incumbent,
    judge,
    ledger,
    locks,
    policy,
    record,
    stats,
)
from workbench import outcome as outcomes
from workbench import targets as target_folders
from workbench.child import CandidateFailure, Watchdog
from workbench.errors import Refused
from workbench.forkserver import Servers
from workbench.gate import Verdict
from workbench.lane import plan
from workbench.outcome import Outcome
from workbench.record import Failure, TrialRecord
from workbench.setting import Options, Setting, settle
from workbench.stats import Estimate

# A baseline is the incumbent's own A/A: three times a trial's pairs, from which the machine's
# sigma is estimated.
BASELINE_PROCESSES = 3 * stats.MAX_PROCESSES


def ignore_progress(phase: str, done: int, total: int) -> None:
    """Progress for nobody."""


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
    options = options or Options()
    target = target_folders.load(name, root)
    with locks.exclusive(target):
        setting = settle(target, options)
        outcome = judge_candidate(setting, progress)
        if policy.judge_files(target.root, target.folder) != setting.files:
            raise Refused("a file of the judge changed during the trial: nothing was recorded")
        done = outcomes.compose(setting, outcome)
        with locks.uninterrupted():
            record.write(target.root, done, setting.source, outcome.blocks)
            ledger.append(ledger.path(target.folder, options.focus), outcomes.row_of(done))
            if done.status == "baseline":
                calibration.save(target, done.host_class, stats.calibrate(outcome.replicas))
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

    def waiting() -> None:
        progress("waiting for the timing core", 0, 0)

    core = max(os.sched_getaffinity(0))
    with locks.timing_core(core, waiting), contextlib.ExitStack() as stack:
        begin = time.monotonic()  # waiting for others is nobody's fault
        watchdog = Watchdog(judge.ANSWER_SECONDS, begin + budget_seconds(setting))
        stack.callback(watchdog.close)
        servers = Servers()
        stack.callback(servers.close)
        bench = judge.Bench(servers.next(), watchdog, setting.target, core, note)
        try:
            outcome = compare(setting, bench, servers)
        except judge.Incorrect as error:
            outcome = outcomes.incorrect(error)
        except CandidateFailure as error:
            outcome = outcomes.crashed(error, phase)
        return dataclasses.replace(outcome, seconds=time.monotonic() - begin)


def budget_seconds(setting: Setting) -> float:
    """How long a trial may take; a baseline measures three times as many pairs."""
    factor = 3 if setting.options.mode == "baseline" else 1
    return factor * setting.guardrails.budget_seconds


def compare(setting: Setting, bench: judge.Bench, servers: Servers) -> Outcome:
    """Correctness, then pairs of fresh processes until the verdict is settled."""
    target, options, host_class = setting.target, setting.options, setting.host_class.id
    battery_seed, load_seed, *seeds = np.random.SeedSequence(setting.seed).spawn(
        2 + BASELINE_PROCESSES
    )
    sources = (setting.source, setting.rival.source, incumbent.upstream(target).source)
    candidate, rival, bare = (builds.stage(target.root, host_class, s) for s in sources)
    sizes = (policy.syntax_size(sources[0]), policy.syntax_size(sources[1]))
    agreement = judge.check(bench, candidate, np.random.default_rng(battery_seed))
    layout = plan(target.inputs.workloads(np.random.default_rng(load_seed)))
    names = [(w.shape, w.distribution) for w in layout.workloads]
    wanted = BASELINE_PROCESSES if options.mode == "baseline" else stats.MAX_PROCESSES

    def measure(replica: int, replay: contest.Measured | None = None) -> contest.Measured:
        fresh = dataclasses.replace(bench, server=servers.next())
        rng = np.random.default_rng(seeds[replica])
        batches = measured[0].batches if measured else None
        files = (candidate, rival, bare)
        return contest.measure(fresh, files, layout, rng, replica, batches, replay)

    measured: list[contest.Measured] = []
    summaries: list[stats.Replica] = []
    for replica in range(wanted):
        bench.progress("timing", replica, wanted)
        measured.append(measure(replica))
        summaries.append(stats.summarise(measured[-1].blocks, len(names)))
        estimate = stats.estimate(summaries, names, setting.calibration)
        simpler = sizes[0] < sizes[1]
        if options.mode == "trial" and gate.settled(estimate, setting.calibration, simpler=simpler):
            break
    bench.progress("timing", wanted, wanted)
    first = measured[0].footprint
    assert first is not None
    footprint = dataclasses.replace(first, peak_rss_mb=max(r.peak_rss_mb for r in measured))
    verdict = gate.decide(
        agreement, estimate, footprint, setting.guardrails, setting.calibration, sizes
    )
    if options.mode == "baseline":
        verdict = baseline_verdict(verdict, estimate)
    elif verdict.status == "keep":
        # Policy cannot see an index go astray, so no keep stands before every one was checked.
        fresh = dataclasses.replace(bench, server=servers.next())
        judge.check(fresh, candidate, np.random.default_rng(battery_seed), bounds=True)
        for replica, done in enumerate(measured):
            bench.progress("bounds", replica, len(measured))
            measure(replica, replay=done)
        if options.seed is not None:
            why = f"a replay of a seed that was known proves nothing ({verdict.sentence})"
            verdict = Verdict("discard", "suspect", gate.EXIT_DISCARD, why)
    return Outcome(
        verdict,
        agreement=agreement,
        estimate=estimate,
        footprint=footprint,
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


def warnings_of(setting: Setting, bench: judge.Bench, estimate: Estimate) -> tuple[str, ...]:
    """Doubts that do not change the verdict, each with advice."""
    found = []
    trial = setting.options.mode == "trial"
    if trial and setting.calibration.processes == 0:
        found.append(
            "this machine is not calibrated, so the interval is wider than it need be: "
            f"run `workbench init {setting.target.name}`"
        )
    incumbent_ns = np.exp(np.mean([np.log(c.incumbent_ns) for c in estimate.combos]))
    if trial and not setting.calibration.holds_for(float(incumbent_ns)):
        found.append(
            "the judge was calibrated on a kernel more than twice as slow, and a faster one is "
            f"noisier: run `workbench init {setting.target.name} --rebaseline`"
        )
    if abs(estimate.clock_gap) > 0.005:
        found.append(
            f"the children's own clocks differ from the judge's by {estimate.clock_gap:+.2%}"
        )
    if not trial and not estimate.ci_low < 1 < estimate.ci_high:
        found.append(
            f"the kernel differs from itself by {estimate.ratio - 1:+.2%}: this machine is not "
            "quiet enough to trust; measure the baseline again (--rebaseline)"
        )
    if not bench.server.fixed_addresses:
        found.append("address randomisation could not be switched off: expect more noise")
    return tuple(found)
