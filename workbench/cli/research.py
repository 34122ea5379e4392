"""``workbench preflight | claim | loop``."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Annotated, Any

import typer

from workbench.cli.terminal import end_as_by_control_c, visible, waiting
from workbench.cli.trials import Focus, Json, TargetName, complete_target

app = typer.Typer()
claim = typer.Typer(no_args_is_help=True, help="Who works on which surface: claims as git refs.")
app.add_typer(claim, name="claim")


def complete_lane(prefix: str) -> list[str]:
    """Lanes for the shell's tab key."""
    from workbench.research.claim import LANES

    return [lane for lane in LANES if lane.startswith(prefix)]


Lane = Annotated[
    str,
    typer.Option(help="performance, parity or maintainability.", autocompletion=complete_lane),
]
Surface = Annotated[
    str,
    typer.Option(help="A target, or another folder's name.", autocompletion=complete_target),
]
MARKS = {"OK": "green", "WARN": "yellow", "FAIL": "red"}


@app.command(epilog="Example: workbench preflight pq_l2 --json")
def preflight(
    target: TargetName,
    lane: Lane = "performance",
    focus: Focus = "performance",
    as_json: Json = False,
) -> None:
    """Say whether research on TARGET can begin, and what mends what would stop it.

    Exit 0 when nothing fails, 4 otherwise.
    """
    from workbench.research import preflight as looking

    lines = looking.examine(target, lane, focus)
    failed = any(line.status == "FAIL" for line in lines)
    if as_json:
        typer.echo(json.dumps({"lines": [dataclasses.asdict(line) for line in lines]}, indent=1))
    else:
        for line in lines:
            mark = typer.style(f"{line.status:<5}", fg=MARKS[line.status])
            mend = f"  -> {line.mend}" if line.mend else ""
            typer.echo(f"{mark} {line.name:<11} {visible(line.detail)}{visible(mend)}")
    raise typer.Exit(4 if failed else 0)


@claim.command(
    "open",
    epilog="Example: workbench claim open --surface pq_l2 --hypothesis 'wider blocks'",
)
def open_(
    surface: Surface,
    hypothesis: Annotated[str, typer.Option(help="What will be tried, in one line.")],
    lane: Lane = "performance",
    blocker: Annotated[str, typer.Option(help="What is in the way.")] = "",
    next_action: Annotated[str, typer.Option(help="What comes next.")] = "",
    draft_pr: Annotated[
        bool, typer.Option("--draft-pr", help="Also open a draft pull request with gh.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Take a surface in a lane, so that nobody else works on it; exit 4 when somebody has it."""
    from workbench.research import claims, draft
    from workbench.targets import find_root

    root = find_root()
    taken = claims.open_claim(
        root, lane, surface, hypothesis, blocker=blocker, next_action=next_action
    )
    _show(taken, as_json=as_json)
    if draft_pr:
        typer.echo(draft.open_draft(root, taken), err=as_json)


@claim.command("list", epilog="Example: workbench claim list --json")
def list_(as_json: Json = False) -> None:
    """Show who holds what; one that was edited by hand is named and does not hide the others."""
    from workbench.research import claims
    from workbench.targets import find_root

    found = claims.everything(find_root())
    if as_json:
        typer.echo(
            json.dumps(
                [
                    {"ref": each.ref, "problem": each.problem, **_fields(each.claim)}
                    for each in found
                ],
                indent=1,
            )
        )
        return
    for each in found:
        typer.echo(visible(each.problem or _line(each.claim)))
    if not found:
        typer.echo("nobody holds anything")


@claim.command(epilog="Example: workbench claim show performance/pq_l2")
def show(
    name: Annotated[str, typer.Argument(help="lane/surface; default: this branch's own.")] = "",
    as_json: Json = False,
) -> None:
    """Show one claim with its latest attempts."""
    from workbench.errors import Infrastructure, Usage
    from workbench.research import claims
    from workbench.targets import find_root

    root = find_root()
    if name:
        lane, _, surface = name.partition("/")
        held = claims.held(root, lane, surface)
        if held is None:
            raise Usage(f"nobody holds {name}")
    else:
        held = claims.mine(root)
    if held.claim is None:
        raise Infrastructure(held.problem)
    _show(held.claim, as_json=as_json)


@claim.command(epilog='Example: workbench claim refresh --next-action "prefetch the table"')
def refresh(
    hypothesis: Annotated[str | None, typer.Option(help="What is tried now.")] = None,
    blocker: Annotated[str | None, typer.Option(help="What is in the way.")] = None,
    next_action: Annotated[str | None, typer.Option(help="What comes next.")] = None,
    as_json: Json = False,
) -> None:
    """Say that one is still at it: the lease begins anew."""
    from workbench.research import claims
    from workbench.targets import find_root

    asked = {"hypothesis": hypothesis, "blocker": blocker, "next_action": next_action}
    changes: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    _show(claims.refresh(find_root(), **changes), as_json=as_json)


@claim.command(epilog="Example: workbench claim close")
def close(
    name: Annotated[str, typer.Argument(help="lane/surface; default: this branch's own.")] = "",
    force: Annotated[
        bool, typer.Option("--force", help="Also another's, or one that cannot be read.")
    ] = False,
) -> None:
    """Give a claim up."""
    from workbench.research import claims
    from workbench.targets import find_root

    typer.echo(f"closed {claims.close(find_root(), name, force=force)}")


@claim.command(epilog="Example: workbench claim retarget --surface take")
def retarget(
    lane: Annotated[str, typer.Option(help="Another lane.")] = "",
    surface: Annotated[str, typer.Option(help="Another surface.")] = "",
    as_json: Json = False,
) -> None:
    """Move this branch's claim to another lane or surface."""
    from workbench.research import claims
    from workbench.targets import find_root

    _show(claims.retarget(find_root(), lane, surface), as_json=as_json)


@app.command(
    epilog="Examples: workbench loop pq_l2 --agent tune --max-iterations 5; "
    "workbench loop pq_l2 --agent 'shell my-agent < $WORKBENCH_PROMPT' --max-hours 8",
)
def loop(
    target: TargetName,
    agent: Annotated[
        str,
        typer.Option(help="tune, scripted FOLDER, shell LINE, or any program: docs/harness.md."),
    ],
    max_iterations: Annotated[int | None, typer.Option(min=1, help="Ideas at most.")] = None,
    max_hours: Annotated[float, typer.Option(min=0, help="Hours at most.")] = math.inf,
    focus: Focus = "performance",
    plateau: Annotated[
        int, typer.Option(min=1, help="Stop after so many trials without a keep.")
    ] = 8,
    agent_seconds: Annotated[float, typer.Option(min=1, help="Longest run of the agent.")] = 1800,
    scout: Annotated[
        bool, typer.Option("--scout", help="Read only, where somebody else holds the surface.")
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Begin anew from the present commit.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Have an agent try one idea after another; the judge decides, keeps are committed.

    Works in a worktree of its own, on the branch loop/TARGET-FOCUS. Stopped in any way, the same
    command goes on. Exit 0 when it stopped by itself, 1 when the agent was at fault, 130 for
    Ctrl-C.
    """
    from workbench.research import loop as engine
    from workbench.targets import find_root

    plan = engine.Plan(
        *(target, agent, focus, max_iterations, max_hours, plateau, agent_seconds, scout, restart)
    )
    end_as_by_control_c()
    ended = engine.run(
        plan,
        find_root(),
        lambda line: typer.echo(visible(line), err=as_json),
        lambda phrase: waiting(phrase, quiet=as_json),
    )
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(ended)))
    else:
        typer.echo(f"{ended.sentence}; {ended.iterations} iterations, {ended.kept} kept in all")
        if ended.kept:
            typer.echo(f"keeps are on {ended.branch}: git merge {ended.branch}")
    raise typer.Exit({"interrupted": 130, "fault": 1}.get(ended.reason, 0))


def _fields(held: Any) -> dict[str, Any]:
    return {} if held is None else dataclasses.asdict(held)


def _line(held: Any) -> str:
    left = held.seconds_left() / 60
    state = f"{left:.0f} min left" if left > 0 else "lease over: takeable"
    state += f"; {held.doubt}" if held.doubt else ""
    return f"{held.name:<28} {held.owner} on {held.branch} ({state}): {held.hypothesis}"


def _show(held: Any, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(held), indent=1))
        return
    lines = [_line(held)]
    lines += [f"  taken from {held.taken_from}: its lease had run out"] if held.taken_from else []
    lines += [f"  blocker: {held.blocker}"] if held.blocker else []
    lines += [f"  next: {held.next_action}"] if held.next_action else []
    for attempt in held.attempts:
        ratio = "" if attempt.ratio is None else f" {attempt.ratio:.4f}"
        verdict = f"{attempt.status} ({attempt.reason}){ratio}"
        lines.append(f"  {attempt.timestamp} {verdict}: {attempt.description}")
    for line in lines:
        typer.echo(visible(line))
