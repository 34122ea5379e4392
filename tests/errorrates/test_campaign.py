"""A campaign on a real kernel, short: every verdict on disk, continued where it was stopped."""

import dataclasses
import json
import os
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from workbench import cli
from workbench.errorrates import campaign, neighbours, verdicts
from workbench.errorrates.verdicts import Found
from workbench.errors import Usage

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def few(monkeypatch):
    """One verdict of each kind that a test can afford."""
    shares = {campaign.IDENTICAL: 1, "faster-10%": 1, "renamed-locals": 1}
    monkeypatch.setattr(campaign, "SHARES", shares)


@pytest.mark.usefixtures("few")
def test_a_campaign_is_written_as_it_goes_and_goes_on(project, tmp_path, capsys):
    plan = campaign.Plan(conditions=("quiet",), seconds=600, verdicts=1)
    found = campaign.run(plan, tmp_path, root=project)
    assert sorted(row.variant for row in found) == ["faster-10%", "identical", "renamed-locals"]
    assert all(len(row.d_median) >= 2 and row.seconds > 0 for row in found)
    assert not next(row for row in found if row.variant == "identical").kept
    again = campaign.run(plan, tmp_path, root=project)  # done: nothing is raced again
    assert [row.timestamp for row in again] == [row.timestamp for row in found]

    command = ["calibrate", "--condition", "quiet", "--verdicts", "1", "--json"]
    assert cli.run([*command, "--out", str(tmp_path)]) == 0
    lines = json.loads(capsys.readouterr().out)
    assert {line["variant"] for line in lines} == {"identical", "faster-10%", "neutral edit"}


@pytest.mark.usefixtures("few")
def test_a_slowed_rival_is_slower_by_what_was_asked(project, tmp_path):
    setting = campaign.setting_of("pq_l2", project)
    subject = campaign.meet("pq_l2", setting, lambda *_: None)
    files, spins = campaign.stage(subject, "faster-10%", 1.0, np.random.default_rng(1))
    assert files[0] != files[1]
    assert set(spins[files[0]]) == {0}  # the same call, and no work
    asked = [turns / ns for turns, ns in zip(spins[files[1]], subject.request_ns, strict=True)]
    assert asked == pytest.approx([1 / 0.9 - 1] * len(asked), rel=0.01)


@pytest.mark.parametrize(
    ("plan", "word"),
    [
        (campaign.Plan(conditions=("loud",)), "no condition 'loud'"),
        (campaign.Plan(kernels=("pq_l2/mine",)), "no kernel 'pq_l2/mine'"),
        (campaign.Plan(kernels=("pq_l3",)), "no target named 'pq_l3'"),
    ],
)
def test_what_is_not_there_is_a_usage_error(project, tmp_path, plan, word):
    with pytest.raises(Usage, match=word):
        campaign.run(plan, tmp_path, root=project)
    assert verdicts.read(tmp_path) == []


@pytest.mark.parametrize("condition", [neighbours.OTHER_CORE, neighbours.SAME_CORE])
def test_a_neighbour_works_while_it_is_there_and_is_gone_after(condition):
    with neighbours.beside(condition, 0, seed=1):
        time.sleep(1.5)
        found = [c for c in children() if "neighbours.py" in c]
        assert found
        assert condition in found[0]
    assert not [c for c in children() if "neighbours.py" in c]


def children():
    """Command lines of this process's children."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rsplit(")", 1)[1].split()[1])
            if parent == os.getpid():
                found.append((stat.parent / "cmdline").read_text().replace("\0", " "))
        except (OSError, ValueError):
            continue
    return found


def test_what_is_there_already_is_not_asked_for_again(found):
    plan = campaign.Plan(kernels=("pq_l2",), verdicts=120, shares=campaign.LONG_SHARES)
    there = [found("identical")] * 100 + [found("faster-1%")] * 9
    left = Counter(campaign.lacks(there, plan, "h", "pq_l2", "quiet"))
    wanted = {**campaign.LONG_SHARES, "identical": 20, "faster-1%": 0}
    assert left == Counter(wanted)  # more gains than were asked for cost no identical verdict
    assert Counter(campaign.lacks(there, plan, "other", "pq_l2", "quiet")) == campaign.LONG_SHARES


@pytest.mark.parametrize(("form", "shares"), [("--long", "LONG_SHARES"), ("--json", "SHARES")])
def test_the_long_form_asks_for_few_gains(monkeypatch, form, shares):
    asked = []
    monkeypatch.setattr(campaign, "run", lambda plan, out, progress: asked.append(plan) or [])
    assert cli.run(["calibrate", form, "--json"]) == 0
    assert asked[0].shares == getattr(campaign, shares)


@pytest.fixture
def found():
    """One verdict of a variant, of pq_l2 on a quiet machine of host class h."""
    fields = dict.fromkeys(field.name for field in dataclasses.fields(Found))
    fields |= {"kernel": "pq_l2", "condition": "quiet", "host_class": "h"}
    return lambda variant: Found(**{**fields, "variant": variant})
