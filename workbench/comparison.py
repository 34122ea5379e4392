"""Candidate against incumbent: correctness, timing until it is settled, verdict, audit."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workbench import builds, contest, gate, incumbent, judge, policy, stats
from workbench.forkserver import Servers
from workbench.gate import Verdict
from workbench.lane import Plan, plan
from workbench.oracles import Agreement
from workbench.outcome import Outcome
from workbench.setting import Setting
from workbench.stats import Calibration, Estimate

# A baseline is the incumbent's own A/A: three times a trial's pairs, from which the machine's
# sigma is estimated.
BASELINE_PROCESSES = 3 * stats.MAX_PROCESSES


@dataclass(frozen=True)
class Race:
    """The kernels of one trial, where they are staged, and what is drawn for them."""

    setting: Setting
    bench: judge.Bench
    servers: Servers
    files: tuple[Path, Path, Path]
    layout: Plan
    battery_seed: np.random.SeedSequence
    seeds: list[np.random.SeedSequence]

    def measure(
        self, replica: int, before: list[contest.Measured], replay: bool = False
    ) -> contest.Measured:
        """Measure one pair of fresh processes, or ``replay`` it with every index checked."""
        return contest.measure(
            dataclasses.replace(self.bench, server=self.servers.next()),
            self.files,
            self.layout,
            np.random.default_rng(self.seeds[replica]),
            replica,
            before[0].batches if before else None,
            before[replica] if replay else None,
        )

    def check(self, *, bounds: bool = False) -> Agreement:
        """Hold the candidate against the truth on the whole battery."""
        rng = np.random.default_rng(self.battery_seed)
        return judge.check(self.bench, self.files[0], rng, bounds=bounds)


def prepare(setting: Setting, bench: judge.Bench, servers: Servers) -> Race:
    """Stage the kernels and draw the timed workloads."""
    target, host_class = setting.target, setting.host_class.id
    battery_seed, load_seed, *seeds = np.random.SeedSequence(setting.seed).spawn(
        2 + BASELINE_PROCESSES
    )
    sources = (setting.source, setting.rival.source, incumbent.upstream(target).source)
    candidate, rival, bare = (builds.stage(target.root, host_class, s) for s in sources)
    layout = plan(target.inputs.workloads(np.random.default_rng(load_seed)))
    return Race(setting, bench, servers, (candidate, rival, bare), layout, battery_seed, seeds)


def compare(setting: Setting, bench: judge.Bench, servers: Servers) -> Outcome:
    """Correctness, then pairs of fresh processes until the verdict is settled."""
    race = prepare(setting, bench, servers)
    agreement = race.check()
    sizes = (policy.syntax_size(setting.source), policy.syntax_size(setting.rival.source))
    rng = np.random.default_rng(race.battery_seed)
    with judge.compiling_checked(bench, race.files[0], rng) as compiled:
        measured, estimate, calibration = time_until_settled(race, simpler=sizes[0] < sizes[1])
        first = measured[0].footprint
        assert first is not None
        footprint = dataclasses.replace(first, peak_rss_mb=max(m.peak_rss_mb for m in measured))
        verdict = gate.decide(
            agreement, estimate, footprint, setting.guardrails, calibration, sizes
        )
        if setting.options.mode == "baseline":
            verdict = baseline_verdict(verdict, estimate)
        elif verdict.status == "keep":
            compiled()
            verdict = audit(race, measured, verdict)
    n_combos = len(race.layout.places)
    return Outcome(
        verdict,
        agreement=agreement,
        estimate=estimate,
        calibration=calibration,
        footprint=footprint,
        blocks=tuple(m.blocks for m in measured),
        replicas=tuple(stats.summarise(m.blocks, n_combos) for m in measured),
        timed_share=float(np.mean([m.timed_share for m in measured])),
        warnings=warnings_of(setting, bench, estimate, narrow=calibration != setting.calibration),
    )


def time_until_settled(
    race: Race, *, simpler: bool
) -> tuple[list[contest.Measured], Estimate, Calibration]:
    """Measure pair after pair of processes; a baseline measures all it may."""
    setting, baseline = race.setting, race.setting.options.mode == "baseline"
    names = [(load.shape, load.distribution) for load in race.layout.workloads]
    wanted = BASELINE_PROCESSES if baseline else stats.MAX_PROCESSES
    measured: list[contest.Measured] = []
    summaries: list[stats.Replica] = []
    for replica in range(wanted):
        race.bench.progress("timing", replica, wanted)
        measured.append(race.measure(replica, measured))
        summaries.append(stats.summarise(measured[-1].blocks, len(names)))
        incumbent_ns = float(np.exp(np.log(summaries[0].incumbent_ns).mean()))
        calibration = setting.calibration.for_kernel(incumbent_ns)
        estimate = stats.estimate(summaries, names, calibration)
        if not baseline and gate.settled(estimate, calibration, simpler=simpler):
            break
    race.bench.progress("timing", wanted, wanted)
    return measured, estimate, calibration


def audit(race: Race, measured: list[contest.Measured], verdict: Verdict) -> Verdict:
    """Repeat everything a keep rests on with every index checked.

    The policy cannot see an index go astray: a kernel that read ahead to the next requests of
    its turn was kept at 0.70 before this.

    Raises
    ------
    CandidateFailure, Incorrect
        If the kernel leaves its arrays, or answers otherwise when it is watched.
    """
    race.check(bounds=True)
    for replica in range(len(measured)):
        race.bench.progress("bounds", replica, len(measured))
        race.measure(replica, measured, replay=True)
    if race.setting.options.seed is None:
        return verdict
    why = f"a replay of a seed that was known proves nothing ({verdict.sentence})"
    return Verdict("discard", "suspect", gate.EXIT_DISCARD, why)


def baseline_verdict(verdict: Verdict, estimate: Estimate) -> Verdict:
    """A baseline stands whatever its ratio to itself, unless a guardrail is broken."""
    if verdict.reason in ("allocates", "over-memory", "infra"):
        return verdict
    sentence = (
        f"{estimate.geomean_ns:,.0f} ns a request (geometric mean), "
        f"{estimate.ratio_vs_upstream:.4f} x upstream"
    )
    return Verdict("baseline", "baseline", gate.EXIT_KEEP, sentence)


def warnings_of(
    setting: Setting, bench: judge.Bench, estimate: Estimate, *, narrow: bool
) -> tuple[str, ...]:
    """Doubts about the verdict, each with advice."""
    found = []
    trial = setting.options.mode == "trial"
    if trial and setting.calibration.processes == 0:
        found.append(
            "this machine is not calibrated, so the interval is wider than it need be: "
            f"run `workbench init {setting.target.name}`"
        )
    if trial and narrow:
        found.append(
            "the judge was calibrated on a kernel more than twice as slow, and a faster one is "
            "noisier, so the careful default counts: run "
            f"`workbench init {setting.target.name} --rebaseline`"
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
