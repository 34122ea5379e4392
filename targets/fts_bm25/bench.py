"""How the surface is called: window by window, and in each window term by term of the query."""

from workbench.targets import specialise


def bind(kernels, fixture):
    """Prepare a variant for one fixture.

    Parameters
    ----------
    kernels : module
        Any variant that exports the surface of ``target.toml``.
    fixture : mapping
        ``lengths`` u32[documents] and ``average_length`` f32[1].

    Returns
    -------
    callable
        ``call(requests, outputs, scratch)`` answers all requests along axis 0.
    """
    state = kernels.setup(fixture["lengths"], fixture["average_length"])
    run = specialise(answer_queries, kernels)

    def call(requests, outputs, scratch):
        run(
            state,
            requests["ids"],
            requests["freqs"],
            requests["weights"],
            requests["starts"],
            requests["first_ids"],
            outputs["scores"],
            outputs["status"],
        )

    return call


def answer_queries(state, ids, freqs, weights, starts, first_ids, scores, status):
    """Run every query; ``kernels`` is the global that `specialise` provides."""
    for i in range(len(first_ids)):
        for w in range(first_ids.shape[1]):
            scores[i, w, :] = 0
            status[i, w] = 0
            for t in range(weights.shape[1]):
                a, b = starts[i, t, w], starts[i, t, w + 1]
                code = kernels.score(  # noqa: F821 - given by specialise
                    state, ids[i, a:b], freqs[i, a:b], weights[i, t], first_ids[i, w], scores[i, w]
                )
                if code != 0:
                    # what a refused window holds must not depend on how far a kernel came
                    scores[i, w, :] = 0
                    status[i, w] = code
                    break
