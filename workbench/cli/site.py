"""``workbench site build``."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.terminal import visible, waiting
from workbench.cli.trials import Json

app = typer.Typer()
site = typer.Typer(
    no_args_is_help=True, help="All pages, targets, ledgers, articles and digests as a site."
)
app.add_typer(site, name="site")


@site.command(epilog="Example: workbench site build --out public")
def build(
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the site, replaced when it is done; default: .workbench/site."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a static site with search that needs no server: open its index.html.

    A broken link, or anything else that Sphinx warns of, ends it with exit 5, page and line; then
    the older site stays.
    """
    from workbench import targets
    from workbench.site import build as sites

    root = targets.find_root()
    with waiting("building the site", quiet=as_json):
        built = sites.build(root, out or root / ".workbench" / "site")
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(built)))
        return
    typer.echo(
        f"{built.pages} pages and {built.files} files in {built.seconds:.0f} s; "
        f"{built.external} links leave the site and were not fetched"
    )
    typer.echo(visible(f"open {(Path(built.out) / 'index.html').resolve().as_uri()}"))
