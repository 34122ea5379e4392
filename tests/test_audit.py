"""Every kept step of a ledger judged again: what holds, and what was never true."""

import pytest
from repositories import git

from workbench import audit, cli, host, incumbent, judge, ledger, policy, stats, targets, trial
from workbench.errors import Usage
from workbench.setting import Options

pytestmark = pytest.mark.usefixtures("quick", "one_server")


@pytest.fixture
def ledger_of_two(project, slow_upstream, slow_kernel, monkeypatch):
    """A true keep, and after it one that somebody wrote for upstream's own algorithm.

    Two crossovers prove it, and a loud machine may take more.
    """
    monkeypatch.setattr(stats, "MAX_CROSSOVERS", 12)
    # Nor is it asked here how long it takes.
    monkeypatch.setattr(trial, "budget_seconds", lambda setting: 600.0)
    monkeypatch.setattr(judge, "ANSWER_SECONDS", 300.0)
    assert trial.run("pq_l2", Options(incumbent="upstream"), root=project).status == "keep"
    target = targets.load("pq_l2", project)
    target.kernels_path.write_text(slow_kernel)
    git(project, "commit", "--quiet", "-am", "A step that is none")
    rows = ledger.path(target.folder, "performance")
    digest = policy.judge_sha256(policy.judge_files(project, target.folder))
    unknown = dict.fromkeys(ledger.COLUMNS["performance"])
    said = {
        **{"commit": incumbent.head(target, slow_kernel), "timestamp": "2026-01-01T00:00:00+00:00"},
        **{"status": "keep", "reason": "faster", "ratio": 0.9, "description": "no step"},
        **{"host_class": host.current(digest).id, "kernel_sha256": incumbent.sha256(slow_kernel)},
    }
    ledger.append(rows, {**unknown, **said})
    return rows


def test_an_audit_says_which_steps_hold_and_takes_back_what_does_not(
    project, ledger_of_two, capsys
):
    first, second = audit.run("pq_l2", root=project)
    assert (first.holds, first.before) == (True, "upstream")
    assert not second.holds
    assert second.before == first.kernel_sha256
    assert second.ratio > 1.5
    assert len(ledger.read(ledger_of_two)) == 2

    assert cli.run(["audit", "pq_l2", "--revoke"]) == 1
    assert "DOES NOT HOLD" in capsys.readouterr().out
    last = ledger.read(ledger_of_two)[-1]
    assert (last.status, last.reason) == ("revoke", "suspect")
    assert last.kernel_sha256 == second.kernel_sha256
    assert [step.holds for step in audit.run("pq_l2", root=project)] == [True]


def test_a_ledger_without_a_keep_has_nothing_to_audit(project):
    with pytest.raises(Usage, match="nothing to audit"):
        audit.run("pq_l2", root=project)
