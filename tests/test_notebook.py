"""notebooks/trial.ipynb under papermill, for real."""

import ast
import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from workbench import ledger, record
from workbench.setting import Options

NOTEBOOK = Path(__file__).resolve().parents[1] / "notebooks" / "trial.ipynb"


@pytest.fixture
def papermill(project):
    """Run the project's notebook as the README does; answers (exit code, stderr, notebook)."""

    def run(**parameters):
        output = project / "reports" / "trials" / "first.ipynb"
        command = [sys.executable, "-m", "papermill", "notebooks/trial.ipynb", str(output)]
        for name, value in {"target": "pq_l2", **parameters}.items():
            command += ["-p", name, value]
        done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
        return done.returncode, done.stderr, nbformat.read(output, as_version=4)

    return run


def printed(notebook):
    return "".join(
        output.text
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "stream" and output.name == "stdout"
    )


def pictures(notebook):
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [o for o in outputs if o.output_type == "display_data" or "data" in o]


def keys(text):
    return dict(re.findall(r"^([a-z_0-9]+): (.*)$", text, re.MULTILINE))


def test_a_discard_passes_and_everything_is_shown(project, papermill):
    code, err, notebook = papermill(description="nothing changed")
    assert code == 0, err
    said = printed(notebook)
    found = keys(said)
    assert found["exit_code"] == "1"  # nothing changed, so nothing is faster
    assert found["status"] == "discard"
    assert "x the incumbent's time" in said
    assert sum("image/png" in o.data for o in pictures(notebook)) == 2
    assert sum("text/html" in o.data for o in pictures(notebook)) == 1
    (row,) = ledger.read(ledger.path(project / "targets" / "pq_l2", "performance"))
    assert row.description == "nothing changed"
    folder = project / found["record"]
    kept = record.read(folder / "trial.json")
    assert len(kept.combos) == 9
    assert f"{kept.ratio:.6g}" == found["ratio"]
    executed = nbformat.read(folder / "trial.ipynb", as_version=4)
    assert printed(executed) == said


def test_an_incorrect_kernel_fails_the_run_with_the_case_named(project, papermill):
    folder = project / "targets" / "pq_l2"
    source = (folder / "upstream.py").read_text()
    start = "out[:] = 0.0"
    assert start in source
    off = f"{start}\n    if rows > 7:\n        out[7] = 1e-3"
    (folder / "kernels.py").write_text(source.replace(start, off))
    code, err, notebook = papermill()
    assert code == 1
    assert "TrialFailed: discard (incorrect): 128x16x256/" in err
    said = printed(notebook)
    found = keys(said)
    assert found["exit_code"] == "2"
    assert found["ratio"] == "n/a"
    assert found["case"].startswith("128x16x256/")
    assert found["element"] == "out[0, 7]"
    assert {"got", "want"} <= set(found)
    assert "allowed error: " in said
    *_, last = notebook.cells
    (error,) = [o for o in last.outputs if o.output_type == "error"]
    assert len(error.traceback) == 1
    assert (project / found["record"] / "trial.ipynb").is_file()


def test_a_refusal_is_one_line(project, papermill):
    with (project / "targets" / "pq_l2" / "reference.py").open("a") as file:
        file.write("# edited\n")
    code, err, _ = papermill()
    assert code == 1
    assert err.rstrip().splitlines()[-1].startswith("Refused: the judge's file is changed")


@pytest.fixture(scope="module")
def committed():
    return nbformat.read(NOTEBOOK, as_version=4)


def test_parameters_are_those_of_a_trial(committed):
    (cell,) = [c for c in committed.cells if "parameters" in c.metadata.get("tags", [])]
    names = [node.targets[0].id for node in ast.parse(cell.source).body]
    options = [field.name for field in dataclasses.fields(Options)]
    assert names == ["target", *options, "answer_file"]


def test_it_holds_no_logic_and_no_stale_output(committed):
    assert committed.metadata.kernelspec.name == "python3"
    for cell in committed.cells:
        if cell.cell_type != "code":
            continue
        tree = ast.parse(cell.source)
        assert not any(isinstance(n, ast.FunctionDef | ast.ClassDef) for n in ast.walk(tree))
        checked = "nbval-check-output" in cell.metadata.get("tags", [])
        assert bool(cell.outputs) == checked
    assert NOTEBOOK.stat().st_size < 20_000
