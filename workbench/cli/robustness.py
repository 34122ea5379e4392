"""``workbench calibrate | audit | fsck``: may this machine's verdicts be believed."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.terminal import progress_bar, visible
from workbench.cli.trials import Focus, Json, TargetName, complete_target

app = typer.Typer()


@app.command(
    epilog="Examples: workbench calibrate (two minutes); "
    "workbench calibrate --long --out reports/0003-error-rates/data",
)
def calibrate(
    kernels: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TARGET[/upstream]]...", help="Default: pq_l2; five with --long."),
    ] = None,
    condition: Annotated[
        list[str] | None, typer.Option(help="quiet, other-core or same-core; default: all.")
    ] = None,
    long: Annotated[bool, typer.Option("--long", help="Until all verdicts are there.")] = False,
    seconds: Annotated[
        float | None, typer.Option(min=0, help="When no verdict is begun; 120 without --long.")
    ] = None,
    verdicts: Annotated[
        int, typer.Option(min=1, help="Verdicts on identical kernels a condition.")
    ] = 600,
    out: Annotated[
        Path, typer.Option(help="Folder of the campaign; an old one is continued.")
    ] = Path(".workbench/error-rates"),
    as_json: Json = False,
) -> None:
    """Measure how often the judge errs here: identical kernels, known gains, neutral edits.

    Every verdict is on disk as it falls; the same command goes on where it was stopped.
    """
    from workbench.errorrates import campaign, neighbours, rates

    if seconds is None:
        seconds = math.inf if long else campaign.SHORT_SECONDS
    plan = campaign.Plan(
        kernels or (campaign.KERNELS if long else campaign.SHORT_KERNELS),
        condition or neighbours.CONDITIONS,
        seconds,
        verdicts,
        campaign.LONG_SHARES if long else campaign.SHARES,
    )
    with progress_bar(quiet=as_json) as show:
        found = campaign.run(plan, out, progress=show)
    lines = rates.table(found)
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(line) for line in lines], indent=1))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("beside", "kernel", "true ratio", "this judge keeps", "pooled gate keeps", "s")
    for line in lines:
        table.add_row(
            line.condition,
            line.variant,
            f"{line.true_ratio:.4f}",
            str(line.judge),
            str(line.pooled),
            f"{line.seconds:.1f}",
        )
    Console().print(table)
    typer.echo(f"{len(found)} verdicts; intervals are exact, 95 %; the campaign lies in {out}")


@app.command(epilog="Example: workbench audit pq_l2 --revoke")
def audit(
    target: TargetName,
    focus: Focus = "performance",
    revoke: Annotated[
        bool, typer.Option("--revoke", help="Add a revoke row for each that does not hold.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Judge every kept step of a ledger again, against the one before it and against upstream.

    Exit 0 when all hold, 1 when one does not.
    """
    from workbench import audit as audits

    with progress_bar(quiet=as_json) as show:
        steps = audits.run(target, focus, revoke=revoke, progress=show)
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(step) for step in steps], indent=1))
    for step in [] if as_json else steps:
        typer.echo(step.sentence)
    raise typer.Exit(0 if all(step.holds for step in steps) else 1)


@app.command(epilog="Example: workbench fsck pq_l2 --json")
def fsck(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TARGET]...",
            help="Default: all, and what belongs to none.",
            autocompletion=complete_target,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check ledgers, records, snapshots, campaigns and published pages; changes nothing.

    One line for each thing that is wrong: the file, what is wrong, what mends it. Exit 0 when all
    is well, 5 when something is wrong.
    """
    from workbench import fsck as checks
    from workbench.errors import Infrastructure

    found = checks.run(targets or ())
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(finding) for finding in found], indent=1))
    for finding in [] if as_json else found:
        typer.echo(visible(finding.sentence))
    if not as_json and not found:
        typer.echo("nothing is wrong")
    raise typer.Exit(Infrastructure.exit_code if found else 0)
