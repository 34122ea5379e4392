"""How the surface is called: one query at a time against the centroids of an open index."""

from workbench.targets import specialise


def bind(kernels, fixture):
    """Prepare a variant for one fixture.

    Parameters
    ----------
    kernels : module
        Any variant that exports the surface of ``target.toml``.
    fixture : mapping
        ``centroids`` f32[partitions, dim].

    Returns
    -------
    callable
        ``call(requests, outputs, scratch)`` answers all requests along axis 0.
    """
    state = kernels.setup(fixture["centroids"])
    run = specialise(answer_queries, kernels)

    def call(requests, outputs, scratch):
        found = outputs["ids"], outputs["distances"], outputs["count"]
        run(state, requests["query"], scratch["gaps"], scratch["order"], *found)

    return call


def answer_queries(state, query, gaps, order, ids, distances, count):
    """Run every query; ``kernels`` is the global that `specialise` provides."""
    for i in range(len(query)):
        for j in range(query.shape[1]):
            count[i, j] = kernels.nearest_partitions(  # noqa: F821 - given by specialise
                state, query[i, j], gaps, order, ids[i, j], distances[i, j]
            )
