"""The process that lists a kernel's machine code: ``python -m workbench.explore.compiling``.

It reads a request as one line of JSON and answers with one event, as `workbench.explore.racing`
does. The kernel is confined as the judge confines it and compiled with the judge's options, anew:
what comes out of numba's cache has no listing.
"""

from __future__ import annotations

import json
import os
import sys
import types
from pathlib import Path
from typing import Any

MAX_BYTES = 6 << 30


def main() -> None:
    """Compile, list, print."""
    from workbench.errors import WorkbenchError

    asked = json.loads(sys.stdin.readline())
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what a kernel prints is nobody's answer
    try:
        found = {"event": "listing", "functions": listings(**asked)}
    except WorkbenchError as error:
        found = {"event": "error", "text": str(error)}
    except Exception as error:  # of a kernel that is wrong; the race says what
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        found = {"event": "error", "text": f"{type(error).__name__}: {first}"}
    answer.write(json.dumps(found) + "\n")
    answer.flush()
    os._exit(0)  # nothing is left to tidy, and a confined process can tidy little


def listings(root: str, target: str, combo: str, source: str) -> dict[str, str]:
    """Machine code of each function that a kernel's surface compiles. Confines this process.

    Helpers are in the code of what calls them; listed by themselves too, they were two thirds of
    posting_intersect's loops and no new one.

    Parameters
    ----------
    root, target : str
        The project and one of its targets.
    combo : str
        Which workload it is compiled for, ``shape/distribution``; the first one if there is
        none of that name.
    source : str
        The kernel's text.
    """
    import numpy as np

    from workbench import builds, overview, policy, runner, sandbox, targets

    runner.die_with_parent(os.getppid())
    runner.warm_up()
    loaded = targets.load(target, Path(root))
    policy.check_source(source, loaded.surface)
    loads = list(loaded.inputs.workloads(np.random.default_rng(0)))
    load = next((one for one in loads if one.name == combo), loads[0])
    requests = load.requests(np.random.default_rng(1), 1)
    outputs = {k: np.empty((1, *shape), dtype) for k, (shape, dtype) in load.outputs.items()}
    scratch = {k: np.empty(shape, dtype) for k, (shape, dtype) in load.scratch.items()}
    bench = loaded.bench
    path = builds.stage(loaded.root, overview.host_class(loaded), source)
    sandbox.confine([path], path.parent / "listed", MAX_BYTES)
    kernels = targets.load_file(path, "kernels")
    made = vars(kernels)
    wanted = [*loaded.surface, *loaded.spec.get("optional", {})]
    variant = types.ModuleType("kernels")
    vars(variant).update({name: made[name] for name in wanted if name in made})
    bench.bind(variant, load.fixture)(requests, outputs, scratch)
    return compiled({name: made[name] for name in wanted if name in made and name != "setup"})


def compiled(names: dict[str, Any]) -> dict[str, str]:
    """Listings of the compiled functions of a module, by name."""
    return {
        name: "\n".join(value.inspect_asm().values())
        for name, value in names.items()
        if hasattr(value, "inspect_asm") and value.signatures
    }


if __name__ == "__main__":
    main()
