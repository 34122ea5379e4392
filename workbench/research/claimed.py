"""A trial as researchers run it: the claim is asked for before, the guard is looked at after."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from workbench import judge, targets, trial
from workbench.errors import Infrastructure
from workbench.record import TrialRecord
from workbench.research import claims, guarding, settings
from workbench.setting import Options


def run(
    name: str,
    options: Options | None = None,
    *,
    root: Path | None = None,
    progress: judge.Progress = judge.ignore_progress,
) -> TrialRecord:
    """As `trial.run`, but a surface that others hold, or nobody, is refused first.

    A baseline needs no claim: it says what the machine is like. What the guard doubts is among
    the warnings; it is not stored, for it follows from the record and the guard's limits.

    Raises
    ------
    Refused
        Saying who holds it, or how to claim it.
    Infrastructure
        If the guard's limits cannot be read; nothing is measured then.
    """
    root = root or targets.find_root()
    if options is None or options.mode == "trial":
        require(root, name)
    limits = guarding.limits(name, root)  # before: what cannot be read shall cost no measurement
    done = trial.run(name, options, root=root, progress=progress)
    return dataclasses.replace(done, warnings=(*done.warnings, *guarding.doubts(done, limits)))


def require(root: Path, surface: str) -> None:
    """Refuse work without a claim, where claims are wanted; one researcher alone needs none."""
    if wanted(root):
        claims.require(root, surface)


def wanted(root: Path) -> bool:
    """Whether ``[tool.workbench] claims = true``.

    Raises
    ------
    Infrastructure
        If it is anything but true or false.
    """
    value = settings.of(root).get("claims", False)
    if not isinstance(value, bool):
        raise Infrastructure(f"[tool.workbench] claims is {value!r}: say true or false")
    return value
