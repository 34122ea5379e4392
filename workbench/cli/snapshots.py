"""``workbench drift`` and ``workbench snapshot record``."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True)
snapshot = typer.Typer(no_args_is_help=True, help="Evidence recorded from the real upstreams.")
app.add_typer(snapshot, name="snapshot")


@app.command(epilog="Example: workbench drift lance --json")
def drift(
    upstream: Annotated[
        str | None, typer.Argument(help="Whose evidence to check; default: all.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object only.")] = False,
) -> None:
    """Ask the installed upstream again and compare with its snapshots.

    Exit 0 when every file is identical or within tolerance, 1 when one has drifted.
    """
    from workbench import snapshots

    reports = snapshots.drift(upstream)
    drifted = any(report.drifted for report in reports)
    if as_json:
        import json
        from dataclasses import asdict

        typer.echo(json.dumps({"drifted": drifted, "upstreams": [asdict(r) for r in reports]}))
    else:
        for report in reports:
            recorded = ", ".join(report.recorded)
            typer.echo(f"{report.upstream}: recorded {recorded}, installed {report.installed}")
            for file in report.files:
                line = f"  {file.status:<16}  {file.target}/{file.file}"
                typer.echo(f"{line}  {file.why}" if file.why else line)
    raise typer.Exit(1 if drifted else 0)


@snapshot.command(epilog="Example: workbench snapshot record lance pq_l2")
def record(
    upstream: Annotated[str, typer.Argument(help="The real system to ask, e.g. lance.")],
    target: Annotated[str, typer.Argument(help="The target it is evidence for, e.g. pq_l2.")],
) -> None:
    """Record a snapshot again, on purpose, with the installed upstream."""
    from workbench import snapshots

    manifest = snapshots.record(upstream, target)
    size = sum(file.bytes for file in manifest.files.values())
    typer.echo(
        f"recorded snapshots/{upstream}/{target} with {upstream} {manifest.version}: "
        f"{len(manifest.files)} files, {size / 1e6:.2f} MB"
    )
