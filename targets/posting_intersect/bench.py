"""How the surface is called: one AND query after another, each with lists of its own."""

from workbench.targets import specialise


def bind(kernels, fixture):
    """Prepare a variant; there is nothing that stays between requests.

    Parameters
    ----------
    kernels : module
        Any variant that exports the surface of ``target.toml``.
    fixture : mapping
        ``capacity`` i64[1], which only sizes the caller's buffer.

    Returns
    -------
    callable
        ``call(requests, outputs, scratch)`` answers all requests along axis 0.
    """
    run = specialise(intersect_all, kernels)

    def call(requests, outputs, scratch):
        run(
            requests["ids"],
            requests["starts"],
            requests["stops"],
            outputs["out"],
            outputs["count"],
            outputs["counts"],
        )

    return call


def intersect_all(ids, starts, stops, out, count, counts):
    """Run every query; ``kernels`` is the global that `specialise` provides."""
    for i in range(len(ids)):
        used = 0
        for j in range(starts.shape[1]):
            found = kernels.intersect(ids[i], starts[i, j], stops[i, j], out[i, used:])  # noqa: F821 - given by specialise
            counts[i, j] = found
            used += max(0, found)
        count[i] = used
