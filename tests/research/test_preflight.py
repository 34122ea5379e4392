import json

import pytest
from loops import begun

from tests.research.conftest import git
from workbench import cli
from workbench.research import preflight


@pytest.fixture
def ready(project):
    begun(project)
    for key, value in (("user.name", "tests"), ("user.email", "tests@localhost")):
        git(project, "config", key, value)
    git(project, "switch", "--quiet", "-c", "mine")
    return project


def look(root):
    return {
        line.name: line for line in preflight.examine("pq_l2", "performance", "performance", root)
    }


def test_all_is_well(ready):
    lines = look(ready)
    # measured by nobody, so neither calibrated nor guarded
    assert {name for name, line in lines.items() if line.status != "OK"} == {"host", "guardrails"}
    assert lines["guardrails"].mend == "workbench guard --rebaseline pq_l2"
    assert lines["host"].status == "WARN"
    assert lines["host"].mend == "workbench init pq_l2 --rebaseline"
    assert lines["branch"].detail == "mine"


def test_each_thing_that_would_stop_it_is_a_line_with_what_mends_it(ready):
    git(ready, "switch", "--quiet", "main")
    (ready / "stray").touch()
    toml = ready / "targets" / "pq_l2" / "target.toml"
    toml.write_text(toml.read_text() + "\n")
    (ready / "targets" / "pq_l2" / "results.tsv").write_text("no ledger\n")
    lines = look(ready)
    assert (lines["branch"].status, lines["branch"].mend) == (
        "WARN",
        "git switch -c pq_l2-performance",
    )
    assert (lines["tree"].status, lines["tree"].mend) == ("FAIL", "git stash -u")
    assert lines["judge"].status == "FAIL"
    assert "git checkout HEAD -- targets/pq_l2/target.toml" in lines["judge"].detail
    assert lines["ledger"].status == "FAIL"
    git(ready, *lines["tree"].mend.split()[1:])
    assert look(ready)["tree"].status == "OK"


def test_a_claim_is_asked_for_where_the_project_says_so(ready):
    path = ready / "pyproject.toml"
    path.write_text(path.read_text().replace("[tool.workbench]", "[tool.workbench]\nclaims = true"))
    git(ready, "commit", "--quiet", "-am", "claims")
    line = look(ready)["claim"]
    assert line.status == "FAIL"
    assert "nobody has claimed pq_l2" in line.detail
    assert cli.run(["claim", "open", "--surface", "pq_l2", "--hypothesis", "wider"]) == 0
    assert look(ready)["claim"].status == "OK"
    assert cli.run(["claim", "retarget", "--lane", "parity"]) == 0
    assert look(ready)["claim"].status == "WARN"


def test_a_detached_head_and_a_missing_snapshot_are_lines(ready):
    git(ready, "switch", "--quiet", "--detach")
    for path in (ready / "snapshots").glob("*/pq_l2/manifest.json"):
        path.unlink()
    lines = look(ready)
    assert lines["branch"].status == "FAIL"
    assert "git switch -c NAME" in lines["branch"].detail
    assert lines["snapshots"].status == "FAIL"


def test_the_command_prints_lines_or_json(ready, capsys):
    assert cli.run(["preflight", "pq_l2"]) == 0
    assert "OK" in capsys.readouterr().out
    (ready / "stray").touch()
    assert cli.run(["preflight", "pq_l2", "--json"]) == 4
    lines = json.loads(capsys.readouterr().out)["lines"]
    assert {"name": "tree", "status": "FAIL"}.items() <= next(
        line for line in lines if line["name"] == "tree"
    ).items()
