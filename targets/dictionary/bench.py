"""How the surface is called: batch after batch of one page, into one buffer."""

from workbench.targets import specialise


def bind(kernels, fixture):
    """Prepare a variant for one page.

    Parameters
    ----------
    kernels : module
        Any variant that exports the surface of ``target.toml``.
    fixture : mapping
        ``values`` u8, ``offsets`` i32[items + 1] or empty, ``width`` i64[1].

    Returns
    -------
    callable
        ``call(requests, outputs, scratch)`` answers all requests along axis 0.
    """
    width = int(fixture["width"][0])
    state = kernels.setup(fixture["values"], fixture["offsets"], width)
    run = specialise(decode_fixed if width else decode_variable, kernels)
    names = ("out", "count", "status") if width else ("out", "out_offsets", "count", "status")

    def call(requests, outputs, scratch):
        run(state, requests["indices"], requests["room"], *(outputs[name] for name in names))

    return call


def decode_fixed(state, indices, room, out, count, status):
    """Decode every batch of every request; ``kernels`` is the global that `specialise` gives."""
    for i in range(len(indices)):
        end = 0
        status[i] = 0
        for j in range(indices.shape[1]):
            left = out[i, end : room[i]]
            size = kernels.decode_fixed(state, indices[i, j], left)  # noqa: F821 - see above
            if size < 0:
                status[i] = size
                break
            end += size
        count[i] = end


def decode_variable(state, indices, room, out, out_offsets, count, status):
    """Decode every batch of every request; ``kernels`` is the global that `specialise` gives."""
    for i in range(len(indices)):
        end = 0
        status[i] = 0
        for j in range(indices.shape[1]):
            left = out[i, end : room[i]]
            size = kernels.decode_variable(  # noqa: F821 - see above
                state, indices[i, j], left, out_offsets[i, j]
            )
            if size < 0:
                status[i] = size
                out_offsets[i, j:] = 0
                break
            end += size
        count[i] = end
