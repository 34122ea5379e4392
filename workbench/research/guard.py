"""Guardrails: what a hot path may cost at most, by the committed baseline of a host class.

``targets/<T>/guard.json`` holds a `Baseline` a host class. A trial already refuses a kernel with a
combo 5 % slower than its incumbent; the guard catches what creeps in 4 % at a time.

Times of two runs cannot be compared, so the limit of a combo is its ratio to upstream, measured
side by side. Even that moved: of 67 records on a machine with neighbours, 38 of kernels that
nobody had touched were more than 5 % above their baseline in some combo. Most of it is what a
kernel is raced against (its caches); of 32 records of kernels raced against themselves it was 5,
and 3 beyond the noise of the baseline itself. So a baseline is a kernel against itself, it states
its own noise, and what a first look finds broken is measured once more in the same way.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workbench import files
from workbench.errors import Infrastructure

if TYPE_CHECKING:
    from workbench.record import TrialRecord

FILE = "guard.json"
# Least slack of a combo's ratio to upstream, and the slack of peak memory.
NS_SLACK, BYTES_SLACK = 0.05, 0.05
# A combo has as many standard deviations of one crossover for slack, where that is more.
SPREADS = 3.0
# A slack beyond this guards little, and is said.
LOOSE = 0.25


@dataclass(frozen=True)
class Limit:
    """What one combo may cost.

    Attributes
    ----------
    ratio_vs_upstream : float
        Its time / upstream's, as the baseline found it.
    slack : float
        How much more is allowed, as a share.
    ns : float
        Its time then, for people: never compared.
    """

    ratio_vs_upstream: float
    slack: float
    ns: float


@dataclass(frozen=True)
class Baseline:
    """What one host class measured of a kernel against itself.

    Attributes
    ----------
    kernel_sha256, record, timestamp : str
        Which kernel, in which trial, when.
    judge_sha256 : str
        A part of the host class: a baseline of another judge is never asked again.
    cpu : str
        For people.
    peak_rss_mb, bytes_slack : float
        Peak memory and how much more is allowed, as a share.
    allocations : float
        Of one hot call; no more are allowed.
    combos : mapping of str to Limit
        By ``shape/distribution``.
    """

    kernel_sha256: str
    record: str
    timestamp: str
    judge_sha256: str
    cpu: str
    peak_rss_mb: float
    allocations: float
    combos: Mapping[str, Limit]
    bytes_slack: float = BYTES_SLACK

    @property
    def loose(self) -> list[str]:
        """Combos that were too noisy to be guarded well."""
        return [
            f"{name} may be {limit.slack:.0%} slower"
            for name, limit in self.combos.items()
            if limit.slack > LOOSE
        ]


@dataclass(frozen=True)
class Finding:
    """What the guard says of a target.

    Attributes
    ----------
    target, host_class : str
        Of what, where.
    status : str
        ``ok``, ``warn`` (there is nothing to hold it against) or ``broken``.
    lines : tuple of str
        What is broken, or what is missing and the command that mends it.
    record : str
        The trial that was looked at.
    """

    target: str
    host_class: str
    status: str
    lines: tuple[str, ...] = ()
    record: str = ""


def broken(record: TrialRecord, baseline: Baseline) -> list[str]:
    """What of a record exceeds a baseline, a line each; what was not measured does."""
    found = []
    measured = {f"{c.shape}/{c.distribution}": c for c in record.combos}
    for name, limit in baseline.combos.items():
        combo = measured.get(name)
        if combo is None:
            found.append(f"{name} was not timed")
            continue
        ratio = combo.candidate_ns / combo.upstream_ns if combo.upstream_ns > 0 else math.nan
        most = limit.ratio_vs_upstream * (1 + limit.slack)
        if not ratio <= most:
            found.append(
                f"{name} takes {ratio:.3f} of upstream's time, {most:.3f} is allowed "
                f"({limit.ratio_vs_upstream:.3f} + {limit.slack:.0%})"
            )
    most = baseline.peak_rss_mb * (1 + baseline.bytes_slack)
    if record.peak_rss_mb is None or not record.peak_rss_mb <= most:
        found.append(f"peak memory is {_spell(record.peak_rss_mb)} MB, {most:.0f} MB are allowed")
    if record.allocations is None or not record.allocations <= baseline.allocations:
        found.append(
            f"a hot call allocates {_spell(record.allocations)} times, "
            f"{baseline.allocations:g} are allowed"
        )
    return found


def _spell(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.6g}"


def check(
    record: TrialRecord,
    baselines: Mapping[str, Baseline],
    again: Callable[[], TrialRecord],
) -> tuple[Finding, TrialRecord]:
    """Hold a record against the baseline of its host class.

    Parameters
    ----------
    record : TrialRecord
        Of whatever race.
    baselines : mapping of str to Baseline
        By host class.
    again : callable
        Measures the same kernel against itself; asked where the record breaks a limit. Only what
        two such races find broken is broken.
    """
    baseline = baselines.get(record.host_class)
    if baseline is None:
        known = no_baseline(record.target, record.host_class, baselines, record.judge_sha256)
        return known, record
    lines = broken(record, baseline)
    if lines and not against_itself(record):
        record = again()
        lines = broken(record, baseline)
    if lines:
        record = again()
        lines = broken(record, baseline)
    status = "broken" if lines else "ok"
    return Finding(record.target, record.host_class, status, tuple(lines), record.id), record


def no_baseline(
    target: str, host_class: str, known: Mapping[str, Baseline], judge_sha256: str
) -> Finding:
    """What is said where there is nothing to hold a record against; worse if there is nowhere."""
    why = "no baseline for this host class"
    if known and all(baseline.judge_sha256 != judge_sha256 for baseline in known.values()):
        latest = max(baseline.timestamp[:10] for baseline in known.values())
        why += f" nor any other: {FILE} is of an older judge ({latest}) and guards nothing"
    why += f": workbench guard --rebaseline {target}"
    return Finding(target, host_class, "warn", (why,))


def against_itself(record: TrialRecord) -> bool:
    """Whether a record raced a kernel against the same kernel, as baselines do."""
    return record.incumbent.kernel_sha256 == record.kernel_sha256


def parse(text: str, where: str) -> dict[str, Baseline]:
    """Read a guard.json.

    Raises
    ------
    Infrastructure
        Naming it, if it is none.
    """
    from pydantic import TypeAdapter

    try:
        found = TypeAdapter(dict[str, Baseline]).validate_json(text)
        for baseline in found.values():
            limits = [v for c in baseline.combos.values() for v in dataclasses.astuple(c)]
            limits += [baseline.peak_rss_mb, baseline.bytes_slack, baseline.allocations]
            if not all(math.isfinite(value) and value >= 0 for value in limits):
                raise ValueError("a limit is no finite number of at least 0")
    except ValueError as error:
        first = " ".join(str(error).splitlines()[:3])
        raise Infrastructure(
            f"{where} is no guard's file ({first}): restore it from git, or remove it and measure "
            "anew with workbench guard --rebaseline"
        ) from error
    return found


def read(path: Path) -> dict[str, Baseline]:
    """Baselines by host class; none where there is no file."""
    try:
        return parse(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise Infrastructure(f"{path} cannot be read: {error}") from error


def write(path: Path, baselines: Mapping[str, Baseline]) -> None:
    """Replace a guard.json."""
    document = {name: dataclasses.asdict(found) for name, found in sorted(baselines.items())}
    files.write_whole(path, f"{json.dumps(document, indent=1, allow_nan=False)}\n".encode())


def baseline_of(record: TrialRecord, noise: Mapping[str, float]) -> Baseline:
    """The limits that a baseline's record sets.

    Parameters
    ----------
    record : TrialRecord
        Of a kernel against itself.
    noise : mapping of str to float
        By combo, the standard deviation of one crossover's log ratio to upstream.

    Raises
    ------
    Infrastructure
        If it lacks a figure.
    """
    if record.peak_rss_mb is None or record.allocations is None or not record.combos:
        raise Infrastructure(f"{record.id} measured no limits: {record.sentence}")
    combos = {}
    for combo in record.combos:
        name = f"{combo.shape}/{combo.distribution}"
        slack = max(NS_SLACK, math.expm1(SPREADS * noise[name]))
        ratio = combo.candidate_ns / combo.upstream_ns
        combos[name] = Limit(round(ratio, 6), round(slack, 4), round(combo.candidate_ns, 1))
    return Baseline(
        kernel_sha256=record.kernel_sha256,
        record=record.id,
        timestamp=record.timestamp,
        judge_sha256=record.judge_sha256,
        cpu=str(record.host.get("cpu_model", "")),
        peak_rss_mb=record.peak_rss_mb,
        allocations=record.allocations,
        combos=combos,
    )
