"""The gate that this judge replaces: separate runs, pooled samples, intervals that may not overlap.

That is how the system this follows decided: 90 % bootstrap intervals of the geometric mean over
all samples of a run; kept when the candidate's lies wholly below the incumbent's.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 400
CONFIDENCE = 0.9


def interval(elapsed_ns: NDArray[np.float64], rng: np.random.Generator) -> tuple[float, float]:
    """Bootstrap interval of the geometric mean of all samples of one run, in ns."""
    logs = np.log(elapsed_ns.ravel())
    means = [rng.choice(logs, len(logs)).mean() for _ in range(RESAMPLES)]
    low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(np.exp(low)), float(np.exp(high))


def keeps(candidate: tuple[float, float], incumbent: tuple[float, float]) -> bool:
    """Whether that gate keeps a candidate."""
    return candidate[1] < incumbent[0]
