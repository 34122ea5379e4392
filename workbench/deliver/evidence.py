"""What is known of a kernel beside upstream.py: kept records, here or published, and its steps."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workbench import incumbent, ledger, record, stats
from workbench.errors import Refused
from workbench.record import TrialRecord
from workbench.targets import Target


@dataclass(frozen=True)
class Combo:
    """One timed workload beside upstream.py; None where the record's pairs are not at hand."""

    shape: str
    distribution: str
    kernel_ns: float
    upstream_ns: float
    ratio: float
    ci_low: float | None
    ci_high: float | None

    @property
    def name(self) -> str:
        """``shape/distribution``."""
        return f"{self.shape}/{self.distribution}"


@dataclass(frozen=True)
class Evidence:
    """A kept record of this kernel, and where it lies.

    Attributes
    ----------
    record : TrialRecord
        What the judge found.
    path : str
        From the project's root.
    duel : bool
        Whether upstream.py was the incumbent, so that the verdict itself is the comparison.
    combos : tuple of Combo
        Every timed workload.
    """

    record: TrialRecord
    path: str
    duel: bool
    combos: tuple[Combo, ...]

    @property
    def headline(self) -> tuple[float, float, float]:
        """Kernel / upstream over all combos, with its interval; of two the less flattering."""
        found = self.record
        beside = (
            found.ratio_vs_upstream,
            found.ci_low_vs_upstream,
            found.ci_high_vs_upstream,
        )
        duelled = (found.ratio, found.ci_low, found.ci_high) if self.duel else (None, None, None)
        known = [
            (ratio, low, high)
            for ratio, low, high in (beside, duelled)
            if ratio is not None and low is not None and high is not None
        ]
        return max(known, key=lambda one: one[2])


def evidence(target: Target, source: str) -> list[Evidence]:
    """Kept records of a kernel against today's upstream.py, the one to rely on first.

    This machine's before published ones, of those the plain build before one for another CPU,
    then the newest. A keep that was revoked after it is none.

    Raises
    ------
    Refused
        If there is none.
    """
    digest = incumbent.sha256(source)
    upstream = incumbent.upstream(target).ref.kernel_sha256
    file = f"targets/{target.name}/upstream.py"
    revoked = max((when(row) for row in _rows(target) if _revokes(row, digest)), default=None)
    found = []
    for path, one in records(target, digest):
        duel = one.incumbent.kernel_sha256 == upstream
        if (
            (one.target, one.kernel_sha256, one.status) == (target.name, digest, "keep")
            and one.judge_files.get(file) == upstream
            and one.ci_high_vs_upstream is not None
            and (revoked is None or when(one) > revoked)
        ):
            place = path.relative_to(target.root).as_posix()
            found.append(Evidence(one, place, duel, _combos(path, one, duel=duel)))
    if not found:
        raise Refused(
            f"no kept record of targets/{target.name}/kernels.py as it is ({digest[:8]}) beside "
            f"upstream.py as it is, neither here nor published: `workbench init {target.name}` "
            f"and `workbench trial {target.name} --incumbent upstream` make one"
        )
    return sorted(found, key=_trust, reverse=True)


def _trust(one: Evidence) -> tuple[bool, bool, datetime.datetime]:
    plain = not one.record.host.get("numba_env")
    return one.path.startswith("reports/trials/"), plain, when(one.record)


def steps(target: Target, digest: str) -> list[ledger.Row]:
    """Kept rows that led to a kernel, oldest first: of every ledger in which it was kept."""
    found: dict[str, ledger.Row] = {}
    for rows in _ledgers(target):
        entries = [e for e in ledger.history(rows) if e.status == "keep" and not e.revoked]
        ends = [i for i, entry in enumerate(entries) if entry.kernel_sha256 == digest]
        for entry in entries[: ends[0] + 1] if ends else []:
            if (old := found.get(entry.kernel_sha256)) is None or when(entry) < when(old):
                found[entry.kernel_sha256] = entry
    return sorted(found.values(), key=when)


def records(target: Target, digest: str) -> Iterator[tuple[Path, TrialRecord]]:
    """Records of a kernel: this machine's, and those that a digest published."""
    for path in target.root.glob(f"reports/trials/*-{target.name}-{digest[:8]}/trial.json"):
        yield path, record.read(path)
    for path in target.root.glob("reports/[0-9]*/data/**/*.json"):
        raw = path.read_bytes()
        if digest.encode() in raw and b'"judge_files"' in raw:
            yield path, record.read(path)


def _ledgers(target: Target) -> list[list[ledger.Row]]:
    """This machine's ledger, and those that a digest published; a kernel's digest tells whose."""
    paths = target.root.glob("reports/[0-9]*/data/**/results.tsv")
    own = ledger.path(target.folder, "performance")
    return [ledger.read(path) for path in (own, *sorted(paths))]


def _rows(target: Target) -> Iterator[ledger.Row]:
    for rows in _ledgers(target):
        yield from rows


def _revokes(row: ledger.Row, digest: str) -> bool:
    return row.status == "revoke" and row.kernel_sha256 == digest


def when(one: ledger.Row | TrialRecord) -> datetime.datetime:
    """The moment of a row or a record; of those that name no zone, UTC."""
    moment = datetime.datetime.fromisoformat(one.timestamp)
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)


def _combos(path: Path, found: TrialRecord, *, duel: bool) -> tuple[Combo, ...]:
    """Each combo beside upstream: the duel's own figures, else the pairs timed after it."""
    intervals: Sequence[tuple[float | None, float | None]] = [(None, None)] * len(found.combos)
    if duel:
        intervals = [(combo.ci_low, combo.ci_high) for combo in found.combos]
    elif (pairs := path.with_name("upstream.parquet")).is_file():
        intervals = _intervals(pairs, found)
    return tuple(
        Combo(
            combo.shape,
            combo.distribution,
            combo.candidate_ns,
            combo.incumbent_ns if duel else combo.upstream_ns,
            combo.ratio if duel else combo.candidate_ns / combo.upstream_ns,
            *bounds,
        )
        for combo, bounds in zip(found.combos, intervals, strict=True)
    )


def _intervals(pairs: Path, found: TrialRecord) -> list[tuple[float, float]]:
    """Confidence sequence of each combo over crossovers, from every pair beside upstream."""
    import pandas as pd

    frame = pd.read_parquet(pairs)
    frame["ratio"] = np.log(frame["candidate_ns"] / frame["upstream_ns"])
    by_process = frame.groupby(["process", "combo"])["ratio"].median().unstack().to_numpy()
    crossovers = (by_process[::2] + by_process[1::2]) / 2  # as stats.crossed
    return [
        stats.interval(crossovers[:, i], found.calibration.sigma_combo)[1:]
        for i in range(len(found.combos))
    ]
