"""A kernel by its quality and its features instead of its time: the other three focuses.

========================= ==================================================================
focus                     score, higher is better
========================= ==================================================================
quality                   mean gap + transition SNR / 1,000
unimplemented             -(open features) + mean gap / 100,000
mixed                     mean gap + transition SNR / 1,000 + min gap / 1,000 - open features / 100
========================= ==================================================================

A gap is the quality of the kernel's sound above that of upstream's, in dB, on the same cell; what
quality is, a target's ``score.py`` says. It has ``cases()``, which gives workloads that are the
same every time, and ``quality(cases, answers)``, which measures what a kernel answered, in the
parent: answers are pairs of requests and outputs, a case each.
A score has no noise, so one run decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workbench import comparison, features, gate, judge, policy
from workbench.errors import Infrastructure
from workbench.forkserver import Servers
from workbench.gate import Verdict
from workbench.oracles import Mismatch
from workbench.outcome import Outcome
from workbench.record import Score
from workbench.setting import Setting
from workbench.targets import SCORES, Target

SEED = 0
# What a score may differ by when every index is checked: such a build adds up in another order, and
# an encoder may then decide otherwise once in a while.
WATCHED_DB = 0.05
UNITS = {"quality": "dB", "unimplemented": "features", "mixed": "dB"}


@dataclass(frozen=True)
class Quality:
    """What a target's ``score.py`` measured.

    Attributes
    ----------
    gap_db : mapping of str to float
        By cell, the kernel's quality above upstream's.
    transition_snr_db : float or None
        Least quality around changes of the stream's frame size or bandwidth; None if the target
        has none.
    """

    gap_db: Mapping[str, float]
    transition_snr_db: float | None = None


def value(focus: str, quality: Quality, open_features: int) -> float:
    """The score of a focus.

    Examples
    --------
    >>> value("unimplemented", Quality({"a": 1.0, "b": -2.0}), 3)
    -3.000005
    >>> value("mixed", Quality({"a": 1.0, "b": -2.0}, 20.0), 3)
    -0.512
    """
    gaps = list(quality.gap_db.values())
    mean, least = float(np.mean(gaps)), min(gaps)
    transition = (quality.transition_snr_db or 0.0) / 1000
    scores = {
        "quality": mean + transition,
        "unimplemented": -open_features + mean / 100_000,
        "mixed": mean + transition + least / 1000 - open_features / 100,
    }
    return scores[focus]


def compare(setting: Setting, bench: judge.Bench, servers: Servers) -> Outcome:
    """Correctness and guardrails of the candidate, then both scores, then the verdict."""
    race = comparison.prepare(setting, bench, servers)
    candidate, incumbent, _ = race.files
    agreement = race.check()
    # One crossover: for what the candidate costs, and for an audit to repeat; not for a verdict.
    measured = race.cross([])
    footprint = measured[0].footprint
    assert footprint is not None
    blocks = measured[0].blocks
    combos = range(len(race.layout.workloads))
    slowest_ns = max(float(np.median(blocks.candidate_ns[blocks.combo == i])) for i in combos)
    broken = gate.breach(footprint, setting.guardrails, slowest_ns)
    if broken is not None:
        return Outcome(broken, agreement=agreement, footprint=footprint)
    quality, lacking, total = examine(setting.target, bench, candidate)
    score = value(setting.options.focus, quality, len(lacking))
    theirs = None
    if setting.options.mode == "baseline":
        unit = UNITS[setting.options.focus]
        verdict = Verdict("baseline", "baseline", gate.EXIT_KEEP, f"a score of {score:.6f} {unit}")
    else:
        with judge.blame(judge.INCUMBENT):
            rival = examine(setting.target, bench, incumbent)
        theirs = value(setting.options.focus, rival[0], len(rival[1]))
        verdict = decide(setting, score, theirs)
        if verdict.status == "keep":
            audit(race, quality)
            verdict = comparison.audit(race, measured, verdict)
    return Outcome(
        verdict,
        agreement=agreement,
        footprint=footprint,
        confinement=measured[0].confinement,
        score=Score(
            value=score,
            incumbent_value=theirs,
            mean_gap_db=float(np.mean(list(quality.gap_db.values()))),
            min_gap_db=min(quality.gap_db.values()),
            transition_snr_db=quality.transition_snr_db,
            cells=quality.gap_db,
            open_features=lacking,
            features=total,
        ),
    )


def decide(setting: Setting, score: float, theirs: float) -> Verdict:
    """Hold a score against the incumbent's."""
    sizes = (policy.syntax_size(setting.source), policy.syntax_size(setting.rival.source))
    return gate.decide_score(score, theirs, sizes, UNITS[setting.options.focus])


def examine(
    target: Target, bench: judge.Bench, kernels: Path, *, bounds: bool = False
) -> tuple[Quality, tuple[str, ...], int]:
    """Quality of a variant, the features it lacks, and how many are judged.

    Raises
    ------
    Infrastructure
        If the target has no ``score.py``.
    """
    if not (target.folder / SCORES).is_file():
        raise Infrastructure(f"targets/{target.name} lacks {SCORES}: it has no score")
    cases = target.score.cases()
    rng = np.random.default_rng(SEED)
    answers = list(judge.answers(bench, kernels, cases, rng, bounds=bounds))
    quality: Quality = target.score.quality(cases, answers)
    found = [] if bounds else features.examine(bench, kernels)
    lacking = tuple(finding.feature.name for finding in found if finding.why is not None)
    return quality, lacking, len(found)


def audit(race: comparison.Race, quality: Quality) -> None:
    """Repeat the score with every index checked: its cases are others than the battery's.

    Raises
    ------
    CandidateFailure, Incorrect
        If the kernel leaves its arrays, or is worth less when it is watched.
    """
    target, candidate = race.setting.target, race.files[0]
    watched, _, _ = examine(target, race.bench, candidate, bounds=True)
    worst = max(abs(watched.gap_db[cell] - gap) for cell, gap in quality.gap_db.items())
    if not worst <= WATCHED_DB:
        why = "the score differs where every index is checked"
        mismatch = Mismatch("gap_db", (), worst, 0.0, WATCHED_DB, why)
        raise judge.Incorrect("score", mismatch)
