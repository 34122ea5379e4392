"""Two researchers with a clone each: two targets, and then the same one."""

import pytest
from loops import begun

from tests.research.conftest import git
from workbench import cli, ledger, targets
from workbench.errors import Refused
from workbench.research import claims, loop


@pytest.fixture
def clones(project, tmp_path):
    """Clones of one real remote that wants claims, with baselines of both targets."""
    settings = project / "pyproject.toml"
    wanted = settings.read_text().replace("[tool.workbench]", "[tool.workbench]\nclaims = true")
    settings.write_text(wanted)
    git(project, "-c", "user.name=x", "-c", "user.email=x@x", "commit", "-qam", "claims wanted")
    git(tmp_path, "clone", "--quiet", "--bare", str(project), "remote.git")
    made = []
    for name in ("ann", "bob"):
        folder = tmp_path / name
        git(tmp_path, "clone", "--quiet", "remote.git", name)
        git(folder, "config", "user.name", name)
        git(folder, "config", "user.email", f"{name}@localhost")
        git(folder, "switch", "--quiet", "-c", f"{name}-work")
        for target in ("pq_l2", "topk_merge"):
            begun(folder, target)
        made.append(folder)
    return made


def scripted(folder, target):
    """A command that brings upstream's own algorithm, which loses to the committed kernel."""
    scripts = folder.parent / f"scripts of {folder.name} for {target}"
    scripts.mkdir()
    upstream = (folder / "targets" / target / "upstream.py").read_text()
    (scripts / "as upstream has it.py").write_text(upstream)
    return f"scripted '{scripts}'"


def looped(folder, target, **how):
    return loop.run(loop.Plan(target, scripted(folder, target), max_iterations=1, **how), folder)


def test_two_work_on_two_targets_and_the_second_on_one_is_told_who_holds_it(
    clones, monkeypatch, capsys
):
    monkeypatch.delenv("WORKBENCH_ROOT")
    ann, bob = clones
    claims.open_claim(ann, "performance", "pq_l2", "upstream's order of loops")
    claims.open_claim(bob, "performance", "topk_merge", "upstream's heap")
    for folder, target in ((ann, "pq_l2"), (bob, "topk_merge")):
        ended = looped(folder, target)
        assert (ended.reason, ended.kept) == ("iterations", 0)
        rows = ledger.read(ledger.path(folder / "targets" / target, "performance"))
        assert [row.description for row in rows[1:]] == ["as upstream has it"]

    # Each sees what the other tried.
    (seen,) = [held.claim for held in claims.everything(bob) if held.claim.owner.startswith("ann")]
    assert [attempt.description for attempt in seen.attempts] == ["as upstream has it", ""]

    claims.close(bob)
    who = "performance/pq_l2 is held by ann <ann@localhost> on ann-work"
    with pytest.raises(Refused, match=who):
        claims.open_claim(bob, "performance", "pq_l2", "the same")
    with pytest.raises(Refused, match=who):
        looped(bob, "pq_l2")
    monkeypatch.chdir(bob)
    assert cli.run(["trial", "pq_l2"]) == 4
    assert who in capsys.readouterr().err
    assert len(ledger.read(ledger.path(targets.load("pq_l2", bob).folder, "performance"))) == 1
