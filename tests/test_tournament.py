"""One run, one table: kernels, upstream and peers."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from workbench import cli, contestants, overview, scoreboard, targets, tournament
from workbench.errors import Infrastructure
from workbench.publish import board


def replica(target, factor=1.0, **failures):
    """What a child would have printed: kernels 10 us, upstream 20 us, fast 8 us, slow 40 us."""
    rng = np.random.default_rng(1)
    base = {"kernels": 10e3, "upstream": 20e3, "fast": 8e3, "slow": 40e3}
    combos = [
        {
            "shape": load.shape,
            "distribution": load.distribution,
            "elapsed_ns": {
                name: [ns * (factor if name == "kernels" else 1)] * 3
                for name, ns in base.items()
                if name not in failures
            },
        }
        for load in target.inputs.workloads(rng)
    ]
    least = {combo["shape"]: 5e3 for combo in combos}
    return {"combos": combos, "least_ns": least, "failures": failures, "cpu": "znver3"}


@pytest.fixture
def target(project):
    return targets.load("pq_l2", project)


def test_ratios_are_of_the_same_rounds_and_the_best_peer_is_the_fastest(target):
    found = tournament.score(target, [replica(target), replica(target, 1.21)])
    assert found.vs_upstream.ratio == pytest.approx(0.55)
    assert found.vs_upstream.ci_low < 0.5
    assert found.best_peer == "fast"
    assert found.vs_peers["fast"].ratio == pytest.approx(1.1 * 10 / 8)
    assert found.roofline_share == pytest.approx(5 / 11.05)
    assert (found.processes, found.rounds) == (2, 3)


def test_a_slow_peer_is_held_against_the_kernel_in_the_rounds_that_it_had(target):
    found = replica(target)
    for combo in found["combos"]:
        ours, theirs = combo["elapsed_ns"]["kernels"], combo["elapsed_ns"]["slow"]
        combo["elapsed_ns"] |= {"kernels": [*ours, 1e3, 1e3, 1e3, 1e3], "slow": theirs[:2]}
    slow = tournament.score(target, [found] * 2).vs_peers["slow"]
    assert slow.ratio == pytest.approx(10 / 40)


def test_only_peers_are_slow():
    times = [{"kernels": [90.0], "upstream": [1.0], "slow": [2.0]}] * 2
    times.append({"kernels": [90.0], "upstream": [1.0], "slow": [contestants.SLOW]})
    assert contestants.quick(["kernels", "upstream", "slow"], times) == ["kernels", "upstream"]


def test_a_wrong_peer_is_named_and_not_timed(target):
    found = tournament.score(target, [replica(target, fast="off by 1")] * 2)
    assert found.best_peer == "slow"
    assert found.failures == {"fast": "off by 1"}
    assert "| pq_l2 | fast | wrong: off by 1 |" in board.page([found])


@pytest.mark.parametrize("name", ["kernels", "upstream"])
def test_a_wrong_kernel_has_no_score(target, name):
    with pytest.raises(Infrastructure, match=rf"{name}\.py is wrong, off by 1"):
        tournament.score(target, [replica(target, **{name: "off by 1"})])


def test_beside_a_wrong_upstream_nothing_is_timed(project, monkeypatch, capsys):
    monkeypatch.setattr(tournament, "REPLICAS", 1)
    file = project / "targets" / "pq_l2" / "upstream.py"
    file.write_text(file.read_text().replace("out[:] = 0.0", "out[:] = 1.0"))
    assert cli.run(["scoreboard", "pq_l2"]) == 5
    assert "pq_l2: upstream.py is wrong, " in capsys.readouterr().err


def test_published_lines_of_other_targets_stay(target, project):
    ours = tournament.score(target, [replica(target)] * 2)
    other = dataclasses.replace(ours, target="gone")
    tournament.publish(project, [ours])
    assert scoreboard.read(project) == {"pq_l2": ours}
    tournament.publish(project, [other])  # no such folder: not published
    assert list(scoreboard.read(project)) == ["pq_l2"]
    folder = project / "reports" / "scoreboard"
    assert "0.500 (0.4" in (folder / "README.md").read_text()
    assert (folder / "scoreboard.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("text", ["", "{}", '{"schema_version": 9}', "[1", "\xff"])
def test_a_damaged_scoreboard_is_refused_by_name(project, text):
    path = scoreboard.path(project)
    path.parent.mkdir(parents=True)
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(Infrastructure, match=r"reports/scoreboard/scoreboard\.json is no"):
        scoreboard.read(project)


def test_a_real_race_of_one_target(project, monkeypatch, capsys):
    monkeypatch.setattr(tournament, "REPLICAS", 2)
    monkeypatch.setattr(tournament, "SECONDS_PER_REPLICA", 0.1)
    assert cli.run(["scoreboard", "pq_l2", "--json"]) == 0
    (line,) = json.loads(capsys.readouterr().out)
    assert line["failures"] == {}
    assert set(line["vs_peers"]) == {"faiss", "numpy"}
    assert len(line["combos"]) == 9
    assert 0 < line["roofline_share"] < 1
    (row,) = [row for row in overview.targets(project) if row["target"] == "pq_l2"]
    assert row["published_ratio"] == line["vs_upstream"]["ratio"]
    assert row["best_peer"] == line["best_peer"]
    assert not row["stale"]


def test_the_tutorial_s_target_is_raced_by_name_only():
    root = targets.find_root(Path(__file__).parent)
    assert set(targets.names(root)) - set(tournament.default(root)) == {"pq_encode"}


def test_a_target_nobody_measured_says_so(project):
    rows = overview.targets(project)
    assert "| not measured | not measured | not measured | not measured |" in overview.markdown(
        rows
    )


def test_an_unknown_target_is_a_usage_error(project, capsys):
    assert cli.run(["scoreboard", "pq_l3"]) == 64
    assert "did you mean pq_l2" in capsys.readouterr().err
