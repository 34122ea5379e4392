"""``workbench integrate`` and ``workbench scoreboard``."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench.cli.terminal import progress_bar
from workbench.cli.trials import Json, TargetName, complete_target

app = typer.Typer()


@app.command(epilog="Example: workbench integrate posting_seek --json")
def integrate(
    target: TargetName,
    incumbent: Annotated[
        str, typer.Option(help="'upstream', 'best' (the best kept kernel) or a commit.")
    ] = "upstream",
    as_json: Json = False,
) -> None:
    """Race targets/TARGET/kernels.py inside the real query: does its win survive there.

    Exit 0 when it wins or changes nothing, 1 when it loses, on average or in one kind of query
    (a kept row is revoked then), 2 when the query's answer is wrong. Writes
    reports/callsites/TARGET.json and its picture.
    """
    from workbench import integrate as queries

    with progress_bar(quiet=as_json) as show:
        found = queries.run(target, None if incumbent == "best" else incumbent, progress=show)
    if as_json:
        typer.echo(found.to_json().rstrip())
    else:
        typer.echo(found.sentence)
        for case in found.cases:
            typer.echo(
                f"  {case.shape}/{case.distribution}: {case.ratio:.4f} ({case.ci_low:.4f} to "
                f"{case.ci_high:.4f}), {case.candidate_ns / 1e3:,.1f} us a query, kernel "
                f"{case.candidate_share:.1%} of it (incumbent's {case.incumbent_share:.1%}), "
                f"{case.kernel_calls:,.0f} calls"
            )
        if found.revoked:
            typer.echo("the kept row of this kernel was revoked: call-site")
        typer.echo(f"written: reports/callsites/{found.target}.json")
    raise typer.Exit({None: 2, "loses": 1}.get(found.transfer, 0))


@app.command(epilog="Example: workbench scoreboard pq_l2 fsst")
def scoreboard(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TARGET]...",
            help="Default: all but the tutorial's.",
            autocompletion=complete_target,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Race kernels, upstream's algorithms and all peers; writes reports/scoreboard/."""
    import dataclasses
    import json

    from workbench import tournament

    with progress_bar(quiet=as_json) as show:
        scores = tournament.run(names or (), progress=show)
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(line) for line in scores], indent=1))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("target", "us a request", "to upstream", "best peer", "to best peer", "roofline")
    for line in scores:
        peer = line.vs_peers[line.best_peer] if line.best_peer else None
        table.add_row(
            line.target,
            f"{line.geomean_ns / 1e3:,.1f}",
            f"{line.vs_upstream.ratio:.3f}",
            line.best_peer or "none",
            f"{peer.ratio:.3f}" if peer else "",
            f"{line.roofline_share:.0%}",
        )
        for name, why in line.failures.items():
            typer.echo(f"{line.target}: peer {name} is wrong and was not timed: {why}", err=True)
    Console().print(table)
    typer.echo("written: reports/scoreboard/README.md, scoreboard.png, scoreboard.json")
