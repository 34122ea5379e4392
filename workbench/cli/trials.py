"""``workbench targets | init | trial | best | history | lesson``."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli import explained
from workbench.cli.terminal import progress_bar, visible

if TYPE_CHECKING:
    from workbench.record import TrialRecord
    from workbench.setting import Options

app = typer.Typer()


def complete_target(prefix: str) -> list[str]:
    """Names for the shell's tab key."""
    from workbench import targets
    from workbench.errors import WorkbenchError

    with contextlib.suppress(WorkbenchError):  # outside a project there is nothing to offer
        return [name for name in targets.names() if name.startswith(prefix)]
    return []


def complete_focus(prefix: str) -> list[str]:
    """Focuses for the shell's tab key."""
    from workbench import ledger

    return [name for name in ledger.COLUMNS if name.startswith(prefix)]


def complete_mode(prefix: str) -> list[str]:
    """Modes for the shell's tab key."""
    from workbench.setting import MODES

    return [mode for mode in MODES if mode.startswith(prefix)]


TargetName = Annotated[
    str, typer.Argument(help="A folder under targets/.", autocompletion=complete_target)
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Focus = Annotated[
    str,
    typer.Option(
        help="What is judged, and which ledger: performance, quality, unimplemented, mixed.",
        autocompletion=complete_focus,
    ),
]
Rebaseline = Annotated[bool, typer.Option("--rebaseline", help="Measure the baseline again.")]


@app.command("targets", epilog="Example: workbench targets --json")
def list_targets(
    as_json: Json = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the table of docs/targets/README.md.")
    ] = False,
) -> None:
    """List the targets: status, ratio to upstream and to the best peer, roofline, transfer."""
    from workbench import overview

    rows = overview.targets()
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    if markdown:
        typer.echo(overview.markdown(rows))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(
        *("target", "status", "here", "upstream", "best peer", "roofline", "transfer"),
        box=None,
        padding=(0, 2, 0, 0),
    )

    def spell(value: float | None, form: str = ".3f") -> str:
        return "-" if value is None else format(value, form)

    for row in rows:
        table.add_row(
            row["target"] + (" *" if row["stale"] else ""),
            row["status"],
            spell(row["ratio"]),
            spell(row["published_ratio"]),
            f"{spell(row['ratio_to_peer'])} {row['best_peer'] or ''}",
            spell(row["roofline_share"], ".0%"),
            row["transfer"] or "-",
        )
    Console().print(table)
    typer.echo(
        "here: ratio to upstream in this machine's ledger; the rest is published in reports/"
    )
    if any(row["stale"] for row in rows):
        typer.echo("* published of another kernels.py: workbench scoreboard, workbench integrate")


@app.command(epilog="Examples: workbench init pq_l2; workbench init --all (on a new machine)")
def init(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TARGET]...", autocompletion=complete_target),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Every target that has no baseline here.")
    ] = False,
    rebaseline: Rebaseline = False,
    focus: Focus = "performance",
    as_json: Json = False,
) -> None:
    """Start a ledger on this machine: measure the baseline and calibrate the judge.

    Rows of another machine, or of another version of the judge, stay and are never compared.
    """
    from workbench import overview, targets
    from workbench.errors import Usage
    from workbench.setting import Options

    if bool(names) == every:
        raise Usage("name targets, or say --all: workbench init pq_l2")
    if not names:
        having = [n for n in targets.names() if focus in targets.load(n).focuses]
        names = [n for n in having if rebaseline or not overview.has_baseline(n, focus)]
    if not names:
        typer.echo("every target has a baseline on this host class; --rebaseline measures new ones")
    options = Options(mode="baseline", focus=focus, rebaseline=rebaseline)
    worst = 0
    for name in names:
        record = _run(name, options, quiet=as_json)
        _show(record, as_json=as_json)
        worst = max(worst, record.exit_code)
    raise typer.Exit(worst)


@app.command(
    epilog='Example: workbench trial pq_l2 --description "transposed codebook" --json',
)
def trial(
    target: TargetName,
    mode: Annotated[
        str, typer.Option(help="trial or baseline.", autocompletion=complete_mode)
    ] = "trial",
    description: Annotated[str, typer.Option(help="One line for the ledger.")] = "",
    focus: Focus = "performance",
    incumbent: Annotated[
        str | None, typer.Option(help="'upstream' or a commit, instead of the best kept kernel.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Replay a trial's inputs.")] = None,
    rebaseline: Rebaseline = False,
    patience: Annotated[
        float, typer.Option(min=0, help="Seconds to go on where the verdict is open.")
    ] = 0.0,
    notebook: Annotated[
        bool, typer.Option(help="Run through notebooks/trial.ipynb and keep it in the record.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Judge targets/TARGET/kernels.py: is it correct, and faster than the best so far."""
    from workbench.setting import Options

    options = Options(mode, description, focus, incumbent, seed, rebaseline, patience)
    if notebook:
        from workbench import executed

        _report(executed.run(target, options), as_json=as_json)
    _report(_run(target, options, quiet=as_json), as_json=as_json)


@app.command(epilog="Example: workbench best pq_l2")
def best(target: TargetName, focus: Focus = "performance", as_json: Json = False) -> None:
    """Show the kernel a trial has to beat on this host class."""
    from workbench import overview

    row = overview.best(target, focus)
    if as_json:
        typer.echo(json.dumps(row, indent=1))
    else:
        for name, value in row.items():
            typer.echo(f"{name}: {'n/a' if value is None else value}")
        typer.echo(
            "of this machine's host class; rows of others are shown by history, not compared"
        )


@app.command(epilog="Example: workbench history pq_l2")
def history(target: TargetName, focus: Focus = "performance", as_json: Json = False) -> None:
    """Show every trial of a target; rows of other host classes are marked, never compared."""
    from workbench import overview

    rows = overview.history(target, focus)
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0))
    columns = {"ratio": "ratio", "ratio_vs_upstream": "vs upstream"}
    if focus != "performance":
        columns = {"score": "score", "quality_mean_gap_db": "mean gap, dB"}
    for heading in ("when", "verdict", *columns.values()):
        table.add_column(heading, no_wrap=True)
    table.add_column("what was tried", overflow="fold")
    for row in rows:
        verdict = row["status"] if row["status"] == row["reason"] else row["reason"]
        mark = "+" if row["status"] in ("keep", "baseline") else "-"
        numbers = ["" if row[k] is None else f"{row[k]:.4f}" for k in columns]
        table.add_row(
            row["timestamp"][5:16].replace("T", " "),
            f"{mark} {verdict}",
            *numbers,
            Text(row["description"]),
            style=None if row["this_host"] else "dim",
        )
    Console().print(table)
    typer.echo("+ kept, - not; --json has the intervals")
    if not all(row["this_host"] for row in rows):
        typer.echo("dim rows were measured on another host class: not comparable with this one")


@app.command(epilog='Example: workbench lesson pq_l2 "gathers are slower than permutes here"')
def lesson(
    target: TargetName, text: Annotated[str, typer.Argument(help="What this machine taught.")]
) -> None:
    """Append a finding of this machine to targets/TARGET/lessons.md (ignored by git)."""
    from workbench import overview

    typer.echo(f"added to {overview.add_lesson(target, text)}")


def _run(target: str, options: Options, *, quiet: bool) -> TrialRecord:
    """Run a trial with a progress bar on stderr, where there is a person to see it."""
    from workbench.research import claimed

    with progress_bar(quiet=quiet) as show:
        return claimed.run(target, options, progress=show)


def _report(record: TrialRecord, *, as_json: bool) -> None:
    """Print a trial's verdict and end with its exit code."""
    _show(record, as_json=as_json)
    raise typer.Exit(record.exit_code)


def _show(record: TrialRecord, *, as_json: bool) -> None:
    """Print a trial's verdict, even where nobody takes the output."""
    with contextlib.suppress(OSError):
        typer.echo(record.to_json() if as_json else "\n".join(map(visible, _lines(record))))


def _lines(record: TrialRecord) -> Iterator[str]:
    yield record.sentence
    if record.ratio_vs_upstream is not None:
        yield (
            f"ratio to upstream {record.ratio_vs_upstream:.4f}, worst combo "
            f"{record.worst_combo} {record.worst_ratio:.4f}, "
            f"{record.geomean_ns:,.0f} ns a request, "
            f"{record.allocations:g} allocations, {record.peak_rss_mb:.0f} MB, "
            f"{record.seconds:.1f} s"
        )
    if record.score is not None:
        found = record.score
        transition = found.transition_snr_db
        yield (
            f"quality {found.mean_gap_db:+.4f} dB beside upstream's on average, "
            f"{found.min_gap_db:+.4f} dB at least, {len(found.cells)} cells"
            + ("" if transition is None else f"; {transition:.2f} dB around changes")
        )
        if found.features:
            yield f"open features: {len(found.open_features)} of {found.features}"
    if record.failure is not None and record.failure.untrusted_output:
        yield f"the kernel printed (untrusted): {record.failure.untrusted_output!r}"
    for warning in record.warnings:
        yield f"warning: {warning}"
    yield f"record: reports/trials/{record.id}"
    if page := explained.page(record.exit_code):
        yield f"what to do: {page}"
