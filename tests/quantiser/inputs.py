"""Samples of a uniform distribution, and the step."""

import numpy as np

from workbench.targets import Workload

STEP, SAMPLES = 0.125, 256


def workload(shape, draw=lambda rng, n: rng.uniform(-1, 1, (n, SAMPLES))):
    """Requests of samples; a battery, a timed combo or a scored case."""
    return Workload(
        shape=shape,
        distribution="uniform",
        fixture={"step": np.array([STEP])},
        requests=lambda rng, n: {"samples": draw(rng, n)},
        outputs={"out": ((SAMPLES,), "float64")},
    )


def workloads(rng):
    """One timed combo."""
    return [workload("timed")]


def battery(rng):
    """One correctness case."""
    yield workload("checked")
