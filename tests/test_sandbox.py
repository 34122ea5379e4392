"""What a runner may do, tried from inside one by a kernel that no policy has seen."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from workbench import builds, child, forkserver, lane, runner, sandbox, targets

PQ = targets.find_root() / "targets" / "pq_l2"
UPSTREAM_SOURCE = (PQ / "upstream.py").read_text()
OVERRUN_SOURCE = UPSTREAM_SOURCE.replace("out[:] = 0.0", "out[0] = codes[0, rows]")

# Goes before a kernel: `attempt` notes what became of a call, `told` prints it all.
PREFACE = """
import ctypes, errno, json, os, resource, socket, subprocess, tempfile, threading, time
found = {}
def attempt(name, call, *args):
    try:
        found[name] = repr(call(*args))
    except OSError as error:
        found[name] = errno.errorcode[error.errno]
    except RuntimeError as error:
        found[name] = str(error)
def told():
    os.write(1, json.dumps(found).encode())
"""

# Two words for each layer: what is probed in this process would stay with the tests.
ASK = """
import json
from pathlib import Path
from workbench import sandbox
layers = sandbox.confine([], Path.cwd() / "cache", 6 << 30)
print(json.dumps({layer.name: [layer.in_force, layer.detail] for layer in layers}))
"""


def asked(folder, before="", after=""):
    """What a process of its own says of its layers, between other lines of code."""
    command = [sys.executable, "-c", before + ASK + after]
    environment = {**os.environ, "PYTHONPATH": str(sandbox.PACKAGE.parent)}
    answer = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    return [json.loads(line) for line in answer.stdout.splitlines()]


@pytest.fixture(scope="module")
def layers(tmp_path_factory):
    return asked(tmp_path_factory.mktemp("layers"))[0]


@pytest.fixture
def landlock(layers):
    in_force, why = layers["landlock"]
    if not in_force:
        pytest.skip(f"no landlock on this machine: {why}")


@pytest.fixture
def seccomp(layers):
    in_force, why = layers["seccomp"]
    if not in_force:
        pytest.skip(f"no seccomp on this machine: {why}")


@pytest.fixture(scope="module")
def server():
    server = forkserver.ForkServer()
    yield server
    server.close()


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project of one target."""
    root = tmp_path_factory.mktemp("project")
    shutil.copytree(PQ, root / "targets" / "pq_l2")
    (root / "reports" / "trials").mkdir(parents=True)
    return root


@pytest.fixture(scope="module")
def loads(project):
    return targets.load("pq_l2", project).inputs.workloads(np.random.default_rng(1))[:1]


@pytest.fixture
def load(server, project, loads):
    """``load(source)`` gives a lane of one combo whose runner has loaded that kernel."""
    target = targets.load("pq_l2", project)
    opened = []

    def start(source, server=server, **options):
        staged = builds.stage(project, "sandbox", source)
        core = max(os.sched_getaffinity(0))
        opened.append(lane.Lane(server, target, staged, lane.plan(loads), [core], **options))
        opened[-1].runner.receive()
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def probe(load, script, **options):
    """What `script`'s attempts come to in a runner."""
    one = load(f"{PREFACE}{script}\ntold()\n{UPSTREAM_SOURCE}", **options)
    return json.loads(one.runner.output())


def answers(one):
    """Have one request answered, rightly."""
    (load,) = one.plan.workloads
    requests = load.requests(np.random.default_rng(2), 1)
    one.runner.bind(0)
    one.offer(0, requests)
    one.runner.prepare(0, 1)
    one.runner.turn(0)
    found = one.answers(0, 1)["out"]
    fixture = load.fixture
    truth = targets.load("pq_l2").reference
    state = truth.setup(*(fixture[name] for name in ("codebook", "codes")))
    table = np.empty(fixture["codebook"].shape[:2], np.float32)
    wanted = np.empty_like(found[0])
    truth.distance_table(state, requests["query"][0], table)
    truth.distances(state, table, wanted)
    assert np.allclose(found[0], wanted, rtol=1e-5)


def test_nothing_of_the_judge_is_written(load, project, landlock):
    target = project / "targets" / "pq_l2"
    ledger = target / "results.tsv"
    ledger.write_text("kept\n")
    record = project / "reports" / "trials" / "one.json"
    record.write_text("{}")
    rival = builds.stage(project, "sandbox", UPSTREAM_SOURCE + "# the incumbent\n")
    (rival.parent / "numba").mkdir(exist_ok=True)
    places = {
        "ledger": ledger,
        "record": record,
        "candidate": target / "kernels.py",
        "truth": target / "reference.py",
        "package": sandbox.PACKAGE / "judge.py",
        "rival": rival,
        "rival's cache": rival.parent / "numba" / "poison",
        "trial": project / "reports" / "trials" / "forged.json",
        "temporary": Path("/tmp") / "forged",
        "root": Path("/") / "forged",
    }
    script = f"places = { ({name: str(path) for name, path in places.items()}) }\n"
    script += f"ledger, record = {str(ledger)!r}, {str(record)!r}\n"
    script += """
for name, path in places.items():
    attempt(name, open, path, "ab")
attempt("beside", open, __file__ + ".py", "wb")
attempt("audited", os.mkdir, os.environ["NUMBA_CACHE_DIR"] + "-bounds")
attempt("truncate", os.truncate, ledger, 0)
attempt("unlink", os.unlink, ledger)
attempt("rename", os.rename, ledger, record)
attempt("take", os.rename, ledger, os.environ["NUMBA_CACHE_DIR"] + "/ledger")
attempt("link", os.link, ledger, os.environ["NUMBA_CACHE_DIR"] + "/ledger")
attempt("symlink", os.symlink, ledger, os.environ["NUMBA_CACHE_DIR"] + "/ledger")
"""
    found = probe(load, script)
    assert found.pop("take") in ("EACCES", "EXDEV")
    assert found.pop("link") in ("EACCES", "EXDEV")
    assert found == dict.fromkeys(found, "EACCES")
    assert len(found) == len(places) + 6
    assert ledger.read_text() == "kept\n"


def test_its_own_cache_is_written(load):
    script = """
cache = os.environ["NUMBA_CACHE_DIR"]
attempt("folder", tempfile.gettempdir)
with tempfile.NamedTemporaryFile("w", delete=False) as file:
    file.write("x")
attempt("replace", os.replace, file.name, cache + "/kept")
attempt("truncate", os.truncate, cache + "/kept", 0)
attempt("unlink", os.unlink, cache + "/kept")
attempt("null", os.close, os.open("/dev/null", os.O_WRONLY))
found["cache"] = cache
"""
    found = probe(load, script)
    cache = found.pop("cache")
    assert Path(cache).name == "numba"
    assert found.pop("folder") == repr(cache)
    assert found == dict.fromkeys(found, "None")


def test_only_what_its_job_needs_is_read(load, project, landlock):
    rival = builds.stage(project, "sandbox", UPSTREAM_SOURCE + "# the incumbent\n")
    target = project / "targets" / "pq_l2"
    (target / "results.tsv").write_text("kept\n")
    denied = [target / name for name in ("reference.py", "upstream.py", "kernels.py", "inputs.py")]
    denied += [target, target / "results.tsv", rival, rival.parent, project, Path("/etc/passwd")]
    denied += [Path(f"/proc/{os.getpid()}/cmdline"), Path("/proc/self/environ"), Path.home()]
    script = f"""
for path in {[*map(str, denied)]}:
    attempt(path, os.open, path, os.O_RDONLY)
"""
    found = probe(load, script)
    assert found == {str(path): "EACCES" for path in denied}
    allowed = [target / "bench.py", sandbox.PACKAGE / "simd", Path(np.__file__)]
    found = probe(
        load,
        f"for path in [{', '.join(repr(str(p)) for p in allowed)}, __file__]:\n"
        "    attempt(path, lambda: os.close(os.open(path, os.O_RDONLY)))\n",
    )
    assert list(found.values()) == ["None"] * 4


def test_no_path_of_python_leads_to_the_project():
    root = targets.find_root()
    assert not [path for path in sandbox.python_folders() if root.is_relative_to(path.resolve())]


def test_a_path_that_cannot_be_opened_loses_no_layer(tmp_path, layers):
    (tmp_path / "loop").symlink_to("loop")
    paths = ["/etc/passwd/x", "loop", "x" * 300, "y" * 5000, "gone"]
    before = "from workbench import sandbox\nconfine = sandbox.confine\n"
    before += f"sandbox.confine = lambda _, *rest: confine({paths}, *rest)\n"
    after = "try:\n    open('/etc/passwd')\nexcept PermissionError:\n    print(1)\n"
    found, *held = asked(tmp_path, before, after)
    assert found == layers
    assert held == [1] * layers["landlock"][0]


WARM = """
import json, sys
from pathlib import Path
from workbench import runner
runner.warm_up()
before = {*sys.modules}
job = {"kernels": "k", "bench": "b", "cache_dir": "cache", "bounds": False}
runner.confine({**job, "query": False, "libopus": True, "max_bytes": 6 << 30})
print(json.dumps(sorted({*sys.modules} - before)))
"""


def test_confining_imports_nothing_in_each_runner(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(sandbox.PACKAGE.parent)}
    found = subprocess.check_output([sys.executable, "-c", WARM], cwd=tmp_path, env=environment)
    assert json.loads(found) == []


def test_no_process_no_thread_no_network(load, seccomp):
    script = """
attempt("fork", os.fork)
attempt("run", subprocess.run, ["/bin/true"])
attempt("spawn", os.posix_spawn, "/bin/true", ["true"], {})
attempt("exec", os.execv, "/bin/true", ["true"])
attempt("thread", threading.Thread(target=time.sleep, args=(0,)).start)
attempt("socket", socket.socket)
attempt("pair", socket.socketpair)
attempt("unix", socket.socket, socket.AF_UNIX)
"""
    found = probe(load, script)
    assert found.pop("thread") == "can't start new thread"
    assert found == dict.fromkeys(found, "EPERM")


def test_the_processes_around_it_are_out_of_reach(load, seccomp):
    script = f"""
for who, pid in (("server", os.getppid()), ("judge", {os.getpid()})):
    attempt(who + " kill", os.kill, pid, 0)
    attempt(who + " limits", resource.prlimit, pid, resource.RLIMIT_CPU)
    attempt(who + " share", os.setpriority, os.PRIO_PROCESS, pid, 19)
    attempt(who + " core", os.sched_setaffinity, pid, [0])
    attempt(who + " descriptors", os.pidfd_open, pid)
attempt("all", os.kill, -1, 0)
attempt("arena", os.ftruncate, 0, 0)
attempt("its core", os.sched_setaffinity, 0, os.sched_getaffinity(0))
"""
    found = probe(load, script)
    assert found == dict.fromkeys(found, "EPERM")
    assert len(found) == 13


def test_signals_are_stopped_twice(landlock, layers, tmp_path):
    if "signals" not in layers["landlock"][1]:
        pytest.skip("this landlock knows no signals")
    before = "import sys\nsys.modules['pyseccomp'] = None\n"
    after = "import os\ntry:\n    os.kill(os.getppid(), 0)\nexcept PermissionError:\n    print(1)\n"
    found, held = asked(tmp_path, before, after)
    assert not found["seccomp"][0]
    assert held == 1


def test_every_denied_call_is_denied(load, seccomp):
    """Each is made with arguments that are no good, so that one let through does nothing."""
    script = """
import pyseccomp
from workbench import sandbox
libc = ctypes.CDLL(None, use_errno=True)
let_through = found["let through"] = []
for name in sandbox.DENIED:
    number = pyseccomp.resolve_syscall(0, name)
    if number == -1:
        number = sandbox.NUMBERS.get(name, -1)
    if number < 0:
        continue
    found["tried"] = found.get("tried", 0) + 1
    if libc.syscall(number, -1, -1, -1, -1, -1, -1) != -1 or ctypes.get_errno() != errno.EPERM:
        let_through.append(name)
for name, args in (
    ("perf_event_open", (0, 1, -1, -1, 0)),
    ("prlimit64", (1, 0, 0, 0)),
    ("prctl", (1, 0)),
    ("prctl", (1 + (1 << 32), 0)),
    ("fcntl", (1, 8, 1)),
    ("fcntl", (1, 10 + (1 << 32), 9)),
):
    ctypes.set_errno(0)
    libc.syscall(ctypes.c_long(pyseccomp.resolve_syscall(0, name)), *map(ctypes.c_long, args))
    if ctypes.get_errno() != errno.EPERM:
        let_through.append(name)
"""
    found = probe(load, script)
    assert found["let through"] == []
    assert found["tried"] > 80


def test_what_a_runner_needs_is_left(load):
    """Its own counters and limits, its own end; and it still dies with its judge."""
    script = """
attempt("limits", resource.prlimit, 0, resource.RLIMIT_CPU)
fate = ctypes.c_int()
ctypes.CDLL(None).prctl(2, ctypes.byref(fate))
found["fate"] = fate.value
"""
    one = load(f"{PREFACE}{script}\ntold()\n{UPSTREAM_SOURCE}")
    found = json.loads(one.runner.output())
    assert found["limits"].startswith("(")
    assert found["fate"] == signal.SIGKILL
    answers(one)
    assert one.runner.measure(0)["allocations"] == 0
    assert one.runner.peak_rss_mb() > 0


def test_limits_and_privileges(load):
    one = load(f"""{PREFACE}
for name in ("AS", "CORE", "FSIZE", "NOFILE", "NPROC", "MEMLOCK"):
    found[name] = resource.getrlimit(getattr(resource, "RLIMIT_" + name))
told()
{UPSTREAM_SOURCE}""")
    found = json.loads(one.runner.output())
    wanted = {
        **{"AS": forkserver.MAX_RUNNER_BYTES, "CORE": 0, "FSIZE": 64 << 20},
        **{"NOFILE": sandbox.MAX_OPEN_FILES, "NPROC": 0, "MEMLOCK": 0},
    }
    assert all(tuple(found[name]) <= (most, most) for name, most in wanted.items())
    status = Path(f"/proc/{one.runner.pid}/status").read_text()
    lines = dict(line.split(":\t", 1) for line in status.splitlines())
    assert lines["NoNewPrivs"] == "1"
    for held in ("CapPrm", "CapEff", "CapInh"):
        assert int(lines[held], 16) & ~sandbox.KEPT_CAPABILITIES == 0


def test_what_a_kernel_may_not_do_is_the_kernels_fault(load, landlock):
    with pytest.raises(child.CandidateFailure) as caught:
        load(f"open('/etc/passwd')\n{UPSTREAM_SOURCE}")
    assert caught.value.reason == "incorrect"
    assert "PermissionError" in str(caught.value)


def test_the_audited_build_compiles_and_checks_bounds(load, project):
    one = load(UPSTREAM_SOURCE, bounds=True)
    answers(one)
    folder = Path(builds.stage(project, "sandbox", UPSTREAM_SOURCE)).parent
    assert list((folder / "numba-bounds").rglob("*.nbc"))
    one = load(OVERRUN_SOURCE, bounds=True)
    with pytest.raises(child.CandidateFailure, match="IndexError"):
        answers(one)


OFF = """
import runpy, sys
sys.modules["landlockpy"] = sys.modules["pyseccomp"] = None
runpy.run_path({script!r}, run_name="__main__")
"""


def test_a_machine_that_offers_nothing_still_judges(load, tmp_path, monkeypatch):
    script = tmp_path / "runner.py"
    script.write_text(OFF.format(script=runner.__file__))
    monkeypatch.setattr(runner, "__file__", str(script))
    bare = forkserver.ForkServer()
    try:
        one = load(UPSTREAM_SOURCE, server=bare)
        answers(one)
        status = Path(f"/proc/{one.runner.pid}/status").read_text()
        assert "Seccomp:\t0\n" in status
        assert "NoNewPrivs:\t1\n" in status  # asks nothing of the machine
    finally:
        bare.close()


@pytest.mark.parametrize(
    ("before", "name", "why"),
    [
        ("import sys; sys.modules['landlockpy'] = None\n", "landlock", "landlockpy"),
        ("import sys; sys.modules['pyseccomp'] = None\n", "seccomp", "pyseccomp"),
        (
            "import ctypes.util; ctypes.util.find_library = lambda _: None\n",
            *("seccomp", "Unable to find libseccomp"),
        ),
        # calls that no kernel has
        (
            "import landlockpy; landlockpy._syscall.SYS_CREATE_RULESET = 9999\n",
            *("landlock", os.strerror(errno.ENOSYS)),
        ),
        (
            "from workbench import sandbox; sandbox.SECCOMP_SET_MODE_FILTER = 99\n",
            *("seccomp", os.strerror(errno.EINVAL)),
        ),
    ],
)
def test_a_layer_that_is_not_to_be_had_says_why(before, name, why, tmp_path, layers):
    (found,) = asked(tmp_path, before)
    assert found[name][0] is False
    assert why in found[name][1]
    assert {n: f for n, f in found.items() if n != name} == {
        n: f for n, f in layers.items() if n != name
    }


def test_here_limits_and_privileges_are_in_force(layers):
    assert layers["limits"][0]
    assert layers["privileges"][0]
