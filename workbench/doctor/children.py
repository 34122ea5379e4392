"""What processes of the judge can do here, tried in a process of its own: compile, be confined."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from workbench.doctor import asking
from workbench.doctor.finding import Finding

# Run in a process of its own: LLVM options are global and cannot be taken back.
COMPILE = """
import json, sys, time
option, mark = sys.argv[1:]
from llvmlite import binding
binding.set_option("x", option)
from numba import njit
start = time.perf_counter()
@njit
def total(a):
    s = 0
    for i in range(a):
        if i % 3:
            s += i
    return s
answer = total(10)
seconds = time.perf_counter() - start
aligned = any(mark in text for text in total.inspect_asm().values())
print(json.dumps({"answer": answer, "seconds": seconds, "aligned": aligned}))
"""


def compiler() -> Iterator[Finding]:
    """Whether numba compiles, and whether LLVM aligns code as it is told."""
    from workbench.runner import ALIGNMENT_MARK, ALIGNMENT_OPTION

    versions = {name: asking.version(name) for name in ("numba", "llvmlite", "numpy")}
    tools = ", ".join(f"{name} {version or 'missing'}" for name, version in versions.items())
    command = [sys.executable, "-c", COMPILE, ALIGNMENT_OPTION, ALIGNMENT_MARK]
    environment = {k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"}
    child = asking.run(command, environment)
    if child.returncode:
        last = (child.stderr.strip().splitlines() or ["no message"])[-1]
        mend = "reinstall: pip install --force-reinstall numba"
        yield Finding("numba", "missing", f"{tools}; a tiny function did not compile: {last}", mend)
        return
    told = json.loads(child.stdout)
    if told["answer"] != 27:
        yield Finding("numba", "missing", f"{tools}; a tiny function is wrong", "reinstall numba")
    else:
        yield Finding("numba", "ok", f"{tools}; compiles in {told['seconds']:.2f} s")
    if told["aligned"]:
        yield Finding("code alignment", "ok", f"{ALIGNMENT_OPTION} is honoured")
    else:
        detail = f"LLVM ignores {ALIGNMENT_OPTION}: a neutral edit may seem 2 % slower"
        yield Finding("code alignment", "warn", detail, "install the llvmlite that numba asks for")


# In a process of its own too: what confines it stays.
CONFINE = """
import json, sys
from pathlib import Path
folder, package, max_bytes = sys.argv[1:]
sys.path.insert(0, package)
from workbench import sandbox
layers = sandbox.confine([], Path(folder), int(max_bytes))
print(json.dumps([[layer.name, layer.in_force, layer.detail] for layer in layers]))
"""
_MEND_LAYER = {
    "landlock": "Linux 5.13 or newer with landlock among its security modules, and landlockpy",
    "seccomp": "install libseccomp2 with the system's packages, and pyseccomp",
}


def confinement() -> Iterator[Finding]:
    """What a process can be confined by."""
    from workbench import forkserver

    name = "confinement"
    told = str(Path(__file__).resolve().parents[2]), str(forkserver.MAX_RUNNER_BYTES)
    with tempfile.TemporaryDirectory() as folder:
        child = asking.run([sys.executable, "-c", CONFINE, folder, *told])
    if child.returncode:
        last = (child.stderr.strip().splitlines() or ["no message"])[-1]
        yield Finding(name, "warn", f"a process could not confine itself: {last}", "use Linux")
        return
    layers = json.loads(child.stdout)
    held = "; ".join(f"{layer} ({detail})" for layer, in_force, detail in layers if in_force)
    lacking = {layer: detail for layer, in_force, detail in layers if not in_force}
    if not lacking:
        yield Finding(name, "ok", f"kernels are held by {held}")
        return
    without = "; ".join(f"{layer}: {why}" for layer, why in lacking.items())
    mend = "; ".join(_MEND_LAYER.get(layer, "use Linux") for layer in lacking)
    yield Finding(name, "warn", f"{held or 'nothing'} in force, but not {without}", mend)
