"""Kept kernels as cells: records of real trials, read by the analysis of sweeps."""

import numpy as np
import pytest

from workbench import kernelcells, ledger, targets, trial
from workbench.analysis import hull
from workbench.analysis.axes import KERNEL
from workbench.analysis.regressions import regressions
from workbench.analysis.structural import classify
from workbench.errors import Infrastructure, Usage
from workbench.setting import Options

pytestmark = pytest.mark.usefixtures("quick", "one_server")


@pytest.fixture(scope="module")
def measured():
    """The record of a baseline, and the files that it left in the project."""
    return {}


@pytest.fixture
def kept(slow_upstream, measured):
    """A target with a baseline, which is a kernel many times as fast as upstream's.

    It is measured once; every test has a project of its own at the same place.
    """
    if not measured:
        before = files_of(slow_upstream)
        measured["done"] = trial.run("pq_l2", Options("baseline"), root=slow_upstream)
        measured["files"] = {path: path.read_bytes() for path in files_of(slow_upstream) - before}
    for path, content in measured["files"].items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    assert measured["done"].status == "baseline"
    return targets.load("pq_l2", slow_upstream), measured["done"]


def files_of(root):
    return {
        path
        for name in ("targets", "reports")
        for path in (root / name).rglob("*")
        if path.is_file()
    }


def test_a_kept_kernel_and_upstream_are_cells_of_every_combo(kept):
    target, done = kept
    frame = kernelcells.cells(target)
    combos = {f"{combo.shape}/{combo.distribution}" for combo in done.combos}
    assert set(frame["combo"]) == combos
    assert len(frame) == 2 * len(combos)
    assert set(frame["host_class"]) == {done.host_class}
    ours = frame[~frame["is_upstream"]].set_index("combo")["elapsed_ns"]
    upstream = frame[frame["is_upstream"]].set_index("combo")["elapsed_ns"]
    # The record's own ratio to upstream is the geometric mean of the same pairs, and not of their
    # medians: 13 % apart where five other programs ran on two cores.
    ratio = float(np.exp(np.log(ours / upstream).mean()))
    assert ratio == pytest.approx(done.ratio_vs_upstream, rel=0.3)
    assert np.isfinite(frame[["elapsed_ns", "peak_rss_mb"]].to_numpy(float)).all()


def test_the_same_functions_say_that_it_loses_nowhere(kept):
    target, _ = kept
    frame = kernelcells.cells(target)
    verdicts = classify(frame, KERNEL, regressions(frame, KERNEL))
    assert verdicts["verdict"].tolist() == ["clean"]
    best = hull.hull(frame, KERNEL)
    assert not best["is_upstream"].any()


def test_a_revoked_kernel_is_no_cell(kept):
    target, done = kept
    path = ledger.path(target.folder, "performance")
    row = ledger.revocation(
        *(done.kernel_sha256, "suspect", "a test"),
        commit=done.commit,
        host_class=done.host_class,
        **dict.fromkeys(("ratio", "ci_low", "ci_high")),
    )
    ledger.append(path, row)
    with pytest.raises(Usage, match="nothing of pq_l2 is kept yet: workbench init pq_l2"):
        kernelcells.cells(target)


def test_a_record_that_cannot_be_read_is_named(kept):
    target, done = kept
    path = target.root / "reports" / "trials" / done.id / "upstream.parquet"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(Infrastructure, match=r"upstream\.parquet cannot be read"):
        kernelcells.cells(target)
