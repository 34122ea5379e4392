"""Slices on real remotes: what gets into the queue, in which order, and who may take it out."""

import dataclasses
import datetime
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.research import queueing
from tests.research.conftest import git
from workbench import cli
from workbench.errors import Infrastructure, Refused, Usage
from workbench.research import admission, claims, refs, slices
from workbench.research.slice import (
    Slice,
    after_merge,
    blocked,
    first,
    from_message,
    in_a_circle,
    undermined,
)

KERNEL = {"targets/pq_l2/kernels.py": "faster\n"}
SIMPLER = {"lane": "maintainability", "surface": "notes", "evidence": "one parser instead of two"}


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
def run(ann, monkeypatch, capsys):
    monkeypatch.chdir(ann)

    def call(*words):
        code = cli.run(words)
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def test_a_slice_is_seen_by_everyone(ann, bob):
    commit = queueing.branch(ann, "ann/faster", KERNEL)
    added = slices.add(ann, lane="performance", surface="pq_l2")
    (seen,) = slices.everything(bob)
    assert seen.slice == added
    assert (added.branch, added.commit, added.state) == ("ann/faster", commit, "green")
    assert added.files == ("targets/pq_l2/kernels.py",)
    assert seen.ref == "refs/queue/ann/faster"
    assert added.owner == "ann <ann@localhost>"


def test_lane_and_surface_come_from_the_claim(ann):
    queueing.branch(ann, "faster", KERNEL)
    with pytest.raises(Usage, match="give --lane and --surface"):
        slices.add(ann)
    claims.open_claim(ann, "performance", "pq_l2", "fewer loads")
    added = slices.add(ann)
    assert (added.lane, added.surface) == ("performance", "pq_l2")
    with pytest.raises(Usage, match="holds the claim performance/pq_l2: leave out"):
        slices.add(ann, lane="parity")


def test_several_slices_of_one_researcher_are_one_a_branch(ann):
    queueing.branch(ann, "one", {"notes.md": "1\n"})
    slices.add(ann, **SIMPLER)
    queueing.branch(ann, "two", {"notes.md": "2\n"})
    slices.add(ann, **SIMPLER)
    assert len(slices.everything(ann)) == 2


def test_what_is_not_pushed_is_refused_with_the_command(ann):
    queueing.branch(ann, "late", {"notes.md": "1\n"})
    queueing.write(ann, {"notes.md": "2\n"})
    with pytest.raises(Refused, match="git push origin late"):
        slices.add(ann, **SIMPLER)


def test_what_is_not_committed_is_refused(ann):
    queueing.branch(ann, "dirty", {"notes.md": "1\n"})
    (ann / "notes.md").write_text("2\n")
    with pytest.raises(Refused, match="has changes"):
        slices.add(ann, **SIMPLER)


def test_the_default_branch_and_an_empty_branch_are_no_slices(ann):
    git(ann, "switch", "--quiet", "main")
    with pytest.raises(Usage, match="main is the default branch"):
        slices.add(ann, **SIMPLER)
    git(ann, "switch", "--quiet", "-c", "empty")
    git(ann, "push", "--quiet", "origin", "empty")
    with pytest.raises(Usage, match="changes nothing of main"):
        slices.add(ann, **SIMPLER)


def test_maintainability_names_its_evidence(ann):
    queueing.branch(ann, "simpler", {"notes.md": "1\n"})
    with pytest.raises(Usage, match="--evidence"):
        slices.add(ann, lane="maintainability", surface="notes")


def test_performance_is_judged_on_targets_only(ann):
    queueing.branch(ann, "faster", {"notes.md": "1\n"})
    with pytest.raises(Usage, match="notes is none; there are: pq_l2, take"):
        slices.add(ann, lane="performance", surface="notes")


REFUSED = {
    "another file": ("performance", {**KERNEL, "notes.md": "x"}, "this one notes.md"),
    "another kernel": ("performance", {**KERNEL, "targets/take/kernels.py": "x"}, "take/kernels"),
    "its judge": ("performance", {**KERNEL, "targets/pq_l2/reference.py": "x"}, "reference.py"),
    "its limits": ("performance", {**KERNEL, "targets/pq_l2/guard.json": "{}"}, "guard.json"),
    "no kernel": ("performance", {"docs/x.md": "x"}, "and this one does not"),
    "parity's judge": ("parity", {"targets/pq_l2/inputs.py": "x"}, "its own judge: targets/pq_l2"),
    "a module of the judge": ("parity", {"workbench/gate.py": "x"}, "workbench/gate.py"),
    "kernel and judge": ("maintainability", {**KERNEL, "workbench/gate.py": "x"}, "two slices"),
}


@pytest.mark.parametrize(("lane", "files", "words"), REFUSED.values(), ids=REFUSED)
def test_files_that_a_lane_does_not_judge_are_refused_by_name(ann, lane, files, words):
    queueing.branch(ann, "much", files)
    with pytest.raises(Refused, match=words):
        slices.add(ann, lane=lane, surface="pq_l2", evidence="x")


def test_a_kernel_with_its_notes_is_a_performance_slice(ann):
    beside = {"targets/pq_l2/program.md": "x", "docs/a.md": "x", "reports/7/README.md": "x"}
    queueing.branch(ann, "whole", {**KERNEL, **beside})
    slices.add(ann, lane="performance", surface="pq_l2")


def test_a_candidate_target_has_no_performance_yet(ann):
    file = "targets/take/target.toml"
    text = queueing.FILES[file].replace('status = "landed"', 'status = "candidate"')
    queueing.branch(ann, "begin", {file: text})
    git(ann, "push", "--quiet", "origin", "begin:main")
    git(ann, "fetch", "--quiet")
    queueing.branch(ann, "faster", {"targets/take/kernels.py": "x"})
    with pytest.raises(Refused, match="take is a candidate"):
        slices.add(ann, lane="performance", surface="take")


def test_a_new_target_is_no_kernel_that_was_there(ann):
    files = {f"targets/new/{name}": "x" for name in ("kernels.py", "target.toml", "inputs.py")}
    queueing.branch(ann, "new", files)
    slices.add(ann, lane="maintainability", surface="new", evidence="a target")


def test_a_dependency_has_to_be_in_the_queue(ann):
    queueing.branch(ann, "second", {"notes.md": "1\n"})
    with pytest.raises(Usage, match="base is not in the queue"):
        slices.add(ann, depends_on=["base"], **SIMPLER)
    with pytest.raises(Usage, match="second is not in the queue"):
        slices.add(ann, depends_on=["second"], **SIMPLER)
    slices.add(ann, **SIMPLER)
    with pytest.raises(Usage, match="would wait for itself"):
        slices.add(ann, depends_on=["second"], **SIMPLER)


def test_what_a_slice_stands_on_is_not_its_own_change(ann):
    base = {"notes.md": "1\n", "docs/two words.md": "x\n"}
    queueing.branch(ann, "base", base)
    slices.add(ann, **SIMPLER)
    queueing.branch(ann, "top", KERNEL, base="base")
    with pytest.raises(Refused, match=r"this one notes\.md"):
        slices.add(ann, lane="performance", surface="pq_l2")
    added = slices.add(ann, lane="performance", surface="pq_l2", depends_on=["base"])
    assert added.files == tuple(KERNEL)
    git(ann, "switch", "--quiet", "-c", "empty", "base")
    git(ann, "push", "--quiet", "origin", "empty")
    with pytest.raises(Usage, match="empty changes nothing of main and base"):
        slices.add(ann, depends_on=["base"], **SIMPLER)


def test_what_was_marked_keeps_its_turn_and_what_was_evicted_does_not(ann, monkeypatch):
    queueing.branch(ann, "one", {"notes.md": "1\n"})
    monkeypatch.setattr(slices, "utc_now", lambda: "2026-01-01T00:00:00+00:00")
    slices.add(ann, **SIMPLER)
    monkeypatch.setattr(slices, "utc_now", lambda: "2026-01-02T00:00:00+00:00")
    (here,) = slices.everything(ann)
    assert slices.change(ann, here, here.slice.now("revalidate", "two was merged"))
    assert slices.add(ann, **SIMPLER).submitted.startswith("2026-01-01")
    (here,) = slices.everything(ann)
    assert here.slice.state == "green"
    assert slices.change(ann, here, here.slice.now("evicted", "slower"))
    assert slices.add(ann, **SIMPLER).submitted.startswith("2026-01-02")


def test_another_persons_slice_is_left_alone_but_by_force(ann, bob):
    queueing.branch(ann, "shared", {"notes.md": "1\n"})
    slices.add(ann, **SIMPLER)
    git(bob, "fetch", "--quiet")
    git(bob, "switch", "--quiet", "shared")
    with pytest.raises(Refused, match="was added by ann"):
        slices.add(bob, **SIMPLER)
    with pytest.raises(Refused, match="ask them, or say --force"):
        slices.drop(bob)
    slices.drop(bob, force=True)
    assert slices.everything(ann) == []
    with pytest.raises(Usage, match="it is empty"):
        slices.drop(ann, "shared")


def test_without_a_remote_the_queue_is_local(ann):
    git(ann, "switch", "--quiet", "main")
    git(ann, "remote", "remove", "origin")
    git(ann, "switch", "--quiet", "-c", "work")
    queueing.write(ann, {"notes.md": "1\n"})
    slices.add(ann, **SIMPLER)
    assert git(ann, "for-each-ref", "refs/queue").endswith("refs/queue/work")


def test_a_remote_that_takes_branches_only_gets_branches(remote, ann, bob):
    hook = remote / "hooks" / "update"
    hook.write_text('#!/bin/sh\ncase "$1" in refs/heads/*) exit 0;; *) exit 1;; esac\n')
    hook.chmod(0o755)
    queueing.branch(ann, "ann/x", {"notes.md": "1\n"})
    slices.add(ann, **SIMPLER)
    (seen,) = slices.everything(bob)
    assert (seen.ref, seen.branch) == ("refs/heads/queue/ann/x", "ann/x")
    slices.add(ann, **SIMPLER)
    slices.drop(ann)
    assert slices.everything(bob) == []


def test_a_persons_branch_called_queue_is_no_slice(remote, ann, bob, run):
    queueing.branch(ann, "queue/refactor", {"notes.md": "1\n"})
    assert slices.everything(bob) == []
    assert run("queue", "list")[1] == "the queue is empty\n"
    code, _, err = run("queue", "drop", "--force", "refactor")
    assert code == 64
    assert "refactor is not in the queue; it is empty" in err
    git(remote, "rev-parse", "refs/heads/queue/refactor")


def test_a_ref_that_is_no_commit_is_listed_and_can_be_dropped(ann, bob, run):
    queueing.branch(ann, "mine", {"notes.md": "1\n"})
    slices.add(ann, **SIMPLER)
    git(ann, "push", "--quiet", "--force", "origin", "HEAD^{tree}:refs/queue/mine")
    for clone in (ann, bob):
        (found,) = slices.everything(clone)
        assert (found.branch, found.slice) == ("mine", None)
        assert found.problem.startswith("refs/queue/mine is no slice (")
    assert run("queue", "drop", "--force", "mine")[0] == 0
    assert slices.everything(bob) == []


def test_a_file_whose_name_is_no_text_is_refused_by_name(ann, run):
    git(ann, "switch", "--quiet", "-c", "odd", "origin/main", "--no-track")
    (ann / os.fsdecode(b"caf\xe9.md")).write_text("x\n")
    queueing.write(ann, {"notes.md": "1\n"})
    git(ann, "push", "--quiet", "origin", "odd")
    words = ("--lane", "maintainability", "--surface", "notes", "--evidence", "less")
    code, out, err = run("queue", "add", *words)
    assert (code, out, err.count("\n")) == (4, "", 1)
    assert "the name of caf\\xe9.md is not UTF-8" in err
    queueing.branch(ann, "base", {"notes.md": "2\n"}, base="origin/main")
    assert run("queue", "add", *words)[0] == 0
    git(ann, "switch", "--quiet", "-c", "top")
    (ann / os.fsdecode(b"caf\xe9.md")).write_text("x\n")
    queueing.write(ann, {"notes.md": "3\n"})
    git(ann, "push", "--quiet", "origin", "top")
    assert run("queue", "add", *words, "--depends-on", "base")[0] == 4


def test_a_remote_that_takes_nothing_is_said(remote, ann):
    queueing.branch(ann, "work", {"notes.md": "1\n"})
    hook = remote / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(Infrastructure, match="takes refs neither under"):
        slices.add(ann, **SIMPLER)


def test_a_remote_that_is_away_is_one_line(ann, monkeypatch):
    monkeypatch.setattr(refs, "TRIES", 1)
    git(ann, "remote", "set-url", "origin", str(ann / "nowhere.git"))
    with pytest.raises(Infrastructure, match="the remote origin does not answer"):
        slices.everything(ann)


BROKEN = {
    "prose": lambda text: "I am next",
    "another branch": lambda text: text.replace('"branch": "mine"', '"branch": "theirs"'),
    "another state": lambda text: text.replace('"green"', '"golden"'),
    "no commit": lambda text: text.replace('"commit": "', '"commit": "--upload-pack='),
    "no time": lambda text: text.replace('"submitted": "20', '"submitted": "x20'),
    "no zone": lambda text: text.replace("+00:00", ""),
    "outside": lambda text: text.replace('"surface": "notes"', '"surface": "../notes"'),
}


@pytest.mark.parametrize("edit", BROKEN.values(), ids=BROKEN)
def test_a_slice_edited_by_hand_is_named_and_the_others_are_listed(ann, run, edit):
    queueing.branch(ann, "mine", {"notes.md": "1\n"})
    added = slices.add(ann, **SIMPLER)
    queueing.branch(ann, "fine", {"notes.md": "2\n"})
    slices.add(ann, **SIMPLER)
    commit = refs.store(ann).commit(edit(added.to_message()), "ann")
    git(ann, "push", "--quiet", "--force", "origin", f"{commit}:refs/queue/mine")
    good, bad = slices.everything(ann)
    assert (good.branch, bad.branch, bad.slice) == ("fine", "mine", None)
    assert "refs/queue/mine is no slice" in bad.problem
    code, out, _ = run("queue", "list")
    assert code == 0
    assert "+ fine" in out
    assert "! mine: refs/queue/mine is no slice" in out
    code, out, _ = run("queue", "next")
    assert out.startswith("fine ")
    assert run("queue", "drop", "--force", "mine")[0] == 0
    assert [each.branch for each in slices.everything(ann)] == ["fine"]


def test_the_command_adds_lists_and_says_what_is_next(ann, run):
    assert run("queue", "list")[1] == "the queue is empty\n"
    queueing.branch(ann, "base", {"notes.md": "1\n"})
    words = ("--lane", "maintainability", "--surface", "notes", "--evidence", "less")
    code, out, _ = run("queue", "add", *words)
    assert code == 0
    assert "is in the queue as maintainability/notes: notes.md\n" in out
    queueing.branch(ann, "top", {"notes.md": "2\n"})
    code, out, _ = run("queue", "add", *words, "--depends-on", "base", "--json")
    assert json.loads(out)["depends_on"] == ["base"]
    code, out, _ = run("queue", "list", "--json")
    base, top = json.loads(out)
    assert (base["blocked"], top["blocked"]) == ("", "depends on base, which comes first")
    code, out, _ = run("queue", "next", "--json")
    assert json.loads(out)["slice"]["branch"] == "base"
    code, out, err = run("queue", "add", "--lane", "speed")
    assert (code, out) == (64, "")
    assert err.count("\n") == 1


def test_a_submission_from_the_future_is_listed_with_a_remark(ann, run, monkeypatch):
    queueing.branch(ann, "early", {"notes.md": "1\n"})
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=2)
    monkeypatch.setattr(slices, "utc_now", lambda: later.isoformat(timespec="seconds"))
    slices.add(ann, **SIMPLER)
    assert "submitted in the future" in run("queue", "list")[1]


def test_a_detached_head_and_a_folder_without_git_are_said(ann, tmp_path):
    git(ann, "switch", "--quiet", "--detach")
    with pytest.raises(Infrastructure, match="a detached head"):
        slices.add(ann, **SIMPLER)
    (tmp_path / "none").mkdir()
    with pytest.raises(Infrastructure, match="is no git repository"):
        slices.everything(tmp_path / "none")


def test_a_default_branch_of_another_name_is_found_or_named(remote, ann):
    git(remote, "branch", "-m", "main", "trunk")
    git(remote, "symbolic-ref", "HEAD", "refs/heads/trunk")
    git(ann, "fetch", "--quiet", "--prune")
    queueing.branch(ann, "work", {"notes.md": "1\n"}, base="origin/trunk")
    slices.add(ann, **SIMPLER)
    git(remote, "symbolic-ref", "HEAD", "refs/heads/nowhere")
    with pytest.raises(Infrastructure, match="default_branch in"):
        slices.add(ann, **SIMPLER)
    named = '[tool.workbench]\ndefault_branch = "trunk"\n'
    queueing.write(ann, {"pyproject.toml": named})
    git(ann, "push", "--quiet", "origin", "work")
    slices.add(ann, **SIMPLER)


BRANCHES = ("a", "b", "c", "d", "e")
DAY = "2026-01-0{}T00:00:00+00:00"


@st.composite
def queues(draw):
    """A queue by branch, with unreadable slices, loops and all."""
    there = {}
    for name in draw(st.lists(st.sampled_from(BRANCHES), unique=True)):
        if draw(st.integers(0, 9)) == 0:
            there[name] = None
            continue
        there[name] = Slice(
            **{"branch": name, "commit": "0" * 40, "lane": "parity", "surface": "pq_l2"},
            **{"owner": "x", "submitted": DAY.format(draw(st.integers(1, 3)))},
            state=draw(st.sampled_from(("green", "green", "revalidate", "evicted"))),
            depends_on=tuple(draw(st.sets(st.sampled_from(BRANCHES), max_size=2))),
        )
    return there


@given(queues())
def test_first_is_the_oldest_open_one_that_waits_for_nothing(there):
    free = {
        (one.submitted, name)
        for name, one in there.items()
        if one and one.state != "evicted" and not one.depends_on
    }
    one, why = first(there)
    assert (one.branch if one else None) == (min(free)[1] if free else None)
    assert bool(why) == (one is None)


@given(queues())
def test_whoever_is_blocked_is_told_by_what(there):
    for one in filter(None, there.values()):
        why = blocked(one, there)
        waits = one.depends_on
        assert bool(why) == bool(waits)
        assert not waits or f"depends on {waits[0]}, which" in why
        evicted = waits and there.get(waits[0]) and there[waits[0]].state == "evicted"
        assert bool(evicted) == ("was evicted" in why)
        assert bool(waits and waits[0] not in there) == ("not in the queue any more" in why)


@given(queues(), st.sets(st.sampled_from(("x", "y"))))
def test_after_a_merge_nobody_waits_for_it_and_who_stood_on_it_is_marked(there, files):
    known = {"commit": "0" * 40, "lane": "parity", "owner": "x", "submitted": DAY.format(1)}
    merged = Slice("a", surface="take", **known)
    for one in filter(None, there.values()):
        other = dataclasses.replace(one, files=("x",))
        then = after_merge(other, merged, files)
        assert then.depends_on == tuple(name for name in other.depends_on if name != "a")
        assert then.state == ("revalidate" if "x" in files else other.state)
        assert after_merge(then, merged, files) is then
        same = "x" not in files and "a" not in other.depends_on
        assert not same or then is other


@given(queues(), st.sampled_from(BRANCHES), st.sets(st.sampled_from(BRANCHES)))
def test_a_circle_is_found_as_the_closure_finds_it(there, branch, depends_on):
    edges = {name: set(one.depends_on) if one else set() for name, one in there.items()}
    edges[branch] = set(depends_on)
    reached = set(depends_on)
    for _ in BRANCHES:
        reached |= {b for a in reached for b in edges.get(a, ())}
    assert in_a_circle(branch, depends_on, there) == (branch in reached)


@given(queues())
def test_a_slice_survives_its_commit(there):
    for name, one in there.items():
        if one:
            assert from_message(f"refs/queue/{name}", one.to_message()) == one


def test_why_a_slice_is_undermined_names_surface_and_files():
    known = {"commit": "0" * 40, "lane": "parity", "owner": "x", "submitted": DAY.format(1)}
    other = Slice("b", surface="pq_l2", files=("x", "y", "z"), **known)
    merged = Slice("a", surface="pq_l2", **known)
    assert undermined(other, merged, ["y"]) == (
        "a was merged, which changed the same surface pq_l2 and y"
    )
    elsewhere = Slice("a", surface="take", **known)
    assert undermined(other, elsewhere, ["z"]) == "a was merged, which changed z"
    assert undermined(other, elsewhere, ["w"]) == ""


def test_who_changes_limits_changes_no_kernel():
    files = ["targets/pq_l2/guard.json", "targets/pq_l2/kernels.py"]
    assert "belong in two slices" in admission.refusal("maintainability", "x", files, ["pq_l2"])
