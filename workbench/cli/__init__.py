"""The ``workbench`` command: parses, calls one function, and ends with a documented exit code.

Imports are lazy, file by file: ``workbench --help`` loads typer and nothing else.
"""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Sequence

import typer

from workbench.cli import (
    deliver,
    digest,
    doctor,
    opus,
    queue,
    races,
    recommend,
    research,
    robustness,
    scaffold,
    site,
    snapshots,
    sweep,
    trials,
)
from workbench.cli.explained import page
from workbench.cli.terminal import visible
from workbench.errors import Infrastructure, Usage, WorkbenchError

EXIT_CODES = """
Exit codes: 0 kept or done; 1 discarded; 2 incorrect, or the candidate crashed; 3 over budget;
4 refused (policy, a changed judge, an unanswered candidate target); 5 nothing was measured,
or fsck found something wrong;
64 wrong usage; 130 interrupted.
"""

app = typer.Typer(
    name="workbench",
    no_args_is_help=True,
    help="Edit one kernel; a fixed judge says whether it is correct and really faster.\n\n"
    "Where to begin: docs/README.md. All commands: docs/commands.md.",
    epilog=EXIT_CODES,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
for part in (
    *(trials, research, queue, deliver, races, robustness),
    *(sweep, recommend, opus, digest, scaffold, snapshots, site, doctor),
):
    app.add_typer(part.app)

# typer keeps the base of its usage errors private.
UsageError: type[Exception] = typer.BadParameter.__mro__[1]
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point: turns every failure into one line on stderr and an exit code."""
    # Two threads of OpenBLAS wait for each other by spinning (docs/decisions/0023 has the figures).
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    code = run(arguments)
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:  # nobody takes the rest, and Python would end with a code of its own
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.exit(code)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code."""
    try:
        code = typer.main.get_command(app).main(
            list(arguments) if arguments is not None else None,
            prog_name="workbench",
            standalone_mode=False,
        )
    except WorkbenchError as error:
        return fail(str(error), error.exit_code)
    except UsageError as error:
        message = error.format_message() if hasattr(error, "format_message") else str(error)
        if not message.strip():  # no arguments at all: the help has been shown
            return Usage.exit_code
        return fail(f"{message} (see workbench --help)", Usage.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):
            return 0  # typer and rich end so when the reader of our output has gone
        raise
    except OSError as error:
        place = f"{error.filename}: " if error.filename is not None else ""
        return fail(f"{place}{error.strerror or error}", Infrastructure.exit_code)
    except Exception as error:
        if "WORKBENCH_DEBUG" in os.environ:
            traceback.print_exc()
        kind = type(error).__name__
        advice = "WORKBENCH_DEBUG=1 shows where; please report it"
        return fail(f"internal error: {kind}: {error} ({advice})", Infrastructure.exit_code)
    if code == INTERRUPTED:  # some versions of typer turn Ctrl-C into this code themselves
        return fail(
            "interrupted: no process is left here, and what was recorded before is on disk",
            INTERRUPTED,
        )
    return code if isinstance(code, int) else 0


def fail(message: str, code: int) -> int:
    """Say one line on stderr: what was wrong, and the page that explains such an end."""
    more = f" [{page(code)}]" if page(code) else ""
    with contextlib.suppress(OSError):  # a stderr that takes nothing does not change the code
        typer.echo(f"workbench: {visible(' '.join(message.split()))}{more}", err=True)
    return code
