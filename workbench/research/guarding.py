"""The guard on the kernel that is checked out: which record it looks at, and new baselines."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from workbench import git, incumbent, overview, policy, record, targets, trial
from workbench.errors import Infrastructure, Refused
from workbench.judge import Progress, ignore_progress
from workbench.record import TrialRecord
from workbench.research import guard
from workbench.research.guard import Baseline, Finding
from workbench.setting import Options
from workbench.targets import Target

DESCRIPTION = "guard: the kernel against itself"
# The share of a normal distribution's sd that its median absolute deviation is, inverted.
MAD_TO_SD = 1.4826
MIN_CROSSOVERS = 3


def inspect(
    name: str, root: Path, *, fresh: bool = False, progress: Progress = ignore_progress
) -> Finding:
    """Hold the committed kernel of a target against the baseline of this host class.

    Parameters
    ----------
    name : str
        The target.
    root : Path
        The project.
    fresh : bool
        Measure, though there is a record.
    progress : callable
        As of `trial.run`.

    Raises
    ------
    Refused
        If the kernel is not committed.
    """
    target = targets.load(name, root)
    require_committed(target)
    host_class = overview.host_class(target)
    baselines = guard.read(target.folder / guard.FILE)
    if host_class not in baselines:
        return guard.no_baseline(name, host_class, baselines, overview.judge_sha256(target))

    def measure() -> TrialRecord:
        return race_against_itself(target, progress)

    known = None if fresh else newest(target, host_class)
    return guard.check(known or measure(), baselines, measure)[0]


def limits(name: str, root: Path) -> dict[str, Baseline]:
    """What the guard of a target says, by host class."""
    return guard.read(root / "targets" / name / guard.FILE)


def doubts(done: TrialRecord, limits: Mapping[str, Baseline]) -> list[str]:
    """What a trial alone says against the guard; only a second look makes it broken."""
    baseline = limits.get(done.host_class)
    lines = guard.broken(done, baseline) if baseline is not None and done.combos else []
    return [f"{line}: workbench guard {done.target} looks again" for line in lines]


def rebaseline(
    name: str, root: Path, *, fresh: bool = False, progress: Progress = ignore_progress
) -> Baseline:
    """Write the limits of this host class from the newest baseline of the kernel, or a new one.

    Measuring one is what ``workbench init --rebaseline`` does, with all that it changes. Limits
    of another judge go: no trial of this one is of their class.

    Raises
    ------
    Refused
        If the kernel is not committed.
    """
    target = targets.load(name, root)
    require_committed(target)
    path = target.folder / guard.FILE
    known = guard.read(path)
    found = None if fresh else newest(target, overview.host_class(target), "baseline")
    if found is None:
        options = Options(mode="baseline", description="guard", rebaseline=True)
        found = trial.run(name, options, root=root, progress=progress)
    noise = noise_of(record.folder(root, found.id), found)
    made = guard.baseline_of(found, noise)
    others = {k: b for k, b in known.items() if b.judge_sha256 == made.judge_sha256}
    guard.write(path, {**others, found.host_class: made})
    return made


def require_committed(target: Target) -> None:
    """Refuse a kernel that is in no commit: its limits would be nobody's."""
    source = policy.read_source(target.kernels_path)
    if incumbent.head(target, source).endswith("+"):
        name = target.kernels_path.relative_to(target.root).as_posix()
        raise Refused(f"{name} is not committed: the guard is for committed kernels")


def newest(target: Target, host_class: str, mode: str = "") -> TrialRecord | None:
    """The newest record of the kernel that is there raced against itself, if there is one."""
    digest = incumbent.sha256(policy.read_source(target.kernels_path))
    pattern = f"*-{target.name}-{digest[:8]}/trial.json"
    for path in sorted(record.folder(target.root, "").glob(pattern), reverse=True):
        found = record.read(path)
        same = (found.kernel_sha256, found.host_class) == (digest, host_class)
        if same and found.combos and guard.against_itself(found) and mode in ("", found.mode):
            return found
    return None


def race_against_itself(target: Target, progress: Progress) -> TrialRecord:
    """Measure the committed kernel beside upstream, as baselines do.

    Raises
    ------
    Infrastructure
        If nothing was timed.
    """
    commit = git.commit_of(target.root, "HEAD")
    options = Options(description=DESCRIPTION, incumbent=commit)
    return timed(trial.run(target.name, options, root=target.root, progress=progress))


def timed(done: TrialRecord) -> TrialRecord:
    """A record with times in it; a kernel that is wrong against itself has none."""
    if not done.combos:
        raise Infrastructure(f"the guard could not measure {done.target}: {done.sentence}")
    return done


def noise_of(folder: Path, record: TrialRecord) -> dict[str, float]:
    """How much one crossover's log ratio to upstream moved in a record, by combo.

    Raises
    ------
    Infrastructure
        If its times are not there, or are too few.
    """
    import numpy as np
    import pandas as pd

    path = folder / "upstream.parquet"
    try:
        pairs = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise Infrastructure(f"{path} cannot be read: {error}") from error
    log_ratio = pd.Series(np.log(pairs["candidate_ns"] / pairs["upstream_ns"]))
    by_process = log_ratio.groupby([pairs["process"], pairs["combo"]]).median().unstack().to_numpy()
    # Two pairs of processes that have exchanged their memory are one crossover.
    whole = len(by_process) // 2 * 2
    crossovers = (by_process[0:whole:2] + by_process[1:whole:2]) / 2
    if len(crossovers) < MIN_CROSSOVERS:
        raise Infrastructure(f"{path} has {len(crossovers)} crossovers: a baseline has more")
    spread = np.median(np.abs(crossovers - np.median(crossovers, axis=0)), axis=0)
    names = [f"{combo.shape}/{combo.distribution}" for combo in record.combos]
    return {n: MAD_TO_SD * float(value) for n, value in zip(names, spread, strict=True)}
