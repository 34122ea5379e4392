"""How the surface is called: symbol after symbol of a frame, frame after frame."""

from workbench.targets import specialise


def bind(kernels, fixture):
    """Prepare a variant.

    Parameters
    ----------
    kernels : module
        Any variant that exports the surface of ``target.toml``.
    fixture : mapping
        ``icdf`` i64[n], all inverse distributions in a row.

    Returns
    -------
    callable
        ``call(requests, outputs, scratch)`` answers all requests along axis 0.
    """
    state = kernels.setup(fixture["icdf"])
    run = specialise(decode_frames, kernels)

    def call(requests, outputs, scratch):
        run(
            state,
            requests["packets"],
            requests["bounds"],
            requests["script"],
            outputs["symbols"],
            outputs["ranges"],
        )

    return call


def decode_frames(state, packets, bounds, script, symbols, ranges):
    """Decode every frame of every request by the request's script.

    A line of it is a kind of symbol and two numbers: 0 a bit and its ``logp``, 1 a symbol of the
    distribution at ``first`` with 2**``bits`` counts, 2 a Laplace number with ``zero`` and
    ``decay``, 3 so many raw bits, 4 a number below ``total``, 5 a symbol of those that have ``two``
    of ``total`` counts each, 6 how much is used. ``kernels`` is the global that `specialise`
    provides.
    """
    for i in range(len(packets)):
        packet, lines = packets[i], script[i]
        at = 0
        for j in range(bounds.shape[1] - 1):
            first = bounds[i, j]
            kernels.start(state, packet, first, bounds[i, j + 1] - first)  # noqa: F821
            for line in range(len(lines)):
                kind, one, two = lines[line, 0], lines[line, 1], lines[line, 2]
                if kind == 0:
                    found = kernels.bit(state, packet, one)  # noqa: F821
                elif kind == 1:
                    found = kernels.symbol(state, packet, one, two)  # noqa: F821
                elif kind == 2:
                    found = kernels.laplace(state, packet, one, two)  # noqa: F821
                elif kind == 3:
                    found = kernels.raw(state, packet, one)  # noqa: F821
                elif kind == 4:
                    found = kernels.uint(state, packet, one)  # noqa: F821
                elif kind == 5:
                    found = kernels.frequency(state, one) // two  # noqa: F821
                    high = min(found * two + two, one)
                    kernels.take(state, packet, found * two, high, one)  # noqa: F821
                else:
                    found = kernels.tell(state)  # noqa: F821
                symbols[i, at] = found
                at += 1
            ranges[i, j] = kernels.final_range(state)  # noqa: F821
