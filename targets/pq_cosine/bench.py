"""How the surface is called: one query at a time against a partition that stays."""

import numpy as np

from workbench.targets import specialise


def bind(kernels, fixture):
    """Prepare a variant for one fixture.

    Parameters
    ----------
    kernels : module
        Any variant that exports the surface of ``target.toml``.
    fixture : mapping
        ``codebook`` f32[m, k, width] and ``codes`` u8[n, m].

    Returns
    -------
    callable
        ``call(requests, outputs, scratch)`` answers all requests along axis 0.
    """
    state = kernels.setup(fixture["codebook"], fixture["codes"])
    run = specialise(answer_queries, kernels)

    def call(requests, outputs, scratch):
        run(state, requests["query"], scratch["unit"], scratch["table"], outputs["out"])

    return call


def answer_queries(state, query, unit, table, out):
    """Run every query; ``kernels`` is the global that `specialise` provides."""
    for i in range(len(query)):
        if kernels.normalise(query[i], unit):  # noqa: F821 - given by specialise
            kernels.distance_table(state, unit, table)  # noqa: F821 - given by specialise
            kernels.distances(state, table, out[i])  # noqa: F821 - given by specialise
        else:
            out[i, :] = np.inf
