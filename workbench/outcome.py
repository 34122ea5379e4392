"""What a trial found out, as far as it came, and how that becomes a record and a row."""

from __future__ import annotations

import dataclasses
import datetime
import math
from dataclasses import dataclass
from typing import Any

from workbench import gate, host, incumbent, judge, ledger, oracles, policy, stats
from workbench.child import CandidateFailure
from workbench.gate import Footprint, Verdict
from workbench.record import Confirmation, Failure, Score, TrialRecord
from workbench.setting import Setting
from workbench.stats import Blocks, Calibration, Estimate


@dataclass(frozen=True)
class Outcome:
    """What was found out, as far as the trial came."""

    verdict: Verdict
    seconds: float = 0.0
    agreement: oracles.Agreement | None = None
    estimate: Estimate | None = None
    calibration: Calibration | None = None
    confirmation: Confirmation | None = None
    score: Score | None = None
    seconds_to_decide: float | None = None
    footprint: Footprint | None = None
    failure: Failure | None = None
    blocks: tuple[Blocks, ...] = ()
    crossovers: tuple[stats.Replica, ...] = ()
    timed_share: float | None = None
    confinement: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def incorrect(error: judge.Incorrect) -> Outcome:
    """What is recorded of a candidate whose output is wrong."""
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


def crashed(error: CandidateFailure, phase: str) -> Outcome:
    """What is recorded of a candidate that raised, died, or took too much."""
    over = error.reason == "over-budget"
    code = gate.EXIT_OVER_BUDGET if over else gate.EXIT_INCORRECT
    first = str(error).strip().splitlines()[0]
    sentence = f"the candidate failed ({phase}): {first}"
    verdict = Verdict("crash", error.reason, code, sentence)
    return Outcome(verdict, failure=Failure(phase, str(error), untrusted_output=error.output))


def compose(setting: Setting, outcome: Outcome) -> TrialRecord:
    """Gather everything into one record."""
    now = datetime.datetime.now(datetime.UTC)
    kernel_sha256 = incumbent.sha256(setting.source)
    estimate, footprint, agreement = outcome.estimate, outcome.footprint, outcome.agreement
    measured_on = outcome.calibration or setting.calibration
    figures: dict[str, Any] = {}
    if footprint is not None and agreement is not None:
        figures = {
            **dataclasses.asdict(footprint),
            "confinement": outcome.confinement,
            "max_abs_err": agreement.max_abs_err,
            "bit_identical": agreement.bitwise,
            "recall": agreement.recall,
            "syntax_nodes": policy.syntax_size(setting.source),
        }
    if estimate is not None:
        worst = estimate.worst
        if setting.options.mode == "baseline":
            measured_on = stats.calibrate(outcome.crossovers)
        figures |= {
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
            "confirmation": outcome.confirmation,
            "seconds_to_decide": outcome.seconds_to_decide,
            "timed_share": outcome.timed_share,
        }
    stamp = now.strftime("%Y%m%dT%H%M%S%fZ")
    return TrialRecord(
        id=f"{stamp}-{setting.target.name}-{kernel_sha256[:8]}",
        timestamp=now.isoformat(timespec="seconds"),
        target=setting.target.name,
        mode=setting.options.mode,
        focus=setting.options.focus,
        description=setting.description,
        status=outcome.verdict.status,
        reason=outcome.verdict.reason,
        exit_code=outcome.verdict.exit_code,
        sentence=f"{outcome.verdict.status} ({outcome.verdict.reason}): {outcome.verdict.sentence}",
        commit=setting.commit,
        kernel_sha256=kernel_sha256,
        incumbent=setting.rival.ref,
        judge_sha256=setting.judge_sha256,
        judge_files=setting.files,
        host_class=setting.host_class.id,
        host=dataclasses.asdict(setting.host_class),
        versions=host.versions(),
        seed=setting.seed,
        calibration=measured_on,
        seconds=outcome.seconds,
        failure=outcome.failure,
        score=outcome.score,
        warnings=outcome.warnings,
        **{name: finite(value) for name, value in figures.items()},
    )


def finite(value: Any) -> Any:
    """None for a number that is none."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def row_of(done: TrialRecord) -> ledger.AnyRow:
    """The ledger's view of a record: the columns it shares with it."""
    row = ledger.ROWS[done.focus]
    if row is ledger.Row:
        return ledger.Row(**{name: getattr(done, name) for name in ledger.COLUMNS[done.focus]})
    score = done.score
    right = {None: ledger.MISSING, True: "pass", False: "fail"}
    # Whoever is incorrect or crashed came no further; guardrails are asked of what is right.
    correct = None if done.reason in ("policy", "infra") else done.max_abs_err is not None
    guarded = done.reason not in ("allocates", "over-memory", "over-time") if correct else None
    return ledger.ScoreRow(
        commit=done.commit,
        quality=right[correct],
        benchguard=right[guarded],
        quality_mean_gap_db=score.mean_gap_db if score else None,
        quality_min_gap_db=score.min_gap_db if score else None,
        transition_snr_db=score.transition_snr_db if score else None,
        open_features=float(len(score.open_features)) if score else None,
        score=score.value if score else None,
        status=done.status,
        reason=done.reason,
        timestamp=done.timestamp,
        host_class=done.host_class,
        kernel_sha256=done.kernel_sha256,
        description=done.description,
    )
