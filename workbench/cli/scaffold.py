"""``workbench new-target``."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench.cli.trials import complete_target

app = typer.Typer()


@app.command("new-target", epilog="Example: workbench new-target pq_hamming --like pq_l2")
def new_target(
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits and underscores.")],
    like: Annotated[
        str, typer.Option(help="The target to start from.", autocompletion=complete_target)
    ] = "pq_l2",
) -> None:
    """Make a target folder that passes its tests; it stays a candidate until it has answers."""
    from workbench import scaffold

    folder = scaffold.new_target(name, like)
    typer.echo(
        f"made {folder}: a candidate. Answer call_site, cost_fraction and access_pattern in "
        "target.toml, then set its status to landed, and trials may begin"
    )
