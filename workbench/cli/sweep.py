"""``workbench sweep run | status | analyse | encoders``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.terminal import rate_bar, visible
from workbench.cli.trials import Json

app = typer.Typer()
sweep = typer.Typer(no_args_is_help=True, help="Encode a grid of recipes, score it, analyse it.")
app.add_typer(sweep, name="sweep")

Folder = Annotated[Path, typer.Argument(help="A sweep's folder.")]


def complete_codec(prefix: str) -> list[str]:
    """Names for the shell's tab key."""
    from workbench.encoders.codecs import CODECS

    return [name for name in CODECS if name.startswith(prefix)]


def complete_rc_mode(prefix: str) -> list[str]:
    """Names for the shell's tab key."""
    from workbench.encoders.codec import RC_MODES

    return [mode for mode in RC_MODES if mode.startswith(prefix)]


@sweep.command(
    epilog="Examples: workbench sweep run --grid small --out reports/sweeps/small; "
    "workbench sweep run --grid full --out reports/sweeps/full --workers 2",
)
def run(
    out: Annotated[Path, typer.Option(help="Folder of the sweep; an old one is continued.")],
    grid: Annotated[
        str, typer.Option(help="full, stratified, small, or a grid file (docs/encoders.md).")
    ] = "small",
    sources: Annotated[
        Path | None, typer.Option(help="Folder of your own clips; default: nine that come along.")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="A running dask scheduler, e.g. tcp://127.0.0.1:8786.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes of this machine; default: one a core.")
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try cells again that failed before.")
    ] = False,
    timeout: Annotated[
        float, typer.Option(min=1, help="Seconds for each run of an encoder or scorer.")
    ] = 600,
    as_json: Json = False,
) -> None:
    """Encode and score what a sweep lacks; stopped at any moment, the same command goes on.

    Exit 0 when every cell has a row, 1 when some failed.
    """
    from workbench.encoders import plans
    from workbench.encoders import sweep as engine

    plan = plans.plan(grid, sources, out, retry_failed=retry_failed, timeout_s=timeout)
    with rate_bar(quiet=as_json) as show:
        done = engine.run(plan, out, scheduler=scheduler, workers=workers, progress=show)
    _say(done, out, as_json=as_json)
    raise typer.Exit(1 if done.failed else 0)


@sweep.command(epilog="Example: workbench sweep status reports/sweeps/small")
def status(folder: Folder, as_json: Json = False) -> None:
    """Say how far a sweep is; it may be running."""
    from workbench.encoders import sweep as engine

    _say(engine.status(folder), folder, as_json=as_json)


@sweep.command(epilog="Example: workbench sweep analyse reports/sweeps/small")
def analyse(
    rows: Annotated[Path, typer.Argument(help="A sweep's folder, or a .jsonl or .parquet file.")],
    out: Annotated[Path | None, typer.Option(help="Default: a folder analysis beside it.")] = None,
    as_json: Json = False,
) -> None:
    """Write hulls, regressions, structural recipes and a summary.

    summary.md, cells.csv, evidence.csv, sign_tests.csv, bd_rates.csv, noise.csv, and a slice's
    hull in pareto_<source>_<codec>_<rc_mode>.csv.
    """
    from workbench.analysis import rows as cells
    from workbench.analysis import summary
    from workbench.analysis.axes import ENCODER

    path = cells.find(rows)
    folder = out or path.parent / "analysis"
    frame = cells.read(path)
    written = summary.write(frame, ENCODER, folder, other=cells.second_quality(frame))
    if as_json:
        typer.echo(json.dumps({"files": [str(name) for name in written]}))
        return
    for line in (folder / "summary.md").read_text(encoding="utf-8").splitlines():
        typer.echo(visible(line))
    typer.echo(f"{len(written)} files in {folder}")


@sweep.command(epilog="Example: workbench sweep encoders --json")
def encoders(as_json: Json = False) -> None:
    """Probe every encoder that the tables know, and say which work on this machine."""
    from workbench.encoders import available

    found = available.table()
    if as_json:
        typer.echo(
            json.dumps({name: {"works": not why, "why": why} for name, why in found.items()})
        )
        return
    for name, why in found.items():
        typer.echo(f"{name:<12}  {f'not on this machine: {why[:120]}' if why else 'works'}")


def _say(done: object, folder: Path, *, as_json: bool) -> None:
    from workbench.encoders.sweep import Done

    assert isinstance(done, Done)
    if as_json:
        import dataclasses

        found = {**dataclasses.asdict(done), "left": done.left, "folder": str(folder)}
        typer.echo(json.dumps({k: None if v != v else v for k, v in found.items()}))
        return
    rate = f", {done.fresh / done.seconds:.2f} a second" if done.fresh else ""
    typer.echo(f"{done.measured:,} of {done.cells:,} cells measured, {done.failed:,} failed{rate}")
    if done.failed:
        typer.echo(f"failures are in {folder / 'failures.jsonl'}; --retry-failed tries them again")
