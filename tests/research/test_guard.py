"""The guard: limits against records, and where baselines come from."""

import dataclasses
import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.research import queueing
from workbench import cli, comparison, overview, record, targets, trial
from workbench.errors import Infrastructure, Refused
from workbench.research import guard, guarding
from workbench.research.guard import Baseline, Limit, broken

ITSELF = record.IncumbentRef("commit", "c", "k")
BASELINE = Baseline(
    **{"kernel_sha256": "k", "record": "r", "timestamp": "t", "judge_sha256": "j", "cpu": "c"},
    **{"peak_rss_mb": 100.0, "allocations": 0.0},
    combos={"s/d": Limit(0.5, 0.05, 50.0), "s/e": Limit(0.8, 0.2, 80.0)},
)
FINE = (queueing.combo(0.5), queueing.combo(0.8, "s", "e"))

figures = st.one_of(
    st.none(), st.floats(0, 1e4), st.just(math.nan), st.just(math.inf), st.just(105.0)
)


def test_a_record_like_its_baseline_breaks_nothing():
    assert broken(queueing.record(combos=FINE), BASELINE) == []


BREAKS = {
    "a combo": ({"combos": (queueing.combo(0.53), FINE[1])}, "s/d takes 0.530 of upstream's time"),
    "its own slack": ({"combos": (FINE[0], queueing.combo(0.97, "s", "e"))}, "0.960 is allowed"),
    "a combo that is gone": ({"combos": FINE[:1]}, "s/e was not timed"),
    "a combo that is no number": ({"combos": (queueing.combo(math.nan), FINE[1])}, "s/d takes nan"),
    "memory": ({"peak_rss_mb": 106.0}, "peak memory is 106 MB, 105 MB are allowed"),
    "no memory": ({"peak_rss_mb": None}, "peak memory is n/a MB"),
    "an allocation": ({"allocations": 1.0}, "a hot call allocates 1 times, 0 are allowed"),
}


@pytest.mark.parametrize(("changes", "words"), BREAKS.values(), ids=BREAKS)
def test_what_exceeds_a_limit_is_one_line_with_both_figures(changes, words):
    (line,) = broken(queueing.record(**{"combos": FINE, **changes}), BASELINE)
    assert words in line


@given(
    st.dictionaries(st.sampled_from("abcd"), st.tuples(st.floats(0.01, 9), st.floats(0, 1))),
    st.dictionaries(st.sampled_from("abcd"), st.floats(0.01, 9) | st.just(math.nan)),
    figures,
    figures,
)
def test_broken_counts_what_the_definition_counts(limits, measured, peak_rss_mb, allocations):
    combos = {f"s/{name}": Limit(r, slack, 1.0) for name, (r, slack) in limits.items()}
    baseline = dataclasses.replace(BASELINE, combos=combos)
    done = queueing.record(
        combos=tuple(queueing.combo(r, "s", name) for name, r in measured.items()),
        peak_rss_mb=peak_rss_mb,
        allocations=allocations,
    )
    wrong = 0
    for name, (most, slack) in limits.items():
        ratio = 100.0 * measured.get(name, math.nan) / 100.0
        wrong += math.isnan(ratio) or ratio > most * (1 + slack)
    wrong += peak_rss_mb is None or math.isnan(peak_rss_mb) or peak_rss_mb > 100.0 * 1.05
    wrong += allocations is None or math.isnan(allocations) or allocations > 0
    assert len(broken(done, baseline)) == wrong


@given(st.floats(0.01, 100), st.floats(0, 1), st.floats(0.01, 1))
def test_what_is_faster_than_what_passes_passes(ratio, slack, less):
    baseline = dataclasses.replace(BASELINE, combos={"s/d": Limit(ratio, slack, 1.0)})
    assert broken(queueing.record(combos=(queueing.combo(ratio * less),)), baseline) == []


def test_only_what_two_races_against_itself_find_broken_is_broken():
    slow = queueing.record(combos=(queueing.combo(0.9), FINE[1]))
    itself = dataclasses.replace(slow, incumbent=ITSELF, id="again")
    fine = queueing.record(combos=FINE, incumbent=ITSELF)
    limits = {"h": BASELINE}

    def check(done, *answers):
        waiting = list(answers)
        finding, _ = guard.check(done, limits, lambda: waiting.pop(0))
        assert not waiting
        return finding.status

    assert check(fine) == "ok"
    assert check(slow, fine) == "ok"
    assert check(slow, itself, fine) == "ok"
    assert check(slow, itself, itself) == "broken"
    assert check(itself, fine) == "ok"
    assert check(itself, itself) == "broken"


def test_another_host_class_is_a_warning_with_the_command():
    finding, _ = guard.check(queueing.record(host_class="new"), {"h": BASELINE}, pytest.fail)
    assert finding.status == "warn"
    assert finding.lines == ("no baseline for this host class: workbench guard --rebaseline pq_l2",)


def test_baselines_of_an_older_judge_are_said_to_guard_nothing_anywhere():
    old = dataclasses.replace(BASELINE, timestamp="2026-11-21T01:00:38+00:00")
    finding = guard.no_baseline("pq_l2", "new", {"h": BASELINE, "i": old}, "now")
    (line,) = finding.lines
    assert "nor any other: guard.json is of an older judge" in line
    assert guard.no_baseline("pq_l2", "new", {"h": BASELINE, "i": old}, "j").lines != (line,)


def test_a_guards_file_survives_the_disk(tmp_path):
    path = tmp_path / guard.FILE
    assert guard.read(path) == {}
    guard.write(path, {"h": BASELINE, "a": BASELINE})
    assert guard.read(path) == {"h": BASELINE, "a": BASELINE}
    assert list(json.loads(path.read_text())) == ["a", "h"]


@pytest.mark.parametrize(
    "raw",
    [b"", b"[]", b"\xff", b'{"h": {}}', b'{"h": null}', b"{", b'{"h": 1e999}'],
)
def test_a_guards_file_that_is_none_is_said_by_name(tmp_path, raw):
    path = tmp_path / guard.FILE
    path.write_bytes(raw)
    with pytest.raises(Infrastructure, match=r"guard\.json"):
        guard.read(path)


@pytest.mark.parametrize("value", ["NaN", "-1.0", "1e999"])
def test_a_limit_that_is_no_limit_is_refused(tmp_path, value):
    path = tmp_path / guard.FILE
    guard.write(path, {"h": BASELINE})
    path.write_text(
        path.read_text().replace('"ratio_vs_upstream": 0.5', f'"ratio_vs_upstream": {value}')
    )
    with pytest.raises(Infrastructure, match="is no guard's file"):
        guard.read(path)


def times(folder, log_ratios):
    """An upstream.parquet of one pair a process and combo."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        {"process": p, "combo": c, "candidate_ns": 100.0 * math.exp(v), "upstream_ns": 100.0}
        for p, values in enumerate(log_ratios)
        for c, v in enumerate(values)
    ]
    pd.DataFrame(rows).to_parquet(folder / "upstream.parquet")


def test_a_baseline_takes_its_slack_from_its_own_noise(tmp_path):
    # Combo d: crossovers 0, 0.1, -0.1, 0, 5 (an outlier); combo e: no noise.
    steps = [0.0, 0.0, 0.1, 0.1, -0.1, -0.1, 0.0, 0.0, 5.0, 5.0]
    times(tmp_path, [(step, 0.0) for step in steps])
    done = queueing.record(combos=FINE)
    noise = guarding.noise_of(tmp_path, done)
    assert noise == pytest.approx({"s/d": 1.4826 * 0.1, "s/e": 0.0}, abs=1e-9)
    made = guard.baseline_of(done, noise)
    assert made.combos["s/e"] == Limit(0.8, 0.05, 80.0)
    assert made.combos["s/d"].slack == pytest.approx(math.expm1(3 * 1.4826 * 0.1), abs=1e-4)
    assert made.loose == ["s/d may be 56% slower"]


def test_a_baseline_of_too_few_crossovers_or_without_figures_is_none(tmp_path):
    with pytest.raises(Infrastructure, match=r"upstream\.parquet cannot be read"):
        guarding.noise_of(tmp_path, queueing.record(combos=FINE))
    times(tmp_path, [(0.0, 0.0)] * 4)
    with pytest.raises(Infrastructure, match="2 crossovers"):
        guarding.noise_of(tmp_path, queueing.record(combos=FINE))
    with pytest.raises(Infrastructure, match="measured no limits"):
        guard.baseline_of(queueing.record(combos=(), peak_rss_mb=None), {})


# From here on with the project's real targets; nothing is timed until the last.


@pytest.fixture
def run(project, capsys, monkeypatch):
    monkeypatch.chdir(project)

    def call(*words):
        code = cli.run(words)
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


@pytest.fixture
def remembered(project):
    """Put a record of the committed kernel on disk, and its host class."""
    target = targets.load("pq_l2", project)
    source = target.kernels_path.read_text()
    digest = guarding.incumbent.sha256(source)
    host_class = overview.host_class(target)

    def remember(**changes):
        known = {
            **{"id": f"20260101T000000000000Z-pq_l2-{digest[:8]}", "kernel_sha256": digest},
            **{"incumbent": record.IncumbentRef("baseline", "c", digest)},
            **{"host_class": host_class, "mode": "baseline", "status": "baseline", "combos": FINE},
        }
        done = queueing.record(**{**known, **changes})
        folder = record.write(project, done, source, [])
        times(folder, np.zeros((6, 2)))
        return done

    return remember


def test_the_newest_record_of_the_kernel_is_what_the_command_looks_at(
    project, run, remembered, monkeypatch
):
    baseline = remembered()
    code, out, _ = run("guard", "--rebaseline", "pq_l2")
    assert code == 0
    assert out == f"targets/pq_l2/guard.json from {baseline.id}: commit it\n"
    assert run("guard", "pq_l2")[:2] == (0, "OK pq_l2\n")
    assert run("guard")[:2] == (0, "OK pq_l2\n")
    slow = (queueing.combo(0.9), FINE[1])
    name = baseline.id.replace("20260101", "20260102")
    remembered(id=name, mode="trial", status="discard", combos=slow)
    monkeypatch.setattr(
        trial, "run", lambda *_, **__: dataclasses.replace(baseline, id="again", combos=slow)
    )
    code, out, _ = run("guard", "pq_l2", "--json")
    (finding,) = json.loads(out)
    assert (code, finding["status"], finding["record"]) == (1, "broken", "again")
    assert finding["lines"] == ["s/d takes 0.900 of upstream's time, 0.525 is allowed (0.500 + 5%)"]
    monkeypatch.setattr(trial, "run", lambda *_, **__: baseline)
    assert run("guard", "pq_l2")[0] == 0


def test_a_trial_alone_is_a_doubt(project, run, remembered):
    done = remembered()
    assert guarding.doubts(done, guarding.limits("pq_l2", project)) == []
    assert run("guard", "--rebaseline", "pq_l2")[0] == 0
    limits = guarding.limits("pq_l2", project)
    assert guarding.doubts(done, limits) == []
    slow = dataclasses.replace(done, peak_rss_mb=200.0)
    assert guarding.doubts(slow, limits) == [
        "peak memory is 200 MB, 105 MB are allowed: workbench guard pq_l2 looks again"
    ]
    assert guarding.doubts(dataclasses.replace(slow, combos=()), limits) == []


def test_limits_that_cannot_be_read_cost_no_measurement(project, run, monkeypatch):
    (project / "targets" / "pq_l2" / guard.FILE).write_text("{")
    monkeypatch.setattr(trial, "run", lambda *_, **__: pytest.fail("it was measured"))
    code, out, err = run("trial", "pq_l2")
    assert (code, out, err.count("\n")) == (5, "", 1)
    assert "guard.json is no guard's file" in err


def test_limits_of_another_judge_go_and_those_of_other_machines_stay(project, run, remembered):
    path = project / "targets" / "pq_l2" / guard.FILE
    guard.write(path, {"gone": dataclasses.replace(BASELINE, judge_sha256="old"), "kept": BASELINE})
    done = remembered()
    assert run("guard", "--rebaseline", "pq_l2")[0] == 0
    assert sorted(guard.read(path)) == sorted(["kept", done.host_class])


def test_without_a_baseline_the_command_warns(run):
    code, out, _ = run("guard", "pq_l2")
    assert code == 0
    assert out.startswith("WARN pq_l2 no baseline for this host class: workbench guard --rebase")
    assert run("guard")[1].startswith("WARN no target has a guard.json")
    assert run("guard", "--rebaseline")[0] == 64
    assert run("guard", "pq_12")[0] == 64


def test_a_kernel_that_is_in_no_commit_has_no_limits(project, run):
    path = project / "targets" / "pq_l2" / "kernels.py"
    path.write_text(path.read_text() + "\n# new\n")
    with pytest.raises(Refused, match="is not committed"):
        guarding.inspect("pq_l2", project)
    code, out, err = run("guard", "--rebaseline", "pq_l2")
    assert (code, out) == (4, "")
    assert "is not committed" in err


@pytest.mark.usefixtures("quick")
def test_a_measured_baseline_guards_the_kernel_it_is_of(project, run, monkeypatch):
    monkeypatch.setattr(comparison, "BASELINE_CROSSOVERS", 4)
    code, out, _ = run("guard", "--rebaseline", "pq_l2")
    assert code == 0
    (made,) = guard.read(project / "targets" / "pq_l2" / guard.FILE).values()
    assert len(made.combos) == 9
    assert made.allocations == 0
    assert all(limit.slack >= guard.NS_SLACK for limit in made.combos.values())
    # A machine that is loud for a moment may find a limit broken: it has been asked three times.
    code, out, _ = run("guard", "pq_l2", "--fresh", "--json")
    (finding,) = json.loads(out)
    assert finding["status"] in ("ok", "broken")
    assert code == (finding["status"] == "broken")
    rows = trial.ledger.read(project / "targets" / "pq_l2" / "results.tsv")
    assert rows[1].description == guarding.DESCRIPTION
