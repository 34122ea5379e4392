"""New digests of real ledgers and sweeps build and pass; what is no source is refused."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from workbench import cli
from workbench.digest import find
from workbench.digest.build import render
from workbench.digest.check import check
from workbench.digest.new import new
from workbench.errors import Infrastructure, Usage

REPORTS = Path(__file__).resolve().parents[2] / "reports"
LEDGERS = REPORTS / "0002-lance-kernels" / "data" / "ledgers"
CELLS = REPORTS / "0004-encoder-sweep" / "data" / "cells.parquet"


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """Two encoders of the published sweep on two clips, as a sweep leaves them."""
    folder = tmp_path_factory.mktemp("sweeps") / "two-encoders"
    folder.mkdir()
    cells = pd.read_parquet(CELLS)
    chosen = cells["codec"].isin(["libx264", "libx265"]) & cells["source"].isin(["bikes", "screen"])
    cells[chosen].to_json(folder / "cells.jsonl", orient="records", lines=True)
    return folder


def test_a_ledger_becomes_a_digest_that_passes_and_lists_what_failed(project, capsys):
    source = LEDGERS / "fts_bm25" / "results.tsv"
    assert cli.run(["digest", "new", "bm25-again", "--from", str(source)]) == 0
    assert "made reports/0001-bm25-again" in capsys.readouterr().out
    (digest,) = find(project, ["bm25-again"])
    page = (digest.folder / "README.md").read_text()
    assert page.splitlines()[1] == "# 0001 Bm25 again"
    failed = page[page.index("## What did not help") :]
    assert "discard (worst-combo)" in failed
    assert "revoke (call-site)" in failed
    assert (digest.data / "fts_bm25" / "results.tsv").read_bytes() == source.read_bytes()
    assert check(render(digest)) == []
    assert cli.run(["digest", "check"]) == 0


def test_a_sweep_becomes_a_digest_that_passes_and_lists_what_loses(project, sweep):
    digest = new(project, "two-encoders", [sweep])
    page = (digest.folder / "README.md").read_text()
    assert "## What loses: `two-encoders`" in page
    assert "bframes=0" in page
    assert "on 2 clips" in page
    assert check(render(digest)) == []


def test_scores_ledgers_and_sweeps_go_into_one_digest(project, sweep, tmp_path):
    from workbench import ledger

    home = tmp_path / "targets" / "opus_celt"
    home.mkdir(parents=True)
    path = home / "results.quality.tsv"
    row = dict.fromkeys(ledger.COLUMNS["quality"], "n/a")
    told = {
        "status": "baseline",
        "reason": "baseline",
        "host_class": "h",
        "kernel_sha256": "0" * 64,
    }
    at = {"timestamp": "2026-11-20T00:00:00+00:00", "commit": "abc", "description": ""}
    ledger.append(path, {**row, **told, **at, "quality": "pass", "score": "0.5"})
    sources = [path, LEDGERS / "take" / "results.tsv", sweep]
    digest = new(project, "six-of-both", sources)
    assert check(render(digest)) == []
    page = (digest.folder / "README.md").read_text()
    assert "Everything that was tried was kept." in page
    assert "Nothing was kept." in page


def test_without_data_there_is_a_page_to_write(project):
    first, second = new(project, "three-ideas"), new(project, "more")
    assert (first.name, second.name) == ("0001-three-ideas", "0002-more")
    assert check(render(first)) == []
    assert cli.run(["digest", "build", "--no-pdf"]) == 0


@pytest.mark.parametrize("slug", ["Bytes", "a/b", "../x", "", "-x", "x-", "a--b", "64", "x y"])
def test_what_is_no_slug_is_refused(project, slug):
    assert cli.run(["digest", "new", "--", slug]) == 64
    assert not (project / "reports").exists()


def test_a_slug_that_is_there_is_refused_and_stays_as_it_was(project, capsys):
    digest = new(project, "found")
    before = (digest.text / "README.md").read_bytes()
    assert cli.run(["digest", "new", "found"]) == 64
    assert "reports/0001-found is there already" in capsys.readouterr().err
    assert (digest.text / "README.md").read_bytes() == before


def test_sources_that_are_none_are_refused_and_nothing_is_made(project, tmp_path):
    empty = tmp_path / "x" / "results.tsv"
    empty.parent.mkdir()
    source = LEDGERS / "take" / "results.tsv"
    empty.write_text(source.read_text().splitlines(keepends=True)[0])
    (tmp_path / "notes.txt").write_text("x")
    bad = [
        (tmp_path / "gone" / "results.tsv", "is not there"),
        (tmp_path / "gone.jsonl", "is not there"),
        (tmp_path / "notes.txt", "neither a ledger"),
        (tmp_path / "x", "has no cells.jsonl"),
        (empty, "has no rows"),
    ]
    for path, why in bad:
        with pytest.raises(Usage, match=why):
            new(project, "found", [path])
    with pytest.raises(Usage, match="two sources would both be data/take"):
        new(project, "found", [source, source])
    assert not (project / "reports").exists()


def test_corrupt_sources_are_named_by_their_line_and_nothing_is_made(project, sweep, tmp_path):
    home = tmp_path / "take"
    home.mkdir()
    lines = (LEDGERS / "take" / "results.tsv").read_text().splitlines(keepends=True)
    lines[2] = lines[2].replace("discard", "maybe")
    (home / "results.tsv").write_text("".join(lines))
    with pytest.raises(Infrastructure, match=r"results\.tsv line 3: .*maybe"):
        new(project, "found", [home / "results.tsv"])
    shutil.copytree(sweep, tmp_path / "torn")
    cells = (tmp_path / "torn" / "cells.jsonl").read_text().splitlines(keepends=True)
    cells[4] = '{"source": "bikes"}\n'
    (tmp_path / "torn" / "cells.jsonl").write_text("".join(cells))
    with pytest.raises(Infrastructure, match=r"cells\.jsonl line 5: no codec"):
        new(project, "found", [tmp_path / "torn"])
    assert not list(project.glob("reports/*"))
