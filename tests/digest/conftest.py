"""A project with one small digest: a ledger of real rows, a text, a figure."""

import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LEDGER = ROOT / "reports" / "0001-pq-l2" / "data" / "results.tsv"
QUERIES = '''\
"""Queries of a test."""

from workbench.digest import Drawing
from workbench.publish.style import Picture


def last(data):
    """The newest row."""
    return data.ledger()[-1]


def rows(data):
    """How many."""
    return len(data.ledger())


def typed(data):
    """An answer out of nowhere."""
    return "0.5"


def fails(data):
    """No answer."""
    return data.ledger()[99]


def drawn(data):
    """The ledger."""
    picture = Picture(figsize=(3, 2))
    picture.subplots().plot([row.ratio_vs_upstream for row in data.ledger()])
    return Drawing(picture, "The ledger", "time / upstream's time", f"{rows(data)} trials", "none")
'''
README = """\
# 0001 Small

Of {{ rows }} trials the last took {{ last().ratio_vs_upstream | fmt(".4f") }} of the time, 64 codes
at once.

{{ drawn }}

## Next
"""
DECLARED = """\
[[from]]
source = "how the kernel is made"
phrases = ["64 codes"]
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").write_text("[tool.workbench]\n")
    monkeypatch.setenv("WORKBENCH_ROOT", str(tmp_path))
    return tmp_path


@pytest.fixture
def folder(project):
    folder = project / "reports" / "0001-small"
    (folder / "text").mkdir(parents=True)
    (folder / "data").mkdir()
    shutil.copy(LEDGER, folder / "data" / "results.tsv")
    (folder / "queries.py").write_text(QUERIES)
    (folder / "declared.toml").write_text(DECLARED)
    (folder / "text" / "README.md").write_text(README)
    for name in ("decision", "invariants", "reproduce", "changelog"):
        (folder / "text" / f"{name}.md").write_text(f"# 0001 {name.capitalize()}\n")
    return folder
