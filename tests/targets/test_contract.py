"""Every target folder keeps the contract; one that has just been scaffolded does so at once."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import contract
import numpy as np
import pytest

from workbench import policy, scaffold, simd, targets

ROOT = targets.find_root(Path(__file__).parent)
NAMES = targets.names(ROOT)
PARTS = ("x86-64", "haswell")
# Of what kernels ask for, the second part has nothing.
IS_MORE = simd.HAS_BYTE_PERMUTE or simd.HAS_WORD_PERMUTE or simd.HAS_BYTE_DOT


def as_parts(name):
    """The CPU parts that a kernel is checked as.

    One that asks what the CPU has (`simd.HAS_...`) may take another path on each. All others have
    one path, and what LLVM makes of an operation on either part is in tests/test_simd.py.
    """
    source = (ROOT / "targets" / name / "kernels.py").read_text()
    return PARTS if "HAS_" in source else PARTS[:1]


CHECKED_AS = [(name, part) for name in NAMES for part in as_parts(name)]


def keeps_the_contract(target):
    """The policy accepts the kernel, and there is enough to check and to time."""
    policy.check_source(policy.read_source(target.kernels_path), target.surface)
    loads = target.inputs.workloads(np.random.default_rng(1))
    combos = {(load.shape, load.distribution) for load in loads}
    shapes, distributions = ({combo[i] for combo in combos} for i in range(2))
    assert len(shapes) >= 3
    assert len(distributions) >= 3
    assert len(combos) == len(loads) == len(shapes) * len(distributions)
    cases = {case.distribution for case in target.inputs.battery(np.random.default_rng(1))}
    assert len(cases) >= 5
    for part in ("bytes_per_unit", "operations_per_unit"):
        assert set(target.spec["roofline"][part]) == shapes


@pytest.mark.parametrize("name", NAMES)
def test_a_target_keeps_the_contract(name):
    keeps_the_contract(targets.load(name, ROOT))
    # holds reference, upstream, kernels and peers against each other
    assert Path(__file__).with_name(f"test_{name}.py").is_file()


def test_a_scaffolded_target_keeps_it_at_once(project):
    scaffold.new_target("just_made", "pq_l2", project)
    target = targets.load("just_made", project)
    keeps_the_contract(target)
    for variant in (target.upstream, target.kernels):
        assert contract.disagreements(target, variant) == []


@pytest.fixture(scope="module")
def portable():
    """A process a CPU part that checks every target; started together, read when asked for."""
    running = {}
    for part in PARTS if IS_MORE else PARTS[:1]:
        environment = {**os.environ, "NUMBA_CPU_NAME": part, "NUMBA_CPU_FEATURES": ""}
        environment.pop("NUMBA_CACHE_DIR", None)
        names = [name for name, asked in CHECKED_AS if asked == part]
        command = [sys.executable, contract.__file__, str(ROOT), *names]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        running[part] = subprocess.Popen(command, env=environment, **pipes)
    found = {}
    for part, process in running.items():
        said, complaint = process.communicate()
        assert process.returncode == 0, complaint
        found[part] = json.loads(said)
    return found


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the parts named here are x86 parts")
@pytest.mark.parametrize(("name", "part"), CHECKED_AS)
def test_the_portable_path_is_right_too(name, part, request):
    if part == PARTS[1] and not IS_MORE:
        pytest.skip(f"this CPU is no more than a {part}: the target's own tests take that path")
    assert request.getfixturevalue("portable")[part][name] == []
