"""``workbench queue | guard | verify``: what is merged, and what has to hold before."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.terminal import end_as_by_control_c, progress_bar, visible
from workbench.cli.trials import Json, complete_target

if TYPE_CHECKING:
    from workbench.research.slices import Queued

app = typer.Typer(no_args_is_help=True)
queue = typer.Typer(
    no_args_is_help=True,
    help="Branches that are ready: judged again, oldest first, and merged one at a time.",
)
app.add_typer(queue, name="queue")

SIGNS = {"green": "+", "revalidate": "?", "evicted": "-"}


@queue.command(
    epilog="Examples: workbench queue add (on a branch with a claim); workbench queue add "
    '--lane maintainability --surface cli --evidence "two parsers are one, 140 lines go"',
)
def add(
    depends_on: Annotated[
        list[str] | None, typer.Option(help="A branch of the queue that has to be merged first.")
    ] = None,
    evidence: Annotated[
        str, typer.Option(help="What a maintainability slice makes simpler; it must say.")
    ] = "",
    lane: Annotated[str, typer.Option(help="Where the branch has no claim that says it.")] = "",
    surface: Annotated[str, typer.Option(help="The same: a target, or another folder.")] = "",
    as_json: Json = False,
) -> None:
    """Call the branch that is checked out ready; it must be committed and pushed.

    Again after more commits: a slice marked for revalidation keeps its turn.
    """
    from workbench import targets
    from workbench.research import slices

    added = slices.add(
        targets.find_root(),
        depends_on=depends_on or (),
        evidence=evidence,
        lane=lane,
        surface=surface,
    )
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(added), indent=1))
        return
    typer.echo(
        visible(
            f"{added.branch} at {added.commit[:12]} is in the queue as "
            f"{added.lane}/{added.surface}: {', '.join(added.files[:3])}"
            f"{' ...' if len(added.files) > 3 else ''}"
        )
    )


@queue.command("list", epilog="Example: workbench queue list --json")
def list_slices(as_json: Json = False) -> None:
    """Show all slices, oldest first: + green, ? to be validated again, - evicted."""
    from workbench import targets
    from workbench.research import slices

    found = slices.everything(targets.find_root())
    lines = [_line(each, found) for each in found]
    if as_json:
        typer.echo(json.dumps(lines, indent=1))
        return
    for line in lines:
        if line["problem"]:
            typer.echo(visible(f"! {line['branch']}: {line['problem']}"))
            continue
        what = f"{line['lane']}/{line['surface']}  {line['owner']}  {line['submitted']}"
        typer.echo(visible(f"{SIGNS[line['state']]} {line['branch']}  {what}"))
        for remark in filter(None, (line["why"], line["blocked"], line["remark"])):
            typer.echo(visible(f"    {remark}"))
    if not lines:
        typer.echo("the queue is empty")


@queue.command("next", epilog="Example: workbench queue next")
def next_slice(as_json: Json = False) -> None:
    """Show the slice that `queue merge` would take, or why there is none."""
    from workbench import targets
    from workbench.research import slices
    from workbench.research.slice import first

    there = slices.by_branch(slices.everything(targets.find_root()))
    one, why = first(there)
    if as_json:
        found = None if one is None else dataclasses.asdict(one)
        typer.echo(json.dumps({"slice": found, "why": why}, indent=1))
        return
    typer.echo(
        visible(why if one is None else f"{one.branch}  {one.lane}/{one.surface}  {one.why}")
    )


@queue.command(epilog="Example: workbench queue drop ann/faster --force")
def drop(
    branch: Annotated[str, typer.Argument(help="Default: the one that is checked out.")] = "",
    force: Annotated[
        bool, typer.Option("--force", help="Another's, or an unreadable one.")
    ] = False,
) -> None:
    """Take a slice out of the queue; its branch stays, and those that depend on it wait."""
    from workbench import targets
    from workbench.research import slices

    typer.echo(visible(f"{slices.drop(targets.find_root(), branch, force=force)} left the queue"))


@queue.command(epilog="Example: workbench queue merge --json")
def merge(as_json: Json = False) -> None:
    """Merge exactly one slice, the oldest unblocked, or evict it with the evidence.

    Rebased in a temporary worktree, judged again against the default branch as it is now, held
    against the guard, verified. Exit 0 when merged or when there is none, 1 when evicted.
    """
    from workbench import targets
    from workbench.research import merging

    end_as_by_control_c()
    with progress_bar(quiet=as_json) as show:
        ended = merging.run(targets.find_root(), show)
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(ended), indent=1))
    else:
        for line in ended.notes:
            typer.echo(visible(line))
        typer.echo(visible(ended.sentence))
        for record in ended.records:
            typer.echo(f"record: reports/trials/{record}")
        for branch in ended.marked:
            typer.echo(visible(f"to be validated again: {branch}"))
    raise typer.Exit(1 if ended.outcome == "evicted" else 0)


@app.command(epilog="Examples: workbench guard pq_l2; workbench guard --rebaseline pq_l2")
def guard(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TARGET]...",
            help="Default: every target with a guard.json.",
            autocompletion=complete_target,
        ),
    ] = None,
    rebaseline: Annotated[
        bool,
        typer.Option("--rebaseline", help="Write the limits of this host class; then commit them."),
    ] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Measure, though there is a record of the kernel.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Hold committed kernels against the limits of this host class: time, memory, allocations.

    Time is the ratio to upstream, combo by combo, 5 % above the baseline at most, or three standard
    deviations of its noise. Exit 0 when all hold, 1 when one is broken.
    """
    from workbench import targets
    from workbench.errors import Usage
    from workbench.research import guard as guards
    from workbench.research import guarding

    root = targets.find_root()
    known = [n for n in targets.names(root) if (root / "targets" / n / guards.FILE).is_file()]
    names = names or known
    if rebaseline and not names:
        raise Usage("name the targets: workbench guard --rebaseline pq_l2")
    found: list[Any] = []
    with progress_bar(quiet=as_json) as show:
        for name in names:
            if rebaseline:
                found.append(guarding.rebaseline(name, root, fresh=fresh, progress=show))
            else:
                found.append(guarding.inspect(name, root, fresh=fresh, progress=show))
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(each) for each in found], indent=1))
    elif rebaseline:
        for name, made in zip(names, found, strict=True):
            typer.echo(f"targets/{name}/{guards.FILE} from {made.record}: commit it")
            for line in made.loose:
                typer.echo(f"    loose: {line}; --fresh on a quiet machine measures again")
    else:
        for each in found:
            typer.echo(
                visible(f"{each.status.upper()} {each.target} {'; '.join(each.lines)}".strip())
            )
        if not found:
            typer.echo("WARN no target has a guard.json: workbench guard --rebaseline TARGET")
    raise typer.Exit(0 if rebaseline or all(each.status != "broken" for each in found) else 1)


@app.command(epilog="Example: workbench verify --quick")
def verify(
    quick: Annotated[
        bool, typer.Option("--quick", help="`verify_quick` instead: static checks, no tests.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Run what must pass before a merge: `verify` in [tool.workbench] of pyproject.toml.

    Exit 1 when red, with the end of what the failing command said.
    """
    from workbench import targets
    from workbench.research import verify as verification

    root = targets.find_root()
    plan = verification.plan((root / "pyproject.toml").read_text(encoding="utf-8"), quick=quick)
    log = root / ".workbench" / "verify.log"
    with progress_bar(quiet=as_json) as show:
        done = verification.run(root, plan, log, lambda line: show(line, 0, 0))
    failed = verification.red(done)
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(each) for each in done], indent=1))
    else:
        for line in failed.tail if failed else ():
            typer.echo(visible(line))
        for each in done:
            typer.echo(visible(each.sentence))
        if failed:
            typer.echo(f"all of it: {log}")
    raise typer.Exit(1 if failed else 0)


def _line(each: Queued, queue: list[Queued]) -> dict[str, Any]:
    """One slice for people and machines."""
    from workbench.research import slices
    from workbench.research.slice import blocked

    line: dict[str, Any] = {"ref": each.ref, "branch": each.branch, "problem": each.problem}
    if each.slice is None:
        return line
    remark = "submitted in the future: a clock is wrong" if each.slice.is_from_the_future() else ""
    waits = blocked(each.slice, slices.by_branch(queue)) if each.slice.is_open else ""
    return {**line, **dataclasses.asdict(each.slice), "blocked": waits, "remark": remark}
