"""How the surface is called: mini-block after mini-block, into one buffer, with one table."""

from workbench.targets import specialise


def bind(kernels, fixture):
    """Prepare a variant for one page.

    Parameters
    ----------
    kernels : module
        Any variant that exports the surface of ``target.toml``.
    fixture : mapping
        ``table`` u8[2312], the symbol table in the page's encoding.

    Returns
    -------
    callable
        ``call(requests, outputs, scratch)`` answers all requests along axis 0.
    """
    state = kernels.setup(fixture["table"])
    run = specialise(decode_chunks, kernels)

    def call(requests, outputs, scratch):
        run(
            state,
            requests["compressed"],
            requests["offsets"],
            requests["room"],
            outputs["out"],
            outputs["out_offsets"],
            outputs["count"],
            outputs["status"],
        )

    return call


def decode_chunks(state, compressed, offsets, room, out, out_offsets, count, status):
    """Decode every chunk of every request; ``kernels`` is the global that `specialise` provides."""
    for i in range(len(compressed)):
        end = 0
        status[i] = 0
        for j in range(offsets.shape[1]):
            size = kernels.decode(  # noqa: F821 - given by specialise
                state, compressed[i], offsets[i, j], out[i, end : room[i]], out_offsets[i, j]
            )
            if size < 0:
                status[i] = size
                out_offsets[i, j:] = 0
                break
            end += size
        count[i] = end
