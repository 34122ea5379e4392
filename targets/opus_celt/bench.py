"""How the surface is called: packet after packet of a stream, into one buffer of sound."""

from workbench.targets import specialise


def bind(kernels, fixture):
    """Prepare a variant for streams of one kind.

    Parameters
    ----------
    kernels : module
        Any variant that exports the surface of ``target.toml``.
    fixture : mapping
        ``channels`` i64[1] of the output, ``frame_size`` i64[1], the samples of a lost packet.

    Returns
    -------
    callable
        ``call(requests, outputs, scratch)`` answers all requests along axis 0.
    """
    state = kernels.setup(int(fixture["channels"][0]), int(fixture["frame_size"][0]))
    run = specialise(decode_runs, kernels)

    def call(requests, outputs, scratch):
        run(
            state,
            requests["packets"],
            requests["lengths"],
            outputs["pcm"],
            outputs["samples"],
            outputs["ranges"],
        )

    return call


def decode_runs(state, packets, lengths, pcm, samples, ranges):
    """Decode every request from silence on; a negative length ends it.

    ``kernels`` is the global that `specialise` provides. What no packet filled is zero.
    """
    for i in range(len(packets)):
        kernels.reset(state)  # noqa: F821 - given by specialise
        at = 0
        for j in range(packets.shape[1]):
            samples[i, j] = 0
            ranges[i, j] = 0
            if lengths[i, j] < 0:
                continue
            got, final = kernels.decode(state, packets[i, j], lengths[i, j], pcm[i, at:])  # noqa: F821
            samples[i, j] = got
            ranges[i, j] = final
            if got > 0:
                at += got
        pcm[i, at:] = 0
