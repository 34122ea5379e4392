"""Every kept step of a ledger, judged again: does it still hold."""

from __future__ import annotations

import dataclasses
import secrets
from dataclasses import dataclass
from pathlib import Path

from workbench import incumbent, judge, ledger, locks, targets
from workbench.errors import Usage
from workbench.ledger import Row
from workbench.setting import Options, settle
from workbench.trial import judge_candidate


@dataclass(frozen=True)
class Step:
    """A kept row and what its kernel does today.

    Attributes
    ----------
    timestamp, kernel_sha256, description : str
        Of the row.
    before : str
        Digest of the kernel before it, or ``upstream``.
    recorded_ratio, ratio, ci_low, ci_high : float or None
        Against the kernel before it: then, and now.
    ratio_vs_upstream : float or None
        Now.
    status, reason : str
        The verdict it would get now.
    holds : bool
        Whether that is a keep.
    """

    timestamp: str
    kernel_sha256: str
    description: str
    before: str
    recorded_ratio: float | None
    ratio: float | None
    ci_low: float | None
    ci_high: float | None
    ratio_vs_upstream: float | None
    status: str
    reason: str
    holds: bool

    @property
    def sentence(self) -> str:
        """One line."""
        word = "holds" if self.holds else "DOES NOT HOLD"
        found = "not timed"
        if self.ratio is not None:
            found = f"{self.ratio:.4f} ({self.ci_low:.4f} to {self.ci_high:.4f})"
        then = "n/a" if self.recorded_ratio is None else f"{self.recorded_ratio:.4f}"
        return (
            f"{word}: {self.kernel_sha256[:8]} {found} x {self.before[:8]}, recorded {then} "
            f"({self.reason}): {self.description}"
        )


def run(
    name: str,
    focus: str = "performance",
    *,
    root: Path | None = None,
    revoke: bool = False,
    progress: judge.Progress = judge.ignore_progress,
) -> list[Step]:
    """Judge each kept and unrevoked row of this host class again.

    Parameters
    ----------
    name, focus : str
        Which ledger.
    root : Path, optional
        The project; found from the working directory otherwise.
    revoke : bool
        Append a ``revoke`` row, reason ``suspect``, for each step that does not hold.
    progress : callable, optional
        ``progress(phase, done, total)``.

    Raises
    ------
    Usage
        If this host class has no kept row.
    Refused, Infrastructure
        As a trial.
    """
    target = targets.load(name, root)
    with locks.exclusive(target):
        setting = settle(target, Options(focus=focus, incumbent="upstream"))
        path = ledger.path(target.folder, focus)
        rows = [
            row
            for row in ledger.history(ledger.read(path))
            if row.host_class == setting.host_class.id
            and row.status in ("keep", "baseline")
            and not row.revoked
        ]
        if not any(row.status == "keep" for row in rows):
            raise Usage(
                f"{name} has no kept row on host class {setting.host_class.id}: nothing to audit"
            )
        steps = []
        before = setting.rival
        for i, row in enumerate(rows):
            progress("audit", i, len(rows))
            kernel = incumbent.of_row(target, row)
            if row.status == "keep":
                again = dataclasses.replace(
                    setting, source=kernel.source, rival=before, seed=secrets.randbits(63)
                )
                outcome = judge_candidate(again, judge.ignore_progress)
                found, verdict = outcome.estimate, outcome.verdict
                steps.append(
                    Step(
                        timestamp=row.timestamp,
                        kernel_sha256=row.kernel_sha256,
                        description=row.description,
                        before="upstream" if before is setting.rival else before.ref.kernel_sha256,
                        recorded_ratio=row.ratio,
                        ratio=found.ratio if found else None,
                        ci_low=found.ci_low if found else None,
                        ci_high=found.ci_high if found else None,
                        ratio_vs_upstream=found.ratio_vs_upstream if found else None,
                        status=verdict.status,
                        reason=verdict.reason,
                        holds=verdict.status == "keep",
                    )
                )
                if revoke and not steps[-1].holds:
                    ledger.append(path, _revocation(row, steps[-1], setting.commit))
            before = kernel
        progress("audit", len(rows), len(rows))
    return steps


def _revocation(row: Row, step: Step, commit: str) -> ledger.AnyRow:
    """A row that takes a kept one back."""
    return ledger.revocation(
        row.kernel_sha256,
        "suspect",
        f"audit: {step.status} ({step.reason}) against {step.before[:8]}",
        commit=commit,
        host_class=row.host_class,
        ratio=step.ratio,
        ci_low=step.ci_low,
        ci_high=step.ci_high,
    )
