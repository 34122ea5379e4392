"""``workbench deliver check | required-check`` and ``workbench port``."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.terminal import visible
from workbench.cli.trials import Json, TargetName

app = typer.Typer()
deliver = typer.Typer(no_args_is_help=True, help="What a change brings besides its code.")
app.add_typer(deliver, name="deliver")


@deliver.command(epilog="Example: workbench deliver check --base main --json")
def check(
    base: Annotated[
        str | None, typer.Option(help="The branch it is meant for; default: the default branch.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say which of the six deliverables of this branch's commits are there.

    Exit 0 when all that are needed are there or waived in words, 1 when one is missing. What they
    are, and when they are needed: docs/deliverables.md.
    """
    from workbench import targets
    from workbench.deliver import check as checks

    root = targets.find_root()
    start, change = checks.read(root, base)
    lines = checks.check(change)
    failed = any(line.status == "FAIL" for line in lines)
    if as_json:
        document = {
            "base": start,
            "files": len(change.edited) + len(change.removed),
            "judged": change.judged,
            "deliverables": [dataclasses.asdict(line) for line in lines],
            "passed": not failed,
        }
        typer.echo(json.dumps(document, indent=1))
        raise typer.Exit(int(failed))
    count = len(change.edited) + len(change.removed)
    why = f"all six, because of {change.judged[0]}" if change.judged else "a changelog fragment"
    needs = why if lines else "nothing"
    typer.echo(visible(f"{count} files since {start[:12]}: needed is {needs}"))
    for line in lines:
        typer.echo(visible(f"{line.status:<6}  {line.deliverable}: {line.sentence}"))
    if failed:
        typer.echo(
            "what does not apply is waived in a commit's message, in words: "
            "'no DELIVERABLE needed: REASON'"
        )
        if checks.uncommitted(root):
            typer.echo("some files here are in no commit: those were not looked at")
    raise typer.Exit(int(failed))


@deliver.command(
    "required-check", epilog="Example: workbench deliver required-check | sh (needs gh, once)"
)
def required_check(as_json: Json = False) -> None:
    """Print the one-time setting that makes the aggregator GitHub's one required check.

    It calls gh, which asks the repository of the working directory; you must administer it.
    --json prints the ruleset alone.
    """
    from workbench.deliver import required

    body = json.dumps(required.setting(), indent=1)
    if as_json:
        typer.echo(body)
        return
    typer.echo("gh api --method POST 'repos/{owner}/{repo}/rulesets' --input - <<'RULESET'")
    typer.echo(f"{body}\nRULESET")


@app.command(epilog="Example: workbench port pq_l2 --out kit")
def port(
    target: TargetName,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the kit; default: .workbench/ports/TARGET.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the kit with which upstream's maintainers can take a kept kernel.

    What changed and why, in the researcher's words; paired measurements alone and in the query;
    on what its answers were held; the machine; the commands that repeat it. Exit 4 for a kernel
    that has no record, gains less than a tenth of upstream's time, loses in the query or breaks
    a guard.
    """
    from workbench import port as ports

    kit = ports.run(target, out)
    if as_json:
        typer.echo(json.dumps(kit.summary(), indent=1))
        return
    typer.echo(visible(kit.sentence))
    typer.echo(visible(f"written: {kit.out} ({', '.join(kit.files)})"))
