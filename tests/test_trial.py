"""Trials end to end on real processes, with kernels that are wrong, hostile or merely neutral."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from workbench import builds, child, forkserver, judge, lane, ledger, locks, record, targets, trial
from workbench.errors import Infrastructure, Refused, Usage
from workbench.setting import Options

UPSTREAM_SOURCE = (targets.find_root() / "targets" / "pq_l2" / "upstream.py").read_text()
UPSTREAM = Options(incumbent="upstream", seed=11)

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def edit(project, one_server):
    """Replace text of the project's kernel."""
    path = project / "targets" / "pq_l2" / "kernels.py"
    upstream = (path.parent / "upstream.py").read_text()

    def apply(*changes, source=upstream):
        for old, new in changes:
            assert old in source
            source = source.replace(old, new)
        path.write_text(source)

    return apply


def rows(project):
    return ledger.read(ledger.path(project / "targets" / "pq_l2", "performance"))


ADD = "out[i] += table[j, codes[j, i]]"
LAST = "out[:] = 0.0"
WRONG = {
    "off by 1e-3 in one element": (
        [(LAST, "out[:] = 0.0\n    if rows > 7:\n        out[7] = 1e-3")]
    ),
    "not a number": [(ADD, "out[i] += np.float32(np.nan)")],
    "infinity": [(ADD, "out[i] = np.float32(np.inf)")],
    "writes nothing": [(LAST, "return")],
    "writes a part": [("for i in range(rows)", "for i in range(rows - 1)")],
    "raises": [(LAST, "raise ValueError('no')")],
    "dies of a signal": [(LAST, "out[1 << 40] = 1.0")],
    "does not compile": [(LAST, "out.no_such_method()")],
}


@pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG)
def test_a_wrong_kernel_is_exit_2_and_says_where(project, edit, changes):
    edit(*changes)
    done = trial.run("pq_l2", UPSTREAM, root=project)
    assert (done.exit_code, done.reason) == (2, "incorrect")
    assert done.status in ("discard", "crash")
    assert done.failure.message
    assert done.ratio is None
    assert rows(project)[-1].ratio is None
    assert record.read(record.folder(project, done.id) / "trial.json") == done


def test_the_wrong_element_is_named(project, edit):
    edit(*WRONG["off by 1e-3 in one element"])
    done = trial.run("pq_l2", UPSTREAM, root=project)
    assert done.failure.index[-1] == 7
    assert done.failure.output == "out"
    assert done.failure.case.startswith("128x16x256/")
    assert done.failure.case in done.sentence


def test_twenty_gigabytes_are_over_memory(project, edit):
    edit(
        (
            "return codebook,",
            "big = np.ones(5 << 29)\n    codebook[0, 0, 0] += big[7] - 1\n    return codebook,",
        )
    )
    done = trial.run("pq_l2", UPSTREAM, root=project)
    assert (done.exit_code, done.status, done.reason) == (2, "crash", "over-memory")


def test_an_infinite_loop_is_over_budget(project, edit, monkeypatch):
    monkeypatch.setattr(judge, "ANSWER_SECONDS", 10.0)  # the rival compiles in less
    edit((LAST, "out[:] = 0.0\n    while rows > -1:\n        out[0] += 1.0"))
    done = trial.run("pq_l2", UPSTREAM, root=project)
    assert (done.exit_code, done.status, done.reason) == (3, "crash", "over-budget")
    assert "killed" in done.failure.message


REFUSED = {
    "forbidden import": [("import numpy as np", "import os\nimport numpy as np")],
    "missing function": [("def distances(", "def distance(")],
    "wrong signature": [("def distances(state, table, out)", "def distances(state, out, table)")],
}


@pytest.mark.parametrize("changes", REFUSED.values(), ids=REFUSED)
def test_policy_refuses_with_exit_4_and_a_row(project, edit, changes):
    edit(*changes)
    done = trial.run("pq_l2", UPSTREAM, root=project)
    assert (done.exit_code, done.status, done.reason) == (4, "discard", "policy")
    assert rows(project)[-1].reason == "policy"


def test_a_syntax_error_is_a_crash(project, edit):
    edit((LAST, "out[:] = = 0.0"))
    done = trial.run("pq_l2", UPSTREAM, root=project)
    assert (done.exit_code, done.status) == (2, "crash")


def test_a_kernel_that_allocates_is_discarded(project, edit):
    edit((LAST, "out[:] = np.zeros(rows, np.float32)"))
    done = trial.run("pq_l2", UPSTREAM, root=project)
    assert (done.exit_code, done.reason) == (1, "allocates")
    assert done.allocations >= 1


def test_skipping_repeated_requests_gains_nothing(project, edit):
    """The state remembers the last query; a repeated one would be answered for free."""
    edit(
        ("return codebook, np", "return np.zeros(1024, np.float32), codebook, np"),
        ("codebook = state[0]", "last, codebook = state[0], state[1]"),
        (
            "    for j in range(sub_vectors):\n        for c in",
            "    seen = True\n    for d in range(len(query)):\n"
            "        seen = seen and last[d] == query[d]\n        last[d] = query[d]\n"
            "    last[1000] = np.float32(seen)\n    if seen:\n        return\n"
            "    for j in range(sub_vectors):\n        for c in",
        ),
        ("codes = state[1]", "codes = state[2]"),
        (LAST, "if state[0][1000] > 0:\n        return\n    out[:] = 0.0"),
    )
    done = trial.run("pq_l2", UPSTREAM, root=project)
    assert done.status == "discard"
    assert done.ratio is None or done.ratio > 0.8  # answered for free: a small part of it


def test_baseline_then_trial_then_the_ledger_knows_both(project, edit):
    edit()
    first = trial.run("pq_l2", Options(mode="baseline", description="a\tb\nc"), root=project)
    assert (first.status, first.exit_code, first.description) == ("baseline", 0, "a b c")
    with pytest.raises(Usage, match="rebaseline"):
        trial.run("pq_l2", Options(mode="baseline"), root=project)
    second = trial.run("pq_l2", Options(), root=project)
    assert second.incumbent.origin == "baseline"
    assert second.calibration.processes == first.processes == 6
    assert second.status == "discard"
    assert [r.status for r in rows(project)] == ["baseline", "discard"]
    assert (record.folder(project, second.id) / "blocks.parquet").is_file()
    assert 0.5 < second.ratio_vs_upstream < 2  # it is upstream, on a machine that may be loud
    assert len(second.combos) == 9


def test_a_fresh_clone_races_the_kernel_of_its_merge_base(project):
    done = trial.run("pq_l2", root=project)
    assert done.incumbent.origin == "merge-base"
    assert done.incumbent.kernel_sha256 == done.kernel_sha256
    assert done.status == "discard"


def test_a_changed_judge_is_refused_and_leaves_no_row(project):
    path = project / "targets" / "pq_l2" / "reference.py"
    path.write_text("\n".join(path.read_text().splitlines()[:-1]))
    with pytest.raises(Refused, match=r"reference\.py"):
        trial.run("pq_l2", root=project)
    assert rows(project) == []


def test_a_candidate_target_is_refused_until_it_has_answers(project):
    path = project / "targets" / "pq_l2" / "target.toml"
    path.write_text(path.read_text().replace('status = "landed"', 'status = "candidate"'))
    with pytest.raises(Refused, match="candidate"):
        trial.run("pq_l2", root=project)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (Options(mode="fast"), "there are: trial, baseline"),
        (Options(focus="quality"), "no focus 'quality'"),
        (Options(incumbent="nonsense"), "'upstream' or a commit"),
    ],
)
def test_wrong_options_are_usage_errors(project, options, word):
    with pytest.raises(Usage, match=word):
        trial.run("pq_l2", options, root=project)


def test_two_trials_of_one_target_do_not_run_at_once(project):
    with (
        locks.exclusive(targets.load("pq_l2", project)),
        pytest.raises(Infrastructure, match="another trial"),
    ):
        trial.run("pq_l2", root=project)


@pytest.mark.parametrize("phase", ["correctness", "timing"])
def test_interrupting_leaves_no_process_and_no_row(project, phase):
    def interrupt(name, done, total):
        if name == phase:
            raise KeyboardInterrupt

    # What earlier tests of this process left (a resource tracker lives as long as it does).
    processes, threads = children_of(os.getpid()), threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        trial.run("pq_l2", root=project, progress=interrupt)
    assert rows(project) == []
    assert not [p for p in (project / "reports" / "trials").iterdir() if p.is_dir()]
    assert threading.active_count() <= threads
    assert set(children_of(os.getpid())) <= set(processes)


def test_killing_the_judge_leaves_no_process(project):
    script = "import workbench.trial as t; t.run('pq_l2')"
    environment = {**os.environ, "WORKBENCH_ROOT": str(project)}
    parent = subprocess.Popen([sys.executable, "-c", script], env=environment)
    # It imports and draws inputs first: where four others used the two cores 30 s were too few.
    deadline = time.monotonic() + 180
    try:
        while len(found := descendants_of(parent.pid)) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        parent.kill()
        parent.wait()
    assert len(found) >= 2
    deadline = time.monotonic() + 30
    while left := [pid for pid in found if parent_of(Path("/proc", str(pid)))]:
        assert time.monotonic() < deadline, left
        time.sleep(0.05)
    assert rows(project) == []


def test_the_seed_replays_the_inputs(project):
    first = trial.run("pq_l2", UPSTREAM, root=project)
    second = trial.run("pq_l2", UPSTREAM, root=project)
    assert first.seed == second.seed == 11
    assert trial.run("pq_l2", Options(incumbent="upstream"), root=project).seed != 11


def test_the_records_json_is_valid_under_its_published_schema(project):
    import jsonschema

    done = trial.run("pq_l2", root=project)
    document = json.loads(done.to_json())
    jsonschema.validate(document, record.json_schema())
    combo = {"shape", "distribution", "ratio", "ci_low", "ci_high"}
    times = {"candidate_ns", "incumbent_ns", "upstream_ns"}
    assert set(document["combos"][0]) == combo | times
    assert {"judge_sha256", "exit_code", "seed", "versions"} <= set(document)


@pytest.fixture
def bench(project):
    """A fork server and a watchdog on the project's target."""
    server, watchdog = forkserver.ForkServer(), child.Watchdog(30)
    core = max(os.sched_getaffinity(0))
    yield judge.Bench(server, watchdog, targets.load("pq_l2", project), core, lambda *a: None)
    watchdog.close()
    server.close()


def loaded(bench, source):
    """A lane of one combo that holds a kernel no policy has seen."""
    staged = builds.stage(bench.target.root, "tests", source)
    loads = bench.target.inputs.workloads(np.random.default_rng(1))[:1]
    return bench.lanes([staged], lane.plan(loads))


def test_what_a_kernel_prints_is_kept_apart_and_cannot_block_us(bench):
    noisy = "for i in range(50_000):\n    print('keep', i)\n" + UPSTREAM_SOURCE
    with loaded(bench, noisy) as (lane,):
        with pytest.raises(child.CandidateFailure) as caught:
            lane.runner.receive()
        assert "keep 1" in caught.value.output
        assert len(caught.value.output) <= child.OUTPUT_BYTES


def test_the_option_that_aligns_code_is_heeded(bench):
    with loaded(bench, UPSTREAM_SOURCE + f"# compiled afresh: {time.time()}\n") as (lane,):
        lane.runner.receive()
        lane.runner.bind(0)
        assert lane.runner.measure(0)["aligned"] is True


def descendants_of(pid):
    """Every living process below one."""
    return [p for c in children_of(pid) for p in (c, *descendants_of(c))]


def children_of(pid):
    return [int(p.name) for p in Path("/proc").glob("[0-9]*") if parent_of(p) == pid]


def parent_of(process):
    """The parent's number; None for what has ended or is a zombie."""
    try:
        state, parent, *_ = (process / "stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return None if state in "ZX" else int(parent)
