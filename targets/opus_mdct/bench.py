"""How the surface is called: frame after frame of one channel, as a decoder's synthesis does."""

from workbench.targets import specialise


def bind(kernels, fixture):
    """Prepare a variant.

    Parameters
    ----------
    kernels : module
        Any variant that exports the surface of ``target.toml``.
    fixture : mapping
        ``lm`` i64[1], size of a block; ``blocks`` i64[1], how many are interleaved in a frame.

    Returns
    -------
    callable
        ``call(requests, outputs, scratch)`` answers all requests along axis 0.
    """
    lm, blocks = int(fixture["lm"][0]), int(fixture["blocks"][0])
    state = kernels.setup(3)
    run = specialise(synthesise, kernels)

    def call(requests, outputs, scratch):
        run(state, requests["spectra"], blocks, lm, outputs["out"], scratch["scratch"])

    return call


def synthesise(state, spectra, blocks, lm, out, scratch):
    """Each request's frames, after silence. ``kernels`` is the global that `specialise` gives."""
    size = spectra.shape[2]
    n = size // blocks
    for i in range(len(spectra)):
        row, spectrum = out[i], spectra[i].reshape(-1)
        row[:60] = 0
        at = 0
        for first in range(0, len(spectrum), size):
            for block in range(blocks):
                kernels.inverse(  # noqa: F821 - given by specialise
                    state, spectrum, first + block, blocks, lm, row, at, scratch
                )
                at += n
        # the last tail is the variant's own affair
        row[at:] = 0
