"""Changelog fragments: the release tool reads ours, and what it writes fits CHANGELOG.md."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.deliver.check import FRAGMENT

ROOT = Path(__file__).resolve().parents[2]


def towncrier(folder, *words):
    command = [sys.executable, "-m", "towncrier", *words, "--dir", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def release(tmp_path):
    """What a release needs of the checkout, in no repository."""
    for name in ("pyproject.toml", "CHANGELOG.md"):
        shutil.copy2(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / ".changes", tmp_path / ".changes")
    for fragment in tmp_path.glob(".changes/*.change.md"):
        fragment.unlink()
    return tmp_path


def build(folder, version):
    return towncrier(folder, "build", "--version", version, "--date", "2026-12-01", "--yes")


def test_a_draft_of_the_fragments_there_are():
    draft = towncrier(ROOT, "build", "--draft", "--version", "9.9.9", "--date", "2026-12-01")
    fragments = sorted((ROOT / ".changes").glob("*.change.md"))
    assert "## 9.9.9 (2026-12-01)\n" in draft
    assert len(re.findall(r"^- ", draft, re.MULTILINE)) == len(fragments)
    for fragment in fragments:
        assert " ".join(fragment.read_text().split()) in " ".join(draft.split())


def test_every_file_of_the_folder_is_a_fragment_or_known():
    names = {path.name for path in (ROOT / ".changes").iterdir()} - {
        "README.md",
        "template.md.jinja",
    }
    assert [n for n in names if not FRAGMENT.fullmatch(f".changes/{n}")] == []


def test_two_releases_in_turn(release):
    before = (release / "CHANGELOG.md").read_text()
    old = before.split("## Unreleased\n\n")[1]
    (release / ".changes" / "one.change.md").write_text("First thing,\nin two lines.\n")
    (release / ".changes" / "two.change.md").write_text("Second thing.\n")
    build(release, "1.0.0")
    head = "# Changelog\n\n## Unreleased\n\n"
    first = "## 1.0.0 (2026-12-01)\n\n- First thing,\n  in two lines.\n- Second thing.\n\n"
    assert (release / "CHANGELOG.md").read_text() == head + first + old
    assert list(release.glob(".changes/*.change.md")) == []
    (release / ".changes" / "three.change.md").write_text("Third thing.\n")
    build(release, "1.1.0")
    second = "## 1.1.0 (2026-12-01)\n\n- Third thing.\n\n"
    assert (release / "CHANGELOG.md").read_text() == head + second + first + old


def test_the_documented_command_is_the_one_that_runs():
    page = (ROOT / "docs" / "deliverables.md").read_text()
    assert "    towncrier build --version 0.2.0\n" in page
