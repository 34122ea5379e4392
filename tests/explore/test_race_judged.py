"""Races of the explorer, in its own processes, for real."""

import dataclasses

import pytest
from listening import asked, until

from workbench import judge, ledger, outcome, record, trial
from workbench.errors import Refused
from workbench.explore import judged, standing
from workbench.explore.request import Request

TARGET = "pq_l2"


def rows(project):
    return ledger.read(ledger.path(project / "targets" / TARGET, "performance"))


def trials(project):
    return [p for p in (project / "reports" / "trials").iterdir() if p.name != ".gitkeep"]


@pytest.fixture
def raced(project, quick, one_server, monkeypatch):
    """A finished race of an unchanged kernel, and the standings that were told meanwhile."""
    # Not how long it takes is asked here, on a machine that others may use.
    monkeypatch.setattr(trial, "budget_seconds", lambda setting: 600.0)
    monkeypatch.setattr(judge, "ANSWER_SECONDS", 300.0)
    heard, phases = [], []
    request = Request(str(project), TARGET, "nothing changed")
    done = judged.race(request, lambda *phase: phases.append(phase), heard.append)
    return done, heard, phases


def test_a_race_is_told_pair_by_pair_and_kept_as_it_was_judged(project, raced):
    done, heard, phases = raced
    assert {"correctness", "timing"} <= {name for name, *_ in phases}, done.record.sentence
    screen = [found for found in heard if found.phase == standing.SCREEN]
    assert [found.pairs for found in screen] == list(range(1, done.record.processes + 1))
    # what the picture showed last is what the record says
    assert screen[-1] == standing.of_record(done.record)
    assert (rows(project), trials(project)) == ([], [])

    said = judged.keep(done)
    assert said == f"kept as reports/trials/{done.record.id}"
    (row,) = rows(project)
    assert row == outcome.row_of(done.record)
    folder = record.folder(project, done.record.id)
    assert record.read(folder / "trial.json") == record.TrialRecord.from_json(done.record.to_json())
    assert (folder / "blocks.parquet").is_file()


def test_a_verdict_that_no_longer_holds_is_not_kept(project, raced):
    done, *_ = raced
    elsewhere = dataclasses.replace(outcome.row_of(done.record), status="keep", reason="faster")
    ledger.append(ledger.path(project / "targets" / TARGET, "performance"), elsewhere)
    record.write(project, done.record, done.setting.source, ())
    with pytest.raises(Refused, match="since this race"):
        judged.keep(done)
    assert len(rows(project)) == 1


def test_a_judge_that_changed_is_not_kept(project, raced):
    done, *_ = raced
    with (project / "targets" / TARGET / "peers.py").open("a") as file:
        file.write("# edited\n")
    with pytest.raises(Refused, match="judge"):
        judged.keep(done)
    assert (rows(project), trials(project)) == ([], [])


def test_a_kernel_of_the_page_that_won_goes_into_the_file_unless_that_changed(project, raced):
    done, *_ = raced
    path = project / "targets" / TARGET / "kernels.py"
    source = path.read_text() + "# of the page\n"
    digest = judged.incumbent.sha256(path.read_text())
    request = dataclasses.replace(done.request, source=source, file_sha256=digest)
    won = dataclasses.replace(
        done, request=request, record=dataclasses.replace(done.record, status="keep")
    )
    target = done.setting.target
    assert "now holds" in judged._save(target, won)
    assert path.read_text() == source
    assert "left alone" in judged._save(target, won)
    assert judged._save(target, done) == ""


def race(project, **more):
    return asked("workbench.explore.racing", root=str(project), target=TARGET, **more)


def test_closing_the_pipe_in_the_midst_of_a_race_leaves_nothing(project):
    child, events = race(project)
    assert until(events, "phase")["event"] == "phase"
    child.end()
    assert until(events, "cancelled")["event"] == "cancelled"
    assert until(events, "ended")["text"] == ""
    assert not child.alive
    assert (rows(project), trials(project)) == ([], [])


def test_what_goes_wrong_is_one_line(project):
    _, events = asked("workbench.explore.racing", root=str(project), target="pq_l3")
    assert "did you mean pq_l2" in until(events, "error")["text"]
    until(events, "ended")


def test_a_refused_kernel_is_a_verdict_and_can_be_kept(project):
    child, events = race(project, source="import os\n", file_sha256="0" * 64)
    told = until(events, "verdict")
    found = told["record"]
    assert told["source"] == "import os\n"
    assert (found["status"], found["reason"]) == ("discard", "policy")
    child.say("keep")
    assert until(events, "kept")["text"] == f"kept as reports/trials/{found['id']}"
    (row,) = rows(project)
    assert row.reason == "policy"
    assert "import os" not in (project / "targets" / TARGET / "kernels.py").read_text()
    until(events, "ended")


def test_machine_code_comes_from_a_confined_process(project):
    source = (project / "targets" / TARGET / "kernels.py").read_text()
    wanted = {"root": str(project), "target": TARGET, "combo": ""}
    _, events = asked("workbench.explore.compiling", **wanted, source=source)
    found = until(events, "listing")["functions"]
    assert found
    assert all("\n" in text for text in found.values())
    _, events = asked("workbench.explore.compiling", **wanted, source="import os\n")
    assert "os" in until(events, "error")["text"]


def test_of_a_child_that_is_forgotten_nothing_is_heard(project):
    child, events = race(project)
    child.forget()
    child.wait()
    assert events.empty()
    heard = []
    child.ask({}, heard.append)  # too late, and told so
    assert [event["event"] for event in heard] == ["ended"]
