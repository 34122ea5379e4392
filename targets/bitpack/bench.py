"""How the surface is called: a page's chunks at once, each page decoded once."""

from workbench.targets import specialise


def bind(kernels, fixture):
    """Prepare a variant; there is nothing to prepare, because a page is decoded once.

    Parameters
    ----------
    kernels : module
        Any variant that exports the surface of ``target.toml``.
    fixture : mapping
        Empty.

    Returns
    -------
    callable
        ``call(requests, outputs, scratch)`` answers all requests along axis 0.
    """
    run = specialise(decode_pages, kernels)

    def call(requests, outputs, scratch):
        run(requests["words"], requests["bounds"], outputs["out"], outputs["status"])

    return call


def decode_pages(words, bounds, out, status):
    """Decode every page; ``kernels`` is the global that `specialise` provides."""
    for i in range(len(words)):
        status[i] = kernels.decode(words[i], bounds[i], out[i])  # noqa: F821 - from specialise
        if status[i] != 0:
            # what a kernel leaves of a page it refuses is its own business
            out[i][:] = 0
