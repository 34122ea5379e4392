"""The executed notebook of a trial: papermill runs it, the record keeps it."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from pathlib import Path

from workbench import errors, record, targets
from workbench.record import TrialRecord
from workbench.setting import Options

NAME = "trial.ipynb"


def run(target: str, options: Options) -> TrialRecord:
    """Run a trial through ``notebooks/trial.ipynb``; the executed notebook joins the record."""
    import papermill

    root = targets.find_root()
    trials = root / "reports" / "trials"
    with tempfile.TemporaryDirectory(dir=trials, prefix=".executing-") as scratch:
        answer = Path(scratch) / "record"
        parameters = {"target": target, "answer_file": str(answer), **dataclasses.asdict(options)}
        output = Path(scratch) / NAME
        try:
            papermill.execute_notebook(
                root / "notebooks" / NAME,
                output,
                parameters,
                cwd=root,
                progress_bar=False,
            )
        except papermill.PapermillExecutionError as error:
            if not answer.is_file():
                kind = getattr(errors, error.ename, errors.Infrastructure)
                raise kind(f"in the notebook: {error.evalue}") from None
        folder = record.folder(root, answer.read_text())
        if not (folder / NAME).exists():
            output.replace(folder / NAME)
        return record.read(folder / "trial.json")


def keep(trial_id: str, root: Path) -> Path | None:
    """Called inside a notebook under papermill: links its output file into the record.

    papermill rewrites its output in place after each cell, so a hard link made while it runs
    holds the finished notebook in the end. None when no papermill is executing us.
    """
    output = papermill_output(os.getppid())
    if output is None:
        return None
    link = record.folder(root, trial_id) / NAME
    try:
        link.hardlink_to(output)
    except OSError:  # another file system
        link.symlink_to(output)
    return link


def papermill_output(parent: int) -> Path | None:
    """The output path on a parent papermill's command line: its second notebook."""
    try:
        words = Path(f"/proc/{parent}/cmdline").read_bytes().decode().split("\0")
        home = Path(f"/proc/{parent}/cwd").readlink()
    except OSError:
        return None
    notebooks = [word for word in words if word.endswith(".ipynb")]
    is_papermill = any("papermill" in Path(word).name for word in words[:3])
    if not is_papermill or len(notebooks) < 2:
        return None
    path = home / notebooks[1]
    return path if path.is_file() else None
