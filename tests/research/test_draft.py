"""A claim mirrored as a draft: a real remote, and a `gh` that writes down what it is told."""

import pytest

from tests.research.conftest import git
from workbench.errors import Infrastructure
from workbench.research import claims, draft

GH = """#!/bin/sh
for word in "$@"; do echo "$word" >> "{told}"; done
{ends}
"""


@pytest.fixture
def ann(bare, clone_of):
    return clone_of(bare, "ann")


def with_gh(folder, monkeypatch, ends="echo https://forge/draft/7"):
    told = folder / "told"
    gh = folder / "bin" / "gh"
    gh.parent.mkdir()
    gh.write_text(GH.format(told=told, ends=ends))
    gh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{gh.parent}:/usr/local/bin:/usr/bin:/bin")
    return told


def test_a_draft_is_an_empty_commit_on_the_remote_and_what_gh_makes_of_it(
    ann, bare, tmp_path, monkeypatch
):
    told = with_gh(tmp_path, monkeypatch)
    (ann / "staged").touch()
    git(ann, "add", "staged")
    claim = claims.open_claim(ann, "performance", "pq_l2", "wider blocks")
    assert draft.open_draft(ann, claim) == "https://forge/draft/7"
    assert git(bare, "log", "-1", "--format=%s", "ann-work") == (
        "Claim performance/pq_l2: wider blocks"
    )
    assert git(bare, "diff", "--name-only", "main", "ann-work") == ""
    assert git(ann, "status", "--porcelain") == "A  staged"
    words = told.read_text().splitlines()
    assert words[:3] == ["pr", "create", "--draft"]
    assert "ann-work" in words


def test_without_gh_or_a_remote_or_its_will_the_claim_stands(ann, tmp_path, monkeypatch):
    claim = claims.open_claim(ann, "performance", "pq_l2", "wider blocks")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Infrastructure, match=r"which is not here; performance/pq_l2 is yours"):
        draft.open_draft(ann, claim)
    with_gh(tmp_path, monkeypatch, ends="echo not logged in >&2; exit 4")
    with pytest.raises(Infrastructure, match=r"\(not logged in\); performance/pq_l2 is yours"):
        draft.open_draft(ann, claim)
    git(ann, "remote", "remove", "origin")
    with pytest.raises(Infrastructure, match="needs a remote; performance/pq_l2 is yours"):
        draft.open_draft(ann, claim)
