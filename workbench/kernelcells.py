"""A target's kept kernels as cells, so that `workbench.analysis` can say where they lose."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from workbench import ledger, record, targets
from workbench.analysis import sweep
from workbench.analysis.axes import ENCODER, KERNEL, Axes
from workbench.analysis.sweep import Sweep
from workbench.errors import Infrastructure, Usage
from workbench.record import TrialRecord
from workbench.targets import Target

UPSTREAM = "upstream"
KEPT = ("keep", "baseline")


def cells(target: Target, focus: str = "performance") -> pd.DataFrame:
    """Each kept kernel, and upstream's, on every combo: columns of `KERNEL`.

    A kernel's time is upstream's times the median ratio of pairs in its own trial, so that
    trials of different hours compare; upstream's is the median over all of them.

    Raises
    ------
    Usage
        If nothing was kept.
    Infrastructure
        If a record cannot be read.
    """
    entries = ledger.history(ledger.read(ledger.path(target.folder, focus)))
    kept = {e.timestamp for e in entries if e.status in KEPT and not e.revoked}
    folders = sorted(record.folder(target.root, "").glob(f"*-{target.name}-*/"))
    done = [(folder, record.read(folder / "trial.json")) for folder in folders]
    parts = [_of_record(*one) for one in done if one[1].timestamp in kept]
    if not parts:
        raise Usage(f"nothing of {target.name} is kept yet: workbench init {target.name}")
    frame = pd.concat(parts, ignore_index=True)
    by_combo = frame.groupby(["target", "host_class", "combo"], sort=False)
    upstream_ns = by_combo["upstream_ns"].transform("median")
    frame["elapsed_ns"] = upstream_ns * frame["ratio"]
    bare = by_combo.agg(elapsed_ns=("upstream_ns", "median"), peak_rss_mb=("peak_rss_mb", "max"))
    bare = bare.reset_index().assign(commit=UPSTREAM, accuracy=1.0, is_upstream=True)
    return pd.concat([bare, frame.assign(is_upstream=False)], ignore_index=True)[
        list(KERNEL.columns)
    ]


def accuracy(found: TrialRecord) -> float:
    """A lossy kernel's recall; 1 for the others, which passed the oracle as upstream does."""
    return 1.0 if found.recall is None else found.recall


def _of_record(folder: Path, found: TrialRecord) -> pd.DataFrame:
    try:
        pairs = pd.read_parquet(folder / "upstream.parquet")
    except (OSError, ValueError) as error:
        raise Infrastructure(f"{folder / 'upstream.parquet'} cannot be read: {error}") from error
    names = [f"{combo.shape}/{combo.distribution}" for combo in found.combos]
    pairs["log_ratio"] = np.log(pairs["candidate_ns"] / pairs["upstream_ns"])
    each = pairs.groupby("combo")[["log_ratio", "upstream_ns"]].median()
    return pd.DataFrame(
        {
            "combo": [names[i] for i in each.index],
            "target": found.target,
            "host_class": found.host_class,
            "commit": f"{found.kernel_sha256[:8]} {found.status}",
            "ratio": np.exp(each["log_ratio"].to_numpy()),
            "upstream_ns": each["upstream_ns"].to_numpy(),
            "peak_rss_mb": found.peak_rss_mb,
            "accuracy": accuracy(found),
        }
    )


def opened(path: str, target: str | None, root: Path) -> tuple[Axes, Sweep]:
    """What a notebook analyses: a target's kept kernels, or else a sweep at a path in the project.

    Raises
    ------
    Usage, Infrastructure
        If there is no such thing.
    """
    if target:
        return KERNEL, sweep.of(cells(targets.load(target, root)), KERNEL)
    return ENCODER, sweep.load(root / path)
