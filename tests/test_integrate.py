"""A kernel raced inside a small real query, and what is written about it."""

import dataclasses
import json

import numpy as np
import pytest
from repositories import git

from workbench import cli, incumbent, integrate, ledger, policy, targets, transfer
from workbench.transfer import CallSiteRecord, Case, Histogram

SMALL = """
from workbench.callsites import ivf_pq

ORACLE = ivf_pq.ORACLE
workloads = ivf_pq.workloads("L2", (ivf_pq.Site(32, 4, 4, 300, (2,)),))
bind = ivf_pq.bind("pq", "L2")
answer = ivf_pq.answer
asked = ivf_pq.asked("pq", "L2")
"""


@pytest.fixture
def site(project, quick, one_server, monkeypatch):
    """A project whose call site of pq_l2 is a tiny index, committed."""
    monkeypatch.setattr(integrate, "CROSSOVERS", 2)
    folder = project / "targets" / "pq_l2"
    (folder / "callsite.py").write_text('"""The real query, small."""\n' + SMALL)
    git(project, "commit", "--quiet", "-am", "A small call site")
    return project


def record_of(project, **changes):
    source = (project / "targets" / "pq_l2" / "kernels.py").read_text()
    target = targets.load("pq_l2", project)
    digest = policy.judge_sha256(policy.judge_files(project, target.folder))
    known = {
        "target": "pq_l2",
        "timestamp": "2026-01-01T00:00:00+00:00",
        "commit": "0" * 12,
        "kernel_sha256": incumbent.sha256(source),
        "incumbent": "upstream",
        "incumbent_sha256": "0" * 64,
        "host_class": integrate.host.current(digest).id,
        "host": {},
        "versions": {},
        "transfer": "none",
    }
    return CallSiteRecord(**{**known, **changes})


def case(ratio, ci_low, ci_high):
    return Case("1M", "and", ratio, ci_low, ci_high, 1e3, 1e3, 0.5, 0.5, 10)


def test_a_kernel_is_raced_in_the_query_and_the_finding_is_published(site):
    found = integrate.run("pq_l2", root=site)
    assert found.failure is None
    assert found.transfer in ("wins", "none", "loses")
    assert found.ci_low <= found.ratio <= found.ci_high
    assert found.processes == 4
    (case,) = found.cases
    assert (case.shape, case.distribution) == ("32x4x256", "2-probes")
    assert case.kernel_calls == 2  # one a probed partition
    assert case.incumbent_share > 0
    assert all(sum(h.counts) > 0 for h in found.asked)
    published = json.loads((site / "reports" / "callsites" / "pq_l2.json").read_text())
    assert published == json.loads(found.to_json()) == transfer.read(site, "pq_l2")
    assert (site / "reports" / "callsites" / "pq_l2.png").read_bytes().startswith(b"\x89PNG")
    assert f"transfer: {found.transfer}" in found.sentence


def test_a_wrong_answer_of_the_query_is_exit_2(site, capsys):
    path = site / "targets" / "pq_l2" / "kernels.py"
    upstream = (path.parent / "upstream.py").read_text()
    path.write_text(upstream.replace("out[:] = 0.0", "out[:] = 0.5"))
    assert cli.run(["integrate", "pq_l2"]) == 2
    assert "the query's answer is wrong: 32x4x256/2-probes" in capsys.readouterr().out
    published = transfer.read(site, "pq_l2")
    assert (published["transfer"], published["ratio"]) == (None, None)


def test_a_keep_that_loses_is_revoked_by_a_new_row(project, monkeypatch):
    rows = ledger.path(project / "targets" / "pq_l2", "performance")
    cases = (case(1.2, 1.1, 1.3),)
    lost = record_of(project, transfer="loses", ratio=1.2, ci_low=1.1, ci_high=1.3, cases=cases)
    kept = {
        **dict.fromkeys(f.name for f in dataclasses.fields(ledger.Row)),
        **{"commit": "0" * 12, "timestamp": "2026-01-01T00:00:00+00:00", "description": "faster"},
        **{"status": "keep", "reason": "faster", "ratio": 0.9},
        **{"host_class": lost.host_class, "kernel_sha256": lost.kernel_sha256},
    }
    ledger.append(rows, kept)
    before = rows.read_bytes()
    monkeypatch.setattr(integrate, "_race", lambda setting, progress: lost)
    assert integrate.run("pq_l2", root=project).revoked
    assert rows.read_bytes().startswith(before)
    last = ledger.read(rows)[-1]
    assert (last.status, last.reason, last.ratio) == ("revoke", "call-site", 1.2)
    assert last.description == "slower than upstream in the query: 1M/and 1.2000 (1.1000 to 1.3000)"
    assert ledger.best(ledger.read(rows), lost.host_class) is None
    # it is revoked once
    assert not integrate.run("pq_l2", root=project).revoked
    assert len(ledger.read(rows)) == 2


@pytest.mark.parametrize("outcome", ["wins", "none", None])
def test_nothing_else_touches_the_ledger(project, monkeypatch, outcome):
    rows = ledger.path(project / "targets" / "pq_l2", "performance")
    found = record_of(project, transfer=outcome, failure=None if outcome else "no")
    monkeypatch.setattr(integrate, "_race", lambda setting, progress: found)
    integrate.run("pq_l2", root=project)
    assert not rows.exists()


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(0.8, 0.99, "wins"), (0.8, 1.0, "none"), (1.0, 1.1, "none"), (1.001, 1.1, "loses")],
)
def test_transfer_asks_whether_the_interval_excludes_1(low, high, said):
    assert transfer.sum_up(low, high, (), 1.05) == said


@pytest.mark.parametrize(
    ("worst", "said"),
    [
        (case(1.105, 1.071, 1.135), "loses"),  # the seek whose mean over OR and AND was 1.022
        (case(1.049, 1.02, 1.07), "wins"),  # within the guardrail
        (case(1.2, 0.95, 1.4), "wins"),  # not known to be slower
    ],
)
def test_one_kind_of_query_that_is_slower_beyond_the_guardrail_loses(worst, said):
    assert transfer.sum_up(0.9, 0.98, (case(0.8, 0.7, 0.9), worst), 1.05) == said


def test_a_histogram_counts_everything():
    rng = np.random.default_rng(1)
    for top in (1, 5, 32, 33, 1_000_000):
        values = rng.integers(top, size=500)
        found = transfer.histogram("x", values)
        assert sum(found.counts) == 500
        assert list(found.starts) == sorted(set(found.starts))
        assert found.counts[0] == (values == 0).sum()
    assert transfer.histogram("x", np.zeros(0, int)) == Histogram("x", (0,), (0,))
