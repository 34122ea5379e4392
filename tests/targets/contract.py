"""What every target's variants must do; run as a script it checks targets on one CPU part."""

import functools
import gc
import json
import sys
from pathlib import Path

import numpy as np

from workbench import oracles, targets
from workbench.targets import Target


@functools.cache
def loaded(name: str) -> Target:
    """A target of this checkout: one for all tests of a process, so that it is compiled once."""
    return targets.load(name, targets.find_root(Path(__file__).parent))


def disagreements(target, variant):
    """Names of the battery's cases a variant gets wrong, with what is wrong."""
    rng = np.random.default_rng(3)
    found = []
    for case in target.inputs.battery(rng):
        # recall is a mean over requests; everything else is wrong or right in each
        count = case.batch if target.spec["oracle"]["kind"] == "recall" else 2
        requests = case.requests(rng, count)
        outputs = {k: np.full((count, *s), 7, d) for k, (s, d) in case.outputs.items()}
        scratch = {k: np.full(s, 7, d) for k, (s, d) in case.scratch.items()}
        target.bench.bind(variant, case.fixture)(requests, outputs, scratch)
        want = target.reference.answer(case.fixture, requests)
        verdict = oracles.check(target.spec["oracle"], outputs, want)
        if isinstance(verdict, oracles.Mismatch):
            found.append(f"{case.name}: {verdict.describe()}")
    return found


if __name__ == "__main__":
    root, *names = sys.argv[1:]
    gc.disable()  # it compiles for all of its time
    wrong = {}
    for target in [targets.load(name, Path(root)) for name in names]:
        wrong[target.name] = disagreements(target, target.kernels)
    sys.stdout.write(json.dumps(wrong))
