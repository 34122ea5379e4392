"""The GitHub workflow: valid, least permissions, pinned, and nothing in it can hang a change."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from workbench.deliver import required

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted((ROOT / ".github" / "workflows").glob("*.y*ml"))
TEXT = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
CI = yaml.safe_load(TEXT)
JOBS = CI["jobs"]
ON = CI[True]  # YAML 1.1 takes the word for a boolean


def steps(part):
    return [(job, step) for job in JOBS for step in JOBS[job]["steps"] if part in step]


def keys(node):
    if isinstance(node, dict):
        for key, value in node.items():
            yield key
            yield from keys(value)
    elif isinstance(node, list):
        for value in node:
            yield from keys(value)


def test_there_is_one_workflow():
    assert [path.name for path in FILES] == ["ci.yml"]


def test_it_runs_on_every_change_without_a_filter():
    assert ON == {"pull_request": None, "merge_group": None, "push": {"branches": ["main"]}}
    assert not {"paths", "paths-ignore"} & set(keys(CI))


def test_the_required_job_has_no_condition_and_waits_for_every_other_job():
    job = JOBS[required.NAME]
    assert not {"if", "needs", "strategy", "name", "continue-on-error"} & set(job)
    command = job["steps"][-1]["run"]
    assert command.startswith("python3 -m workbench.deliver.required ")
    assert sorted(command.split()[3:]) == sorted(set(JOBS) - {required.NAME})
    # A check bears its job's id: nothing renames or multiplies one, and no failure is hidden.
    for other in JOBS.values():
        assert not {"name", "strategy", "continue-on-error", "uses"} & set(other)


def test_it_outlasts_its_siblings_and_no_job_is_endless():
    minutes = {name: job["timeout-minutes"] for name, job in JOBS.items()}
    longest = max(m for name, m in minutes.items() if name != required.NAME)
    finish = required.FINISH_SECONDS / 60
    assert longest + required.REGISTER_SECONDS / 60 < finish < minutes[required.NAME] <= 360


def test_its_commit_is_the_one_that_the_checks_hang_on():
    env = JOBS[required.NAME]["steps"][-1]["env"]
    assert env["COMMIT"] == "${{ github.event.pull_request.head.sha || github.sha }}"
    assert set(env) == {"COMMIT", "GH_TOKEN"}


def test_permissions_are_the_least():
    assert CI["permissions"] == {}
    wanted = {name: {"contents": "read"} for name in JOBS}
    wanted[required.NAME] = {"contents": "read", "checks": "read"}
    assert {name: job["permissions"] for name, job in JOBS.items()} == wanted


def test_actions_are_pinned_by_commit_and_keep_no_credentials():
    used = re.findall(r"uses: (\S+)(.*)", TEXT)
    assert used
    for action, rest in used:
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", action)
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", rest), "say which version the commit is"
    versions = dict(used)
    assert len(versions) == len({action.split("@")[0] for action, _ in used})  # one of each
    for _, step in steps("uses"):
        if step["uses"].startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def test_no_command_takes_words_of_an_event():
    for _, step in steps("run"):
        assert "${{" not in step["run"]


def test_it_names_no_machine():
    assert {job["runs-on"] for job in JOBS.values()} == {"ubuntu-24.04"}
    assert not re.search(r"https?://|\b\d+\.\d+\.\d+\.\d+\b|(^|[\s=:])/\w", TEXT)


def test_it_says_what_ci_run_says():
    here = (ROOT / ".ci" / "run").read_text()
    commands = [step["run"] for _, step in steps("run")]
    assert ".ci/run" in commands
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    for command in commands:
        tool, _, words = command.partition(" ")
        if tool in ("ruff", "workbench"):
            assert f'"$bin/{tool}" {words}' in here


@pytest.mark.parametrize(("code", "ends"), [(0, 0), (1, 1), (5, 5), (64, 0)])
def test_ci_run_skips_the_deliverables_only_where_no_default_branch_is_known(code, ends, tmp_path):
    here = (ROOT / ".ci" / "run").read_text()
    assert '\nstep "deliver check" deliverables\n' in here
    function = re.search(r"^deliverables\(\) \{\n.*?^\}\n", here, re.MULTILINE | re.DOTALL)[0]
    fake = tmp_path / "workbench"
    fake.write_text(f'#!/bin/sh\necho "$@"\nexit {code}\n')
    fake.chmod(0o755)
    script = f"set -euo pipefail\nbin={tmp_path}\n{function}deliverables"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == ends
    assert done.stdout.startswith("deliver check\n")
    assert ("skipped" in done.stdout) == (code == 64)


def test_the_deliverables_are_checked_with_the_whole_history():
    job = JOBS["deliverables"]
    assert job["steps"][0]["with"]["fetch-depth"] == 0
    assert job["steps"][-1]["run"] == "workbench deliver check"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_line_of_a_workflow_is_read_as_it_is_written(path):
    class Strict(yaml.SafeLoader):
        """A loader that refuses a key that is there twice."""

        def construct_mapping(self, node, deep=False):
            names = [key.value for key, _ in node.value]
            assert len(names) == len(set(names)), f"a key is there twice in {names}"
            return super().construct_mapping(node, deep)

    assert yaml.load(path.read_text(), Strict) == yaml.safe_load(path.read_text())
