"""A digest is built from text and data, and what drifts is named by file and line."""

import json

import pytest

from workbench.digest import Digest
from workbench.digest.build import render, write
from workbench.digest.check import changes, check
from workbench.errors import Infrastructure


def built(folder):
    return render(Digest(folder))


def said(folder):
    return [
        (f.path.relative_to(folder).as_posix(), f.line, f.message) for f in check(built(folder))
    ]


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_what_is_built_passes_its_check_and_is_written_once(folder):
    assert built(folder).faults == ()
    changed = write(built(folder))
    assert sorted(p.relative_to(folder).as_posix() for p in changed) == [
        *("README.md", "changelog.md", "decision.md"),
        *("figures/drawn-with.json", "figures/drawn.png", "invariants.md", "reproduce.md"),
    ]
    assert said(folder) == []
    assert write(built(folder)) == []
    page = (folder / "README.md").read_text()
    assert "Of 17 trials the last took 0.1123 of the time, 64 codes\nat once." in page
    assert "![The ledger](figures/drawn.png)" in page
    assert "n = 17 trials. Intervals: none." in page


def test_two_builds_are_the_same_bytes(folder):
    assert built(folder).files == built(folder).files


def test_a_typed_number_fails_at_its_line_and_nothing_is_built(folder):
    edit(folder / "text" / "README.md", "## Next", "## Next\n\nIt took 0.41 of it.")
    ((path, line, message),) = said(folder)
    assert (path, line) == ("text/README.md", 10)
    assert "'0.41' is typed" in message
    assert built(folder).files == {}


def test_a_number_typed_into_the_built_page_is_found_with_what_the_data_says(folder):
    write(built(folder))
    edit(folder / "README.md", "0.1123", "0.0523")
    assert said(folder) == [("README.md", 4, "there is '0.0523', data/ says '0.1123'")]


def test_a_changed_datum_is_found_in_the_text_and_in_the_figure(folder):
    write(built(folder))
    edit(folder / "data" / "results.tsv", "0.11229975929105414", "0.21229975929105414")
    assert said(folder) == [
        ("README.md", 4, "there is '0.1123', data/ says '0.2123'"),
        ("figures/drawn.png", 1, "is not what data/ draws: `workbench digest build`"),
    ]


def test_a_row_taken_away_is_found(folder):
    write(built(folder))
    lines = (folder / "data" / "results.tsv").read_text().splitlines(keepends=True)
    (folder / "data" / "results.tsv").write_text("".join(lines[:-1]))
    found = said(folder)
    assert ("README.md", 4, "there is '17', data/ says '16'") in found


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("{{ nothing }}", "no query 'nothing'; queries.py has: drawn, fails, last, rows, typed"),
        ("{{ 0.41 }}", "asks no query: what it says is typed"),
        ("{{ '0.41' | fmt('s') }}", "asks no query"),
        ("{{ typed }}", "query typed reads nothing of data/: its answer is typed"),
        ("{{ last().ratio }}", "has no format: write | fmt('.3f') behind it"),
        ("{{ last().nothing }}", "has no attribute 'nothing'"),
        ("{{ last( }}", "cannot be read"),
        ("{{ fails }}", "query fails: line 24: IndexError"),
        ("{{ rows | fmt('.3q') }}", "rows"),
        ("{{ last().ratio is none }}", "neither text nor a number"),
        ("{{ rows | nofilter }}", "cannot be read"),
        ("{{ last(1) }}", "takes 1 positional argument"),
    ],
)
def test_a_query_without_an_answer_is_named_by_its_line(folder, query, why):
    edit(folder / "text" / "README.md", "## Next", f"## Next\n\n{query}\n")
    ((path, line, message),) = said(folder)
    assert (path, line) == ("text/README.md", 10)
    assert why in message


def test_a_phrase_that_no_text_has_is_found(folder):
    edit(folder / "declared.toml", '"64 codes"', '"64 codes", "32 rows"')
    told = "'32 rows' is declared, and no text has it"
    assert said(folder) == [("declared.toml", 3, told)]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[[from]]\nsource = 'x'\nphrases = ['64']\n", "would cover that number everywhere"),
        ("[[from]]\nsource = ' '\nphrases = ['64 a']\n", "say in words where"),
        ("[[from]]\nsource = 'x'\nphrases = ['a']\n", "has no number"),
        ("[[from]]\nsource = 'x'\nphrases = [64]\n", "a list of texts"),
        ("[[from]]\nsource = 'x'\n", "source and phrases, nothing else"),
        ("other = 1\n", "entries are [[from]]"),
        ("[[from", "cannot be read"),
    ],
)
def test_a_declaration_that_is_none_is_refused(folder, text, why):
    (folder / "declared.toml").write_text(text)
    with pytest.raises(Infrastructure, match=r"declared\.toml") as refused:
        built(folder)
    assert why in str(refused.value)


def test_a_corrupt_ledger_is_named_by_its_line(folder):
    edit(folder / "data" / "results.tsv", "0.11229975929105414", "fast")
    with pytest.raises(Infrastructure, match=r"data/results\.tsv line 18: .*fast"):
        built(folder)


def test_a_missing_file_is_named(folder):
    (folder / "data" / "results.tsv").unlink()
    with pytest.raises(Infrastructure, match=r"results\.tsv is not there, and a query reads it"):
        built(folder)


def test_data_from_outside_are_not_read(folder):
    edit(folder / "queries.py", "data.ledger()[-1]", "data.ledger('../../../pyproject.toml')")
    with pytest.raises(Infrastructure, match="is not below"):
        built(folder)


def test_queries_that_cannot_be_loaded_are_named_by_their_line(folder):
    edit(folder / "queries.py", "def last", "1 / 0\n\n\ndef last")
    with pytest.raises(Infrastructure, match=r"queries\.py cannot be loaded: line 7: ZeroDivision"):
        built(folder)
    (folder / "queries.py").write_text("def last(:\n")
    with pytest.raises(Infrastructure, match=r"SyntaxError.*line 1"):
        built(folder)


def test_a_page_without_its_text_is_asked_for(folder):
    (folder / "text" / "decision.md").unlink()
    with pytest.raises(Infrastructure, match=r"text/decision\.md is not there"):
        built(folder)


def test_a_figure_that_nobody_asks_for_is_found_and_goes_at_the_next_build(folder):
    write(built(folder))
    (folder / "figures" / "old.png").write_bytes(b"png")
    assert said(folder) == [
        ("figures/old.png", 1, "no query draws it: remove it, or ask for it in text/")
    ]
    assert write(built(folder)) == [folder / "figures" / "old.png"]
    assert said(folder) == []


def test_pixels_of_other_versions_are_not_compared_but_numbers_are(folder):
    write(built(folder))
    versions = folder / "figures" / "drawn-with.json"
    versions.write_text(json.dumps({**json.loads(versions.read_text()), "matplotlib": "3.0.0"}))
    (folder / "figures" / "drawn.png").write_bytes(b"other pixels")
    assert said(folder) == []
    edit(folder / "README.md", "17 trials", "18 trials")
    assert len(said(folder)) == 1


def test_a_built_page_that_is_gone_is_missed(folder):
    write(built(folder))
    (folder / "decision.md").unlink()
    assert said(folder) == [("decision.md", 1, "is not there: `workbench digest build`")]


def test_added_and_removed_lines_are_told_as_they_are():
    assert list(changes(["a", "b"], ["a"])) == [(2, "b", "")]
    assert list(changes(["a"], ["a", "b"])) == [(2, "", "b")]


def test_a_caption_must_be_whole(folder):
    edit(folder / "queries.py", '"none")', '" ")')
    assert "a figure's caption needs interval" in said(folder)[0][2]
