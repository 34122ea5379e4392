"""Run a grid on dask workers: resumable, one writer, every result on disk as it falls."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.encoders import results
from workbench.encoders.clips import Clip, Shape
from workbench.encoders.grid import Cell
from workbench.encoders.measure import Failure, Row, Task, address, measure
from workbench.errors import Infrastructure, Refused, WorkbenchError
from workbench.upstreams import ffmpeg

if TYPE_CHECKING:
    from distributed import Client

# Waiting for a worker beside the one it works on; more would sit in the scheduler's memory.
AHEAD = 3
CONNECT_S = 10
# A cell whose worker dies so often takes workers with it: it is a failure.
DEATHS = 3
GONE = (
    "the dask scheduler is gone; what was measured is on disk, and the same command goes on "
    "from there"
)
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Plan:
    """A sweep as asked.

    Attributes
    ----------
    cells : sequence of Cell
        All.
    clips : mapping of str to Clip
        By source.
    shape : Shape
        How they were cut.
    grid, retry_failed, timeout_s
        What it is called; whether failures are tried again; seconds for each run of ffmpeg.
    """

    cells: Sequence[Cell]
    clips: Mapping[str, Clip]
    shape: Shape
    grid: str
    retry_failed: bool = False
    timeout_s: float = ffmpeg.TIMEOUT_S

    def tasks(self, scratch: str | None = None) -> dict[str, Task]:
        """Every cell by its address; equal cells are one."""
        build = ffmpeg.build()
        found = {}
        for cell in self.cells:
            clip = self.clips[cell.source]
            cell_id = address(cell, clip, build)
            found[cell_id] = Task(cell, clip, cell_id, build, self.timeout_s, scratch)
        return found


@dataclass(frozen=True)
class Done:
    """How a sweep stands.

    Attributes
    ----------
    cells, measured, failed : int
        Asked for; with a row; without one, but a failure.
    fresh : int
        Results of this run.
    seconds : float
        Of this run.
    workers_cpu_s : float
        CPU time of this run's processes beside encoders and scorers; NaN where unknown.
    """

    cells: int
    measured: int
    failed: int
    fresh: int = 0
    seconds: float = 0.0
    workers_cpu_s: float = float("nan")

    @property
    def left(self) -> int:
        """Cells that neither succeeded nor failed yet."""
        return self.cells - self.measured - self.failed


def ignore_progress(phase: str, done: int, total: int) -> None:
    """Show nothing."""


def run(
    plan: Plan,
    folder: Path,
    *,
    scheduler: str | None = None,
    workers: int | None = None,
    progress: Progress = ignore_progress,
) -> Done:
    """Measure what a sweep lacks.

    Parameters
    ----------
    folder : Path
        Of the sweep: rows in ``cells.jsonl``, failures in ``failures.jsonl``. One that holds rows
        is continued: no cell that has one is encoded again.
    scheduler : str, optional
        Address of a running dask scheduler; without it, processes of this machine.
    workers : int, optional
        How many of these; default one a core.

    Raises
    ------
    Infrastructure
        If another process writes this sweep, the disk is full, or the scheduler is gone. What was
        measured stays.
    """
    # Others' machines have folders of their own for what they encode.
    scratch = folder / results.SCRATCH if scheduler is None else None
    tasks = plan.tasks(str(scratch.absolute()) if scratch else None)
    with results.writing(folder):
        if scratch:
            scratch.mkdir()
        _check_continued(plan, folder)
        results.write_plan(folder, _described(plan, list(tasks)))
        done = results.measured(folder) & tasks.keys()
        failed = results.failures(folder).keys() & tasks.keys()
        skipped = done if plan.retry_failed else done | failed
        left = [task for cell_id, task in tasks.items() if cell_id not in skipped]
        counts = {"measured": len(done), "failed": 0 if plan.retry_failed else len(failed)}
        begin, own_s, before = time.monotonic(), float("nan"), sum(counts.values())
        if left:
            with connected(scheduler, workers) as client:
                before_s = _cpu_s(client)
                for result in _results(client, left):
                    results.append(folder, result)
                    counts["failed" if isinstance(result, Failure) else "measured"] += 1
                    words = f"sweep, {counts['failed']} failed" if counts["failed"] else "sweep"
                    progress(words, sum(counts.values()), len(tasks))
                own_s = _cpu_s(client) - before_s
        return Done(
            len(tasks),
            **counts,
            fresh=sum(counts.values()) - before,
            seconds=time.monotonic() - begin,
            workers_cpu_s=own_s,
        )


def status(folder: Path) -> Done:
    """How a sweep stands, from its folder alone; it may be running."""
    plan = results.read_plan(folder)
    asked = set(plan["ids"])
    failed = results.failures(folder).keys() & asked
    return Done(plan["cells"], len(results.measured(folder) & asked), len(failed))


@contextlib.contextmanager
def connected(scheduler: str | None, workers: int | None) -> Iterator[Client]:
    """Connect to a scheduler, or start one with its workers for as long as the block lasts.

    Raises
    ------
    Infrastructure
        If no scheduler answers.
    """
    import dask
    from distributed import Client, LocalCluster

    for name in ("distributed", "distributed.client", "distributed.nanny"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what matters is raised or a row
    with contextlib.ExitStack() as stack:
        stack.enter_context(dask.config.set({"distributed.scheduler.allowed-failures": DEATHS}))
        if scheduler is None:
            cluster = LocalCluster(
                n_workers=workers or len(os.sched_getaffinity(0)),
                threads_per_worker=1,
                # None would be port 8787 all the same, which another sweep may have.
                dashboard_address="127.0.0.1:0",
                memory_limit=0,
                silence_logs=logging.CRITICAL,
            )
            address: object = stack.enter_context(cluster)
        else:
            address = scheduler
        try:
            client = Client(address, timeout=CONNECT_S)
        except (OSError, ValueError) as error:
            raise Infrastructure(f"no dask scheduler answers at {scheduler}: {error}") from error
        stack.enter_context(client)
        try:
            client.wait_for_workers(1, timeout=CONNECT_S)
        except TimeoutError as error:
            raise Infrastructure(
                f"the dask scheduler at {scheduler} has no worker: dask worker {scheduler}"
            ) from error
        if scheduler is None:
            client.run(_ignore_interrupts)
        yield client


def _ignore_interrupts() -> None:
    """In a worker: Ctrl-C is for the process that waits for results, and ends the workers."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _results(client: Client, left: Sequence[Task]) -> Iterator[Row | Failure]:
    """Results as they come; only so many tasks are given away that no worker waits."""
    from distributed import as_completed

    waiting = iter(left)
    running: dict[str, Task] = {}

    def give(task: Task) -> Any:
        running[task.cell_id] = task
        return client.submit(measure, task, key=f"cell-{task.cell_id}", pure=False)

    coming = as_completed([give(task) for task in itertools.islice(waiting, _slots(client))])
    for future in coming:
        cell_id = future.key.removeprefix("cell-")
        task = running.pop(cell_id)
        if future.status in ("cancelled", "lost"):
            raise Infrastructure(GONE)
        if future.status == "finished":
            try:
                result = future.result()
            except OSError as error:
                raise Infrastructure(GONE) from error
            yield result
        else:
            why = future.exception()
            if isinstance(why, WorkbenchError | OSError):  # the next cell would fare no better
                raise Infrastructure(f"a worker cannot go on: {why}") from why
            yield Failure(cell_id, task.cell, f"its worker died or failed: {why!r}")
        future.release()
        # Workers come and go.
        for after in itertools.islice(waiting, max(0, _slots(client) - len(running))):
            coming.add(give(after))


def _slots(client: Client) -> int:
    try:
        return AHEAD * max(1, len(client.scheduler_info()["workers"]))
    except OSError as error:
        raise Infrastructure(GONE) from error


def _cpu_s(client: Client) -> float:
    """CPU time of the workers' own Python and of this process, which holds the scheduler."""

    def own() -> float:
        return time.process_time()

    workers: dict[str, float] = client.run(own)
    return time.process_time() + sum(workers.values())


def _check_continued(plan: Plan, folder: Path) -> None:
    """Refuse to put rows of another ffmpeg beside those that are there: they do not compare."""
    if not (folder / results.PLAN).exists():
        return
    was = results.read_plan(folder)["ffmpeg"]
    if was["build"] != ffmpeg.build() and results.measured(folder):
        raise Refused(
            f"{folder} was begun with ffmpeg {was['version']} (build {was['build']}), this is "
            f"{ffmpeg.version()} (build {ffmpeg.build()}): give --out another folder"
        )


def _described(plan: Plan, ids: list[str]) -> dict[str, Any]:
    return {
        "grid": plan.grid,
        "cells": len(ids),
        "ids": ids,
        "sources": {name: dataclasses.asdict(clip) for name, clip in plan.clips.items()},
        "shape": dataclasses.asdict(plan.shape),
        "ffmpeg": {"version": ffmpeg.version(), "build": ffmpeg.build()},
    }
