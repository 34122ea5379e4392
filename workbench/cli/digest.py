"""``workbench digest new | build | check``: published findings whose numbers are queries."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.terminal import visible, waiting
from workbench.cli.trials import Json

if TYPE_CHECKING:
    from workbench.digest.build import Fault

app = typer.Typer()
digest = typer.Typer(no_args_is_help=True, help="Published findings whose numbers are queries.")
app.add_typer(digest, name="digest")


def complete_digest(prefix: str) -> list[str]:
    """Slugs for the shell's tab key."""
    from workbench import targets
    from workbench.digest import folder
    from workbench.errors import WorkbenchError

    with contextlib.suppress(WorkbenchError):  # outside a project there is nothing to offer
        slugs = [one.name.split("-", 1)[1] for one in folder.every(targets.find_root())]
        return [slug for slug in slugs if slug.startswith(prefix)]
    return []


Slugs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SLUG]...",
        help="Slug or number of a digest; all of them without one.",
        autocompletion=complete_digest,
    ),
]


@digest.command(
    epilog="Examples: workbench digest new topk-by-counting --from targets/topk_merge/results.tsv; "
    "workbench digest new six-encoders --from reports/sweeps/full"
)
def new(
    slug: Annotated[str, typer.Argument(help="Lower-case letters and digits, and hyphens.")],
    sources: Annotated[
        list[Path] | None,
        typer.Option(
            "--from", metavar="LEDGER|SWEEP", help="A ledger, or a sweep's folder or file; again."
        ),
    ] = None,
) -> None:
    """Make the next digest, reports/NNNN-SLUG: data frozen, pages begun, queries beside them.

    Discards and recipes that lose are listed unless you take them out. How a digest is written:
    docs/digests.md.
    """
    from workbench import targets
    from workbench.digest.new import new as make

    root = targets.find_root()
    made = make(root, slug, sources or [])
    place = made.folder.relative_to(root)
    typer.echo(f"made {place}: write {place}/text/README.md, then `workbench digest build {slug}`")


@digest.command(epilog="Example: workbench digest build pq-l2 --no-pdf")
def build(
    slugs: Slugs = None,
    pdf: Annotated[
        bool, typer.Option(help="Print digest.pdf too, where a browser is there.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Fill the pages from data/, draw the figures, and write digest.html and digest.pdf beside.

    Exit 1, and nothing of that digest written, where a query has no answer or a number is typed.
    """
    from workbench import targets
    from workbench.digest import build as builds
    from workbench.digest import find, html
    from workbench.digest import pdf as printing
    from workbench.files import write_whole

    root = targets.find_root()
    program = printing.browser() if pdf else None
    faults: list[Fault] = []
    written: list[Path] = []
    for one in find(root, slugs or []):
        with waiting(f"building {one.name}", quiet=as_json):
            built = builds.render(one)
        if built.faults:
            faults += built.faults
            continue
        written += builds.write(built)
        write_whole(one.folder / "digest.html", html.page(built))
        if program:
            with waiting(f"printing {one.name}", quiet=as_json):
                printing.write(one.folder / "digest.html", one.folder / "digest.pdf", program)
    changed = [str(path.relative_to(root)) for path in written]
    _report(root, faults, as_json=as_json, changed=changed)
    if not as_json:
        typer.echo("\n".join(map(visible, changed)) or "every page and figure was up to date")


@digest.command(epilog="Example: workbench digest check --json")
def check(slugs: Slugs = None, as_json: Json = False) -> None:
    """Say where a digest is not what its data says, by file and line; nothing is written.

    Exit 1 where a number was typed or changed, a query has no answer, or a figure is another.
    """
    from workbench import targets
    from workbench.digest import build as builds
    from workbench.digest import check as checks
    from workbench.digest import find

    root = targets.find_root()
    chosen, faults = find(root, slugs or []), []
    for one in chosen:
        with waiting(f"checking {one.name}", quiet=as_json):
            built = builds.render(one)
            faults += checks.check(built)
        if theirs := checks.drawn_elsewhere(built):
            typer.echo(
                f"figures of {one.name} are not compared: {theirs} drew them; "
                "`pip install -r reports/constraints.txt` brings these",
                err=True,
            )
    _report(root, faults, as_json=as_json)
    if not as_json:
        count = len(chosen)
        typer.echo(
            "1 digest says what its data says"
            if count == 1
            else f"{count} digests say what their data say"
        )


def _report(
    root: Path, faults: list[Fault], *, as_json: bool, changed: list[str] | None = None
) -> None:
    """Print faults, and end with exit 1 where there are any."""
    lines = [
        {"path": str(one.path.relative_to(root)), "line": one.line, "message": one.message}
        for one in faults
    ]
    if as_json:
        document = {"passed": not faults, "faults": lines}
        typer.echo(
            json.dumps(document if changed is None else document | {"changed": changed}, indent=1)
        )
    for line in () if as_json else lines:
        typer.echo(visible(f"{line['path']}:{line['line']}: {line['message']}"))
    if faults:
        raise typer.Exit(1)
