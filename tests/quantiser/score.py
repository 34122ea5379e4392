"""Signal to noise beside upstream's, on samples that are always the same."""

import numpy as np

from workbench.scoring import Quality
from workbench.targets import Workload

STEP, SAMPLES = 0.125, 1024
LINE = np.linspace(-1, 1, SAMPLES)


def cases():
    """The line from -1 to 1."""
    return [
        Workload(
            shape="scored",
            distribution="line",
            fixture={"step": np.array([STEP])},
            requests=lambda rng, n: {"samples": np.repeat(LINE[None], n, axis=0)},
            outputs={"out": ((SAMPLES,), "float64")},
            batch=1,
        )
    ]


def snr_db(out):
    """Energy of the line over that of its error."""
    return 10 * float(np.log10((LINE**2).sum() / ((LINE - out) ** 2).sum()))


def quality(cases, answers):
    """The gap to the multiples below."""
    theirs = snr_db(np.floor(LINE / STEP) * STEP)
    ((_, ours),) = answers
    return Quality({"line": snr_db(ours["out"][0]) - theirs})
