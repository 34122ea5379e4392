"""The site of this checkout, and what ends a build."""

import json
import subprocess
from pathlib import Path

import pytest

from workbench import cli
from workbench.errors import Infrastructure, Usage
from workbench.site import build, links, pages

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def small(tmp_path):
    """A project of three pages without targets."""
    root = tmp_path / "project"
    for name, text in {
        "README.md": "# Home\n\nTo [a page](docs/a.md#two), [code](code.py), [a folder](docs/).\n",
        "docs/a.md": "# A\n\n## Two\n\nA {name} in braces, `--option`, and [home](../README.md).\n"
        "\n<!-- a remark -->\n",
        "docs/data/x.tsv": "a\tb\n",
        "code.py": "print('é')\n",
        "pyproject.toml": "[tool.workbench]\n",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "targets").mkdir()
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    return root


def test_no_link_of_the_site_is_broken(site):
    assert links.broken(site, pages.tracked(ROOT)) == []


def test_every_page_of_the_repository_is_there(site):
    for page in pages.pages(pages.tracked(ROOT)):
        assert (site / page).with_suffix(".html").is_file(), page
    assert (site / "index.html").read_text() == (site / "README.html").read_text()


def test_pages_are_made_of_targets_and_ledgers(site):
    target = (site / "targets/pq_l2/README.html").read_text()
    assert "build_distance_table_l2" in target
    assert 'href="../../reports/0001-pq-l2/data/results.html"' in target
    ledger = (site / "reports/0001-pq-l2/data/results.html").read_text()
    assert "four byte planes a table row" in ledger
    assert (site / "reports/0001-pq-l2/data/results.tsv").is_file()


def test_an_analysis_notebook_is_a_page_without_code_and_links_lead_to_it(site):
    page = (site / "notebooks/thresholds.html").read_text()
    assert "cells are structural; with recipes permuted" in page
    assert 'src="../_images/thresholds_' in page
    assert "import workbench" not in page
    assert 'href="regressions.html"' in page
    assert (site / "notebooks/thresholds.ipynb").is_file()
    assert not (site / "notebooks/explore.html").exists()  # it has no figures to show


def test_the_search_index_has_what_pages_say(site):
    index = (site / "searchindex.js").read_text().removeprefix("Search.setIndex(").rstrip(")")
    found = json.loads(index)
    hits = found["terms"]["crossov"]  # the stem of crossover
    names = [found["docnames"][hit] for hit in (hits if isinstance(hits, list) else [hits])]
    assert "docs/glossary" in names


def test_nothing_on_the_site_is_fetched_from_elsewhere(site):
    for page in site.rglob("*.html"):
        text = page.read_text()
        for what in ('src="http', 'rel="stylesheet" href="http', "url(http"):
            assert what not in text, f"{page} loads {what}"


def test_links_that_leave_are_listed_with_page_and_line(site):
    listed = (site / build.MARK).read_text()
    assert "https://lancedb.github.io/lance/  README.md:3\n" in listed


def test_a_small_project_has_a_site(small, tmp_path):
    out = tmp_path / "out"
    built = build.build(small, out)
    assert (built.pages, built.files, built.external) == (3, 2, 0)
    texts = (out / "_static" / "texts.js").read_text()
    assert "A {name} in braces" in texts
    assert "a remark" not in texts
    home = (out / "index.html").read_text()
    assert 'href="docs/a.html#two"' in home
    assert 'href="code.py"' in home
    assert 'href="docs/README.html"' in home
    assert "A {name} in braces" in (out / "docs/a.html").read_text()
    assert build.build(small, out).pages == 3  # an older site is replaced


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("# A\n\nfirst\n\nto [nothing](b.md)\n", "docs/a.md:5: link to b.md"),
        ("# A\n\n## Two\n\n![no picture](b.png)\n", "docs/a.md:5: link to b.png"),
        ("# A\n\n## Two\n\n[home](../README.md#nowhere)\n", "docs/a.md:5: WARNING"),
        ("# A\n\n## Two\n\n\n[here](#nowhere)\n", "docs/a.md:6: WARNING"),
        ("# A\n\n## Two\n\n[out](../../../etc/passwd)\n", "docs/a.md:5: link to ../../../etc"),
    ],
)
def test_a_broken_link_ends_the_build_with_page_and_line(small, tmp_path, text, line):
    out = tmp_path / "out"
    out.mkdir()
    (small / "docs" / "a.md").write_text(text)
    with pytest.raises(Infrastructure, match="no site was made") as caught:
        build.build(small, out)
    assert line in str(caught.value)
    assert list(out.iterdir()) == []


def test_a_folder_that_is_no_site_is_not_replaced(small, tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(Usage, match="is no site"):
        build.build(small, tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "precious"


def test_a_notebook_that_is_none_is_named(small, tmp_path):
    (small / "notebooks").mkdir()
    (small / "notebooks" / "a.ipynb").write_text("{}")
    with pytest.raises(Infrastructure, match=r"notebooks/a\.ipynb is no notebook"):
        build.build(small, tmp_path / "out")


def test_what_is_missing_is_said(small, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(build, "NEEDED", ("sphinx", "no_such_package"))
    monkeypatch.setenv("WORKBENCH_ROOT", str(small))
    assert cli.run(["site", "build", "--out", str(tmp_path / "out")]) == 5
    said = capsys.readouterr()
    assert "pip install -e '.[site]'" in said.err
    assert said.out == ""


def test_the_command_says_where_to_begin(small, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("WORKBENCH_ROOT", str(small))
    assert cli.run(["site", "build", "--out", str(tmp_path / "out"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["pages"] == 3
    assert cli.run(["site", "build", "--out", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "index.html").as_uri() in capsys.readouterr().out
