"""``workbench digest``: exit codes, what it prints, the page and the print of it."""

import json
import re

import pytest

from workbench import cli
from workbench.digest import Digest, html, pdf
from workbench.digest.build import render


def edit(path, old, new):
    path.write_text(path.read_text().replace(old, new, 1))


def test_build_then_check_then_a_typed_number(folder, capsys):
    assert cli.run(["digest", "check", "small"]) == 1
    capsys.readouterr()
    assert cli.run(["digest", "build", "--no-pdf"]) == 0
    assert "reports/0001-small/README.md" in capsys.readouterr().out
    assert cli.run(["digest", "check", "0001"]) == 0
    assert capsys.readouterr().out == "1 digest says what its data says\n"
    assert cli.run(["digest", "build", "0001-small", "--no-pdf"]) == 0
    assert capsys.readouterr().out == "every page and figure was up to date\n"
    edit(folder / "README.md", "17 trials", "18 trials")
    assert cli.run(["digest", "check"]) == 1
    told = capsys.readouterr().out
    assert told == "reports/0001-small/README.md:4: there is '18', data/ says '17'\n"


def test_a_typed_number_stops_the_build_and_the_page_stays(folder, capsys):
    assert cli.run(["digest", "build", "--no-pdf"]) == 0
    before = (folder / "README.md").read_bytes()
    edit(folder / "text" / "README.md", "## Next", "It took 0.41.")
    capsys.readouterr()
    assert cli.run(["digest", "build", "--no-pdf"]) == 1
    assert "reports/0001-small/text/README.md:8: '0.41' is typed" in capsys.readouterr().out
    assert (folder / "README.md").read_bytes() == before


def test_machines_get_one_document(folder, capsys):
    assert cli.run(["digest", "build", "--no-pdf", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["passed"]
    assert "reports/0001-small/decision.md" in document["changed"]
    edit(folder / "data" / "results.tsv", "0.11229975929105414", "0.2")
    assert cli.run(["digest", "check", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert not document["passed"]
    assert document["faults"][0] == {
        "path": "reports/0001-small/README.md",
        "line": 4,
        "message": "there is '0.1123', data/ says '0.2000'",
    }


def test_figures_that_are_not_compared_are_named(folder, capsys):
    assert cli.run(["digest", "build", "--no-pdf"]) == 0
    drawn = folder / "figures" / "drawn-with.json"
    drawn.write_text(json.dumps({"matplotlib": "3.0.0"}))
    capsys.readouterr()
    assert cli.run(["digest", "check"]) == 0
    said = capsys.readouterr()
    assert said.out == "1 digest says what its data says\n"
    assert "figures of 0001-small are not compared: matplotlib 3.0.0 drew them" in said.err


def test_unknown_digests_and_broken_ones_have_their_codes(folder, capsys):
    assert cli.run(["digest", "check", "other"]) == 64
    assert "no digest 'other'; there are: 0001-small" in capsys.readouterr().err
    edit(folder / "data" / "results.tsv", "0.11229975929105414", "fast")
    assert cli.run(["digest", "check"]) == 5
    assert re.search(r"results\.tsv line 18", capsys.readouterr().err)


def test_the_page_needs_no_other_file(folder):
    edit(folder / "text" / "README.md", "## Next", "[why](decision.md)\n\n## Next")
    page = html.page(render(Digest(folder))).decode()
    assert "<title>0001 Small</title>" in page
    assert 'src="data:image/png;base64,' in page
    assert not re.search(r'(?:src|href)="(?!data:|#)', page)
    assert 'href="#page-decision"' in page
    assert 'id="page-decision"' in page
    assert "Built from" not in page


@pytest.mark.skipif(pdf.browser() is None, reason="no browser here")
def test_a_browser_prints_it(folder):
    assert cli.run(["digest", "build"]) == 0
    assert (folder / "digest.pdf").read_bytes().startswith(b"%PDF-")


def test_a_browser_that_fails_is_said_in_one_line(folder, monkeypatch, capsys):
    monkeypatch.setattr(pdf, "browser", lambda: "false")
    assert cli.run(["digest", "build"]) == 5
    assert "false cannot print" in capsys.readouterr().err
