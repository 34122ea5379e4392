"""``workbench opus compare | matrix``: a kernel held against libopus, on files and cell by cell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.terminal import progress_bar, visible
from workbench.cli.trials import Json

if TYPE_CHECKING:
    from workbench.codec.comparing import Comparison
    from workbench.codec.matrix import Measured, Row

app = typer.Typer()
opus = typer.Typer(no_args_is_help=True, help="Hold an Opus kernel against libopus.")
app.add_typer(opus, name="opus")

Kernels = Annotated[
    Path | None,
    typer.Option(
        help="A file with setup, reset and decode; default: targets/opus_celt/kernels.py."
    ),
]
Plain = Annotated[
    bool, typer.Option("--plain", help="Take workbench.opus.decoder instead of a kernel.")
]


@opus.command(
    epilog="Examples: workbench opus compare talk.opus; "
    "workbench opus compare *.webm --json --out reports/parity; "
    "workbench opus compare talk.opus --kernels targets/opus_celt/upstream.py. "
    "Exit codes: 0 equal; 1 a packet differs, or a file has no packet that the kernel decodes; "
    "5 a file could not be read; 64 wrong usage.",
)
def compare(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help=".opus, .ogg, .webm or .mka.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of pictures and JSON; default: .workbench/opus-compare."),
    ] = None,
    kernels: Kernels = None,
    plain: Plain = False,
    as_json: Json = False,
) -> None:
    """Decode every packet of a file with the kernel and with libopus, and compare.

    For each file: packets by mode, on how many the final range is equal, the first packet that
    differs, the largest error, rt_ratio (libopus's time / the kernel's), and a picture. Packets
    of SILK and hybrid mode, and files of several streams, are counted apart.
    """
    from workbench.codec import variants
    from workbench.errors import Infrastructure

    ours, theirs = variants.kernel(kernels, plain=plain), variants.upstream()
    folder = _folder(out, "opus-compare")
    found: list[dict[str, Any]] = []
    codes = set()
    for path in files:
        try:
            report, picture = _compare(path, ours, theirs, folder, quiet=as_json)
        except Infrastructure as error:
            found.append({"file": str(path), "verdict": "unreadable", "error": str(error)})
            codes.add(Infrastructure.exit_code)
            typer.echo(f"workbench: {visible(' '.join(str(error).split()))}", err=True)
            continue
        found.append({**report.as_json(), "picture": str(picture) if picture else None})
        codes.add(0 if report.verdict == "equal" else 1)
        if not as_json:
            _say(report, picture)
    if as_json:
        typer.echo(json.dumps(found, indent=1))
    raise typer.Exit(1 if 1 in codes else max(codes))


@opus.command(
    epilog="Examples: workbench opus matrix; "
    "workbench opus matrix --out reports/0006-opus-parity/data; workbench opus matrix --check. "
    "Exit codes: 0 measured; 1 --check, and a cell is no longer equal; 5 nothing was measured; "
    "64 wrong usage.",
)
def matrix(
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of matrix.csv, .json and .png; default: .workbench/opus-matrix."),
    ] = None,
    check: Annotated[
        bool,
        typer.Option("--check", help="Fail when a cell is not equal that the committed one has."),
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of the streams.")] = 0,
    kernels: Kernels = None,
    plain: Plain = False,
    as_json: Json = False,
) -> None:
    """Measure parity with libopus in every mode, frame size, bandwidth and width.

    libopus encodes streams of each cell; both decode them. A cell is equal when all final ranges
    and sample counts are libopus's, no sample is off by more than 1e-4 of full scale, and the
    whole is at least 90 dB better than its error. What the kernel has not is open, and seen.
    """
    from workbench import host
    from workbench.codec import matrix as parity
    from workbench.codec import variants
    from workbench.targets import find_root

    ours, theirs = variants.kernel(kernels, plain=plain), variants.upstream()
    committed = parity.read_verdicts(find_root() / parity.COMMITTED) if check else {}
    folder = _folder(out, "opus-matrix")
    with progress_bar(quiet=as_json) as show:
        found = parity.measure(ours, theirs, host.cpu()[0], seed=seed, progress=show)
    _write(found, folder)
    gone = parity.lost(found, committed)
    if as_json:
        lost = [row.name for row in gone]
        typer.echo(json.dumps({**found.as_json(), "lost": lost, "folder": str(folder)}, indent=1))
    else:
        _show(found)
        typer.echo(f"matrix.csv, matrix.json and matrix.png are in {visible(str(folder))}")
        for row in gone:
            typer.echo(f"lost: {row.name}: {visible(row.what)}")
        if check and not gone:
            equal = sum(verdict == "equal" for verdict in committed.values())
            typer.echo(f"all {equal} cells that are committed as equal are equal")
    raise typer.Exit(1 if gone else 0)


def _write(found: Measured, folder: Path) -> None:
    """Write a matrix as CSV, JSON and picture."""
    from workbench.files import write_whole
    from workbench.publish import opus as figures

    write_whole(folder / "matrix.csv", found.as_csv().encode())
    write_whole(folder / "matrix.json", (json.dumps(found.as_json(), indent=1) + "\n").encode())
    write_whole(folder / "matrix.png", figures.matrix(found).png())


def _show(found: Measured) -> None:
    """Print a line a frame size and bandwidth, mono and stereo beside each other."""
    from rich.console import Console
    from rich.table import Table

    from workbench.codec.packets import SHORT

    titles = [f"{side}: equal, SNR, rt_ratio" for side in ("mono", "stereo")]
    table = Table("mode", "ms", "band", *titles)
    lines: dict[tuple[str, float, str], dict[int, Row]] = {}
    for row in found.rows:
        lines.setdefault((row.mode, row.frame_ms, row.bandwidth), {})[row.channels] = row
    for (mode, frame_ms, bandwidth), sides in lines.items():
        cells = [_cell(sides.get(side)) for side in (1, 2)]
        table.add_row(mode, f"{frame_ms:g}", SHORT[bandwidth], *cells)
    Console().print(table)
    equal = sum(row.verdict == "equal" for row in found.rows)
    ratio = "" if found.rt_ratio is None else f"; rt_ratio {found.rt_ratio:.3f} (geometric mean)"
    typer.echo(f"{equal} of {len(found.rows)} cells equal{ratio}; {found.took_s:.0f} s")


def _cell(row: Row | None) -> str:
    """What is known of a cell, in a line."""
    if row is None or row.verdict == "open":
        return "" if row is None else "open"
    share = f"{row.equal}/{row.packets}" + ("" if row.verdict == "equal" else " DIFFERS")
    snr = "to the bit" if row.snr_db is None else f"{row.snr_db:.0f} dB"
    return f"{share}  {snr}  {'' if row.rt_ratio is None else f'{row.rt_ratio:.2f}'}"


def _compare(
    path: Path, ours: Any, theirs: Any, folder: Path, *, quiet: bool
) -> tuple[Comparison, Path | None]:
    """Compare one file; write its report and picture."""
    from workbench.codec.comparing import compare
    from workbench.files import write_whole

    with progress_bar(quiet=quiet) as show:
        report = compare(path, ours, theirs, progress=show)
    picture = None
    if report.columns is not None:
        from workbench import host
        from workbench.publish import opus as figures

        picture = folder / f"{path.name}.png"
        write_whole(picture, figures.comparison(report, host.cpu()[0]).png())
    text = json.dumps(report.as_json(), indent=1) + "\n"
    write_whole(folder / f"{path.name}.json", text.encode())
    return report, picture


def _say(report: Comparison, picture: Path | None) -> None:
    from workbench.codec.report import lines

    for line in lines(report):
        typer.echo(visible(line))
    if picture is not None:
        typer.echo(f"  picture      {visible(str(picture))}")


def _folder(out: Path | None, name: str) -> Path:
    """Make the folder of the results."""
    from workbench.errors import Infrastructure
    from workbench.targets import find_root

    folder = out or find_root() / ".workbench" / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Infrastructure(f"{folder} cannot be made: {error.strerror}") from error
    return folder
