"""What tests that run trials need: a project of their own, and short measurements."""

import gc
import os
import shutil
import textwrap
from pathlib import Path
from types import SimpleNamespace

# Before numpy, and for every process that a test starts: docs/decisions/0023 says why.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import scheduling
from hypothesis import HealthCheck, settings
from repositories import git

from workbench import comparison, contest, forkserver, judge, stats

# numba makes objects by the million, and hardly any of them is rubbish that only a cycle holds.
gc.freeze()
gc.set_threshold(200_000, 10, 10)

CHECKOUT = Path(__file__).resolve().parents[1]
COPIED = ("targets", "notebooks", "snapshots", "pyproject.toml", ".gitignore")
# What a checkout has after use and git ignores, and what it measured of one host class.
LEFT_BEHIND = shutil.ignore_patterns(
    *("results*.tsv*", "lessons.md", "*calibration.json*", "guard.json"),
    *("__pycache__", ".ipynb_checkpoints"),
)

# How long an example takes is the machine's affair; the rest is as hypothesis has it, also in CI.
settings.register_profile(
    "any machine",
    parent=settings(),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("any machine")


def pytest_xdist_make_scheduler(config, log):
    config.option.loadscopereorder = False  # it goes by the number of tests
    return scheduling.ByCompiledCode(config, log)


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: scheduling.begin(item.nodeid))


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    """The committed project that `project` copies."""
    root = tmp_path_factory.mktemp("template")
    for name in COPIED:
        source = CHECKOUT / name
        if source.is_dir():
            shutil.copytree(source, root / name, ignore=LEFT_BEHIND)
        else:
            shutil.copy2(source, root / name)
    (root / "reports" / "trials").mkdir(parents=True)
    (root / "reports" / "trials" / ".gitkeep").touch()
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message=The checkout as it is")
    return root


@pytest.fixture
def project(template, tmp_path_factory, monkeypatch) -> Path:
    """A fresh project whose root is also ``$WORKBENCH_ROOT``; the package stays the installed one.

    It has the same path in every test and keeps its compiled kernels, because numba's cache
    goes by path: an unedited kernel is compiled once a session.
    """
    root = tmp_path_factory.getbasetemp() / "project"
    compiled = tmp_path_factory.getbasetemp() / "compiled"
    if (root / ".workbench").is_dir():
        shutil.rmtree(compiled, ignore_errors=True)
        (root / ".workbench").rename(compiled)
    if root.exists():
        shutil.rmtree(root)
    shutil.copytree(template, root)
    if compiled.is_dir():
        compiled.rename(root / ".workbench")
    monkeypatch.setenv("WORKBENCH_ROOT", str(root))
    return root


@pytest.fixture(scope="session")
def slow_kernel(template):
    """Upstream's pq_l2 that makes every sum three times: what any kernel beats on any CPU.

    The committed kernel takes 0.11 of upstream's time with AVX-512 (the scoreboard), and 0.95 on
    a Zen 3, which has none: too little to be told on a loud machine.
    """
    upstream = (template / "targets" / "pq_l2" / "upstream.py").read_text()
    head, sums = upstream.split("    out[:] = 0.0\n")
    again = textwrap.indent(f"    out[:] = 0.0\n{sums}", "    ")
    return f"{head}    for _ in range(3):\n{again}"


@pytest.fixture
def slow_upstream(project, slow_kernel):
    """The project, whose upstream.py is the slow kernel, as committed as a judge's file must be."""
    (project / "targets" / "pq_l2" / "upstream.py").write_text(slow_kernel)
    git(project, "commit", "--quiet", "-am", "A slower upstream")
    return project


class Lasting(forkserver.ForkServer):
    """A fork server for all trials: starting two for each took 1.4 s of processor time a trial."""

    def close(self):
        """Only `end` ends it."""

    def end(self):
        super().close()


@pytest.fixture(scope="session")
def server():
    server = Lasting()
    yield server
    server.end()


@pytest.fixture
def one_server(server, monkeypatch):
    """All trials of this process share a fork server, and their layout: none is about a time."""
    servers = SimpleNamespace(next=lambda: server, close=server.close)
    monkeypatch.setattr(judge, "ForkServer", lambda: server)
    monkeypatch.setattr(judge, "Servers", lambda: servers)


@pytest.fixture
def quick(monkeypatch):
    """At most two crossovers, each short: for tests about reasons, not about error rates."""
    monkeypatch.setattr(contest, "MEASURE_SECONDS", 0.05)
    monkeypatch.setattr(contest, "MIN_ROUNDS", 3)
    monkeypatch.setattr(comparison, "BASELINE_CROSSOVERS", 3)
    monkeypatch.setattr(stats, "MAX_CROSSOVERS", 2)
