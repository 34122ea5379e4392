"""Merging on real remotes: what gets in, what is evicted and why, what a kill leaves."""

import contextlib
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.research import queueing
from tests.research.conftest import git
from tests.research.queueing import LOSES
from workbench import cli, ledger, outcome, record, stats, targets, trial
from workbench.errors import Infrastructure, Refused
from workbench.research import guard, merging, rejudging, slices, trunk
from workbench.research.guard import Baseline, Limit
from workbench.setting import Options

SIMPLER = {"lane": "maintainability", "surface": "notes", "evidence": "one parser instead of two"}
FASTER = {"lane": "performance", "surface": "pq_l2"}
KERNEL = "targets/pq_l2/kernels.py"


@pytest.fixture
def remote(bare, tmp_path):
    return queueing.fill(bare, tmp_path)


@pytest.fixture
def ann(remote, clone_of):
    return clone_of(remote, "ann")


@pytest.fixture
def bob(remote, clone_of):
    return clone_of(remote, "bob")


@pytest.fixture
def verdicts(monkeypatch):
    """Trials that answer what is written here, in order, then keeps; nothing is timed."""
    asked, answers = [], []

    def judge(root, place, name, rival, description, progress):
        asked.append((name, rival, description, (place / f"targets/{name}/kernels.py").read_text()))
        return answers.pop(0) if answers else queueing.record()

    monkeypatch.setattr(rejudging, "run", judge)
    judge.asked, judge.answers = asked, answers
    return judge


@pytest.fixture(autouse=True)
def in_order(monkeypatch):
    """A second between any two submissions."""
    seconds = iter(range(60))
    monkeypatch.setattr(slices, "utc_now", lambda: f"2026-01-01T00:00:{next(seconds):02}+00:00")


def submit(clone, name, files, depends_on=(), **how):
    commit = queueing.branch(clone, name, files, f"work of {name}")
    slices.add(clone, depends_on=depends_on, **how)
    return commit


def main_of(remote):
    return git(remote, "rev-parse", "main")


def states(clone):
    return {each.branch: each.slice.state for each in slices.everything(clone)}


def nothing_is_left(clone):
    places = git(clone, "worktree", "list", "--porcelain")
    return places.count("worktree ") == 1 and not (merging.home(clone) / "tree").exists()


def lines(number, text):
    """The notes with one line changed."""
    changed = queueing.FILES["notes.md"].splitlines(keepends=True)
    changed[number] = f"{text}\n"
    return {"notes.md": "".join(changed)}


def test_the_oldest_is_rebased_verified_and_merged_and_only_it(remote, ann, bob):
    submit(ann, "one", lines(0, "one"), **SIMPLER)
    submit(bob, "two", {"other.md": "two\n"}, **SIMPLER)
    queueing.branch(ann, "moved", {"elsewhere.md": "x\n"})
    git(ann, "push", "--quiet", "origin", "moved:main")
    before = main_of(remote)
    ended = merging.run(bob)
    assert (ended.outcome, ended.branch, ended.commit) == ("merged", "one", main_of(remote))
    assert git(remote, "rev-parse", "main^") == before
    assert git(remote, "show", "main:notes.md").startswith("one\nline 1\n")
    assert git(remote, "log", "-1", "--format=%an %s", "main") == "ann work of one"
    assert "structural evidence: one parser instead of two" in ended.notes
    assert states(ann) == {"two": "revalidate"}  # the surface of both is the notes
    assert nothing_is_left(bob)
    assert (merging.home(bob) / "verify.log").read_text() == "looking\nfine\n"


def test_all_that_share_surface_or_file_are_marked_with_the_reason(ann, verdicts):
    submit(ann, "winner", {KERNEL: "1\n"}, **FASTER)
    submit(ann, "same-surface", {KERNEL: "2\n"}, **FASTER)
    submit(ann, "same-file", {KERNEL: "3\n"}, **SIMPLER)
    submit(ann, "neither", {"other.md": "4\n"}, **SIMPLER)
    submit(ann, "lost", {KERNEL: "5\n"}, **FASTER)
    lost = slices.everything(ann)[-1]
    assert slices.change(ann, lost, lost.slice.now("evicted", "slower"))
    ended = merging.run(ann)
    assert ended.marked == ("same-surface", "same-file")
    found = {each.branch: each.slice for each in slices.everything(ann)}
    assert found["same-surface"].why == (
        f"winner was merged, which changed the same surface pq_l2 and {KERNEL}"
    )
    assert found["same-file"].why == f"winner was merged, which changed {KERNEL}"
    assert found["neither"].state == "green"
    assert (found["lost"].state, found["lost"].why) == ("evicted", "slower")
    assert found["same-file"].submitted.endswith("02+00:00")


def test_a_kernel_is_judged_against_the_default_branch_as_it_is_then(remote, ann, verdicts):
    born_with = main_of(remote)
    submit(ann, "one", {KERNEL: "1\n"}, **FASTER)
    submit(ann, "two", {"targets/pq_l2/program.md": "x\n", KERNEL: "1\n"}, **FASTER)
    merging.run(ann)
    verdicts.answers.append(queueing.record(**LOSES))
    git(ann, "switch", "--quiet", "two")
    queueing.write(ann, {KERNEL: "1 and 2\n"})
    git(ann, "rebase", "--quiet", "origin/main", "-X", "theirs")
    git(ann, "push", "--quiet", "--force", "origin", "two")
    slices.add(ann, **FASTER)
    ended = merging.run(ann)
    (first, second) = verdicts.asked
    assert first == ("pq_l2", born_with, "queue: one", "1\n")
    assert second == ("pq_l2", main_of(remote), "queue: two", "1 and 2\n")
    assert ended.outcome == "evicted"


def test_what_no_longer_wins_is_evicted_with_the_evidence(remote, ann, bob, verdicts):
    submit(ann, "slow", {KERNEL: "1\n"}, **FASTER)
    verdicts.answers.append(queueing.record(**LOSES))
    before = main_of(remote)
    ended = merging.run(ann)
    assert (ended.outcome, ended.records) == ("evicted", (LOSES["id"],))
    assert main_of(remote) == before
    (seen,) = slices.everything(bob)
    assert seen.slice.state == "evicted"
    assert LOSES["sentence"] in seen.slice.why
    assert f"against main {before[:12]}" in seen.slice.why
    assert (seen.slice.ratio, seen.slice.ci_low, seen.slice.ci_high) == (0.999, 0.99, 1.01)
    assert seen.slice.record == LOSES["id"]
    assert merging.run(ann).sentence == "nothing can be merged: no slice is open"
    assert nothing_is_left(ann)


PARITY = {
    "faster": True,
    "simpler": True,
    "inconclusive": True,
    "unconfirmed": True,
    "slower": False,
    "worst-combo": False,
    "trade-off": False,
    "incorrect": False,
    "allocates": False,
    "over-memory": False,
    "over-budget": False,
    "policy": False,
    "suspect": False,
}


@pytest.mark.parametrize(("reason", "lets_in"), PARITY.items())
def test_parity_asks_for_what_is_correct_and_not_slower(reason, lets_in):
    status = "keep" if reason in ("faster", "simpler") else "discard"
    assert rejudging.passes("parity", queueing.record(status=status, reason=reason)) == lets_in
    assert rejudging.passes("performance", queueing.record(status=status, reason=reason)) == (
        status == "keep"
    )
    assert not rejudging.passes("parity", queueing.record(status="crash", reason=reason))


def test_a_parity_slice_is_judged_though_it_leaves_the_kernel_alone(ann, verdicts):
    submit(ann, "same", {"docs/parity.md": "x\n"}, lane="parity", surface="take")
    verdicts.answers.append(queueing.record(status="discard", reason="inconclusive"))
    assert merging.run(ann).outcome == "merged"
    assert [asked[0] for asked in verdicts.asked] == ["take"]


def test_no_kernel_gets_in_unjudged_whatever_the_lane(ann, verdicts):
    submit(ann, "tidy", {KERNEL: "tidier\n", "targets/take/kernels.py": "too\n"}, **SIMPLER)
    verdicts.answers.append(queueing.record(**{**LOSES, "reason": "inconclusive"}))
    verdicts.answers.append(queueing.record(**{**LOSES, "reason": "slower", "target": "take"}))
    ended = merging.run(ann)
    assert [asked[0] for asked in verdicts.asked] == ["pq_l2", "take"]
    assert "take against main" in ended.sentence


def test_a_conflict_evicts_in_gits_words(ann, bob):
    submit(ann, "one", lines(3, "mine"), **SIMPLER)
    submit(bob, "two", lines(3, "yours"), **SIMPLER)
    assert merging.run(ann).outcome == "merged"
    ended = merging.run(bob)
    assert ended.outcome == "evicted"
    assert "in notes.md: CONFLICT (content): Merge conflict in notes.md" in ended.sentence
    assert states(ann) == {"two": "evicted"}
    assert nothing_is_left(bob)


def test_a_dependency_comes_first_and_its_commits_go_in_once(remote, ann):
    submit(ann, "base", lines(3, "base"), **SIMPLER)
    git(ann, "switch", "--quiet", "-c", "top")
    queueing.write(ann, lines(3, "base and top"), "work of top")
    git(ann, "push", "--quiet", "origin", "top")
    slices.add(ann, depends_on=["base"], **SIMPLER)
    queueing.branch(ann, "moved", {"elsewhere.md": "x\n"})
    git(ann, "push", "--quiet", "origin", "moved:main")
    assert merging.run(ann).branch == "base"
    assert merging.run(ann).branch == "top"
    log = git(remote, "log", "-4", "--format=%s", "main").splitlines()
    assert log[:2] == ["work of top", "work of base"]


def test_an_evicted_dependency_blocks_and_says_so(remote, ann):
    before = main_of(remote)
    submit(ann, "base", {"red": "x\n"}, **SIMPLER)
    submit(ann, "top", lines(3, "top"), depends_on=["base"], **SIMPLER)
    assert merging.run(ann).outcome == "evicted"
    ended = merging.run(ann)
    assert ended.outcome == "nothing"
    assert "top depends on base, which was evicted: verify is red" in ended.sentence
    slices.drop(ann, "base")
    ended = merging.run(ann)
    assert (ended.outcome, main_of(remote)) == ("nothing", before)
    assert "top depends on base, which is not in the queue any more: on top again" in ended.sentence
    git(ann, "switch", "--quiet", "top")
    slices.add(ann, **SIMPLER)
    assert merging.run(ann).branch == "top"


def test_what_was_withdrawn_is_not_merged_by_what_stood_on_it(remote, ann):
    submit(ann, "base", lines(3, "base"), **SIMPLER)
    git(ann, "switch", "--quiet", "-c", "top")
    queueing.write(ann, lines(9, "top"), "work of top")
    git(ann, "push", "--quiet", "origin", "top")
    slices.add(ann, depends_on=["base"], **SIMPLER)
    before = main_of(remote)
    slices.drop(ann, "base")
    assert merging.run(ann).outcome == "nothing"
    git(ann, "push", "--quiet", "origin", "HEAD^{tree}:refs/queue/base")
    ended = merging.run(ann)
    assert "top depends on base, which cannot be read" in ended.sentence
    assert main_of(remote) == before


def test_a_red_verification_evicts_with_the_end_of_its_words(remote, ann):
    submit(ann, "bad", {"red": "x\n"}, **SIMPLER)
    before = main_of(remote)
    ended = merging.run(ann)
    assert ended.outcome == "evicted"
    assert "verify is red: python check.py failed (exit 1)" in ended.sentence
    assert ended.sentence.endswith("red is there")
    assert "looking" in ended.notes
    assert main_of(remote) == before


def test_a_slice_cannot_choose_how_it_is_verified(ann):
    nothing = '[tool.workbench]\nverify = [["python", "-c", "pass"]]\n'
    submit(ann, "sly", {"red": "x\n", "pyproject.toml": nothing}, **SIMPLER)
    assert merging.run(ann).outcome == "evicted"


def test_a_red_default_branch_is_nobodys_fault(remote, ann):
    submit(ann, "good", lines(3, "x"), **SIMPLER)
    queueing.branch(ann, "moved", {"red": "x\n"})
    git(ann, "push", "--quiet", "origin", "moved:main")
    with pytest.raises(Infrastructure, match="main itself is red, so nothing can be merged"):
        merging.run(ann)
    assert states(ann) == {"good": "green"}
    assert nothing_is_left(ann)


def test_verification_imports_the_merged_code_in_a_clean_tree(ann):
    (ann / "code.py").write_text("untracked, and not Python")
    probe = (
        "import pathlib, part; assert part.VALUE == 2; assert not pathlib.Path('code.py').exists()"
    )
    named = f'[tool.workbench]\nverify = [["python", "-c", {json.dumps(probe)}]]\n'
    (ann / "code.py").unlink()
    queueing.branch(ann, "begin", {"part.py": "VALUE = 1\n", "pyproject.toml": named})
    git(ann, "push", "--quiet", "origin", "begin:main")
    git(ann, "fetch", "--quiet")
    submit(ann, "part", {"part.py": "VALUE = 2\n"}, **SIMPLER)
    git(ann, "switch", "--quiet", "begin")
    (ann / "code.py").write_text("untracked, and not Python")
    assert merging.run(ann).outcome == "merged"


LIMITS = Baseline(
    **{"kernel_sha256": "k", "record": "r", "timestamp": "t", "judge_sha256": "j", "cpu": "c"},
    **{"peak_rss_mb": 100.0, "allocations": 0.0, "combos": {"s/d": Limit(0.3, 0.05, 30.0)}},
)


@pytest.fixture
def guarded(ann, tmp_path):
    """A default branch with limits that a keep of 0.5 breaks."""
    guard.write(tmp_path / "guard.json", {"h": LIMITS})
    text = (tmp_path / "guard.json").read_text()
    queueing.branch(ann, "limits", {"targets/pq_l2/guard.json": text})
    git(ann, "push", "--quiet", "origin", "limits:main")
    git(ann, "fetch", "--quiet")


def test_a_broken_guard_evicts_a_keep(ann, guarded, verdicts):
    commit = submit(ann, "creeping", {KERNEL: "1\n"}, **FASTER)
    ended = merging.run(ann)
    assert ended.outcome == "evicted"
    assert "the guard of pq_l2 is broken: s/d takes 0.500 of upstream's time" in ended.sentence
    # The judgement, then two races against itself.
    assert [(asked[1], asked[2]) for asked in verdicts.asked[1:]] == [
        (commit, "guard of queue: creeping")
    ] * 2
    assert len(ended.records) == 3


def test_a_guard_that_a_second_look_finds_whole_lets_in(ann, guarded, verdicts):
    submit(ann, "fine", {KERNEL: "1\n"}, **FASTER)
    verdicts.answers.append(queueing.record())
    verdicts.answers.append(queueing.record(combos=(queueing.combo(0.29),)))
    assert merging.run(ann).outcome == "merged"


def test_limits_cannot_be_read_is_infrastructure_and_the_slice_stays(ann, verdicts):
    queueing.branch(ann, "limits", {"targets/pq_l2/guard.json": "{"})
    git(ann, "push", "--quiet", "origin", "limits:main")
    git(ann, "fetch", "--quiet")
    submit(ann, "fine", {KERNEL: "1\n"}, **FASTER)
    with pytest.raises(Infrastructure, match=r"guard\.json is no guard's file"):
        merging.run(ann)
    assert verdicts.asked == []
    assert states(ann) == {"fine": "green"}


def test_a_host_class_without_limits_is_a_warning(ann, verdicts):
    submit(ann, "fine", {KERNEL: "1\n"}, **FASTER)
    ended = merging.run(ann)
    assert any(n.startswith("warning: pq_l2: no baseline for this host") for n in ended.notes)


def test_what_touches_too_much_when_its_turn_comes_is_evicted(ann, verdicts):
    commit = queueing.branch(ann, "sly", {KERNEL: "1\n", "targets/pq_l2/reference.py": "2\n"})
    added = slices.Slice(
        **{"branch": "sly", "commit": commit, "owner": "ann", **FASTER},
        submitted="2026-01-01T00:00:00+00:00",
    )
    assert slices.change(ann, None, added)
    ended = merging.run(ann)
    assert ended.outcome == "evicted"
    assert "this one targets/pq_l2/reference.py" in ended.sentence
    assert verdicts.asked == []


def test_a_branch_that_is_gone_or_rewritten_is_evicted(remote, ann):
    submit(ann, "gone", lines(1, "x"), **SIMPLER)
    git(ann, "push", "--quiet", "origin", ":gone")
    ended = merging.run(ann)
    assert "gone was evicted: its branch is gone from origin" in ended.sentence
    submit(ann, "rewritten", lines(2, "x"), **SIMPLER)
    git(ann, "commit", "--quiet", "--amend", "-m", "other")
    git(ann, "push", "--quiet", "--force", "origin", "rewritten")
    assert "its branch was rewritten" in merging.run(ann).sentence


def test_a_branch_that_went_on_is_merged_as_far_as_it_was_called_ready(remote, ann):
    submit(ann, "growing", lines(1, "x"), **SIMPLER)
    queueing.write(ann, lines(1, "half an idea"))
    git(ann, "push", "--quiet", "origin", "growing")
    assert merging.run(ann).outcome == "merged"
    assert "half" not in git(remote, "show", "main:notes.md")


def test_a_default_branch_that_moves_meanwhile_merges_nothing(remote, ann, bob, monkeypatch):
    submit(ann, "one", lines(1, "x"), **SIMPLER)
    queueing.branch(bob, "quick", {"elsewhere.md": "x\n"})
    whole = merging.verified

    def overtaken(*arguments):
        whole(*arguments)
        git(bob, "push", "--quiet", "origin", "quick:main")

    monkeypatch.setattr(merging, "verified", overtaken)
    with pytest.raises(Refused, match="main has moved meanwhile: nothing was merged, and the"):
        merging.run(ann)
    assert git(remote, "log", "-1", "--format=%s", "main") == "work"
    assert states(ann) == {"one": "green"}
    monkeypatch.undo()
    assert merging.run(ann).outcome == "merged"


def test_a_slice_that_is_withdrawn_meanwhile_is_not_merged(remote, ann, monkeypatch):
    submit(ann, "one", lines(1, "x"), **SIMPLER)
    before = main_of(remote)
    monkeypatch.setattr(merging, "verified", lambda *_: slices.drop(ann, "one"))
    with pytest.raises(Refused, match="one has changed in the queue meanwhile: nothing"):
        merging.run(ann)
    assert main_of(remote) == before


def test_a_remote_that_protects_its_default_branch_is_said(remote, ann):
    submit(ann, "one", lines(1, "x"), **SIMPLER)
    hook = remote / "hooks" / "update"
    hook.write_text('#!/bin/sh\n[ "$1" != refs/heads/main ] || { echo by review only; exit 1; }\n')
    hook.chmod(0o755)
    with pytest.raises(Infrastructure, match=r"origin does not let you move main: .*review only"):
        merging.run(ann)
    assert states(ann) == {"one": "green"}


def test_without_a_remote_the_checked_out_default_branch_moves_with_its_files(ann):
    git(ann, "switch", "--quiet", "main")
    git(ann, "remote", "remove", "origin")
    git(ann, "switch", "--quiet", "-c", "work")
    queueing.write(ann, lines(1, "x"))
    slices.add(ann, **SIMPLER)
    git(ann, "switch", "--quiet", "main")
    (ann / "notes.md").write_text("unsaved\n")
    with pytest.raises(Refused, match=r"main is checked out in .* and has changes there"):
        merging.run(ann)
    git(ann, "checkout", "--quiet", "notes.md")
    (ann / "untracked.txt").write_text("nobody minds\n")
    ended = merging.run(ann)
    assert git(ann, "rev-parse", "main") == ended.commit
    assert "\nx\n" in (ann / "notes.md").read_text()
    assert git(ann, "for-each-ref", "refs/queue") == ""


def test_without_a_remote_a_default_branch_that_is_not_checked_out_moves_too(ann):
    git(ann, "switch", "--quiet", "main")
    git(ann, "remote", "remove", "origin")
    git(ann, "switch", "--quiet", "-c", "work")
    commit = queueing.write(ann, lines(1, "x"))
    slices.add(ann, **SIMPLER)
    assert merging.run(ann).commit == git(ann, "rev-parse", "main") == commit
    assert git(ann, "status", "--porcelain") == ""


def test_a_personal_git_setting_does_not_move_the_branch(ann):
    commit = submit(ann, "one", lines(1, "x"), **SIMPLER)
    queueing.branch(ann, "moved", {"elsewhere.md": "x\n"})
    git(ann, "push", "--quiet", "origin", "moved:main")
    git(ann, "config", "rebase.updateRefs", "true")
    assert merging.run(ann).outcome == "merged"
    assert git(ann, "rev-parse", "one") == commit


def test_git_that_cannot_commit_evicts_nobody(ann, monkeypatch):
    submit(ann, "one", lines(1, "x"), **SIMPLER)
    queueing.branch(ann, "moved", {"elsewhere.md": "x\n"})
    git(ann, "push", "--quiet", "origin", "moved:main")
    monkeypatch.setenv("WORKBENCH_RESEARCHER", "ann")
    git(ann, "config", "user.name", "")
    git(ann, "config", "user.useConfigOnly", "true")
    with pytest.raises(Infrastructure, match="git rebase: "):
        merging.run(ann)
    assert states(ann) == {"one": "green"}


def test_a_persons_hooks_and_signatures_are_not_for_what_others_merge(ann, tmp_path):
    submit(ann, "one", lines(1, "x"), **SIMPLER)
    queueing.branch(ann, "moved", {"elsewhere.md": "x\n"})
    git(ann, "push", "--quiet", "origin", "moved:main")
    for name in ("pre-rebase", "pre-commit", "post-commit", "post-checkout", "post-rewrite"):
        hook = tmp_path / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\nexit 1\n")
        hook.chmod(0o755)
    git(ann, "config", "core.hooksPath", str(tmp_path / "hooks"))
    git(ann, "config", "commit.gpgSign", "true")
    git(ann, "config", "gpg.program", "false")
    assert merging.run(ann).outcome == "merged"
    assert not (tmp_path / "ran").exists()


@pytest.fixture
def kept(monkeypatch):
    """Trials that are keeps and go into the ledger; nothing is timed."""
    done = queueing.record()
    monkeypatch.setattr(rejudging.trial, "run", lambda *_, **__: done)
    return done


def rows_of(clone):
    return ledger.read(ledger.path(clone / "targets" / "pq_l2", "performance"))


def raises(error):
    def now(*_):
        raise error

    return now


WAYS_OUT = {
    "evicted": (merging.Evicted("verify is red: no"), None, "verify is red: no"),
    "refused": (Refused("main has moved"), Refused, "main has moved"),
    "no git": (Infrastructure("git rebase: no"), Infrastructure, "git rebase: no"),
    "Ctrl-C": (KeyboardInterrupt(), KeyboardInterrupt, "interrupted"),
}


@pytest.mark.parametrize(("end", "seen", "why"), WAYS_OUT.values(), ids=WAYS_OUT)
def test_a_keep_of_what_is_not_merged_is_taken_back(ann, kept, monkeypatch, end, seen, why):
    submit(ann, "one", {KERNEL: "1\n"}, **FASTER)
    monkeypatch.setattr(merging, "verified", raises(end))
    with pytest.raises(seen) if seen else contextlib.nullcontext():
        assert merging.run(ann).outcome == "evicted"
    first, last = rows_of(ann)
    assert (first.status, first.description) == ("keep", kept.description)
    assert (last.status, last.reason) == ("revoke", "suspect")
    assert last.description == f"queue: one was not merged: {why}"
    assert ledger.best(rows_of(ann), "h") is None


@pytest.mark.parametrize(("end", "seen", "why"), WAYS_OUT.values(), ids=WAYS_OUT)
def test_what_its_author_had_kept_stays_kept_while_the_slice_may_be_merged(
    ann, kept, monkeypatch, end, seen, why
):
    own = dataclasses.replace(kept, timestamp="2025-12-31", description="mine")
    ledger.append(ledger.path(ann / "targets" / "pq_l2", "performance"), outcome.row_of(own))
    submit(ann, "one", {KERNEL: "1\n"}, **FASTER)
    monkeypatch.setattr(merging, "verified", raises(end))
    with pytest.raises(seen) if seen else contextlib.nullcontext():
        merging.run(ann)
    assert (ledger.best(rows_of(ann), "h") is None) == (seen is None)


def test_a_broken_guard_takes_every_keep_of_the_kernel_back(ann, guarded, kept):
    submit(ann, "creeping", {KERNEL: "1\n"}, **FASTER)
    assert merging.run(ann).outcome == "evicted"
    assert [row.status for row in rows_of(ann)] == ["keep", "revoke"] * 3
    assert ledger.best(rows_of(ann), "h") is None


def test_ctrl_c_at_the_row_takes_it_back(ann, kept, monkeypatch):
    submit(ann, "one", {KERNEL: "1\n"}, **FASTER)
    append = ledger.append

    def pressed(*arguments):
        append(*arguments)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(ledger, "append", pressed)
    monkeypatch.setattr(merging, "verified", raises(merging.Evicted("verify is red")))
    with pytest.raises(KeyboardInterrupt):
        merging.run(ann)
    assert [row.status for row in rows_of(ann)] == ["keep", "revoke"]


def test_a_kill_before_the_default_branch_moves_leaves_no_keep(ann, kept, monkeypatch):
    submit(ann, "one", {KERNEL: "1\n"}, **FASTER)
    seen = []
    monkeypatch.setattr(merging, "verified", lambda *_: seen.append(rows_of(ann)))
    assert merging.run(ann).outcome == "merged"
    assert seen == [[]]
    assert ledger.best(rows_of(ann), "h").kernel_sha256 == kept.kernel_sha256


def test_what_could_not_be_measured_is_infrastructure_and_in_the_ledger(ann, kept, monkeypatch):
    submit(ann, "one", {KERNEL: "1\n"}, **FASTER)
    nothing = dataclasses.replace(kept, status="crash", reason="infra", sentence="no core is free")
    monkeypatch.setattr(rejudging.trial, "run", lambda *_, **__: nothing)
    with pytest.raises(Infrastructure, match="pq_l2 was not judged: no core is free"):
        merging.run(ann)
    assert [(row.status, row.reason) for row in rows_of(ann)] == [("crash", "infra")]
    assert states(ann) == {"one": "green"}


def test_ctrl_c_while_the_default_branch_moves_takes_nothing_back(remote, ann, kept, monkeypatch):
    submit(ann, "one", {KERNEL: "1\n"}, **FASTER)
    move = trunk.move

    def pressed(*arguments):
        os.kill(os.getpid(), signal.SIGINT)
        move(*arguments)

    monkeypatch.setattr(trunk, "move", pressed)
    with pytest.raises(KeyboardInterrupt):
        merging.run(ann)
    assert git(remote, "show", f"main:{KERNEL}") == "1"
    assert merging.run(ann).sentence == "one is part of main already"
    assert [row.status for row in rows_of(ann)] == ["keep"]


@pytest.mark.parametrize("last", ["change", "remove"])
def test_killed_after_the_default_branch_moved_the_next_run_finishes(
    remote, ann, monkeypatch, last
):
    submit(ann, "one", lines(1, "x"), **SIMPLER)
    submit(ann, "two", lines(5, "y"), depends_on=["one"], **SIMPLER)

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(slices, last, killed)
    with pytest.raises(KeyboardInterrupt):
        merging.run(ann)
    merged = main_of(remote)
    monkeypatch.undo()
    ended = merging.run(ann)
    assert (ended.outcome, ended.sentence) == ("merged", "one is part of main already")
    assert main_of(remote) == merged
    assert states(ann) == {"two": "revalidate"}
    assert merging.run(ann).branch == "two"


def test_what_was_merged_elsewhere_is_merged_though_its_branch_is_gone(remote, ann):
    submit(ann, "one", {"notes.md": "changed\n"}, **SIMPLER)
    git(ann, "push", "--quiet", "origin", "one:main")
    git(ann, "push", "--quiet", "origin", "--delete", "one")
    assert merging.run(ann).sentence == "one is part of main already"
    assert states(ann) == {}


def test_a_slice_that_removes_a_kernel_is_evicted_and_blocks_nobody(remote, ann):
    submit(ann, "one", {KERNEL: None}, **SIMPLER)
    submit(ann, "two", {"notes.md": "changed\n"}, **SIMPLER)
    ended = merging.run(ann)
    assert ended.outcome == "evicted"
    assert f"it removes {KERNEL}" in ended.sentence
    assert merging.run(ann).branch == "two"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_kill_in_the_middle_leaves_nothing_that_the_next_run_minds(remote, ann, how, tmp_path):
    slow = "import time, pathlib; pathlib.Path('{}').touch(); time.sleep({})"
    flag = tmp_path / "verifying"

    def named(seconds):
        text = json.dumps(slow.format(flag, seconds))
        return {"pyproject.toml": f'[tool.workbench]\nverify = [["python", "-c", {text}]]\n'}

    queueing.branch(ann, "slow", named(20))
    git(ann, "push", "--quiet", "origin", "slow:main")
    git(ann, "fetch", "--quiet")
    submit(ann, "one", named(0), **SIMPLER)
    before = main_of(remote)
    script = (
        "import pathlib, signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from workbench.research import merging\nmerging.run(pathlib.Path('.'))"
    )
    running = subprocess.Popen([sys.executable, "-c", script], cwd=ann, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not flag.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    with pytest.raises(Infrastructure, match="another workbench queue merge is running"):
        merging.run(ann)
    running.send_signal(how)
    running.wait(30)
    assert nothing_is_left(ann) == (how == signal.SIGINT)
    assert main_of(remote) == before
    assert states(ann) == {"one": "green"}
    queueing.branch(ann, "quick", named(0))
    git(ann, "push", "--quiet", "origin", "quick:main")
    assert merging.run(ann).sentence == "one is part of main already"
    assert nothing_is_left(ann)


def test_two_clones_merge_every_slice_once_though_the_remote_comes_and_goes(
    remote, daemon, clone_of, tmp_path
):
    clones = [clone_of(daemon.url("remote.git"), name) for name in ("carl", "dora")]
    for number in range(4):
        how = {**SIMPLER, "surface": f"surface{number}"}
        submit(clones[number % 2], f"slice{number}", {f"file{number}.md": "x\n"}, **how)
    script = """
import json, pathlib, sys, time
from workbench.errors import WorkbenchError
from workbench.research import merging
merged = []
while True:
    try:
        ended = merging.run(pathlib.Path("."))
    except WorkbenchError as error:
        print(error, file=sys.stderr, flush=True)
        time.sleep(0.1)
        continue
    if ended.outcome == "nothing":
        break
    merged.append([ended.outcome, ended.branch, ended.sentence])
print(json.dumps(merged))
"""
    running = [
        subprocess.Popen([sys.executable, "-c", script], cwd=c, stdout=-1, text=True)
        for c in clones
    ]
    time.sleep(2)
    daemon.kill()
    time.sleep(1)
    daemon.start()
    said = [line for each in running for line in json.loads(each.communicate(timeout=600)[0])]
    assert {outcome for outcome, *_ in said} == {"merged"}
    log = git(remote, "log", "--format=%s", "main").splitlines()
    assert sorted(log[:4]) == [f"work of slice{i}" for i in range(4)]
    assert log[4] == "a project"
    assert git(remote, "for-each-ref", "refs/queue") == ""


def test_another_judge_than_the_default_branchs_judges_nothing(ann, tmp_path):
    place = tmp_path / "tree"
    shutil.copytree(rejudging.custody.PACKAGE, place / "workbench")
    rejudging.require_judge(place)
    rejudging.require_judge(tmp_path)  # no package in it: the installed one judges
    (place / "workbench" / "gate.py").write_text("# weaker\n")
    with pytest.raises(Refused, match=r"is not the default branch's \(workbench/gate\.py, 1 file"):
        rejudging.require_judge(place)
    (place / "workbench" / "simd" / "new.py").write_text("# more\n")
    with pytest.raises(Refused, match="2 files"):
        rejudging.require_judge(place)


@pytest.fixture
def run(ann, monkeypatch, capsys):
    monkeypatch.chdir(ann)

    def call(*words):
        code = cli.run(words)
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def test_the_command_ends_with_the_documented_codes(ann, run, verdicts):
    assert run("queue", "merge")[:2] == (0, "the queue is empty\n")
    submit(ann, "good", {KERNEL: "1\n"}, **FASTER)
    submit(ann, "bad", {"red": "x\n"}, lane="maintainability", surface="pq_l2", evidence="less")
    code, out, _ = run("queue", "merge")
    assert code == 0
    assert "good was merged: main is " in out
    assert "to be validated again: bad\n" in out
    assert f"record: reports/trials/{queueing.record().id}" in out
    code, out, _ = run("queue", "merge", "--json")
    ended = json.loads(out)
    assert (code, ended["outcome"], ended["branch"]) == (1, "evicted", "bad")
    code, out, _ = run("queue", "list")
    assert out.startswith("- bad ")
    git(ann, "remote", "set-url", "origin", str(ann / "nowhere.git"))
    slices.refs.TRIES, tries = 1, slices.refs.TRIES
    try:
        code, out, err = run("queue", "merge")
    finally:
        slices.refs.TRIES = tries
    assert (code, out) == (5, "")
    assert err.count("\n") == 1


# From here on with real trials of a real kernel.

ROOT = targets.find_root()


def real(project, source, message):
    """Commit a kernel on the branch that is checked out."""
    return queueing.write(project, {KERNEL: source}, message)


@pytest.fixture
def start(project, slow_kernel):
    """A project whose default branch has a slow kernel; the fast one is what can be won."""
    git(project, "config", "user.name", "ann")
    git(project, "config", "user.email", "ann@localhost")
    fast = (ROOT / KERNEL).read_text()
    queueing.write(
        project,
        {
            "check.py": queueing.CHECK,
            "pyproject.toml": queueing.FILES["pyproject.toml"],
            KERNEL: slow_kernel,
        },
        "start from a slow one",
    )
    return project, fast


@pytest.mark.usefixtures("quick", "one_server")
def test_of_two_that_were_born_winners_the_second_no_longer_wins(start, tmp_path, monkeypatch):
    project, fast = start
    monkeypatch.setattr(stats, "MAX_CROSSOVERS", 8)  # a busy machine needs more than two
    remote = tmp_path / "remote.git"
    git(tmp_path, "clone", "--quiet", "--bare", str(project), str(remote))
    git(project, "remote", "add", "origin", str(remote))
    monkeypatch.chdir(project)
    begin = git(project, "rev-parse", "HEAD")
    for name in ("ann", "bob"):
        git(project, "switch", "--quiet", "-c", name, begin)
        real(project, fast, "registers instead of a table")
        if name == "bob":
            real(project, fast + "\n# And tidier.\n", "a word more")
        born = trial.run("pq_l2", Options(incumbent=begin), root=project)
        assert born.status == "keep", born.sentence
        git(project, "push", "--quiet", "origin", name)
        slices.add(project, **FASTER)
    git(project, "switch", "--quiet", "main")
    rows = len(ledger.read(ledger.path(project / "targets" / "pq_l2", "performance")))

    first = merging.run(project)
    assert (first.outcome, first.branch) == ("merged", "ann"), first.sentence
    assert first.marked == ("bob",)
    assert git(remote, "show", f"main:{KERNEL}") == fast.strip()

    second = merging.run(project)
    assert (second.outcome, second.branch) == ("evicted", "bob"), second.sentence
    (left,) = slices.everything(project)
    assert left.slice.state == "evicted"
    assert 0.8 < left.slice.ratio < 1.25
    assert left.slice.ci_low < left.slice.ratio < left.slice.ci_high
    assert git(remote, "rev-parse", "main") == first.commit

    # Both verdicts are in the ledger, and their records where every record is.
    added = ledger.read(ledger.path(project / "targets" / "pq_l2", "performance"))[rows:]
    assert [(row.status, row.description) for row in added] == [
        ("keep", "queue: ann"),
        ("discard", "queue: bob"),
    ]
    assert added[0].commit == first.commit[:12]
    for name in (*first.records, *second.records):
        folder = record.folder(project, name)
        assert record.read(folder / "trial.json").id == name
        assert (folder / "blocks.parquet").is_file()
    assert left.slice.record == second.records[0]
    assert nothing_is_left(project)
    assert git(project, "status", "--porcelain") == ""


def test_a_wrong_kernel_of_a_parity_slice_is_evicted(start):
    project, fast = start
    git(project, "switch", "--quiet", "-c", "wrong")
    real(project, fast.replace("def distances(", "def distance("), "renamed")
    slices.add(project, lane="parity", surface="pq_l2")
    ended = merging.run(project)
    assert ended.outcome == "evicted"
    assert "(policy)" in ended.sentence
    (left,) = slices.everything(project)
    assert left.slice.ratio is None


def test_an_interrupted_trial_leaves_slice_ledger_and_tree_as_they_were(start):
    project, fast = start
    git(project, "switch", "--quiet", "-c", "work")
    real(project, fast, "faster")
    slices.add(project, **FASTER)

    def interrupt(phase, done, total):
        if phase == "correctness":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        merging.run(project, interrupt)
    assert states(project) == {"work": "green"}
    assert not ledger.read(ledger.path(project / "targets" / "pq_l2", "performance"))
    assert nothing_is_left(project)
    assert [p.name for p in (project / "reports" / "trials").iterdir()] == [".gitkeep"]
    assert trunk.find(project).tip == git(project, "rev-parse", "main")
    assert Path(project, KERNEL).read_text() == fast
