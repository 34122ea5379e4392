"""A kernel in the real query around it: whether the answers are upstream's, and its win survives.

The query is timed as a kernel is: paired turns on fresh processes, requests nobody has seen, a
sampled answer of every block held against what upstream itself answers.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench import (
    builds,
    contest,
    host,
    incumbent,
    judge,
    ledger,
    locks,
    policy,
    record,
    stats,
    targets,
    ticks,
    transfer,
)
from workbench.child import CandidateFailure
from workbench.files import write_whole
from workbench.lane import MAX_BATCH, Lane, Plan, plan
from workbench.setting import Options, Setting, settle
from workbench.transfer import CallSiteRecord, Case, Histogram

CROSSOVERS = 3
# A whole query compiles for longer than a kernel: a decoder around one takes 70 s of CPU, and
# three of them at once did not get that within 180 s where six others used the two cores.
ANSWER_SECONDS = 600.0
SHARE_TURNS = 24
ASKED_QUERIES = 32


def run(
    name: str,
    rival: str | None = "upstream",
    *,
    root: Path | None = None,
    progress: judge.Progress = judge.ignore_progress,
) -> CallSiteRecord:
    """Race ``targets/<name>/kernels.py`` inside the query of its call site.

    Parameters
    ----------
    name : str
        The target.
    rival : str or None
        ``upstream``, a commit, or None for the best kept kernel.
    root : Path, optional
        The project; found from the working directory otherwise.
    progress : callable, optional
        ``progress(phase, done, total)``.

    Returns
    -------
    CallSiteRecord
        Also in ``reports/callsites/<name>.json``, and in the record of the trial that judged
        this kernel where there is one.

    Raises
    ------
    Usage, Refused, Infrastructure
        If nothing could be raced.
    """
    target = targets.load(name, root)
    with locks.exclusive(target):
        setting = settle(target, Options(incumbent=rival))
        policy.check_source(setting.source, target.surface)
        found = _race(setting, progress)
        with locks.uninterrupted():
            if found.transfer == "loses" and _is_kept(setting):
                found = dataclasses.replace(found, revoked=True)
                ledger.append(ledger.path(target.folder, "performance"), _revocation(found))
            _write(setting, found)
    return found


def _race(setting: Setting, progress: judge.Progress) -> CallSiteRecord:
    target = setting.target.at_call_site()
    rng = np.random.default_rng(setting.seed)
    progress("the query's data", 0, 1)
    layout = plan(target.callsite.workloads(rng))
    names = [(load.shape, load.distribution) for load in layout.workloads]
    blank = CallSiteRecord(
        target=target.name,
        timestamp=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        commit=setting.commit,
        kernel_sha256=incumbent.sha256(setting.source),
        incumbent=setting.rival.ref.origin,
        incumbent_sha256=setting.rival.ref.kernel_sha256,
        host_class=setting.host_class.id,
        host=dataclasses.asdict(setting.host_class),
        versions=host.versions(),
        transfer=None,
    )
    try:
        with judge.bench(target, progress, ANSWER_SECONDS) as (bench, servers):
            files = _staged(setting)
            measured: list[contest.Measured] = []
            for done in range(CROSSOVERS):
                progress("queries", done, CROSSOVERS)
                fresh = dataclasses.replace(bench, server=servers.next())
                measured += contest.cross(fresh, files, layout, rng.spawn(2), measured)
            progress("queries", CROSSOVERS, CROSSOVERS)
            shares = [_shares(bench, file, layout, rng) for file in files[:2]]
    except (judge.Incorrect, CandidateFailure) as error:
        return dataclasses.replace(blank, failure=str(error))
    pairs = [stats.summarise(m.blocks, len(names)) for m in measured]
    crossovers = [stats.crossed(*two) for two in zip(pairs[::2], pairs[1::2], strict=True)]
    # Not the target's own calibration: a query is another program than its kernel.
    found = stats.estimate(crossovers, names, stats.Calibration())
    cases = _cases(found, *shares)
    worst = setting.guardrails.worst_ratio
    return dataclasses.replace(
        blank,
        transfer=transfer.sum_up(found.ci_low, found.ci_high, cases, worst),
        ratio=found.ratio,
        ci_low=found.ci_low,
        ci_high=found.ci_high,
        processes=found.processes,
        cases=cases,
        asked=_asked(target, layout, rng),
    )


def _staged(setting: Setting) -> tuple[Path, Path, Path]:
    """Builds of their own for the query: numba's cache knows nothing of the other kernels in it."""
    root = setting.target.root
    parts = [setting.target.folder / "callsite.py", *sorted(root.glob("targets/*/upstream.py"))]
    parts += sorted((Path(__file__).parent / "callsites").glob("*.py"))
    digest = hashlib.sha256(b"\0".join(part.read_bytes() for part in parts)).hexdigest()
    sources = (setting.source, setting.rival.source, incumbent.upstream(setting.target).source)
    key = f"{setting.host_class.id} {digest}"
    candidate, rival, bare = (builds.stage(root, key, source) for source in sources)
    return candidate, rival, bare


def _shares(
    bench: judge.Bench, kernels: Path, layout: Plan, rng: np.random.Generator
) -> list[tuple[float, float]]:
    """(share of the query's time inside the kernel, kernel calls a query) of each kind of query.

    A build with a cycle counter around each call runs beside the plain one; what an empty
    bracket counts is taken off every call, and the time it is a share of is the plain build's.
    """
    per_ns, empty = ticks.per_ns(), ticks.of_a_bracket()
    found = []
    lanes = [
        Lane(bench.server, bench.target, kernels, layout, [bench.core], ticks=counted)
        for counted in (False, True)
    ]
    try:
        for lane in lanes:
            with bench.watchdog.over(lane.runner):
                lane.runner.receive()
        for combo, (place, load) in enumerate(zip(layout.places, layout.workloads, strict=True)):
            counter: NDArray[np.int64] = lanes[1].arena.views(place.scratch)["ticks"]
            for lane in lanes:
                with bench.watchdog.over(lane.runner):
                    lane.runner.bind(combo)
                    lane.runner.prepare(combo, MAX_BATCH)
            turns = []
            for _ in range(1 + SHARE_TURNS):
                requests = load.requests(rng, MAX_BATCH)
                counter[:] = 0
                for lane in lanes:
                    lane.offer(combo, requests)
                with bench.watchdog.over(*(lane.runner for lane in lanes)):
                    lanes[1].runner.turn(combo)
                    whole_ns = lanes[0].runner.turn(combo)[0]
                    turns.append((*counter, whole_ns, lanes[0].runner.null_turn()))
            # The first turn compiles. Medians, because a turn that was interrupted says nothing.
            inside, calls, whole_ns, null_ns = np.array(turns[1:], float).T
            inside_ns = np.maximum(inside - calls * empty, 0) / per_ns
            share = np.median(inside_ns / np.maximum(whole_ns - np.median(null_ns), 1))
            found.append((float(share), float(calls.mean()) / MAX_BATCH))
    finally:
        for lane in lanes:
            lane.close()
    return found


def _cases(
    found: stats.Estimate,
    candidate: Sequence[tuple[float, float]],
    rival: Sequence[tuple[float, float]],
) -> tuple[Case, ...]:
    return tuple(
        Case(
            combo.shape,
            combo.distribution,
            combo.ratio,
            combo.ci_low,
            combo.ci_high,
            combo.candidate_ns,
            combo.incumbent_ns,
            mine[0],
            theirs[0],
            mine[1],
        )
        for combo, mine, theirs in zip(found.combos, candidate, rival, strict=True)
    )


def _asked(target: targets.Target, layout: Plan, rng: np.random.Generator) -> tuple[Histogram, ...]:
    """Histograms of what the caller asks, over all kinds of query."""
    values: dict[str, list[NDArray[Any]]] = {}
    for load in layout.workloads:
        asked = target.callsite.asked(load.fixture, load.requests(rng, ASKED_QUERIES))
        for label, found in asked.items():
            values.setdefault(label, []).append(np.asarray(found).ravel())
    return tuple(
        transfer.histogram(label, np.concatenate(found)) for label, found in values.items()
    )


def _is_kept(setting: Setting) -> bool:
    """Whether this kernel has a kept row on this host class that nobody revoked."""
    rows = ledger.history(ledger.read(ledger.path(setting.target.folder, "performance")))
    digest = incumbent.sha256(setting.source)
    return any(
        row.kernel_sha256 == digest
        and row.status == "keep"
        and not row.revoked
        and row.host_class == setting.host_class.id
        for row in rows
    )


def _revocation(found: CallSiteRecord) -> ledger.AnyRow:
    """A row that takes the keep back: its ratio is the query's."""
    return ledger.revocation(
        found.kernel_sha256,
        "call-site",
        f"slower than {found.incumbent} in the query: {found.worst}",
        commit=found.commit,
        host_class=found.host_class,
        ratio=found.ratio,
        ci_low=found.ci_low,
        ci_high=found.ci_high,
    )


def _write(setting: Setting, found: CallSiteRecord) -> None:
    """Publish the finding, and put it beside the trial that judged this kernel."""
    root = setting.target.root
    places = [transfer.path(root, found.target)]
    for trial in sorted(root.glob("reports/trials/*/trial.json"), reverse=True):
        done = record.read(trial)
        if (done.target, done.kernel_sha256) == (found.target, found.kernel_sha256):
            places.append(trial.with_name("callsite.json"))
            break
    for place in places:
        place.parent.mkdir(parents=True, exist_ok=True)
        write_whole(place, found.to_json().encode())
    if found.cases:
        from workbench.publish import query

        write_whole(places[0].with_suffix(".png"), query.figure(found).png())
