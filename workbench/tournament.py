"""Every kernel against upstream's algorithm, its peers and the machine's limit: one run, one table.

Each target is raced in a few fresh processes (`workbench.contestants`); while one is timed, the
next is compiled on another core. `workbench.scoreboard` says what is published.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import hashlib
import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench import host, incumbent, judge, locks, overview, stats, targets
from workbench.contestants import KERNELS, UPSTREAM
from workbench.errors import Infrastructure
from workbench.files import write_whole
from workbench.publish import board
from workbench.scoreboard import SCHEMA_VERSION, Combo, Ratio, Score, path, read
from workbench.targets import Target

# It stays at upstream (docs/decisions/0021): what a newcomer is to find is no standing of a kernel.
TUTORIAL = "pq_encode"
REPLICAS = 3
SECONDS_PER_REPLICA = 4.0
# Far above the slowest seen (a first compilation of every variant: 60 s).
CHILD_SECONDS = 600


def run(
    names: Sequence[str] = (),
    *,
    root: Path | None = None,
    progress: judge.Progress = judge.ignore_progress,
) -> list[Score]:
    """Race targets and publish the table, the figure and the JSON.

    Parameters
    ----------
    names : sequence of str
        Default: all targets but the tutorial's. The published lines of others stay.
    root : Path, optional
        The project; found from the working directory otherwise.
    progress : callable, optional
        ``progress(phase, done, total)``.

    Returns
    -------
    list of Score
        One a target that was raced.

    Raises
    ------
    Usage, Infrastructure
        An unknown target; a kernel or upstream.py that does not answer rightly.
    """
    root = root or targets.find_root()
    chosen = [targets.load(name, root) for name in (names or default(root))]
    core = max(os.sched_getaffinity(0))
    others = sorted(os.sched_getaffinity(0) - {core}) or [core]

    def waiting() -> None:
        progress("waiting for the timing core", 0, 0)

    scores = []
    with locks.timing_core(core, waiting), contextlib.ExitStack() as stack:
        compiling = stack.enter_context(_child(chosen[0], others, 0, 0))
        for i, target in enumerate(chosen):
            progress(target.name, i, len(chosen))
            _answer(compiling, target)
            if i + 1 < len(chosen):
                compiling = stack.enter_context(_child(chosen[i + 1], others, 0, 0))
            found = []
            for seed in range(1, REPLICAS + 1):
                with _child(target, [core], seed, SECONDS_PER_REPLICA) as child:
                    found.append(_answer(child, target))
            scores.append(score(target, found))
            publish(root, scores)
    progress("done", len(chosen), len(chosen))
    return scores


def default(root: Path) -> list[str]:
    """Targets that are raced where none is named."""
    return [name for name in targets.names(root) if name != TUTORIAL]


def publish(root: Path, scores: Sequence[Score]) -> None:
    """Write the lines, new ones over old ones, and the table and figure that show them."""
    lines = read(root) | {line.target: line for line in scores}
    ordered = [lines[name] for name in targets.names(root) if name in lines]
    document = {
        "schema_version": SCHEMA_VERSION,
        "targets": [dataclasses.asdict(line) for line in ordered],
    }
    folder = path(root).parent
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(path(root), (json.dumps(document, indent=1) + "\n").encode())
    write_whole(folder / "scoreboard.png", board.figure(ordered).png())
    write_whole(folder / "README.md", board.page(ordered).encode())


def score(target: Target, replicas: Sequence[dict[str, Any]]) -> Score:
    """Sum up a target's replicas.

    Raises
    ------
    Infrastructure
        If the kernel or upstream.py answered wrongly: nothing can be compared then.
    """
    failures = {name: said for found in replicas for name, said in found["failures"].items()}
    for name in (KERNELS, UPSTREAM):
        if name in failures:
            raise Infrastructure(f"{target.name}: {name}.py is wrong, {failures[name]}")
    combos = replicas[0]["combos"]
    names = [f"{combo['shape']}/{combo['distribution']}" for combo in combos]
    peers = [n for n in combos[0]["elapsed_ns"] if n != KERNELS and n not in failures]
    against = {name: _ratio([_log_ratios(r, name) for r in replicas], names) for name in peers}
    vs_upstream = against.pop(UPSTREAM)
    medians = [
        {
            name: float(
                np.median([np.median(r["combos"][i]["elapsed_ns"][name]) for r in replicas])
            )
            for name in (KERNELS, UPSTREAM, *against)
        }
        for i in range(len(combos))
    ]
    least = [
        float(np.median([r["least_ns"][combo["shape"]] for r in replicas])) for combo in combos
    ]
    kernel_ns = np.array([times[KERNELS] for times in medians])
    source = target.kernels_path.read_text()
    return Score(
        target=target.name,
        status=target.spec["status"],
        unit=target.spec.get("unit", "request"),
        commit=incumbent.head(target, source),
        kernel_sha256=incumbent.sha256(source),
        timestamp=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        host=dataclasses.asdict(host.current("")),
        versions=host.versions(),
        processes=len(replicas),
        rounds=min(
            len(combos[0]["elapsed_ns"][KERNELS]) for combos in (r["combos"] for r in replicas)
        ),
        geomean_ns=float(np.exp(np.log(kernel_ns).mean())),
        vs_upstream=vs_upstream,
        vs_peers=against,
        best_peer=max(against, key=lambda name: against[name].ratio, default=None),
        roofline_share=float(np.exp(np.log(np.array(least) / kernel_ns).mean())),
        combos=tuple(
            Combo(combo["shape"], combo["distribution"], times, limit)
            for combo, times, limit in zip(combos, medians, least, strict=True)
        ),
        failures=failures,
        cpu=replicas[0]["cpu"],
    )


def _log_ratios(replica: dict[str, Any], name: str) -> NDArray[np.float64]:
    """Median over rounds of log(kernel / another), by combo; each round asked both the same.

    A slow one had the first rounds only.
    """
    found = []
    for combo in replica["combos"]:
        theirs = np.array(combo["elapsed_ns"][name])
        ours = np.array(combo["elapsed_ns"][KERNELS])[: len(theirs)]
        found.append(np.median(np.log(ours / theirs)))
    return np.array(found)


def _ratio(replicas: Sequence[NDArray[np.float64]], names: Sequence[str]) -> Ratio:
    by_process = np.array([found.mean() for found in replicas])
    by_combo = np.median(np.array(replicas), axis=0)
    middle = float(by_process.mean())
    width = stats.half_width(by_process, stats.Calibration().sigma)
    worst = int(by_combo.argmax())
    return Ratio(
        ratio=math.exp(middle),
        ci_low=math.exp(middle - width),
        ci_high=math.exp(middle + width),
        worst=math.exp(float(by_combo[worst])),
        worst_combo=names[worst],
    )


@contextlib.contextmanager
def _child(
    target: Target, cores: Sequence[int], seed: int, seconds: float
) -> Iterator[subprocess.Popen[str]]:
    """A process that races one target; it ends with the block, whatever happens."""
    digest = hashlib.sha256(overview.host_class(target).encode())
    for module in ("contestants.py", "roofline.py"):
        digest.update(Path(__file__).with_name(module).read_bytes())
    digest.update(target.kernels_path.read_bytes())
    cache = target.root / ".workbench" / "scoreboard" / digest.hexdigest()[:32]
    cache.mkdir(parents=True, exist_ok=True)
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_MAX_THREADS"), "1")
    child = subprocess.Popen(
        [
            *(sys.executable, "-m", "workbench.contestants", target.name, str(target.root)),
            *(str(seed), str(seconds), ",".join(map(str, cores))),
        ],
        env={**os.environ, **one, "NUMBA_CACHE_DIR": str(cache)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def _answer(child: subprocess.Popen[str], target: Target) -> dict[str, Any]:
    """Wait for a child and read what it found."""
    try:
        said, complaint = child.communicate(timeout=CHILD_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise Infrastructure(f"{target.name} was not raced in {CHILD_SECONDS} s") from error
    if child.returncode != 0:
        last = (complaint.strip() or f"it ended with {child.returncode}").splitlines()[-1]
        raise Infrastructure(f"the race of {target.name} failed: {last}")
    found: dict[str, Any] = json.loads(said)
    return found
