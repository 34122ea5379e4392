"""How the surface is called: a batch of rows against the codebook of an index that is built."""

from workbench.targets import specialise


def bind(kernels, fixture):
    """Prepare a variant for one fixture.

    Parameters
    ----------
    kernels : module
        Any variant that exports the surface of ``target.toml``.
    fixture : mapping
        ``codebook`` f32[parts, centroids, width].

    Returns
    -------
    callable
        ``call(requests, outputs, scratch)`` answers all requests along axis 0.
    """
    state = kernels.setup(fixture["codebook"])
    run = specialise(encode_batches, kernels)

    def call(requests, outputs, scratch):
        run(state, requests["rows"], scratch["gaps"], outputs["codes"], outputs["distances"])

    return call


def encode_batches(state, rows, gaps, codes, distances):
    """Encode every batch; ``kernels`` is the global that `specialise` provides."""
    # the last axis is that of the oracle's ranks, of which a code is the first
    shape = codes.shape[1], codes.shape[2]
    for i in range(len(rows)):
        kernels.encode(  # noqa: F821 - given by specialise
            state, rows[i], gaps, codes[i].reshape(shape), distances[i].reshape(shape)
        )
