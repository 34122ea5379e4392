"""Candidate against incumbent: correctness, timing until it is settled, verdict, audit."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workbench import builds, contest, gate, incumbent, judge, patience, policy, sandbox, stats
from workbench.arena import Edge
from workbench.child import pinned_to
from workbench.forkserver import Servers
from workbench.gate import Verdict
from workbench.lane import Plan, plan
from workbench.oracles import Agreement
from workbench.outcome import Outcome
from workbench.record import Confirmation
from workbench.setting import Setting
from workbench.stats import Calibration, Estimate

# A baseline is the incumbent's own A/A, from which the machine's sigma is estimated.
BASELINE_CROSSOVERS = 12
# What the two clocks may differ by in a turn, caches that the switch left cold: 1 to 2.2 us seen.
LEFT_OF_A_TURN_NS = 3_000
# Pairs of processes whose requests are all repeated with every index checked.
AUDITED = 6
# With all the patience in the world.
MOST_CROSSOVERS = 100
# Makes another stream of the trial's seed.
CONFIRMATION = 1


@dataclass(frozen=True)
class Race:
    """The kernels of one trial, where they are staged, and what is drawn for them."""

    setting: Setting
    bench: judge.Bench
    servers: Servers
    files: tuple[Path, ...]
    layout: Plan
    battery_seed: np.random.SeedSequence
    pair_seeds: list[np.random.SeedSequence]

    def cross(self, before: Sequence[contest.Measured]) -> list[contest.Measured]:
        """Measure two more pairs of fresh processes, which exchange their memory."""
        seeds = self.pair_seeds[len(before) : len(before) + 2]
        bench = dataclasses.replace(self.bench, server=self.servers.next())
        rngs = [np.random.default_rng(seed) for seed in seeds]
        return contest.cross(bench, self.files, self.layout, rngs, before)

    def replay(self, replica: int, done: contest.Measured) -> None:
        """Repeat all turns of a pair with the candidate alone, every index checked."""
        fresh = self._fresh(replica, self.layout)
        contest.measure(*fresh, replica, done.batches, done, bounds=True)

    def replay_guarded(self, replica: int, done: contest.Measured, edge: Edge) -> None:
        """Run the timed build as often as it was timed, forbidden pages around every array.

        One request a turn, so that each request is the last one there is.
        """
        guarded = plan(self.layout.workloads, edge)
        each = dataclasses.replace(done, rounds=done.rounds * max(done.batches))
        batches = (1,) * len(done.batches)
        contest.measure(*self._fresh(replica, guarded), replica, batches, each)

    def _fresh(
        self, replica: int, layout: Plan
    ) -> tuple[judge.Bench, tuple[Path, ...], Plan, np.random.Generator]:
        bench = dataclasses.replace(self.bench, server=self.servers.next())
        return bench, self.files, layout, np.random.default_rng(self.pair_seeds[replica])

    def check(self, *, bounds: bool = False) -> Agreement:
        """Hold the candidate against the truth on the whole battery."""
        return judge.check(self.bench, self.files[0], self.battery_rng(), bounds=bounds)

    def battery_rng(self) -> np.random.Generator:
        """A generator that draws this race's battery, each time anew."""
        return np.random.default_rng(self.battery_seed)


@dataclass(frozen=True)
class Duel:
    """Candidate against incumbent on as many crossovers as it took.

    Attributes
    ----------
    measured : tuple of Measured
        One a pair of processes.
    crossovers : tuple of Replica
        One a crossover.
    estimate : Estimate
        Of all crossovers.
    calibration : Calibration
        What the verdict may rest on: the machine's, or wider for a kernel it does not hold for.
    seconds : float
        Wall time.
    """

    measured: tuple[contest.Measured, ...]
    crossovers: tuple[stats.Replica, ...]
    estimate: Estimate
    calibration: Calibration
    seconds: float


def prepare(setting: Setting, bench: judge.Bench, servers: Servers) -> Race:
    """Stage the kernels and draw the timed workloads."""
    target, host_class = setting.target, setting.host_class.id
    sources = (setting.source, setting.rival.source, incumbent.upstream(target).source)
    files = tuple(builds.stage(target.root, host_class, s) for s in sources)
    return draw(setting, bench, servers, files, np.random.SeedSequence(setting.seed))


def draw(
    setting: Setting,
    bench: judge.Bench,
    servers: Servers,
    files: tuple[Path, ...],
    seed: np.random.SeedSequence,
) -> Race:
    """Draw the data of a race from one seed."""
    battery_seed, load_seed, *pair_seeds = seed.spawn(2 + 2 * MOST_CROSSOVERS)
    layout = plan(setting.target.inputs.workloads(np.random.default_rng(load_seed)))
    return Race(setting, bench, servers, files, layout, battery_seed, pair_seeds)


def compare(setting: Setting, bench: judge.Bench, servers: Servers) -> Outcome:
    """Correctness, then pairs of fresh processes until the verdict is settled."""
    race = prepare(setting, bench, servers)
    candidate, *rivals = race.files
    others = [path for path in rivals if path != candidate]
    with judge.compiling(bench, others, race.battery_rng()) as rivals_compiled:
        agreement = race.check()
        with judge.blame(judge.INCUMBENT):
            rivals_compiled()
    sizes = (policy.syntax_size(setting.source), policy.syntax_size(setting.rival.source))
    confirmation = None
    with judge.compiling(bench, [candidate], race.battery_rng(), bounds=True) as compiled:
        duel = run_duel(race, simpler=sizes[0] < sizes[1])
        footprint = footprint_of(duel)

        def decide(found: Duel) -> Verdict:
            limits = (footprint, setting.guardrails, found.calibration)
            return gate.decide(agreement, found.estimate, *limits, sizes)

        verdict = decide(duel)
        if setting.options.mode == "baseline":
            verdict = baseline_verdict(verdict, duel.estimate)
        elif verdict.status == "keep":
            verdict, confirmation = doubt(race, duel, verdict, decide, compiled)
    open_for = patience.seconds_to_decide(verdict, duel.estimate, duel.calibration, duel.seconds)
    return Outcome(
        patience.advise(verdict, open_for),
        agreement=agreement,
        estimate=duel.estimate,
        calibration=duel.calibration,
        confirmation=confirmation,
        footprint=footprint,
        blocks=tuple(m.blocks for m in duel.measured),
        crossovers=duel.crossovers,
        confinement=duel.measured[0].confinement,
        timed_share=float(np.mean([m.timed_share for m in duel.measured])),
        seconds_to_decide=open_for,
        warnings=warnings_of(setting, bench, duel),
    )


def doubt(
    race: Race,
    duel: Duel,
    verdict: Verdict,
    decide: Callable[[Duel], Verdict],
    compiled: Callable[[], None],
) -> tuple[Verdict, Confirmation | None]:
    """Put a keep to every test that could take it back: the machine, a second race, the audit."""
    # Randomised, so that nothing is kept for the one layout that all pairs of the screen share; and
    # started here, because it takes as long as the look at the machine's limits.
    with contextlib.closing(Servers(randomised=True)) as servers:
        verdict = held_to_light(verdict, race, duel.estimate)
        if verdict.status != "keep":
            return verdict, None
        again = confirm(race, servers, simpler=verdict.reason == "simpler")
    confirmation = confirmed(race.setting, again, decide(again))
    verdict = gate.final(verdict, confirmation)
    if verdict.status == "keep":
        compiled()
        verdict = audit(race, duel.measured, verdict)
    return verdict, confirmation


def run_duel(race: Race, *, simpler: bool, alpha: float = stats.ALPHA) -> Duel:
    """Measure crossover after crossover until the verdict is settled.

    A baseline measures all it may; a trial stops where more of them could hardly keep it, and one
    with patience goes on where they still could.
    """
    setting, baseline = race.setting, race.setting.options.mode == "baseline"
    names = [(load.shape, load.distribution) for load in race.layout.workloads]
    patience_seconds = setting.options.patience_seconds
    worst_ratio = setting.guardrails.worst_ratio
    usual = BASELINE_CROSSOVERS if baseline else stats.MAX_CROSSOVERS
    wanted, most = usual, MOST_CROSSOVERS if patience_seconds else usual
    begin = time.monotonic()
    measured: list[contest.Measured] = []
    summaries: list[stats.Replica] = []
    for done in range(1, MOST_CROSSOVERS + 1):
        race.bench.progress("timing", done - 1, wanted)
        measured += race.cross(measured)
        summaries.append(
            stats.crossed(*(stats.summarise(m.blocks, len(names)) for m in measured[-2:]))
        )
        incumbent_ns = float(np.exp(np.log(summaries[0].incumbent_ns).mean()))
        calibration = setting.calibration.for_kernel(incumbent_ns)
        estimate = stats.estimate(summaries, names, calibration, alpha)
        if baseline:
            if done == wanted:
                break
        elif patience.settled(
            estimate, calibration, simpler=simpler, most=most, worst_ratio=worst_ratio
        ):
            break
        elif done >= wanted:
            now = time.monotonic()
            if wanted == usual:  # patience begins where a trial without it ends
                end = now + patience_seconds
            if now + (now - begin) / done > end:
                break
            wanted = done + 1
    race.bench.progress("timing", wanted, wanted)
    seconds = time.monotonic() - begin
    return Duel(tuple(measured), tuple(summaries), estimate, calibration, seconds)


def held_to_light(verdict: Verdict, race: Race, estimate: Estimate) -> Verdict:
    """Doubt a kernel that needs less time than its least bytes and operations take here."""
    from workbench import roofline

    spec = race.setting.target.spec["roofline"]
    with pinned_to(race.bench.core):
        least_ns = roofline.least_ns(spec, {combo.shape for combo in estimate.combos})
    return gate.held_to_light(verdict, estimate, least_ns)


def confirm(race: Race, servers: Servers, *, simpler: bool) -> Duel:
    """Race once more what was just found faster: other data, other seeds, other processes.

    It spends a share of the ledger's budget for false keeps.
    """
    setting = race.setting
    seed = np.random.SeedSequence([setting.seed, CONFIRMATION])
    again = draw(setting, race.bench, servers, race.files[:2], seed)
    return run_duel(again, simpler=simpler, alpha=stats.share_of_budget(setting.confirmations))


def confirmed(setting: Setting, duel: Duel, verdict: Verdict) -> Confirmation:
    """What the confirmation found, for the record."""
    found = duel.estimate
    return Confirmation(
        ratio=found.ratio,
        ci_low=found.ci_low,
        ci_high=found.ci_high,
        processes=found.processes,
        alpha=stats.share_of_budget(setting.confirmations),
        before=setting.confirmations,
        holds=verdict.status == "keep",
    )


def footprint_of(duel: Duel) -> gate.Footprint:
    """What the candidate cost besides time, in all pairs of processes."""
    first = duel.measured[0].footprint
    assert first is not None
    return dataclasses.replace(first, peak_rss_mb=max(m.peak_rss_mb for m in duel.measured))


def audit(race: Race, measured: Sequence[contest.Measured], verdict: Verdict) -> Verdict:
    """Repeat what a keep rests on with every index checked: battery, and up to `AUDITED` pairs.

    The policy cannot see an index go astray: a kernel that read ahead to the next requests of
    its turn was kept at 0.70 before this. Another was kept at 0.77 because it knew which build
    it was in (a sum in vectors has other bits): so the timed build itself runs once more, where
    whatever lies around its arrays is forbidden.

    Raises
    ------
    CandidateFailure, Incorrect
        If the kernel leaves its arrays, or answers otherwise when it is watched.
    """
    race.check(bounds=True)
    repeated = measured[:AUDITED]
    for replica, done in enumerate(repeated):
        race.bench.progress("bounds", replica, len(repeated))
        race.replay(replica, done)
    edges: tuple[Edge, ...] = ("end", "begin")
    for replica, edge in enumerate(edges):
        race.bench.progress("guarded", replica, len(edges))
        race.replay_guarded(replica, measured[replica], edge)
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


def warnings_of(setting: Setting, bench: judge.Bench, duel: Duel) -> tuple[str, ...]:
    """Doubts about the verdict, each with advice."""
    found = []
    estimate = duel.estimate
    trial = setting.options.mode == "trial"
    if trial and setting.calibration.processes == 0:
        found.append(
            "this machine is not calibrated, so the interval is wider than it need be: "
            f"run `workbench init {setting.target.name}`"
        )
    if trial and duel.calibration != setting.calibration:
        found.append(
            "the judge was calibrated on a kernel more than twice as slow, and a faster one is "
            "noisier, so the careful default counts: run "
            f"`workbench init {setting.target.name} --rebaseline`"
        )
    turns = zip(estimate.combos, duel.measured[0].batches, strict=True)
    left = np.mean([LEFT_OF_A_TURN_NS / (combo.candidate_ns * batch) for combo, batch in turns])
    if abs(estimate.clock_gap) > 0.005 + left:
        found.append(
            f"the children's own clocks differ from the judge's by {estimate.clock_gap:+.2%}"
        )
    if not trial and not estimate.ci_low < 1 < estimate.ci_high:
        found.append(
            f"the kernel differs from itself by {estimate.ratio - 1:+.2%}: this machine is not "
            "quiet enough to trust; measure the baseline again (--rebaseline)"
        )
    lacking = [name for name in sandbox.LAYERS if name not in duel.measured[0].confinement]
    if trial and lacking:
        found.append(f"the kernel ran without {', '.join(lacking)}: `workbench doctor` says why")
    if not bench.server.fixed_addresses:
        found.append("address randomisation could not be switched off: expect more noise")
    return tuple(found)
