"""Whether the committed kernel has upstream.py's bits, over the battery and the timed workloads."""

import numpy as np

import workbench as wb


def answers(target, variant, load, requests):
    """What a variant answers, as bytes."""
    count = len(requests["query"])
    outputs = {k: np.empty((count, *s), d) for k, (s, d) in load.outputs.items()}
    scratch = {k: np.empty(s, d) for k, (s, d) in load.scratch.items()}
    target.bench.bind(variant, load.fixture)(requests, outputs, scratch)
    return outputs["out"].tobytes()


target, rng = wb.target("pq_l2"), np.random.default_rng(0)
loads = [*target.inputs.battery(rng), *target.inputs.workloads(rng)]
same = 0
for load in loads:
    requests = load.requests(rng, 4)
    mine, theirs = (answers(target, v, load, requests) for v in (target.kernels, target.upstream))
    same += mine == theirs
print(f"{same} of {len(loads)} cases have upstream's bits")
