"""A kernel in the real query around it: whether the answers are upstream's, and its win survives.

The query is timed as a kernel is: paired turns on fresh processes, requests nobody has seen, a
sampled answer of every block held against what upstream itself answers.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

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
)
from workbench.child import CandidateFailure, Watchdog
from workbench.files import write_whole
from workbench.forkserver import ForkServer, Servers
from workbench.lane import MAX_BATCH, Lane, Plan, plan
from workbench.setting import Options, Setting, settle
from workbench.trial import ignore_progress

Transfer = Literal["wins", "none", "loses"]

PROCESSES = stats.MAX_PROCESSES
# A whole query compiles for longer than a kernel.
ANSWER_SECONDS = 180.0
SHARE_TURNS = 24
ASKED_QUERIES = 32
UNIT_BINS = 32
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Case:
    """One kind of query; times are ns a query, shares are of the query's time."""

    shape: str
    distribution: str
    ratio: float
    ci_low: float
    ci_high: float
    candidate_ns: float
    incumbent_ns: float
    candidate_share: float
    incumbent_share: float
    kernel_calls: float


@dataclass(frozen=True)
class Histogram:
    """What the caller asked: ``counts[i]`` values from ``starts[i]`` up to the next start."""

    label: str
    starts: tuple[int, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True)
class CallSiteRecord:
    """What became of a kernel's gain in the real query.

    Attributes
    ----------
    transfer : str or None
        ``wins`` or ``loses`` when the interval of the query's ratio excludes 1, else ``none``;
        None when an answer was wrong.
    ratio, ci_low, ci_high : float or None
        Query with the candidate / query with the incumbent, mean over the kinds of query.
    failure : str or None
        What was wrong.
    revoked : bool
        Whether a kept row of the ledger was revoked for it.
    """

    target: str
    timestamp: str
    commit: str
    kernel_sha256: str
    incumbent: str
    incumbent_sha256: str
    host_class: str
    host: Mapping[str, Any]
    versions: Mapping[str, str]
    transfer: Transfer | None
    ratio: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    processes: int = 0
    cases: tuple[Case, ...] = ()
    asked: tuple[Histogram, ...] = ()
    failure: str | None = None
    revoked: bool = False
    schema_version: int = SCHEMA_VERSION

    @property
    def sentence(self) -> str:
        """The finding in one line."""
        if self.transfer is None:
            return f"the query's answer is wrong: {self.failure}"
        share = np.mean([case.incumbent_share for case in self.cases])
        return (
            f"transfer: {self.transfer} ({self.ratio:.4f} x the query with {self.incumbent}, "
            f"{self.ci_low:.4f} to {self.ci_high:.4f}; the kernel it replaces is {share:.1%} of "
            "that query)"
        )

    def to_json(self) -> str:
        """One JSON object."""
        return json.dumps(dataclasses.asdict(self), indent=1) + "\n"


def run(
    name: str,
    rival: str | None = "upstream",
    *,
    root: Path | None = None,
    progress: judge.Progress = ignore_progress,
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


def path(root: Path, name: str) -> Path:
    """Where the newest finding of a target is published."""
    return root / "reports" / "callsites" / f"{name}.json"


def read(root: Path, name: str) -> dict[str, Any] | None:
    """Return the newest published finding of a target, or None."""
    try:
        finding: dict[str, Any] = json.loads(path(root, name).read_bytes())
    except FileNotFoundError:
        return None
    return finding


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
        with _bench(target, progress) as (bench, servers):
            files = _staged(setting)
            measured: list[contest.Measured] = []
            for replica in range(PROCESSES):
                progress("queries", replica, PROCESSES)
                fresh = dataclasses.replace(bench, server=servers.next())
                batches = measured[0].batches if measured else None
                measured.append(contest.measure(fresh, files, layout, rng, replica, batches))
            progress("queries", PROCESSES, PROCESSES)
            shares = [_shares(bench, file, layout, rng) for file in files[:2]]
    except (judge.Incorrect, CandidateFailure) as error:
        return dataclasses.replace(blank, failure=str(error))
    replicas = [stats.summarise(m.blocks, len(names)) for m in measured]
    # Not the target's own calibration: a query is another program than its kernel.
    found = stats.estimate(replicas, names, stats.Calibration())
    return dataclasses.replace(
        blank,
        transfer=transfer(found.ci_low, found.ci_high),
        ratio=found.ratio,
        ci_low=found.ci_low,
        ci_high=found.ci_high,
        processes=found.processes,
        cases=_cases(found, *shares),
        asked=_asked(target, layout, rng),
    )


def transfer(ci_low: float, ci_high: float) -> Transfer:
    """Sum up an interval of the query's ratio.

    Examples
    --------
    >>> transfer(0.91, 0.97), transfer(0.99, 1.01), transfer(1.02, 1.2)
    ('wins', 'none', 'loses')
    """
    return "wins" if ci_high < 1 else "loses" if ci_low > 1 else "none"


@contextlib.contextmanager
def _bench(
    target: targets.Target, progress: judge.Progress
) -> Iterator[tuple[judge.Bench, Servers]]:
    core = max(os.sched_getaffinity(0))

    def waiting() -> None:
        progress("waiting for the timing core", 0, 0)

    with locks.timing_core(core, waiting), contextlib.ExitStack() as stack:
        watchdog = Watchdog(ANSWER_SECONDS)
        stack.callback(watchdog.close)
        server = ForkServer()
        stack.callback(server.close)
        servers = Servers()
        stack.callback(servers.close)
        yield judge.Bench(server, watchdog, target, core, progress), servers


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
    return tuple(histogram(label, np.concatenate(found)) for label, found in values.items())


def histogram(label: str, values: NDArray[Any]) -> Histogram:
    """Count whole numbers: one bin each up to `UNIT_BINS`, else bins that double.

    Examples
    --------
    >>> histogram("skipped blocks", np.array([0, 0, 3, 40]))
    Histogram(label='skipped blocks', starts=(0, 1, 2, 4, 8, 16, 32), counts=(2, 0, 1, 0, 0, 0, 1))
    """
    top = int(values.max(initial=0))
    starts = list(range(top + 1))
    if top > UNIT_BINS:
        starts = [0, *(1 << i for i in range(top.bit_length()))]
    counts, _ = np.histogram(values, [*starts, np.inf])
    return Histogram(label, tuple(starts), tuple(int(count) for count in counts))


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


def _revocation(found: CallSiteRecord) -> ledger.Row:
    """A row that takes the keep back: its ratio is the query's."""
    unknown = dict.fromkeys(f.name for f in dataclasses.fields(ledger.Row))
    known = {
        "commit": found.commit,
        "timestamp": found.timestamp,
        "status": "revoke",
        "reason": "call-site",
        "ratio": found.ratio,
        "ci_low": found.ci_low,
        "ci_high": found.ci_high,
        "host_class": found.host_class,
        "kernel_sha256": found.kernel_sha256,
        "description": f"slower in the query of its call site than {found.incumbent}",
    }
    return ledger.Row(**{**unknown, **known})  # type: ignore[arg-type]  # the mixed values of a row


def _write(setting: Setting, found: CallSiteRecord) -> None:
    """Publish the finding, and put it beside the trial that judged this kernel."""
    root = setting.target.root
    places = [path(root, found.target)]
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
