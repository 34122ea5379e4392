"""How the surface is called: one merge after another, each of its own partial lists."""

from workbench.targets import specialise


def bind(kernels, fixture):
    """Prepare a variant for one fixture.

    Parameters
    ----------
    kernels : module
        Any variant that exports the surface of ``target.toml``.
    fixture : mapping
        ``k`` i64[1]; the outputs say the same by their shape.

    Returns
    -------
    callable
        ``call(requests, outputs, scratch)`` answers all requests along axis 0.
    """
    run = specialise(answer_merges, kernels)

    def call(requests, outputs, scratch):
        run(
            requests["distances"],
            requests["ids"],
            requests["starts"],
            scratch["work"],
            outputs["distances"],
            outputs["ids"],
            outputs["count"],
        )

    return call


def answer_merges(distances, ids, starts, work, out_distances, out_ids, count):
    """Run every merge; ``kernels`` is the global that `specialise` provides."""
    for i in range(len(starts)):
        for j in range(starts.shape[1]):
            count[i, j] = kernels.merge(  # noqa: F821 - given by specialise
                distances[i, j], ids[i, j], starts[i, j], work, out_distances[i, j], out_ids[i, j]
            )
