"""The analysis notebooks under papermill, with other parameters than their own."""

import ast
from pathlib import Path

import nbformat
import papermill
import pytest
import synthetic

ROOT = Path(__file__).resolve().parents[1]
ARTICLES = ("progress", "pareto", "regressions", "thresholds", "calibration", "scoreboard")
# As committed, with its figures.
MOST_BYTES = 250_000


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """A sweep in which one recipe loses everywhere and one on a single clip."""
    path = tmp_path_factory.mktemp("sweep") / "cells.parquet"
    losses = {("vbr", "aq=4"): [1] * 9, ("vbr", "bf=3"): [1] + [0] * 8}
    made = synthetic.sweep(losses).assign(duplicate=0)
    made.to_parquet(path)
    return str(path)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Execute a notebook; answers what its cells show, as Markdown or a picture's size."""

    def run(name, **parameters):
        monkeypatch.setenv("WORKBENCH_ROOT", str(ROOT))
        path = ROOT / "notebooks" / f"{name}.ipynb"
        done = papermill.execute_notebook(
            path, tmp_path / f"{name}.ipynb", parameters, progress_bar=False, kernel_name="python3"
        )
        shown = [o["data"] for cell in done.cells for o in cell.get("outputs", []) if "data" in o]
        said = "\n\n".join(data["text/markdown"] for data in shown if "text/markdown" in data)
        return said, sum("image/png" in data for data in shown)

    return run


def test_progress_of_one_ledger(run):
    said, pictures = run("progress", ledgers=["reports/0001*/data/results.tsv"], patience=3)
    assert "15 trials in 1 ledgers" in said
    assert "A plateau is reached in 1 of 1: pq_l2 (0001)." in said
    assert pictures == 1


def test_pareto_of_another_sweep(run, sweep):
    said, pictures = run("pareto", sweep=sweep, source="clip3", group=["x265", "cqp"])
    assert "360 cells in 18 slices" in said
    assert pictures == 2


def test_regressions_of_another_sweep(run, sweep):
    said, pictures = run("regressions", sweep=sweep)
    assert "x265 + aq=4 under vbr at every quality: 9 of 9 sources" in said
    assert "5 of 30 cells are structural, of 1 recipes in a group" in said
    assert pictures == 1


def test_thresholds_of_another_sweep(run, sweep):
    said, pictures = run("thresholds", sweep=sweep, permutations=20, seed=3)
    assert "At 7 of 9 sources 5 cells are structural" in said
    assert pictures == 1


def test_calibration_of_another_gain(run):
    said, pictures = run("calibration", gain="faster-2%", loops=3, seed=5)
    assert "- quiet, identical: this judge keeps 0 of 600" in said
    assert pictures == 2


def test_scoreboard_of_two_targets(run):
    said, pictures = run("scoreboard", targets=["take", "fsst"])
    assert "2 of 2 kernels are faster than upstream's algorithm" in said
    assert "pq_l2" not in said
    assert pictures == 1


def test_a_wrong_parameter_fails_in_one_line(run):
    with pytest.raises(papermill.PapermillExecutionError) as failed:
        run("scoreboard", targets=["tkae"])
    assert "Usage: tkae is not on the scoreboard" in str(failed.value)


@pytest.mark.parametrize("name", ARTICLES)
def test_an_article_is_thin_and_its_words_are_checked(name):
    path = ROOT / "notebooks" / f"{name}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    assert path.stat().st_size < MOST_BYTES
    headings = [c.source.splitlines()[0] for c in notebook.cells if c.cell_type == "markdown"]
    assert headings[0].startswith("# ")
    assert "## What it means" in headings or "## What it means" in notebook.cells[-1].source
    assert "## How far to believe it" in notebook.cells[-1].source
    (parameters,) = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", [])]
    assert all(isinstance(node, ast.Assign) for node in ast.parse(parameters.source).body)
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        tree = ast.parse(cell.source)
        assert not any(isinstance(n, ast.FunctionDef | ast.ClassDef) for n in ast.walk(tree))
        says = any("text/markdown" in o.get("data", {}) for o in cell.outputs)
        assert says == ("nbval-check-output" in cell.metadata.get("tags", []))
        assert not any(o.output_type in ("error", "stream") for o in cell.outputs)
