"""Locks, builds, calibration, scaffold: the small things around a trial."""

import json
import os
import tomllib

import pytest

from workbench import builds, calibration, files, locks, scaffold, targets
from workbench.errors import Infrastructure, Usage
from workbench.research import worktree
from workbench.stats import Calibration


def test_a_build_is_keyed_by_source_and_host_class(tmp_path):
    one = builds.stage(tmp_path, "host", "# a\n")
    assert builds.stage(tmp_path, "host", "# a\n") == one
    others = {builds.stage(tmp_path, "host", "# b\n"), builds.stage(tmp_path, "other", "# a\n")}
    assert one not in others
    assert len(others) == 2


def test_an_edited_build_is_written_again(tmp_path):
    path = builds.stage(tmp_path, "host", "# a\n")
    path.write_text("# poisoned\n")
    assert builds.stage(tmp_path, "host", "# a\n").read_text() == "# a\n"


def test_old_builds_go(tmp_path, monkeypatch):
    monkeypatch.setattr(builds, "KEPT_BUILDS", 3)
    paths = [builds.stage(tmp_path, "host", f"# {i}\n") for i in range(6)]
    assert sum(p.exists() for p in paths) == 3
    assert paths[-1].exists()


def test_calibration_is_kept_a_host_class(project):
    target = targets.load("pq_l2", project)
    assert calibration.load(target, "a") == Calibration()
    calibration.save(target, "a", Calibration(0.001, 0.002, 0.003, 18, 1e5))
    calibration.save(target, "b", Calibration(0.004, 0.005, 0.006, 18, 1e5))
    assert calibration.load(target, "a").sigma == 0.001
    assert calibration.load(target, "b").sigma == 0.004


@pytest.mark.parametrize("content", ["", "[]", "{", '{"a": 1}', '{"a": {"sigma": 1, "x": 2}}'])
def test_a_broken_calibration_means_the_careful_default(project, content):
    target = targets.load("pq_l2", project)
    (target.folder / calibration.FILE).write_text(content)
    assert calibration.load(target, "a") == Calibration()
    calibration.save(target, "a", Calibration(0.001, 0.002, 0.003, 18, 1e5))
    assert json.loads((target.folder / calibration.FILE).read_text())["a"]["processes"] == 18


def test_only_one_may_time_on_a_core(monkeypatch):
    monkeypatch.setattr(locks, "CORE_WAIT_SECONDS", 1)
    core = 1_000_000 + os.getpid()  # the lock is the machine's, and others run these tests too
    waits = []
    with locks.timing_core(core, lambda: None):
        with (
            pytest.raises(Infrastructure, match=f"core {core}"),
            locks.timing_core(core, lambda: waits.append(1)),
        ):
            pass
        assert waits
    with locks.timing_core(core, lambda: None):
        assert len(waits) == 2


def test_a_new_target_asks_its_questions(project):
    folder = project / scaffold.new_target("pq_other", "pq_l2", project)
    spec = tomllib.loads((folder / "target.toml").read_text())
    assert spec["status"] == "candidate"
    assert spec["upstream"]["call_site"] == ""
    assert not spec["upstream"]["cost_fraction"]
    assert targets.load("pq_other", project).surface == targets.load("pq_l2", project).surface
    with pytest.raises(Usage, match="exists already"):
        scaffold.new_target("pq_other", "pq_l2", project)


@pytest.mark.parametrize("name", ["", "A", "1a", "a-b", "a b", "../a", "a" * 50])
def test_names_of_targets_are_plain(project, name):
    with pytest.raises(Usage, match="lower-case"):
        scaffold.new_target(name, "pq_l2", project)


def test_what_a_killed_save_of_a_calibration_left_is_no_change_of_the_tree(project, monkeypatch):
    monkeypatch.setattr(files.Path, "replace", lambda draft, path: None)  # killed before that
    target = targets.load("pq_l2", project)
    calibration.save(target, "h", Calibration())
    assert list(target.folder.glob(".calibration.json.*"))
    worktree.require_clean(project)  # the loop and the queue ask this first
