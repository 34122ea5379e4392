"""``workbench recommend``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from workbench.cli.sweep import complete_codec, complete_rc_mode
from workbench.cli.terminal import visible
from workbench.cli.trials import Json
from workbench.errors import Usage

app = typer.Typer()


@app.command(
    epilog="Examples: workbench recommend --sweep reports/sweeps/small --codec libx264 "
    "--rc-mode vbr --target-vmaf 90; workbench recommend --search --clip mine.mp4 "
    "--codec libsvtav1 --rc-mode cqp --target-vmaf 93",
)
def recommend(
    codec: Annotated[str, typer.Option(help="An encoder.", autocompletion=complete_codec)],
    rc_mode: Annotated[
        str, typer.Option(help="cqp, vbr or cbr.", autocompletion=complete_rc_mode)
    ] = "vbr",
    target_vmaf: Annotated[float | None, typer.Option(help="Mean VMAF to reach.")] = None,
    target_bitrate: Annotated[float | None, typer.Option(help="kbps not to exceed.")] = None,
    sweep: Annotated[
        Path | None,
        typer.Option(help="A sweep's folder, or a file of its rows; default: the published one."),
    ] = None,
    preset: Annotated[str | None, typer.Option(help="Only cells of this preset.")] = None,
    max_encode_ms: Annotated[float | None, typer.Option(help="Longest mean encode.")] = None,
    allow_structural: Annotated[
        bool,
        typer.Option("--allow-structural", help="Also recipes that lose on nearly every source."),
    ] = False,
    clip: Annotated[
        Path | None, typer.Option(help="Verify the pick with one encode of this clip.")
    ] = None,
    search: Annotated[
        bool, typer.Option("--search", help="Encode --clip again and again instead of a sweep.")
    ] = False,
    ladder: Annotated[
        bool, typer.Option("--ladder", help="Up to five rungs of the hull instead of one pick.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Say which recipe to use: the cheapest that clears a target and is not structural.

    Exit 1 when a verification misses the target.
    """
    from workbench.encoders import advising

    path = sweep or advising.published()
    asked = advising.Asked(
        codec, rc_mode, target_vmaf, target_bitrate, preset, max_encode_ms, allow_structural
    )
    if search and ladder:
        raise Usage("--search or --ladder, not both")
    if search:
        found: Any = advising.by_search(asked, clip, path)
    elif ladder:
        found = advising.ladder_of(asked, path, clip)
    else:
        found = advising.from_sweep(asked, path, clip)
    if as_json:
        typer.echo(json.dumps(found.as_json()))
    else:
        typer.echo("\n".join(map(visible, found.as_text().splitlines())))
    raise typer.Exit(0 if found.holds else 1)
