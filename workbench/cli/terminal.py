"""Text for a terminal."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator


def visible(text: str) -> str:
    r"""Spell out what a terminal would act on instead of showing: escapes, bells, surrogates.

    Examples
    --------
    >>> visible("clears the line: \x1b[2K")
    'clears the line: \\x1b[2K'
    """
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )


def end_as_by_control_c() -> None:
    """Have a terminal that goes away, and ``kill``, end a command as Ctrl-C does: tidily."""
    for end in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(end) != signal.SIG_IGN:  # but for nohup
            signal.signal(end, signal.default_int_handler)


@contextlib.contextmanager
def progress_bar(*, quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """Yield ``progress(phase, done, total)``: a bar on stderr where there is a person to see it."""
    if quiet or not sys.stderr.isatty():
        yield lambda phase, done, total: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=None)
        yield lambda phase, done, total: bar.update(
            task, description=phase, completed=done, total=total or None
        )


@contextlib.contextmanager
def waiting(phrase: str, *, quiet: bool) -> Iterator[None]:
    """Show that something goes on of which nobody knows how long it takes."""
    with progress_bar(quiet=quiet) as show:
        show(phrase, 0, 0)
        yield


@contextlib.contextmanager
def rate_bar(*, quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """Yield a progress that also says how many a second there are and when the last will be.

    Where nobody looks at a terminal, a line a minute on stderr.
    """
    if quiet:
        yield lambda phase, done, total: None
        return
    from tqdm import tqdm

    seen = sys.stderr.isatty()
    with tqdm(
        unit="cell",
        mininterval=0.2 if seen else 60,
        smoothing=0.05,
        dynamic_ncols=seen,
        ascii=not seen,
        leave=False,
    ) as bar:

        def show(phase: str, done: int, total: int) -> None:
            if bar.total is None:  # cells of an earlier run count for nothing in the rate
                bar.total, bar.initial = total, done - 1
                bar.n = bar.last_print_n = done - 1
            bar.set_description(phase, refresh=False)
            bar.update(done - bar.n)

        yield show
