"""How the surface is called: cursors of one open list, a block looked up before it is entered."""

from workbench.targets import specialise


def bind(kernels, fixture):
    """Prepare a variant for one fixture.

    Parameters
    ----------
    kernels : module
        Any variant that exports the surface of ``target.toml``.
    fixture : mapping
        ``ids`` u32[n] and ``first_ids`` u32[blocks].

    Returns
    -------
    callable
        ``call(requests, outputs, scratch)`` answers all requests along axis 0.
    """
    state = kernels.setup(fixture["ids"], fixture["first_ids"])
    run = specialise(seek_all, kernels)

    def call(requests, outputs, scratch):
        run(
            state,
            scratch["cursor"],
            requests["opens"],
            requests["shallow_id"],
            requests["least_id"],
            outputs["block"],
            outputs["found"],
        )

    return call


def seek_all(state, cursor, opens, shallow_id, least_id, block, found):
    """Run every seek; ``kernels`` is the global that `specialise` provides."""
    for i in range(len(least_id)):
        for j in range(least_id.shape[1]):
            if opens[i, j]:
                cursor[:] = 0
            block[i, j] = kernels.shallow_next(state, cursor, shallow_id[i, j])  # noqa: F821 - given by specialise
            found[i, j] = kernels.next(state, cursor, least_id[i, j])  # noqa: F821 - given by specialise
