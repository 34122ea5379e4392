"""Verdict after verdict on kernels whose difference is known, through the judge's own code."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import math
import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from workbench import builds, comparison, gate, judge, locks, spinning, stats, targets
from workbench.child import pinned_to
from workbench.comparison import Duel, Race
from workbench.errorrates import neighbours, neutral, pooled, verdicts
from workbench.errorrates.verdicts import Found
from workbench.errors import Usage
from workbench.forkserver import Servers
from workbench.incumbent import upstream
from workbench.oracles import Agreement
from workbench.setting import Options, Setting, settle

# From 20 ns to 1 ms a call of the surface, of unlike nature; see docs/statistics.md.
KERNELS = ("posting_seek", "topk_merge", "pq_l2", "bitpack", "pq_l2/upstream")
SHORT_KERNELS, SHORT_SECONDS = ("pq_l2",), 120.0
IDENTICAL = "identical"
SPEEDUPS = {f"faster-{percent:g}%": percent / 100 for percent in (1, 2, 5, 10)}
# How many verdicts of each are wanted, in proportion. A verdict on a gain takes three times as long
# as one on identical kernels, and a low rate needs more verdicts than a high one, so the long form
# asks for few gains: report 0003 took 149 minutes of verdicts, with SHARES it would be 197.
SHARES = {
    IDENTICAL: 24,
    **dict.fromkeys(neutral.EDITS, 1),
    **dict(zip(SPEEDUPS, (2, 2, 1, 1), strict=True)),
}
LONG_SHARES = {
    IDENTICAL: 120,
    **dict.fromkeys(neutral.EDITS, 5),
    **dict(zip(SPEEDUPS, (4, 4, 2, 2), strict=True)),
}
# So many verdicts before another kernel or condition has its turn.
VISIT = 5
SHORTER = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class Plan:
    """What a campaign asks for.

    Attributes
    ----------
    kernels, conditions : sequence of str
        ``target`` or ``target/upstream``; some of `neighbours.CONDITIONS`.
    seconds : float
        When no further verdict is begun.
    verdicts : int
        Verdicts on identical kernels a condition after which it is done; the others in proportion.
    shares : mapping of str to int
        That proportion.
    """

    kernels: Sequence[str] = SHORT_KERNELS
    conditions: Sequence[str] = neighbours.CONDITIONS
    seconds: float = SHORT_SECONDS
    verdicts: int = 600
    shares: Mapping[str, int] = field(default_factory=lambda: SHARES)


@dataclass(frozen=True)
class Subject:
    """A kernel of a campaign: what a trial would know of it, and how long its requests take.

    ``built`` are the files that this campaign has compiled.
    """

    name: str
    setting: Setting
    request_ns: tuple[float, ...]
    built: set[Path] = field(default_factory=set)


def run(
    plan: Plan,
    folder: Path,
    *,
    root: Path | None = None,
    progress: judge.Progress = judge.ignore_progress,
) -> list[Found]:
    """Go on with the campaign in ``folder`` until its time or its verdicts are there.

    Each verdict is on disk as soon as it fell; what is missing most comes first, so that a
    campaign that is stopped is as balanced as one that is not.

    Raises
    ------
    Usage
        For an unknown kernel or condition.
    Refused, Infrastructure
        As a trial.
    """
    for condition in plan.conditions:
        if condition not in neighbours.CONDITIONS:
            known = ", ".join(neighbours.CONDITIONS)
            raise Usage(f"no condition {condition!r}; there are: {known}")
    end = time.monotonic() + plan.seconds
    rng = np.random.default_rng()
    settings = {name: setting_of(name, root) for name in plan.kernels}
    subjects: dict[str, Subject] = {}
    places = [(name, condition) for condition in plan.conditions for name in plan.kernels]
    while True:
        found = verdicts.read(folder)
        lacking = {
            place: lacks(found, plan, settings[place[0]].host_class.id, *place) for place in places
        }
        name, condition = max(lacking, key=lambda place: len(lacking[place]))
        variants = lacking[name, condition]
        if not variants or time.monotonic() >= end:
            return found
        if name not in subjects:
            subjects[name] = meet(name, settings[name], progress)
        rng.shuffle(variants)
        play(subjects[name], condition, variants[:VISIT], folder, end, progress)


def lacks(
    found: Sequence[Found], plan: Plan, host_class: str, name: str, condition: str
) -> list[str]:
    """Variants that a kernel and condition still lack on a host class, each as often as it does."""
    place = (name, condition, host_class)
    done = Counter(
        row.variant for row in found if (row.kernel, row.condition, row.host_class) == place
    )
    rounds = plan.verdicts / len(plan.kernels) / plan.shares[IDENTICAL]
    return [
        variant
        for variant, share in plan.shares.items()
        for _ in range(math.ceil(rounds * share) - done[variant])
    ]


def setting_of(name: str, root: Path | None) -> Setting:
    """Settle what a trial of a kernel against itself settles."""
    target_name, _, which = name.partition("/")
    if which not in ("", "upstream"):
        raise Usage(f"no kernel {name!r}: name a target, or TARGET/upstream")
    target = targets.load(target_name, root)
    setting = settle(target, Options(mode="baseline", rebaseline=True))
    rival = upstream(target) if which else setting.rival
    return dataclasses.replace(setting, source=rival.source, rival=rival)


def meet(name: str, setting: Setting, progress: judge.Progress) -> Subject:
    """Calibrate the judge on this very kernel."""

    def said(phase: str, done: int, total: int) -> None:
        progress(f"{name}: calibration", done, total)

    with judge.bench(setting.target, said) as (bench, servers):
        race = comparison.prepare(setting, bench, servers)
        race = dataclasses.replace(race, files=race.files[:1] * 2)
        judge.check(bench, race.files[0], np.random.default_rng(race.battery_seed))
        duel = comparison.run_duel(race, simpler=False)
    request_ns = np.median([crossover.incumbent_ns for crossover in duel.crossovers], axis=0)
    setting = dataclasses.replace(
        setting, options=Options(), calibration=stats.calibrate(duel.crossovers), confirmations=0
    )
    return Subject(name, setting, tuple(request_ns.tolist()))


def play(
    subject: Subject,
    condition: str,
    variants: Sequence[str],
    folder: Path,
    end: float,
    progress: judge.Progress,
) -> None:
    """Take one verdict of each variant, beside one neighbour."""
    target = subject.setting.target
    core = max(os.sched_getaffinity(0))
    rng = np.random.default_rng()
    with locks.exclusive(target), judge.bench(target, judge.ignore_progress) as (bench, servers):
        with pinned_to(core):
            turn_ns = spinning.turn_ns()
        for i, variant in enumerate(variants):
            if time.monotonic() >= end:
                return
            progress(f"{subject.name} {condition} {variant}", i, len(variants))
            files, spins = stage(subject, variant, turn_ns, rng)
            slowed = dataclasses.replace(bench, spins=spins)
            for path in set(files) - subject.built:  # compiled before the neighbour comes
                judge.check(bench, path, np.random.default_rng(0))
                subject.built.add(path)
            setting = dataclasses.replace(subject.setting, seed=int(rng.integers(1 << 62)))
            with neighbours.beside(condition, core, setting.seed):
                found = take(setting, slowed, servers, files)
            verdicts.append(folder, describe(subject, condition, variant, *found, rng))


def stage(
    subject: Subject, variant: str, turn_ns: float, rng: np.random.Generator
) -> tuple[tuple[Path, Path], dict[Path, tuple[int, ...]]]:
    """Put (candidate, incumbent) where the judge builds them, and say which of them spins.

    The incumbent has a build of its own even where it is the same file, as in a trial. A
    candidate that is 2 % faster stands against an incumbent that does 1/0.98 of its work.
    """
    setting = subject.setting
    root, host_class = setting.target.root, setting.host_class.id
    source = setting.source
    if variant in neutral.EDITS:
        source = neutral.edited(source, variant, rng)
    candidate = builds.stage(root, host_class, source)
    rival = builds.stage(root, f"{host_class} copy", setting.source)
    if variant not in SPEEDUPS:
        return (candidate, rival), {}
    more = 1 / (1 - SPEEDUPS[variant]) - 1
    turns = tuple(round(more * ns / turn_ns) for ns in subject.request_ns)
    # The candidate spins no turns: calling `spin` alone made bitpack 1 % slower.
    return (candidate, rival), {candidate: (0,) * len(turns), rival: turns}


def take(
    setting: Setting, bench: judge.Bench, servers: Servers, files: tuple[Path, Path]
) -> tuple[Duel, Duel | None, str]:
    """One verdict: screen, and a confirmation where that kept; correctness is settled."""
    seed = np.random.SeedSequence(setting.seed)
    race = comparison.draw(setting, bench, servers, files, seed)
    duel = comparison.run_duel(race, simpler=False)
    verdict = decide(race, duel)
    if verdict.status != "keep":
        return duel, None, verdict.reason
    with contextlib.closing(Servers(randomised=True)) as others:
        again = comparison.confirm(race, others, simpler=False)
    confirmation = comparison.confirmed(setting, again, decide(race, again))
    return duel, again, gate.final(verdict, confirmation).reason


def decide(race: Race, duel: Duel) -> gate.Verdict:
    """What the gate says of a correct kernel of the same size."""
    return gate.decide(
        Agreement(0.0, True),
        duel.estimate,
        comparison.footprint_of(duel),
        race.setting.guardrails,
        duel.calibration,
        (1, 1),
    )


def describe(
    subject: Subject,
    condition: str,
    variant: str,
    duel: Duel,
    again: Duel | None,
    reason: str,
    rng: np.random.Generator,
) -> Found:
    """Sum a verdict up for the campaign's file."""
    n_combos = len(duel.estimate.combos)
    shorter = {
        f"{share:g}": [list(crossed.d) for crossed in _of_first(duel, share, n_combos)]
        for share in SHORTER
    }
    times = [
        np.concatenate([getattr(m.blocks, side).ravel() for m in duel.measured])
        for side in ("candidate_ns", "incumbent_ns")
    ]
    confirmed = again.estimate if again else None
    return Found(
        kernel=subject.name,
        condition=condition,
        variant=variant,
        kept=reason in ("faster", "simpler"),
        reason=reason,
        screened=again is not None,
        seconds=duel.seconds + (again.seconds if again else 0.0),
        geomean_ns=duel.estimate.geomean_ns,
        sigma=duel.calibration.sigma,
        delta=duel.calibration.delta,
        d_median=duel.estimate.d_median,
        d_min=duel.estimate.d_min,
        confirm_median=confirmed.d_median if confirmed else (),
        confirm_min=confirmed.d_min if confirmed else (),
        shorter=shorter,
        crossover_seconds=duel.seconds / len(duel.crossovers),
        candidate_pooled=pooled.interval(times[0], rng),
        incumbent_pooled=pooled.interval(times[1], rng),
        host_class=subject.setting.host_class.id,
        timestamp=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )


def _of_first(duel: Duel, share: float, n_combos: int) -> list[stats.Replica]:
    """What the first blocks alone would have said: crossovers measured for a shorter time."""
    pairs = [_first_blocks(measured.blocks, share, n_combos) for measured in duel.measured]
    return [stats.crossed(*two) for two in zip(pairs[::2], pairs[1::2], strict=True)]


def _first_blocks(blocks: stats.Blocks, share: float, n_combos: int) -> stats.Replica:
    rounds = len(blocks.combo) // n_combos
    first = slice(0, max(1, round(share * rounds)) * n_combos)
    parts = ("combo", "candidate_first", "candidate_ns", "incumbent_ns", "child_log_ratio")
    return stats.summarise(
        dataclasses.replace(blocks, **{part: getattr(blocks, part)[first] for part in parts}),
        n_combos,
    )
