"""How the surface is called: one query at a time against a partition that stays."""

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
        run(state, requests["query"], scratch["table"], outputs["out"])

    return call


def answer_queries(state, query, table, out):
    """Run every query; ``kernels`` is the global that `specialise` provides."""
    for i in range(len(query)):
        kernels.distance_table(state, query[i], table)  # noqa: F821 - given by specialise
        kernels.distances(state, table, out[i])  # noqa: F821 - given by specialise
