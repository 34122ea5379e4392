"""Sweeps with real encodes on real dask workers: resumed, killed, spread, and left alone."""

import contextlib
import dataclasses
import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from workbench.encoders import results, sources, sweep
from workbench.encoders.clips import Shape
from workbench.encoders.grid import Cell
from workbench.errors import Infrastructure, Refused

TINY = Shape(frames=12, width=96, height=64)
KILLS = 10


def cells(recipes=("bare", "bframes=0"), names=("pan", "screen")):
    return [
        Cell(name, "libx264", "vbr", "ultrafast", quality, recipe)
        for name in names
        for recipe in recipes
        for quality in (30.0, 60.0, 90.0)
    ]


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    return sources.clips(sources.default(folder, ["pan", "screen"]), folder, TINY)


@pytest.fixture
def plan(clips):
    return lambda *asked, **how: sweep.Plan(asked or cells(), clips, TINY, "test", **how)


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_cell_gets_a_row_and_none_is_encoded_again(plan, tmp_path):
    shown = []
    done = sweep.run(plan(), tmp_path, workers=1, progress=lambda *now: shown.append(now))
    assert (done.cells, done.measured, done.failed, done.left, done.fresh) == (12, 12, 0, 0, 12)
    assert shown[-1] == ("sweep", 12, 12)
    rows = lines(tmp_path / results.CELLS)
    assert len({row["cell_id"] for row in rows}) == 12
    assert {row["frames"] for row in rows} == {12}
    assert done.workers_cpu_s > 0
    before = (tmp_path / results.CELLS).read_bytes()
    again = sweep.run(plan(), tmp_path, workers=1)
    assert (again.measured, again.fresh) == (12, 0)
    assert (tmp_path / results.CELLS).read_bytes() == before
    assert sweep.status(tmp_path).measured == 12


def test_a_failure_is_a_row_in_ffmpegs_words_and_is_tried_again_on_request(plan, tmp_path):
    wrong = Cell("pan", "libx264", "vbr", "ultrafast", 30.0, "nonsense=1")
    done = sweep.run(plan(wrong, *cells()[:1]), tmp_path, workers=1)
    assert (done.measured, done.failed) == (1, 1)
    (failure,) = results.failures(tmp_path).values()
    assert failure.cell == wrong
    assert "nonsense" in failure.error
    assert sweep.run(plan(wrong, *cells()[:1]), tmp_path, workers=1).fresh == 0
    again = sweep.run(plan(wrong, *cells()[:1], retry_failed=True), tmp_path, workers=1)
    assert (again.fresh, again.failed) == (1, 1)
    assert len(lines(tmp_path / results.FAILURES)) == 2


def test_a_sweep_has_one_writer(plan, tmp_path):
    with (
        results.writing(tmp_path),
        pytest.raises(Infrastructure, match="another process is running"),
    ):
        sweep.run(plan(), tmp_path, workers=1)


def test_a_line_that_is_no_result_is_named(tmp_path):
    (tmp_path / results.CELLS).write_text('{"cell_id": "a"}\n{"cell": 1}\n')
    with pytest.raises(Infrastructure, match="line 2 is no result"):
        results.measured(tmp_path)


def test_a_failure_that_is_none_is_named(tmp_path):
    (tmp_path / results.FAILURES).write_text('{"cell_id": "z"}\n')
    with pytest.raises(Infrastructure, match="line 1 is no failure of a cell"):
        results.failures(tmp_path)


def test_status_counts_what_was_asked_last(plan, tmp_path):
    sweep.run(plan(*cells()[:2]), tmp_path, workers=1)
    sweep.run(plan(cells()[5]), tmp_path, workers=1)
    found = sweep.status(tmp_path)
    assert (found.cells, found.measured, found.left) == (1, 1, 0)
    assert len(lines(tmp_path / results.CELLS)) == 3


def test_rows_of_another_ffmpeg_are_not_mixed_in(plan, tmp_path, monkeypatch):
    sweep.run(plan(*cells()[:1]), tmp_path, workers=1)
    monkeypatch.setattr(sweep.ffmpeg, "build", lambda: "another")
    with pytest.raises(Refused, match="give --out another folder"):
        sweep.run(plan(*cells()[:1]), tmp_path, workers=1)


def test_a_worker_that_is_not_fit_ends_the_sweep_and_fails_no_cell(plan, tmp_path, clips):
    gone = dataclasses.replace(clips["pan"], path=str(tmp_path / "gone.y4m"))
    broken = dataclasses.replace(plan(), clips={**clips, "pan": gone})
    with pytest.raises(Infrastructure, match=r"a worker cannot go on: .*does not see the clip"):
        sweep.run(broken, tmp_path / "out", workers=1)
    assert not (tmp_path / "out" / results.FAILURES).exists()


def test_what_a_killed_sweep_was_encoding_goes(plan, tmp_path):
    left = tmp_path / results.SCRATCH / "workbench-dead"
    left.mkdir(parents=True)
    (left / "encoded.mkv").touch()
    sweep.run(plan(*cells()[:1]), tmp_path, workers=1)
    assert not (tmp_path / results.SCRATCH).exists()


def test_a_folder_without_a_sweep_is_said_to_have_none(tmp_path):
    with pytest.raises(Infrastructure, match="holds no sweep"):
        sweep.status(tmp_path)


def started(out, sources_folder):
    """The command in a process group of its own, with a grid of 24 cells."""
    grid = out.parent / "grid.toml"
    grid.write_text(
        '[[slices]]\ncodec = "libx264"\nrc_modes = ["vbr"]\npresets = ["ultrafast"]\n'
        'recipes = ["bare", "bframes=0", "psy=0"]\nqualities = [30, 40, 50, 60]\n'
    )
    # A background job of a shell ignores Ctrl-C, and its children would too.
    main = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from workbench.cli import main; main()"
    )
    command = [sys.executable, "-c", main, "sweep", "run", "--workers", "2"]
    return subprocess.Popen(
        [*command, "--grid", str(grid), "--sources", str(sources_folder), "--out", str(out)],
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture
def own(clips, tmp_path):
    folder = tmp_path / "clips of mine"
    folder.mkdir()
    for name, clip in clips.items():
        (folder / f"{name}.y4m").symlink_to(clip.path)
    return folder


def test_ten_kills_lose_nothing_and_repeat_nothing(own, tmp_path):
    out, rng = tmp_path / "sweep", random.Random(5)
    for _ in range(KILLS):
        process = started(out, own)
        # From before the first cell to well into the encodes.
        time.sleep(rng.uniform(0.5, 7.0))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if (out / results.CELLS).exists():
            results.measured(out)  # readable at any moment
    process = started(out, own)
    said, _ = process.communicate()
    assert process.returncode == 0, said
    ids = [row["cell_id"] for row in lines(out / results.CELLS)]
    assert len(ids) == len(set(ids)) == 24


def test_control_c_leaves_no_process(own, tmp_path):
    process = started(tmp_path / "sweep", own)
    deadline = time.monotonic() + 60
    while not (tmp_path / "sweep" / results.CELLS).exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert not results.failures(tmp_path / "sweep")  # the cells it was at did not fail
    deadline = time.monotonic() + 20
    while members(process.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not members(process.pid)


def members(session):
    """Processes of a session that still run."""
    found = subprocess.run(
        ["ps", "-o", "pid=,stat=", "-s", str(session)], capture_output=True, text=True, check=False
    ).stdout
    return [line for line in found.splitlines() if "Z" not in line.split()[1]]


@pytest.fixture
def cluster(tmp_path):
    """A scheduler and two workers, each started by hand as on another machine."""
    file = tmp_path / "scheduler.json"
    quiet = {**os.environ, "DASK_LOGGING__DISTRIBUTED": "critical"}
    started = []

    def start(*arguments):
        process = subprocess.Popen(
            [sys.executable, "-m", "dask", *arguments, "--scheduler-file", str(file)],
            env=quiet,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        started.append(process)
        return process

    scheduler = start("scheduler", "--port", "0", "--no-dashboard", "--host", "127.0.0.1")
    worker = ("worker", "--nthreads", "1", "--no-dashboard", "--no-nanny")
    workers = [start(*worker) for _ in range(2)]
    deadline = time.monotonic() + 60
    while not file.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    yield json.loads(file.read_text())["address"], scheduler, workers
    for process in started:
        process.kill()
        process.wait()


def test_a_worker_of_another_scheduler_may_die_midway(plan, tmp_path, cluster):
    address, _, workers = cluster

    def kill(phase, done, total):
        if done == 3:
            workers[0].kill()

    done = sweep.run(plan(), tmp_path / "sweep", scheduler=address, progress=kill)
    assert (done.measured, done.failed) == (12, 0)
    ids = [row["cell_id"] for row in lines(tmp_path / "sweep" / results.CELLS)]
    assert len(ids) == len(set(ids)) == 12


def test_a_scheduler_that_disappears_is_said_and_loses_nothing(plan, tmp_path, cluster):
    address, scheduler, _ = cluster

    def kill(phase, done, total):
        if done == 3:
            scheduler.kill()

    with pytest.raises(Infrastructure, match="the dask scheduler is gone; what was measured"):
        sweep.run(plan(), tmp_path / "sweep", scheduler=address, progress=kill)
    assert len(results.measured(tmp_path / "sweep")) >= 3
    assert sweep.run(plan(), tmp_path / "sweep", workers=1).measured == 12


def test_no_scheduler_is_one_line(plan, tmp_path, monkeypatch):
    monkeypatch.setattr(sweep, "CONNECT_S", 1)
    with pytest.raises(Infrastructure, match="no dask scheduler answers at"):
        sweep.run(plan(), tmp_path, scheduler="tcp://127.0.0.1:9")
