"""Whether the installed upstream still answers as it did."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from numpy.typing import NDArray

from workbench import oracles, targets
from workbench.errors import Infrastructure, Usage
from workbench.snapshots.evidence import Arrays, Snapshot, load, recorded, unknown
from workbench.snapshots.recording import record, version

DriftStatus = Literal["identical", "within tolerance", "drifted"]


@dataclass(frozen=True)
class FileDrift:
    """How one archive compares with what the installed upstream answers today.

    Attributes
    ----------
    target, file : str
        Which archive.
    status : str
        ``identical``, ``within tolerance`` or ``drifted``.
    max_abs_err : float
        Largest difference found; 0 where identical, and where arrays cannot be compared.
    why : str
        What differs, empty when identical.
    """

    target: str
    file: str
    status: DriftStatus
    max_abs_err: float
    why: str


@dataclass(frozen=True)
class DriftReport:
    """Every archive of one upstream against the installed version.

    Attributes
    ----------
    upstream : str
        Whose evidence this is.
    recorded : tuple of str
        Versions that recorded it.
    installed : str
        The version that was asked now.
    files : tuple of FileDrift
        One for each archive.
    """

    upstream: str
    recorded: tuple[str, ...]
    installed: str
    files: tuple[FileDrift, ...]

    @property
    def drifted(self) -> bool:
        """Whether any archive is beyond tolerance."""
        return any(file.status == "drifted" for file in self.files)


def drift(upstream: str | None = None, root: Path | None = None) -> tuple[DriftReport, ...]:
    """Ask the installed upstreams again, outside the project, and compare.

    Parameters
    ----------
    upstream : str, optional
        Default: every upstream that has snapshots.
    root : Path, optional
        The project; default: found from the working directory.

    Returns
    -------
    tuple of DriftReport
        One for each upstream. Nothing in the project is changed.

    Raises
    ------
    Usage
        If nothing is recorded of that upstream.
    Infrastructure
        If nothing is recorded at all.
    """
    root = root or targets.find_root()
    pairs = [name.split("/") for name in recorded(root)]
    if not pairs:
        raise Infrastructure(
            "no evidence: nothing is recorded under snapshots/, so nothing can be compared; "
            "restore it with git checkout -- snapshots"
        )
    known = sorted({name for name, _ in pairs})
    if upstream is not None and upstream not in known:
        raise Usage(unknown(upstream, known))
    reports = []
    for name in [upstream] if upstream else known:
        old = [load(name, target, root) for owner, target in pairs if owner == name]
        reports.append(
            DriftReport(
                upstream=name,
                recorded=tuple(dict.fromkeys(snapshot.manifest.version for snapshot in old)),
                installed=version(name),
                files=tuple(line for snapshot in old for line in _drift(snapshot, root)),
            )
        )
    return tuple(reports)


def _drift(old: Snapshot, root: Path) -> Iterator[FileDrift]:
    """Compare one snapshot with fresh evidence that only ever lives in a temporary folder."""
    manifest = old.manifest
    with tempfile.TemporaryDirectory(prefix="workbench-drift-") as name:
        elsewhere = Path(name)
        record(manifest.upstream, manifest.target, elsewhere)
        new = load(manifest.upstream, manifest.target, elsewhere)
    tolerance = targets.load(manifest.target, root).spec["oracle"]
    for file in sorted(old.files.keys() | new.files.keys()):
        status, error, why = _compare(old.files.get(file), new.files.get(file), tolerance)
        yield FileDrift(manifest.target, file, status, error, why)


def _compare(
    old: Arrays | None, new: Arrays | None, tolerance: Mapping[str, Any]
) -> tuple[DriftStatus, float, str]:
    """Compare two archives: outputs within the target's tolerance, all else bit for bit."""
    if old is None or new is None:
        return "drifted", 0.0, "no longer recorded" if new is None else "not recorded before"
    if old.keys() != new.keys():
        return "drifted", 0.0, f"arrays {sorted(old)} became {sorted(new)}"
    status: DriftStatus = "identical"
    worst, notes = 0.0, []
    for name in old:
        result = oracles.bitwise(new[name], old[name], output=name)
        if isinstance(result, oracles.Mismatch) and name.startswith("output_"):
            result = _within(tolerance, name, new[name], old[name]) or result
        if isinstance(result, oracles.Mismatch):
            return "drifted", worst, result.describe()
        if not result.bitwise:
            status = "within tolerance"
            worst = max(worst, result.max_abs_err)
            notes.append(f"{name} differs by up to {result.max_abs_err:.3g}")
    return status, worst, "; ".join(notes)


def _within(
    tolerance: Mapping[str, Any], name: str, new: NDArray[Any], old: NDArray[Any]
) -> oracles.Agreement | oracles.Mismatch | None:
    """An output by the target's oracle; None where that has no tolerance for it."""
    kind, output = tolerance["kind"], name.removeprefix("output_")
    if kind == "max_abs_err":
        return oracles.max_abs_err(new, old, tolerance["atol"], tolerance["rtol"], output=name)
    if kind == "parity" and output == tolerance["pcm"]:
        return oracles.parity(new, old, tolerance["atol"], tolerance["min_snr_db"], output=name)
    return None
