"""Claims on real remotes: who has one, who gets one, who loses one."""

import dataclasses
import datetime
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.research.conftest import git
from workbench import cli
from workbench.errors import Infrastructure, Refused, Usage
from workbench.research import claim as claim_module
from workbench.research import claims, refs, researcher
from workbench.research.claim import Attempt

ROUNDS = int(os.environ.get("WORKBENCH_CLAIM_ROUNDS", "10"))
RACERS, CLONES = 16, 4
RACER = Path(__file__).with_name("racer.py")


@pytest.fixture
def ann(bare, clone_of):
    return clone_of(bare, "ann")


@pytest.fixture
def bob(bare, clone_of):
    return clone_of(bare, "bob")


def branches_only(bare):
    hook = bare / "hooks" / "update"
    hook.write_text('#!/bin/sh\ncase "$1" in refs/heads/*) exit 0;; *) exit 1;; esac\n')
    hook.chmod(0o755)


def age(clone, name):
    """Have a claim's lease run out."""
    here = next(each for each in claims.everything(clone) if each.name == name)
    store = refs.store(clone)
    old = dataclasses.replace(here.claim, heartbeat="2026-01-01T00:00:00+00:00")
    assert store.swap(here.ref, here.commit, store.commit(old.to_message(), "age"))


def at_the_list(monkeypatch, what):
    """Do something once, between the list of a remote's refs and what comes after."""
    tips, once = refs.Store.tips, iter([what])

    def listed(store, *patterns):
        found = tips(store, *patterns)
        next(once, lambda: None)()
        return found

    monkeypatch.setattr(refs.Store, "tips", listed)


def test_a_claim_is_seen_by_everyone_and_refused_to_others(ann, bob):
    mine = claims.open_claim(ann, "performance", "pq_l2", "fewer loads", next_action="measure")
    (seen,) = claims.everything(bob)
    assert seen.claim == mine
    assert seen.claim.owner == "ann <ann@localhost>"
    with pytest.raises(Refused, match=r"held by ann <ann@localhost> on ann-work .*fewer loads"):
        claims.open_claim(bob, "performance", "pq_l2", "the same")
    claims.open_claim(bob, "performance", "pq_dot", "another surface")
    assert [held.claim.name for held in claims.everything(ann)] == [
        "performance/pq_dot",
        "performance/pq_l2",
    ]


def test_a_surface_may_be_claimed_in_each_lane(ann, bob):
    claims.open_claim(ann, "performance", "pq_l2", "faster")
    claims.open_claim(bob, "maintainability", "pq_l2", "simpler")
    assert len(claims.everything(ann)) == 2


def test_one_claim_a_branch(ann):
    claims.open_claim(ann, "performance", "pq_l2", "one")
    with pytest.raises(Refused, match="one claim a branch"):
        claims.open_claim(ann, "performance", "take", "two")
    git(ann, "switch", "--quiet", "-c", "second")
    claims.open_claim(ann, "performance", "take", "two")


def test_a_closed_claim_can_be_taken(ann, bob):
    claims.open_claim(ann, "performance", "pq_l2", "x")
    assert claims.close(ann) == "performance/pq_l2"
    claims.open_claim(bob, "performance", "pq_l2", "y")
    with pytest.raises(Refused, match="has no claim"):
        claims.close(ann)


def test_another_persons_claim_is_closed_by_force_only(ann, bob):
    claims.open_claim(ann, "performance", "pq_l2", "x")
    with pytest.raises(Refused, match="held by ann"):
        claims.close(bob, "performance/pq_l2")
    claims.close(bob, "performance/pq_l2", force=True)
    assert claims.everything(ann) == []


def test_a_lease_that_ran_out_is_taken_over_and_the_old_owner_learns_it(ann, bob, monkeypatch):
    claims.open_claim(ann, "performance", "pq_l2", "x", lease_s=60.0)
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=90)
    held = claims.held(bob, "performance", "pq_l2")
    assert held.claim.is_active(later)  # two clocks may differ so much
    monkeypatch.setattr(claim_module, "SKEW_S", -120.0)
    taken = claims.open_claim(bob, "performance", "pq_l2", "y")
    assert taken.taken_from == "ann <ann@localhost> on ann-work"
    monkeypatch.undo()
    with pytest.raises(Refused, match="has no claim"):
        claims.refresh(ann)
    with pytest.raises(Refused, match="held by bob"):
        claims.open_claim(ann, "performance", "pq_l2", "x")


def test_a_heartbeat_from_the_future_is_said(ann, bob, monkeypatch, capsys):
    ahead = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=5)
    monkeypatch.setattr(claims, "utc_now", ahead.isoformat)
    claims.open_claim(ann, "performance", "pq_l2", "x")
    monkeypatch.undo()
    with pytest.raises(Refused, match="300 minutes ahead of this clock"):
        claims.open_claim(bob, "performance", "pq_l2", "y")
    monkeypatch.setenv("WORKBENCH_ROOT", str(bob))
    assert cli.run(["claim", "list"]) == 0
    assert "ahead of this clock" in capsys.readouterr().out


def test_a_refresh_renews_the_lease_and_keeps_five_attempts(ann, bob):
    claims.open_claim(ann, "performance", "pq_l2", "x")
    attempts = [Attempt(f"t{i}", "discard", "slower", 1.0 + i, "idea") for i in range(7)]
    claims.refresh(ann, attempts, next_action="read the ledger", blocker="noise")
    (seen,) = claims.everything(bob)
    assert [attempt.timestamp for attempt in seen.claim.attempts] == ["t0", "t1", "t2", "t3", "t4"]
    assert (seen.claim.next_action, seen.claim.blocker) == ("read the ledger", "noise")
    assert seen.claim.hypothesis == "x"


def test_retarget_moves_a_claim_or_leaves_it(ann, bob):
    claims.open_claim(ann, "performance", "pq_l2", "x")
    claims.open_claim(bob, "performance", "take", "y")
    with pytest.raises(Refused, match="held by bob"):
        claims.retarget(ann, surface="take")
    assert claims.mine(ann).claim.name == "performance/pq_l2"
    claims.retarget(ann, surface="bitpack")
    assert [held.claim.name for held in claims.everything(bob)] == [
        "performance/bitpack",
        "performance/take",
    ]


def test_ones_own_claim_that_ran_out_is_given_up_for_a_new_one(ann, bob):
    claims.open_claim(ann, "performance", "bitpack", "x", lease_s=0.0)
    claims.open_claim(bob, "performance", "take", "x", lease_s=0.0)
    age(ann, "performance/bitpack")
    age(bob, "performance/take")
    claims.open_claim(ann, "performance", "pq_l2", "y")
    assert [each.name for each in claims.everything(bob)] == [
        "performance/pq_l2",
        "performance/take",
    ]


def test_of_two_claims_of_ones_own_the_living_one_is_meant(ann, bob):
    claims.open_claim(ann, "performance", "bitpack", "x")
    age(ann, "performance/bitpack")
    store = refs.store(ann)
    other = claims.everything(ann)[0].claim.beaten(surface="pq_l2")
    store.create(claims.PREFIXES, other.name, store.commit(other.to_message(), "ann"))
    assert claims.mine(ann).name == "performance/pq_l2"
    claims.refresh(ann, blocker="noise")
    claims.retarget(ann, surface="take")
    old, new = claims.everything(bob)
    assert (old.name, new.name) == ("performance/bitpack", "performance/take")
    assert not old.claim.is_active()
    claims.close(ann)
    claims.close(ann)
    assert claims.everything(bob) == []


@pytest.mark.parametrize("change", [claims.retarget, claims.refresh])
def test_a_heartbeat_in_the_same_moment_leaves_one_claim(ann, bob, monkeypatch, change):
    claims.open_claim(ann, "performance", "bitpack", "x")
    here = claims.mine(ann)
    swap, beats = refs.Store.swap, iter(range(3))

    def beaten_first(store, ref, old, new):
        if ref == here.ref and next(beats, None) is not None:
            beat = claims.held(ann, "performance", "bitpack")
            commit = store.commit(beat.claim.beaten().to_message(), "ann")
            assert swap(store, ref, beat.commit, commit)
        return swap(store, ref, old, new)

    monkeypatch.setattr(refs.Store, "swap", beaten_first)
    more = {"surface": "pq_l2"} if change is claims.retarget else {"blocker": "noise"}
    changed = change(ann, **more)
    assert [each.claim for each in claims.everything(bob)] == [changed]


def test_the_same_name_on_the_same_branch_of_another_clone_is_another(ann, bob, monkeypatch):
    monkeypatch.setenv("WORKBENCH_RESEARCHER", "lab")
    git(bob, "branch", "--quiet", "-m", "ann-work")
    claims.open_claim(ann, "performance", "pq_l2", "x")
    words = rf"held by lab on ann-work in another clone \({socket.gethostname()}\)"
    with pytest.raises(Refused, match=words):
        claims.open_claim(bob, "performance", "pq_l2", "y")
    with pytest.raises(Refused, match=words):
        claims.require(bob, "pq_l2")
    with pytest.raises(Refused, match=words):
        claims.close(bob, "performance/pq_l2")
    with pytest.raises(Refused, match="has no claim"):
        claims.refresh(bob)
    git(ann, "worktree", "add", "--quiet", "--detach", str(ann / "tree"))
    monkeypatch.setenv("WORKBENCH_BRANCH", "ann-work")
    claims.require(ann / "tree", "pq_l2")


def test_a_claim_from_before_clones_had_names_is_ones_own(ann):
    claims.open_claim(ann, "performance", "pq_l2", "x")
    here = claims.mine(ann)
    store = refs.store(ann)
    old = here.claim.beaten(clone="")
    store.swap(here.ref, here.commit, store.commit(old.to_message(), "ann"))
    assert claims.refresh(ann).clone == here.claim.clone


def test_a_clone_that_cannot_be_named_is_said(ann):
    (ann / ".git" / researcher.CLONE).mkdir()
    with pytest.raises(Infrastructure, match="workbench-clone: "):
        claims.open_claim(ann, "performance", "pq_l2", "x")


def test_work_is_refused_without_the_claim(ann, bob):
    with pytest.raises(Refused, match="nobody has claimed pq_l2"):
        claims.require(ann, "pq_l2")
    claims.open_claim(ann, "performance", "pq_l2", "x")
    claims.require(ann, "pq_l2")
    with pytest.raises(Refused, match="performance/pq_l2 is held by ann"):
        claims.require(bob, "pq_l2")


def test_without_a_remote_claims_are_local(ann):
    git(ann, "remote", "remove", "origin")
    claims.open_claim(ann, "performance", "pq_l2", "x")
    assert git(ann, "for-each-ref", "refs/claims").endswith("refs/claims/performance/pq_l2")
    claims.refresh(ann)
    claims.close(ann)
    assert claims.everything(ann) == []


def test_a_remote_that_takes_branches_only_gets_branches(bare, ann, bob):
    branches_only(bare)
    claims.open_claim(ann, "performance", "pq_l2", "x")
    (seen,) = claims.everything(bob)
    assert seen.ref == "refs/heads/claims/performance/pq_l2"
    with pytest.raises(Refused, match="held by ann"):
        claims.open_claim(bob, "performance", "pq_l2", "y")
    claims.refresh(ann)
    claims.close(ann)
    assert claims.everything(bob) == []


def test_a_remote_whose_branches_only_go_forward_and_stay(bare, ann, bob, monkeypatch, capsys):
    branches_only(bare)
    for forbidden in ("receive.denyNonFastForwards", "receive.denyDeletes"):
        git(bare, "config", forbidden, "true")
    claims.open_claim(ann, "performance", "pq_l2", "x")
    claims.refresh(ann, next_action="measure")
    claims.refresh(ann, blocker="noise")
    (seen,) = claims.everything(bob)
    assert (seen.claim.next_action, seen.claim.blocker) == ("measure", "noise")
    assert claims.close(ann) == "performance/pq_l2"
    assert claims.everything(bob) == []
    monkeypatch.setenv("WORKBENCH_ROOT", str(bob))
    assert cli.run(["claim", "list"]) == 0
    assert capsys.readouterr().out == "nobody holds anything\n"
    with pytest.raises(Refused, match="has no claim"):
        claims.refresh(ann)
    assert claims.open_claim(bob, "performance", "pq_l2", "y").taken_from == ""
    claims.retarget(bob, surface="take")
    claims.open_claim(ann, "performance", "pq_l2", "x")
    assert [each.name for each in claims.everything(bob)] == [
        "performance/pq_l2",
        "performance/take",
    ]
    said = git(bare, "log", "--format=%an %s", "claims/performance/pq_l2").splitlines()
    assert [line.split()[-3:-1] for line in said] == [
        *(["works", "on"], ["gave", "up"], ["works", "on"]),
        *(["gave", "up"], ["works", "on"], ["works", "on"], ["works", "on"]),
    ]
    assert said[0].startswith("ann ann@localhost ")


def test_a_remote_that_will_not_change_a_claim_is_one_line(bare, ann, monkeypatch, capsys):
    claims.open_claim(ann, "performance", "pq_l2", "x")
    hook = bare / "hooks" / "update"
    hook.write_text("#!/bin/sh\necho frozen until Monday >&2\nexit 1\n")
    hook.chmod(0o755)
    monkeypatch.setenv("WORKBENCH_ROOT", str(ann))
    for command in ("refresh", "close", "retarget --surface take"):
        assert cli.run(["claim", *command.split()]) == 5
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert "frozen until Monday" in said
    assert [each.name for each in claims.everything(ann)] == ["performance/pq_l2"]


def test_a_remote_that_takes_nothing_is_said(bare, ann):
    hook = bare / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(Infrastructure, match="takes refs neither under"):
        claims.open_claim(ann, "performance", "pq_l2", "x")


def test_a_claim_edited_by_hand_is_nobodys_until_it_is_closed(bare, ann, bob):
    commit = refs.store(ann).commit("I want this", "ann")
    git(ann, "push", "--quiet", "origin", f"{commit}:refs/claims/performance/pq_l2")
    with pytest.raises(Refused, match=r"is no claim .*claim close --force performance/pq_l2"):
        claims.open_claim(bob, "performance", "pq_l2", "x")
    assert claims.everything(bob)[0].claim is None
    claims.close(bob, "performance/pq_l2", force=True)
    claims.open_claim(bob, "performance", "pq_l2", "x")


EDITS = {
    "no time zone": {"heartbeat": "2026-01-01T00:00:00"},
    "before all time": {"heartbeat": "0001-01-01T00:00:00+12:00"},
    "after all time": {"heartbeat": "9999-12-31T23:59:00-12:00"},
    "no time": {"heartbeat": "soon"},
    "forever": {"lease_s": float("inf")},
    "no number": {"lease_s": float("nan")},
    "a year": {"lease_s": 365 * 86400.0},
    "less than nothing": {"lease_s": -1.0},
    "another surface": {"surface": "take"},
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_a_value_that_cannot_be_makes_it_no_claim_and_the_others_stay(ann, bob, edit):
    fine = claims.open_claim(ann, "performance", "bitpack", "x")
    fields = {**json.loads(fine.to_message().partition("\n\n")[2]), "surface": "pq_l2", **edit}
    commit = refs.store(ann).commit(f"by hand\n\n{json.dumps(fields)}", "ann")
    git(ann, "push", "--quiet", "origin", f"{commit}:refs/claims/performance/pq_l2")
    claims.refresh(ann)
    claims.require(ann, "bitpack")
    good, bad = claims.everything(bob)
    assert (good.name, bad.name, bad.claim) == ("performance/bitpack", "performance/pq_l2", None)
    with pytest.raises(Refused, match=r"is no claim .*claim close --force performance/pq_l2"):
        claims.open_claim(bob, "performance", "pq_l2", "y")
    claims.close(bob, "performance/pq_l2", force=True)
    claims.open_claim(bob, "performance", "pq_l2", "y")


@pytest.mark.parametrize("name", ["performance/pq_l2", "ideas"])
@pytest.mark.parametrize("what", ["HEAD:pyproject.toml", "HEAD^{tree}", "refs/tags/mine"])
def test_a_ref_to_something_else_is_named_and_can_be_closed(
    ann, bob, name, what, monkeypatch, capsys
):
    git(ann, "tag", "-a", "mine", "-m", "mine")
    git(ann, "push", "--quiet", "origin", f"{git(ann, 'rev-parse', what)}:refs/claims/{name}")
    monkeypatch.setenv("WORKBENCH_ROOT", str(bob))
    assert cli.run(["claim", "list"]) == 0
    words = f"refs/claims/{name} is no claim (it has no message)"
    assert capsys.readouterr().out.startswith(words)
    assert cli.run(["claim", "close", "--force", name]) == 0
    assert claims.everything(ann) == []


def test_words_that_are_not_utf8_hide_no_claim(ann, bob):
    claim = claims.open_claim(ann, "performance", "pq_l2", "x")
    odd = ann / "odd"
    odd.write_bytes(b"J\xfcrgen works on it\n\n" + claim.to_message().split("\n\n")[1].encode())
    tree = git(ann, "rev-parse", f"{claims.mine(ann).commit}^{{tree}}")
    commit = git(ann, "commit-tree", tree, "-F", str(odd))
    git(ann, "push", "--quiet", "--force", "origin", f"{commit}:refs/claims/performance/pq_l2")
    assert claims.everything(bob)[0].claim == claim


def test_a_persons_branch_is_no_claim_whatever_its_name(bare, ann, bob):
    for name in ("claims/ideas", "claims/performance/pq_l2"):
        git(ann, "push", "--quiet", "origin", f"HEAD:refs/heads/{name}")
    assert claims.everything(bob) == []
    with pytest.raises(Usage, match="nobody holds performance/pq_l2"):
        claims.close(bob, "performance/pq_l2", force=True)
    branches_only(bare)
    with pytest.raises(Infrastructure, match="claims/performance/pq_l2 is a branch with files"):
        claims.open_claim(bob, "performance", "pq_l2", "x")
    assert len(git(bare, "for-each-ref", "refs/heads/claims").splitlines()) == 2


def test_a_remote_that_goes_away_after_its_list_hides_no_claim(ann, bob, bare, daemon, monkeypatch):
    claims.open_claim(ann, "performance", "pq_l2", "x")
    git(bob, "remote", "set-url", "origin", daemon.url("remote.git"))
    tips = refs.Store.tips
    at_the_list(monkeypatch, daemon.kill)
    monkeypatch.setattr(refs, "PAUSE_S", 0)
    with pytest.raises(Infrastructure, match=r"does not answer: fatal: .*Connection refused"):
        claims.everything(bob)
    daemon.start()
    monkeypatch.setattr(refs.Store, "tips", tips)
    assert len(claims.everything(bob)) == 1


def test_a_claim_that_goes_or_changes_after_the_list_is_read_as_it_is(ann, bob, bare, monkeypatch):
    for surface in ("bitpack", "pq_l2"):
        claims.open_claim(ann, "performance", surface, "x")
        git(ann, "switch", "--quiet", "-c", f"after-{surface}")
    git(ann, "switch", "--quiet", "after-bitpack")

    def meanwhile():
        git(bare, "update-ref", "-d", "refs/claims/performance/bitpack")
        monkeypatch.setattr(refs.Store, "tips", tips)
        claims.refresh(ann, next_action="go on")

    tips = refs.Store.tips
    at_the_list(monkeypatch, meanwhile)
    (seen,) = claims.everything(bob)
    assert (seen.name, seen.claim.next_action) == ("performance/pq_l2", "go on")


def test_a_remote_that_is_away_is_one_line_that_says_why(ann, daemon, monkeypatch):
    monkeypatch.setattr(refs, "TRIES", 1)
    git(ann, "remote", "set-url", "origin", str(ann / "nowhere.git"))
    with pytest.raises(
        Infrastructure, match=r"origin does not answer: fatal: .*not appear to be a git repository"
    ):
        claims.open_claim(ann, "performance", "pq_l2", "x")
    git(ann, "remote", "set-url", "origin", daemon.url("remote.git"))
    daemon.kill()
    with pytest.raises(Infrastructure, match=r"does not answer: fatal: .*Connection refused"):
        claims.open_claim(ann, "performance", "pq_l2", "x")


SSH = """#!/bin/sh
[ -n "{answers}" ] || {{ echo "Permission denied (publickey)." >&2; exit 255; }}
shift
exec sh -c "$*"
"""


def test_a_remote_is_reached_as_the_person_has_set_it_up(ann, bob, bare, tmp_path, monkeypatch):
    monkeypatch.setattr(refs, "TRIES", 1)
    ssh = tmp_path / "ssh"
    ssh.write_text(SSH.format(answers="yes"))
    ssh.chmod(0o755)
    git(ann, "remote", "set-url", "origin", f"ssh://far{bare}")
    monkeypatch.setenv("GIT_SSH_COMMAND", str(ssh))
    monkeypatch.setenv("GIT_SSH_VARIANT", "simple")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))  # as in a hook
    claims.open_claim(ann, "performance", "pq_l2", "x")
    assert len(claims.everything(bob)) == 1
    ssh.write_text(SSH.format(answers=""))
    with pytest.raises(Infrastructure, match=r"does not answer: Permission denied \(publickey\)"):
        claims.everything(ann)


def test_nothing_waits_for_a_password(ann, tmp_path, monkeypatch):
    asked = tmp_path / "asked"
    monkeypatch.setattr(refs, "TRIES", 1)
    monkeypatch.setenv("GIT_SSH_COMMAND", f"echo $GIT_TERMINAL_PROMPT > {asked}; false")
    git(ann, "remote", "set-url", "origin", "ssh://far/x")
    with pytest.raises(Infrastructure):
        claims.everything(ann)
    assert asked.read_text() == "0\n"


def test_a_ref_that_is_in_the_way_is_named(ann):
    commit = refs.store(ann).commit("I want them all", "ann")
    git(ann, "push", "--quiet", "origin", f"{commit}:refs/claims/performance")
    with pytest.raises(
        Infrastructure, match=r"refs/claims/performance is in the way of .*--delete refs/claims/per"
    ):
        claims.open_claim(ann, "performance", "pq_l2", "x")
    claims.close(ann, "performance", force=True)
    claims.open_claim(ann, "performance", "pq_l2", "x")
    claims.close(ann)
    git(ann, "remote", "remove", "origin")
    git(ann, "update-ref", "refs/claims/performance", commit)
    with pytest.raises(Infrastructure, match=r"in the way of .*git update-ref -d refs/claims/perf"):
        claims.open_claim(ann, "performance", "pq_l2", "x")


def test_a_detached_head_and_a_folder_without_git_are_said(ann, tmp_path):
    git(ann, "switch", "--quiet", "--detach")
    with pytest.raises(Infrastructure, match="a detached head"):
        claims.open_claim(ann, "performance", "pq_l2", "x")
    (tmp_path / "none").mkdir()
    with pytest.raises(Infrastructure, match="is no git repository"):
        refs.store(tmp_path / "none")


def test_a_remote_can_be_named(ann, bare):
    git(ann, "remote", "add", "other", str(bare))
    (ann / "pyproject.toml").write_text('[tool.workbench]\nclaims_remote = "other"\n')
    assert refs.store(ann).remote == "other"
    (ann / "pyproject.toml").write_text('[tool.workbench]\nclaims_remote = "its"\n')
    with pytest.raises(Infrastructure, match="claims_remote is 'its', and the remotes are"):
        refs.store(ann)


@pytest.mark.parametrize("surface", ["", "../x", "a b", "-x", "x.lock", "x..y", "a/b"])
def test_a_surface_that_is_no_name_is_a_usage_error(ann, surface):
    with pytest.raises(Usage, match="is no surface"):
        claims.open_claim(ann, "performance", surface, "x")


def test_an_unknown_lane_is_a_usage_error_with_the_nearest(ann):
    with pytest.raises(Usage, match="did you mean performance"):
        claims.open_claim(ann, "performanc", "pq_l2", "x")


def test_one_of_sixteen_wins_each_time_though_the_remote_comes_and_goes(
    bare, daemon, clone_of, tmp_path
):
    clones = [clone_of(daemon.url("remote.git"), f"clone{i}") for i in range(CLONES)]
    results = tmp_path / "results"
    results.mkdir()
    command = [sys.executable, str(RACER)]
    racers = [
        subprocess.Popen(
            [*command, str(clones[i % CLONES]), str(results), str(ROUNDS), str(RACERS)],
            env={**os.environ, "WORKBENCH_RESEARCHER": f"racer{i}"},
            stderr=subprocess.PIPE,
            text=True,
        )
        for i in range(RACERS)
    ]
    while any(racer.poll() is None for racer in racers):
        time.sleep(3.0)
        daemon.kill()
        time.sleep(0.2)
        daemon.start()
    errors = [racer.communicate()[1] for racer in racers]
    assert [racer.returncode for racer in racers] == [0] * RACERS, errors
    for number in range(ROUNDS):
        assert len(list(results.glob(f"won{number}.*"))) == 1
    assert git(bare, "for-each-ref", "refs/claims") == ""
