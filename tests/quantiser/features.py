"""What a kernel may have besides: ``negate(samples, out)``."""

import numpy as np

from workbench.targets import Workload

ROW = np.arange(1.0, 9.0)


def cases(name):
    """One request."""
    return [
        Workload(
            shape="asked",
            distribution="once",
            fixture={"none": np.zeros(1)},
            requests=lambda rng, n: {"samples": np.repeat(ROW[None], n, axis=0)},
            outputs={"out": (ROW.shape, "float64")},
            batch=1,
        )
    ]


def why_open(name, cases, answers):
    """Why a kernel lacks it, or None."""
    ((_, outputs),) = answers
    return None if np.array_equal(outputs["out"][0], -ROW) else "the sign is the same"


def bind(kernels, fixture):
    """Prepare a variant, which may lack the function."""

    def call(requests, outputs, scratch):
        if hasattr(kernels, "negate"):
            kernels.negate(requests["samples"][0], outputs["out"][0])

    return call
