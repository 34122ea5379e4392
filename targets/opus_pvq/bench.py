"""How the surface is called: vector after vector, as a decoder's bands ask for them."""

from workbench.targets import specialise


def bind(kernels, fixture):
    """Prepare a variant.

    Parameters
    ----------
    kernels : module
        Any variant that exports the surface of ``target.toml``.
    fixture : mapping
        ``largest_n``, ``most_pulses`` i64[1]: what will be asked for at most.

    Returns
    -------
    callable
        ``call(requests, outputs, scratch)`` answers all requests along axis 0.
    """
    state = kernels.setup(int(fixture["largest_n"][0]), int(fixture["most_pulses"][0]))
    run = specialise(decode_vectors, kernels)

    def call(requests, outputs, scratch):
        run(
            state,
            requests["indices"],
            requests["sizes"],
            requests["pulses"],
            requests["asked"],
            outputs["vectors"],
            outputs["squares"],
            outputs["count"],
        )

    return call


def decode_vectors(state, indices, sizes, pulses, asked, vectors, squares, count):
    """Decode the vectors of every request into one array, one behind another.

    A vector that was refused takes no room. ``kernels`` is the global that `specialise` provides.
    """
    for i in range(len(indices)):
        out = vectors[i]
        at = 0
        for j in range(asked[i]):
            found = kernels.decode(  # noqa: F821 - given by specialise
                state, indices[i, j], sizes[i, j], pulses[i, j], out, at
            )
            squares[i, j] = found
            if found >= 0:
                at += sizes[i, j]
        squares[i, asked[i] :] = 0
        count[i] = at
