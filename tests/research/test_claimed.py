"""Where claims are wanted, a trial without one is refused before anything is measured."""

import time
from types import SimpleNamespace

import pytest

from tests.research.conftest import git
from workbench import cli
from workbench.errors import Infrastructure, Refused
from workbench.research import claimed, claims, iteration


@pytest.fixture
def wanted(project):
    path = project / "pyproject.toml"
    path.write_text(path.read_text().replace("[tool.workbench]", "[tool.workbench]\nclaims = true"))
    for key, value in (("user.name", "alice"), ("user.email", "alice@localhost")):
        git(project, "config", key, value)
    git(project, "commit", "--quiet", "-am", "claims")
    return project


def test_without_a_claim_a_trial_is_refused_with_exit_4(wanted, capsys):
    assert cli.run(["trial", "pq_l2"]) == 4
    assert "workbench claim open --lane performance --surface pq_l2" in capsys.readouterr().err
    assert list((wanted / "reports" / "trials").glob("2*")) == []


def test_somebody_elses_claim_names_them(wanted, monkeypatch):
    claims.open_claim(wanted, "performance", "pq_l2", "wider blocks")
    claimed.require(wanted, "pq_l2")
    monkeypatch.setenv("WORKBENCH_RESEARCHER", "bob")
    with pytest.raises(Refused, match=r"performance/pq_l2 is held by alice .*: wider blocks"):
        claimed.require(wanted, "pq_l2")


def test_while_an_agent_works_the_claim_is_renewed(wanted, monkeypatch):
    begun = claims.open_claim(wanted, "performance", "pq_l2", "wider blocks")
    monkeypatch.setattr(iteration, "HEARTBEAT_S", 0.05)
    with iteration.beating(SimpleNamespace(root=wanted)):
        deadline = time.monotonic() + 20
        while claims.mine(wanted).claim.nonce == begun.nonce and time.monotonic() < deadline:
            time.sleep(0.05)
    renewed = claims.mine(wanted).claim
    assert renewed.nonce != begun.nonce
    assert (renewed.hypothesis, renewed.opened) == (begun.hypothesis, begun.opened)


def test_one_researcher_alone_needs_none(project):
    assert not claimed.wanted(project)
    claimed.require(project, "pq_l2")


def test_anything_but_true_or_false_is_said(wanted):
    path = wanted / "pyproject.toml"
    path.write_text(path.read_text().replace("claims = true", 'claims = "yes"'))
    with pytest.raises(Infrastructure, match="claims is 'yes': say true or false"):
        claimed.wanted(wanted)
