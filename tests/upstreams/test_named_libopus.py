"""A libopus that ``WORKBENCH_LIBOPUS`` names: a confined runner loads it, and nothing beside it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from workbench import builds, forkserver, host, lane, oracles, targets
from workbench.child import CandidateFailure
from workbench.errors import Infrastructure
from workbench.upstreams import libopus

TARGET = targets.load("opus_celt")
# Before upstream.py: it has the file that was named, so that PyAV's own cannot pass for it.
LOOK = f"""
import os
from workbench.upstreams import libopus
assert str(libopus.library_path()) == os.environ[{host.LIBOPUS!r}]
assert libopus.library()._name == os.environ[{host.LIBOPUS!r}]
"""
ITSELF = f"open(os.environ[{host.LIBOPUS!r}])\n"
BESIDE = f"open(os.path.join(os.path.dirname(os.environ[{host.LIBOPUS!r}]), 'beside'))\n"


@pytest.fixture
def named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """PyAV's library, copied elsewhere and named from there, with a file beside it."""
    copy = tmp_path / "elsewhere" / "my libopus.so"
    copy.parent.mkdir()
    copy.write_bytes(libopus.library_path().read_bytes())
    (copy.parent / "beside").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(host.LIBOPUS, str(copy.relative_to(tmp_path)))
    return copy


@pytest.fixture
def server(named: Path) -> Iterator[forkserver.ForkServer]:
    server = forkserver.ForkServer()
    yield server
    server.close()


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd/x", "loop", "x" * 300, "y" * 5000, "gone", "/", ".", "~nobody of this name/x"],
)
def test_what_is_no_file_is_refused_before_anything_runs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "loop").symlink_to("loop")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(host.LIBOPUS, name)
    for start in (forkserver.ForkServer, libopus.library_path):
        with pytest.raises(Infrastructure, match="WORKBENCH_LIBOPUS says it is: name the file"):
            start()


def loaded(
    server: forkserver.ForkServer, root: Path, before: str, target: targets.Target = TARGET
) -> lane.Lane:
    """A runner that holds upstream.py, with lines before it."""
    source = before + (target.folder / "upstream.py").read_text()
    rng = np.random.default_rng(1)
    plan = lane.plan(target.inputs.workloads(rng)[:1])
    core = max(os.sched_getaffinity(0))
    return lane.Lane(server, target, builds.stage(root, "libopus", source), plan, [core])


def test_a_runner_decodes_with_it(server: forkserver.ForkServer, tmp_path: Path) -> None:
    one = loaded(server, tmp_path, LOOK)
    try:
        one.runner.receive()
        (load,) = one.plan.workloads
        requests = load.requests(np.random.default_rng(2), 1)
        one.runner.bind(0)
        one.offer(0, requests)
        one.runner.prepare(0, 1)
        one.runner.turn(0)
        want = TARGET.reference.answer(load.fixture, requests)
        verdict = oracles.check(TARGET.spec["oracle"], one.answers(0, 1), want)
        assert isinstance(verdict, oracles.Agreement), verdict.describe()
    finally:
        one.close()


def test_what_lies_beside_it_is_not_read(server: forkserver.ForkServer, tmp_path: Path) -> None:
    denied(loaded(server, tmp_path, LOOK + BESIDE))


def test_a_target_that_does_not_call_it_may_not_read_it(
    server: forkserver.ForkServer, tmp_path: Path
) -> None:
    denied(loaded(server, tmp_path, f"import os\n{ITSELF}", targets.load("pq_l2")))


def denied(one: lane.Lane) -> None:
    """What a runner opened was kept from it."""
    try:
        confined = one.runner.receive()["confined"]
    except CandidateFailure as error:
        said = str(error)
    else:
        if "landlock" not in confined:
            pytest.skip("no landlock on this machine")
        said = "it was read"
    finally:
        one.close()
    assert "PermissionError" in said
