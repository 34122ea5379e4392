"""``workbench doctor``."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer()

COLOURS = {"ok": "green", "warn": "yellow", "missing": "red"}


@app.command(epilog="Example: workbench doctor --json")
def doctor(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and nothing else.")
    ] = False,
) -> None:
    """Say what this machine has and lacks, and how to mend it."""
    import dataclasses
    import json

    from workbench import host
    from workbench.doctor import examine

    findings = examine()
    if as_json:
        answer = {
            "findings": [dataclasses.asdict(finding) for finding in findings],
            "versions": host.versions(),
        }
        typer.echo(json.dumps(answer, indent=1))
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("", "what", "found", "to mend it")
    for finding in findings:
        mark = f"[{COLOURS[finding.status]}]{finding.status}[/]"
        table.add_row(mark, finding.name, escape(finding.detail), escape(finding.mend))
    Console().print(table)
